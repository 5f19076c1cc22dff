#!/bin/bash
# Users whose ids are numbers, in whatever form: one person for erase, suppress, each, cat and
# stats; and "event": null, which is no event name.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

# take TEXT: what the program answers to a body.
take() { cgi_post "$1" | status_and_body | cut -d ' ' -f 1; }

spool_start 'auth = none'
n=0
for id in 12345 12345.0 1.2345e4 '"12345"' 12346 '"12345.0"' 9007199254740993 9007199254740992 9007199254740993.0; do
	take "{\"type\":\"page\",\"messageId\":\"m$((++n))\",\"userId\":$id}" >/dev/null
done
ids() { ids_of | xargs; }
is 'cat: one user' "$(hs cat --user 12345 | ids)" 'm1 m2 m3 m4'
is 'cat: a string is what it is' "$(hs cat --user 12345.0 | ids)" m6
is 'no double is made of it' "$(hs cat --user 9007199254740993 | ids)" 'm7 m9'
is 'stats: one user' "$(hs stats --user 12345 --json | jq .records)" 4
hs each --once --jobs 4 --cursor c --on '*=case $HS_MESSAGE_ID in m1) sleep 0.5 ;; esac; echo $HS_MESSAGE_ID' \
	>"$T/each" 2>/dev/null
is 'each: the events of one user in their order' "$(grep '^m[1234]$' "$T/each" | xargs)" 'm1 m2 m3 m4'
hs erase --user 12345 --suppress >/dev/null
is 'erase: all events of the user, and no others' "$(hs cat | ids)" 'm5 m6 m7 m8 m9'
n=20
for id in 12345 12345.0 1.2345e4 '"12345"' 12346; do
	take "{\"type\":\"page\",\"messageId\":\"m$((++n))\",\"userId\":$id}" >/dev/null
done
is 'suppressed, in every form' "$(hs cat | ids)" 'm5 m6 m7 m8 m9 m25'

### No name #############################################################
is 'a track whose event is null is refused' \
	"$(take '{"type":"track","messageId":"n1","userId":"u","event":null}')" 400
take '{"type":"page","messageId":"n2","userId":"u","event":null}' >/dev/null
is 'null is no event in the statistics' "$(hs stats --json | jq -c .events)" '[]'
is 'nor for a filter' "$(hs cat --event null | ids)$(hs cat --event '' | ids)" ''

### A used message id ###################################################
before=$(hs stats --json | jq .duplicates)
for body in '{"type":"track","messageId":"c1","userId":"u-1","event":"A"}' \
	'{"type":"track","messageId":"c1","userId":"u-1","event":"\u0041"}' \
	'{"type":"track","messageId":"c1","userId":"u-1","event":"B"}' \
	'{"type":"track","messageId":"c1","userId":"u-2","event":"A"}' \
	'{"type":"page","messageId":"c1","userId":"u-1"}'; do
	take "$body" >/dev/null
done
is 'another event under a used id is kept out' "$(hs cat | grep -c '"message_id":"c1"')" 1
is 'and counted; a retry is not' "$(hs stats --json | jq -c "[.duplicates - $before, .conflicting]")" '[4,3]'
is 'and printed' "$(hs stats | sed -n 's/^\(3 of them conflicting\).*/\1/p')" '3 of them conflicting'
take '[{"type":"page","messageId":"c2","userId":"u-1"},{"type":"page","messageId":"c2","userId":"u-1"},{"type":"page","messageId":"c2","userId":"u-3"}]' >/dev/null
is 'in one batch, too' "$(hs stats --json | jq .conflicting)" 4
done_testing
