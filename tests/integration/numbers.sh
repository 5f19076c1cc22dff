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
is 'cat: what is shown as 12345.0, a number or a string' "$(hs cat --user 12345.0 | ids)" 'm2 m6'
is 'cat: as no event spells it' "$(hs cat --user 123450e-1 | ids)" ''
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
### Erased as it is spelled ############################################
for id in 8.0 8 '"8"' '"8.0"' '"8e0"' 80e-1 80; do
	take "{\"type\":\"page\",\"messageId\":\"e$((++n))\",\"userId\":$id}" >/dev/null
done
left() { hs cat | sed -n 's/.*"user_id":\([^,]*\),"message_id":"e.*/\1/p' | xargs; }
hs erase --user 8e0 >/dev/null 2>"$T/said"
is 'a text that no event has as a number is that text alone' "$? $(left) $(wc -l <"$T/said")" '0 8.0 8 8 8.0 80e-1 80 0'
is 'cat --aliases: what an erase would take' "$(hs cat --aliases --user 8.0 2>/dev/null | wc -l)" 5
hs erase --user 8.0 >/dev/null 2>"$T/said"
is 'an id as an event spells it: the text, and the person that the number is' \
	"$? $(left) $(grep -c 'events have the number 8.0 as an id' "$T/said")" '0 80 1'
done_testing
