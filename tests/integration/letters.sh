#!/bin/bash
# hookspool each --failed: dead letters are tried again, at least once, in order for each user.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

# again CURSOR [OPTION]...: SAID is the sum.
again() {
	local cursor=$1
	shift
	hs each --failed --cursor "$cursor" "$@" >"$T/out" 2>"$T/err"
	CODE=$?
	SAID=$(tail -n 1 "$T/err")
}
letters() { jq -r '"\(.record.message_id)/\(.tries)"' "$S/spool/failed.jsonl" | sort -V | xargs; }

spool_start 'auth = none' 'rotate_min_gap = 0' 'failed_max = 64K'
again crm --on '*=true'
is 'nothing has failed' "$CODE $SAID" '0 hookspool each: 0 done, 0 set aside, 0 tried again, 0 without a handler'
put a 1 10 2
hs each --once --cursor crm --on 'track=exit 65' 2>/dev/null
hs each --once --cursor mail --on 'track=[ "$HS_MESSAGE_ID" = a3 ] && exit 65; exit 0' 2>/dev/null
is 'the letters' "$(letters)" 'a1/1 a2/1 a3/1 a3/1 a4/1 a5/1 a6/1 a7/1 a8/1 a9/1 a10/1'
echo '{"damaged' >"$T/damaged"
(as_server_user sh -c "cat '$T/damaged' >>'$S/spool/failed.jsonl'")
again crm --on 'page=true'
is 'letters without a handler stay' "$CODE $(wc -l <"$S/spool/failed.jsonl")" '0 12'
again crm --jobs 3 --on '*=case $HS_MESSAGE_ID in a3) exit 65 ;; a4) exit 1 ;; a5) sleep 0.3 ;; esac; echo $HS_MESSAGE_ID'
is 'handled letters are removed, failed ones count one more try' "$CODE $SAID" \
	'0 hookspool each: 8 done, 2 set aside, 0 tried again, 0 without a handler'
is 'in order for each user' "$(grep -E '[13579]$' "$T/out" | xargs); $(grep -E '[02468]$' "$T/out" | xargs)" \
	'a1 a5 a7 a9; a2 a6 a8 a10'
is 'a damaged line and other cursors are left alone' "$(grep -c damaged "$S/spool/failed.jsonl")" 1
sed -i '/damaged/d' "$S/spool/failed.jsonl"
is 'the rest' "$(letters)" 'a3/1 a3/2 a4/2'
is 'cat --failed shows them' "$(hs cat --failed --fields message_id | sort | xargs)" 'a3 a3 a4'

### Killed ##############################################################
hs_exec each --failed --cursor crm --on "*=echo \$HS_MESSAGE_ID >>$OUT/tried; [ \$HS_MESSAGE_ID = a3 ] || exec sleep 60" 2>/dev/null &
pid=$!
wait_for 10 grep -q a4 "$OUT/tried"
again crm --on '*=true'
is 'one at a time' "$CODE" 75
kill -9 "$pid"
wait "$pid" 2>/dev/null
is 'after a kill all letters are there' "$(letters)" 'a3/1 a3/2 a4/2'

### While others append and erase #######################################
hs each --failed --cursor crm --on "*=[ \$HS_MESSAGE_ID != a3 ] || { touch $OUT/begun; until [ -e $OUT/go ]; do sleep 0.02; done; }" 2>/dev/null &
pid=$!
wait_for 10 test -e "$OUT/begun"
put b 1 2 2
hs each --once --cursor mail --on 'track=[ "$HS_MESSAGE_ID" = b1 ] && exit 65; exit 0' 2>/dev/null
hs erase --user u0 >/dev/null
touch "$OUT/go"
wait "$pid"
is 'new letters are kept, erased ones stay away' "$(letters)" 'a3/1 b1/1'
hs each --failed --cursor mail --on "*=echo \$HS_MESSAGE_ID >>$OUT/given; touch $OUT/begun2; until [ -e $OUT/go2 ]; do sleep 0.02; done; exit 65" 2>"$T/err" &
pid=$!
wait_for 10 test -e "$OUT/begun2"
hs erase --user u1 >/dev/null
touch "$OUT/go2"
wait "$pid"
is 'an erased letter that fails again does not come back, and others are not tried' \
	"$(ls "$S/spool" | grep -c failed) $(xargs <"$OUT/given") $(tail -n 1 "$T/err")" \
	'0 a3 hookspool each: 0 done, 0 set aside, 0 tried again, 0 without a handler, 2 erased meanwhile'
put b 3 4 2
hs each --once --cursor mail --on 'track=[ "$HS_MESSAGE_ID" = b3 ] && exit 65; exit 0' 2>/dev/null
again mail --on '*=true'
is 'the file is removed with the last letter' "$CODE $(ls "$S/spool" | grep -c failed)" '0 0'
again mail --from now --on '*=true'
is '--from is refused' "$CODE" 2
hs each --failed --cursor 'a b' --on '*=true' 2>"$T/said"
is 'a name that no cursor has is refused for that' "$? $(grep -c 'cursor a b: expected letters, digits' "$T/said")" '2 1'

### Full ################################################################
# A failing user waits, is reported once, and is set aside when there is room; others continue.
{ printf '{"failed_at":"2026-01-02T03:04:05.000Z","cursor":"other","record":{"user_id":"zoe","x":"'
	head -c 65440 /dev/zero | tr '\0' x
	printf '"}}\n'; } >"$T/letter"
(as_server_user sh -c "cat '$T/letter' >'$S/spool/failed.jsonl'")
size=$(stat -c %s "$S/spool/failed.jsonl")
put c 1 10 2
hs_exec each --once --cursor late --on '*=case $HS_MESSAGE_ID in c*) ;; *) exit 0 ;; esac; [ $HS_USER_ID = u1 ] && exit 65; echo $HS_MESSAGE_ID' >"$T/out" 2>"$T/err" &
pid=$!
wait_for 20 eval '[ "$(wc -l <"$T/out")" = 5 ] && grep -q failed_max "$T/err"'
sleep 2 # it would try, and tell, again
is 'no record is set aside, its user waits, others do not' \
	"$(stat -c %s "$S/spool/failed.jsonl") $(sort -V "$T/out" | xargs) $(grep -c 'failed_max.*each --failed' "$T/err")" \
	"$size c2 c4 c6 c8 c10 1"
is 'check fails' "$(hs check --json 2>/dev/null | jq -r '.[] | select(.check == "failed") | .verdict, .text' | xargs)" \
	'fail 64.0 KB of dead letters since 2026-01-02T03:04:05.000Z: at failed_max each gives up no record, and its user waits'
is 'stats prints its size and age' "$(hs stats --json | jq -c .failed)" "{\"bytes\":$size,\"oldest\":\"2026-01-02T03:04:05.000Z\"}"
again other --on '*=exit 65'
is 'a letter that fails again needs no room' "$CODE $(jq -r '.cursor + "/\(.tries)"' "$S/spool/failed.jsonl" | xargs)" '0 other/1'
hs erase --user zoe >/dev/null
wait "$pid"
is 'once there is room it ends' "$? $(jq -r .record.message_id "$S/spool/failed.jsonl" | xargs)" '0 c1 c3 c5 c7 c9'
done_testing
