#!/bin/bash
# hookspool cursors; what check says of consumers, also to a monitor; cat --rejected and --failed;
# --json of verify and maintain; -h.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

# says COMMAND...: CODE, and OUT: the first line of both outputs.
says() {
	SAID=$(hs "$@" 2>&1)
	CODE=$?
	SAID=$(head -n 1 <<<"$SAID")
}
spool_start 'auth = either' 'rotate_min_gap = 0' 'compress = none' '[keys]' 'acme = one'
cursors=$S/spool/.hookspool/cursors

### Cursors #############################################################
is 'none yet' "$(hs cursors)" 'no cursors: tail --cursor NAME and each --cursor NAME make one'
is 'none yet, as JSON' "$(hs cursors list --json)" '[]'
put a 1 3
hs tail --cursor mail >/dev/null 2>&1
hs tail --cursor crm >/dev/null 2>&1
put a 4 5
hs rotate
put a 6 7
is 'records behind' "$(hs cursors --json | jq -c 'map([.name, .records, .usable, .in_use, .epoch])')" \
	'[["crm",4,true,false,1],["mail",4,true,false,1]]'
is 'the oldest waiting record, and bytes' "$(hs cursors --json | jq -r '.[0] | "\(.oldest) \(.bytes)"')" \
	"$(hs cat | sed -n 4p | jq -r .spooled_at) $(hs cat | tail -n 4 | wc -c)"
is 'as a table' "$(hs cursors | sed 1d | awk '{ print $1, $2, $NF }')" 'crm 4 1
mail 4 1'
says cursors reset crm
is 'reset needs a destination' "$CODE $SAID" '2 hookspool cursors: reset needs --from oldest, now or a time'
says cursors reset crm --from yesteryear
is 'and a valid time' "$CODE" 2
says cursors reset crm --from now
is 'reset to now' "$CODE $(hs cursors --json | jq '.[0].records')" '0 0'
says cursors reset crm --from oldest
is 'reset to the oldest' "$CODE $SAID $(hs cursors --json | jq '.[0].records')" \
	'0 cursor crm: it continues with the oldest event 7'
is 'and continues from there' "$(hs tail --cursor crm 2>/dev/null | ids_of | xargs)" 'a1 a2 a3 a4 a5 a6 a7'
says cursors reset nobody --from now
is 'an unknown name is not created' "$CODE $(ls "$cursors" | xargs)" '1 crm mail'
mv "$cursors/crm" "$T/crm" && mkdir "$cursors/crm"
check 'one that cannot be read is not called damaged' \
	grep -q '^crm *cannot be read: Is a directory: try again before you reset it' <<<"$(hs cursors)"
rmdir "$cursors/crm" && mv "$T/crm" "$cursors/crm"
mkdir -p "$S/spool/.hookspool/loads"
touch "$S/spool/.hookspool/loads/crm" # as of a database
says cursors reset crm --from oldest
is 'a database has a place of its own' "$CODE $SAID" \
	'0 cursor crm: it is at the oldest event, for retention alone: hookspool load continues where its database is'
rm -r "$S/spool/.hookspool/loads"
cp "$cursors/crm" "$cursors/ship"
own "$cursors/ship"
says cursors reset ship --from oldest
is 'without a receiver the name ship means nothing' "$CODE $SAID" '0 cursor ship: it continues with the oldest event'
echo '{}' >"$S/spool/.hookspool/receiver"
says cursors reset ship --from now
is 'so has a stream' "$CODE $(sed 's/[0-9][0-9]*/N/g' <<<"$SAID")" \
	'0 cursor ship: it is in segment N at byte N, for retention alone: hookspool ship continues where the stream is'
rm "$S/spool/.hookspool/receiver" "$cursors/ship"
echo broken >"$cursors/crm"
is 'a damaged cursor is listed' "$(hs cursors --json | jq -c '.[0]')" '{"name":"crm","usable":false,"in_use":false}'
says cursors reset crm --from now
is 'and reset repairs it' "$CODE $(hs cursors --json | jq -c '.[0] | [.records, .usable]')" '0 [0,true]'
hs_exec tail --follow --cursor crm >/dev/null 2>&1 &
pid=$!
check 'the consumer that holds it' wait_for 10 eval "hs cursors | grep '^crm .* in use by process [0-9]*\$'"
says cursors remove crm
is 'a cursor in use is not removed' "$CODE" 75
says cursors reset crm --from now
is 'nor reset' "$CODE $(grep -c 'in use by process [0-9]*: stop it first' <<<"$SAID")" '75 1'
kill "$pid"
wait "$pid"
says cursors remove crm
is 'removed' "$CODE $SAID $(ls "$cursors" | xargs)" '0 cursor crm: removed mail'
says cursors remove crm
is 'there is no such cursor' "$CODE" 1
says cursors forget mail
is 'an unknown subcommand' "$CODE" 2

### What check says of them ############################################
warned() { hs check 2>/dev/null | grep "^warn $1 " | tr -s ' '; }
is 'a cursor that has just moved causes no warning' "$(warned cursor)" ''
sed -i 's/"saved_at":"[^"]*"/"saved_at":"2026-01-02T03:04:05.678Z"/' "$cursors/mail"
is 'an abandoned cursor causes one' "$(warned cursor | sed 's/for [0-9]* days/for N days/')" \
	'warn cursor mail has not moved for N days: 1 segments, 510 B, wait for it, and retention does not delete them'
hs cursors reset mail --from now >/dev/null
sed -i 's/"saved_at":"[^"]*"/"saved_at":"2026-01-02T03:04:05.678Z"/' "$cursors/mail"
is 'but not if no record waits for it' "$(warned cursor)" ''

### A monitor ###########################################################
nagios() {
	SAID=$(hs check --nagios "$@" 2>/dev/null)
	CODE=$?
}
sleep 1.1
is 'there was an event within the hour' "$(hs check --quiet-for 1h | grep -c '^ok   quiet ')" 1
is 'there was none within a second' "$(hs check --quiet-for 1s | grep -c '^warn quiet .*no event has come for 1s: the last one at 20')" 1
says check --quiet-for 2026-01-01
is 'a date is not a duration' "$CODE" 2
sed -i '/^min_free/d; 1i min_free = 0' "$S/hookspool.conf"
nagios --quiet-for 1s
is 'warning' "$CODE $(wc -l <<<"$SAID") $(grep -cE '^HOOKSPOOL WARNING: .*quiet: no event has come for 1s.* \|( [a-z]+=[0-9]+[a-zA-Z]*)+$' <<<"$SAID")" '1 1 1'
is 'figures' "$(grep -oE '(free|quiet|failures)=' <<<"$SAID" | xargs)" 'free= quiet= failures='
sed -i 's/^min_free.*/min_free = 900000G/' "$S/hookspool.conf"
nagios
is 'critical' "$CODE $(cut -d: -f1 <<<"$SAID")" '2 HOOKSPOOL CRITICAL'
nagios --quiet-for never
is 'unknown' "$CODE $(cut -d: -f1 <<<"$SAID")" '3 HOOKSPOOL UNKNOWN'
sed -i 's/^min_free.*/min_free = 0/' "$S/hookspool.conf"

### Rejected and failed ##################################################
for body in '{"type":"page"}' '{"type":'; do
	printf '%s' "$body" >"$T/put"
	signed "$T/put"
done
hs rotate
printf '%s' '{"type":"page"}' >"$T/keyed"
post "$T/keyed" -u one:
is 'cat --rejected: all segments' "$(hs cat --rejected | jq -r .status | xargs)" '400 400 400'
is 'of one tenant' "$(hs cat --rejected --tenant acme | jq -r .body)" '{"type":"page"}'
is 'since' "$(hs cat --rejected --since 1h | wc -l) $(hs cat --rejected --until 1h | wc -l)" '3 0'
is 'as columns' "$(hs cat --rejected --tenant acme --fields status,tenant)" '400	acme'
says cat --rejected --user u1
is 'rejected bodies have no user' "$CODE" 2
is 'nothing has failed' "$(hs cat --failed)" ''
hs each --once --cursor f --on 'track=[ "$HS_USER_ID" = u1 ] && exit 65; exit 0' 2>/dev/null
is 'cat --failed' "$(hs cat --failed | jq -r '"\(.cursor) \(.status) \(.record.message_id)"' | xargs)" 'f 65 a1 f 65 a6'
is 'filters and columns apply to the records' "$(hs cat --failed --user u1 --fields message_id | xargs)$(hs cat --failed --user u2)" 'a1 a6'
says cat --failed --rejected
is 'either of them, not both' "$CODE" 2

### JSON ################################################################
is 'maintain --json' "$(hs maintain --json | jq -c keys)" '["busy","compressed","deleted","letters","summaries"]'
is 'verify --json' "$(hs verify --json | jq -c '[.segments > 0, .problems, .more, .found]')" '[true,0,false,[]]'
first=$(ls "$S/spool" | grep '^events-' | head -n 1)
(as_server_user sh -c "echo '{\"type' >>'$S/spool/$first'")
hs verify --json >"$T/verify" 2>/dev/null
is 'what verify finds' "$? $(jq -c '[.problems, .found[0].fault, (.found[0].file | startswith("events-"))]' "$T/verify")" '1 [1,true,true]'

### -h ##################################################################
bad=
for command in $("$HS_BUILD/hookspool" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	[ "$("$HS_BUILD/hookspool" "$command" -h 2>&1)" = "$("$HS_BUILD/hookspool" help "$command")" ] || bad+=" $command"
done
is '-h everywhere' "$bad" ''
is '-h after other options' "$("$HS_BUILD/hookspool" tail --follow -h | head -n 1)" 'usage: hookspool tail [OPTION ...]'
is '-h of hookspool itself' "$("$HS_BUILD/hookspool" -h | head -n 1)" 'usage: hookspool COMMAND [ARGUMENT ...]'
done_testing
