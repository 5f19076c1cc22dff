# hookspool each: handlers by type, the meaning of their exit codes, order, batches, streams,
# and KILLS (10) kills while a server writes.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

KILLS=${KILLS:-10}
spool_start 'rotate_size = 8K' 'rotate_min_gap = 0'
put_one '{"type":"identify","messageId":"m1","userId":"u-1","traits":{"a":1}}'
put_one '{"type":"track","event":"Order Completed","messageId":"m2","userId":"u \"1\"\n","timestamp":"2026-11-21T10:00:00Z"}'
put_one '{"type":"track","event":"Other","messageId":"m3","anonymousId":"a-1"}'
put_one '{"type":"page","name":"Home","messageId":"m4","userId":"u-2"}'
put_one '{"type":"group","groupId":"g","messageId":"m5","userId":"u-2"}'

# each CURSOR ARGUMENT...: to the present end; what the handlers print is in T/out, STATUS the code.
each() {
	local cursor=$1
	shift
	hs each --cursor "$cursor" --once "$@" >"$T/out" 2>"$T/said"
	STATUS=$?
}
summary() { sed -n 's/^hookspool each: \([0-9].*\)/\1/p' "$T/said"; }

# --- the choice of handlers
each who --on 'track=echo "track $HS_MESSAGE_ID"' --on 'track:Order Completed=echo "order $HS_MESSAGE_ID"' \
	--on 'page:Home=echo "home $HS_MESSAGE_ID"' --on 'identify=echo "identify $HS_MESSAGE_ID"'
is "the most exact handler gets it" "$STATUS $(tr '\n' ' ' <"$T/out")" \
	"0 identify m1 order m2 track m3 home m4 "
is "records without a handler are counted and passed" "$(summary)" \
	"4 done, 0 set aside, 0 tried again, 1 without a handler"
each who --on '*=echo "$HS_MESSAGE_ID"'
is "the cursor has passed all of them" "$STATUS $(wc -c <"$T/out")" "0 0"
each stdin --on '*=cat'
hs cat >"$T/all"
check "standard input is the record, as it was spooled" cmp "$T/out" "$T/all"
HS_GROUP_ID=stale hs each --cursor env --once --on 'track:Order Completed=env | grep ^HS_ | sort' >"$T/out" 2>/dev/null
is "the main fields are in the environment, and no others" "$(grep -v -e SPOOLED_AT -e HS_BUILD "$T/out" | tr '\n' ' ')" \
	'HS_EVENT=Order Completed HS_MESSAGE_ID=m2 HS_TIMESTAMP=2026-11-21T10:00:00Z HS_TYPE=track HS_USER_ID=u "1" '
each decoded --on 'track:Order Completed=printf "%s|" "$HS_USER_ID"'
is "… decoded" "$(cat "$T/out")" "$(printf 'u "1"\n|')"

# a handler that never answers: the end of this script checks it
(hs_exec each --cursor silent --from oldest --stream --on 'page=exec cat >/dev/null' 2>"$T/silent") &
SILENT=$!

# --- exit codes
each refuse --on 'track=echo "no good" >&2; exit 65' --on '*=true'
is "65: set aside, the others are done" "$STATUS $(summary)" "0 3 done, 2 set aside, 0 tried again, 0 without a handler"
is "in failed.jsonl, with the reason" \
	"$(jq -c '[.cursor, .on, .status, .tries, .stderr, .record.message_id]' "$S/spool/failed.jsonl" | tr '\n' ' ')" \
	'["refuse","track",65,1,"no good\n","m2"] ["refuse","track",65,1,"no good\n","m3"] '
each noise --on 'track:Other=head -c 100000 /dev/zero | tr "\0" x >&2; echo the end >&2; exit 65'
is "the last 4 KB of its standard error are kept" \
	"$(tail -n 1 "$S/spool/failed.jsonl" | jq -r '.stderr | "\(length) \(.[-8:])"' | head -n 1)" "4096 the end"
each bad --on 'identify=true' --on 'track=exit 78' --on '*=true'
is "78: stopped" "$STATUS $(grep -c 'handler of track: it cannot be run, or ended with 78' "$T/said")" "78 1"
each bad --on '*=echo "$HS_MESSAGE_ID"'
is "… and the next run begins with that record" "$(head -n 1 "$T/out")" m2
each missing --on '*=no-such-command'
is "a missing command: 78" "$STATUS" 78
each again --on "*=test -e $OUT/\$HS_MESSAGE_ID || { touch $OUT/\$HS_MESSAGE_ID; exit 75; }; echo \$HS_MESSAGE_ID"
is "75: retried until it is done" "$STATUS $(summary) $(sort "$T/out" | tr '\n' ' ')" \
	"0 5 done, 0 set aside, 5 tried again, 0 without a handler m1 m2 m3 m4 m5 "
each never --retry-for 0s --on 'page=exit 1' --on '*=true'
is "any other code is like 75; at last the record is set aside" \
	"$STATUS $(tail -n 1 "$S/spool/failed.jsonl" | jq -c '[.status, .record.message_id]')" '0 [1,"m4"]'
each unread --on '*=exec true'
is "a handler need not read" "$STATUS" 0

# --- batches
put b 1 100
each batch --on 'track=wc -l | tr -d " "' --batch 40
is "--batch: at most 40 at once" "$(tr '\n' ' ' <"$T/out")" "40 40 22 "
each split --batch 50 --on 'track=input=$(cat); case $input in *\"b17\"*) exit 65 ;; esac; echo "$input"'
is "a refused batch is handed over one by one" \
	"$(summary) $(tail -n 1 "$S/spool/failed.jsonl" | jq -r .record.message_id) $(ids_of <"$T/out" | grep -c .)" \
	"101 done, 1 set aside, 0 tried again, 3 without a handler b17 101"

# --- order
put c 1 400 7
each order --jobs 5 --batch 3 --on "*=cat >>$OUT/order.\$\$; cat $OUT/order.\$\$ >>$OUT/order"
for user in 0 1 2 3 4 5 6; do
	grep "\"user_id\":\"u$user\"" "$OUT/order" | ids_of | sed -n 's/^c//p' >"$T/numbers"
	sort -nc "$T/numbers" 2>/dev/null || echo "u$user"
done >"$T/wrong"
is "--jobs: all events of each user are handled in their order" \
	"$(cat "$T/wrong") $(ids_of <"$OUT/order" | grep -c ^c)" " 400"
# u3's c3 fails until a hundred others are done; later records of u3 wait for it
each later --retry-for 1h --on "track=case \$HS_MESSAGE_ID in c3) [ \$(cat $OUT/n 2>/dev/null | wc -c) -ge 100 ] || exit 75 ;;
	c*) printf x >>$OUT/n ;; *) exit 0 ;; esac; echo \$HS_USER_ID \$HS_MESSAGE_ID"
is "a retried record holds up its user" "$(sed -n 's/^u3 c//p' "$T/out" | head -n 3 | tr '\n' ' ')" "3 10 17 "
check "… and no other user" [ "$(grep -n 'u3 c3$' "$T/out" | cut -d: -f1)" -gt 100 ]

put e 1 16 1
each parked --batch 16 --on "track=input=\$(cat); case \$input in *'\"e1\"'*)
	[ -e $OUT/parked ] || { touch $OUT/parked; exit 75; } ;; esac; echo \"\$input\""
is "a retried batch keeps the order of a user, too" \
	"$(ids_of <"$T/out" | grep '^e' | tr '\n' ' ')" "$(seq -f 'e%.0f' 1 16 | tr '\n' ' ')"

# --- streams
each stream --stream --jobs 2 --on '*=while read -r line; do echo 0; printf "%s\n" "$line" >>'"$OUT/stream"'; done'
is "--stream: lines in, answers out" "$STATUS $(wc -l <"$OUT/stream") $(summary)" \
	"0 521 521 done, 0 set aside, 0 tried again, 0 without a handler"
each answers --stream --on 'page=echo "65 not this page"; exec cat >/dev/null' --on 'group=exit 65' --on 'track=
	while read -r line; do case $line in *\"m3\"*) if [ -e '"$OUT/asked"' ]; then echo 0; else touch '"$OUT/asked"'; echo 75; fi ;;
		*) echo 0 extra words ;; esac; done'
is "… a handler that ends without an answer is reported" \
	"$(grep -c 'handler of group: it ended with 65 and left 1 records without an answer: with --stream it must read' "$T/said")" 1
is "answers are exit codes, with a message" \
	"$STATUS $(summary) $(tail -n 2 "$S/spool/failed.jsonl" | jq -r '.message' | sort | tr '\n' ' ')" \
	"0 518 done, 2 set aside, 1 tried again, 1 without a handler it ended without an answer not this page "
each wrong --stream --on '*=echo hello; cat >/dev/null'
is "an invalid answer: 78" "$STATUS $(grep -c 'an answer is not 0, 65, 75 or 78' "$T/said")" "78 1"

# --- following, signals
(hs_exec each --cursor follow --on "*=echo \$HS_MESSAGE_ID >>$OUT/followed" 2>"$T/said") &
EACH=$!
wait_for 20 has 521 "$OUT/followed"
put d 1 3
check "it follows the spool" wait_for 10 has 524 "$OUT/followed"
hs each --cursor follow --once --on '*=true' 2>"$T/out"
is "a cursor has one consumer" "$? $(grep -c "in use by process $EACH" "$T/out")" "75 1"
kill "$EACH"
wait_for 10 gone "$EACH"
wait "$EACH"
is "SIGTERM ends it, in order" "$? $(summary)" "0 524 done, 0 set aside, 0 tried again, 0 without a handler"
each follow --on '*=echo again'
is "nothing is handled again" "$STATUS $(wc -c <"$T/out")" "0 0"
put d 4 4
(hs_exec each --cursor follow --on "*=touch $OUT/begun; until [ -e $OUT/go ]; do sleep 0.02; done; echo done >$OUT/finished") &
EACH=$!
wait_for 10 test -e "$OUT/begun"
kill -INT "$EACH"
touch "$OUT/go"
wait_for 10 gone "$EACH"
wait "$EACH"
is "SIGINT: the record in hand is finished" "$? $(cat "$OUT/finished")" "130 done"
each follow --on '*=echo again'
is "… and counts" "$STATUS $(wc -c <"$T/out")" "0 0"

# usage_error ARGUMENT...
usage_error() {
	hs each "$@" >"$T/out" 2>"$T/said"
	is "usage: $*" "$? $([ -s "$T/said" ] && echo said)" "2 said"
}
usage_error --on '*=true'
usage_error --cursor x
usage_error --cursor x --on track
usage_error --cursor x --on '=true'
usage_error --cursor x --on 'trakc=true'
usage_error --cursor x --on '*=true' --jobs 0
usage_error --cursor x --on '*=true' --jobs 65
usage_error --cursor x --on '*=true' --batch 2 --stream
usage_error --cursor x --on '*=true' --retry-for soon
usage_error --cursor .x --on '*=true'

# --- kills
write_on &
writer=$!
for n in $(seq "$KILLS"); do
	# by turns: a process for each batch, and long-lived ones; some are refused
	if [ $((n % 2)) = 0 ]; then
		set -- --batch 7 --on "track=cat >>$OUT/kill.\$\$"
	else
		set -- --stream --on "track=while read -r l; do printf '%s\\n' \"\$l\" >>$OUT/kill.\$\$; case \$l in *9\\\"*) echo 65 ;; *) echo 0 ;; esac; done"
	fi
	was=$(cat "$OUT"/kill.* 2>/dev/null | wc -l)
	cp "$S/spool/.hookspool/cursors/k" "$T/cursor" 2>/dev/null
	(hs_exec each --cursor k --jobs 2 "$@" 2>/dev/null) &
	EACH=$!
	wait_for 10 eval "[ \$(cat '$OUT'/kill.* 2>/dev/null | wc -l) -gt $was ]"
	if [ $((n % 3)) = 0 ]; then # twice: the first time may be after the first record
		wait_for 10 has_moved k "$T/cursor"
		cp "$S/spool/.hookspool/cursors/k" "$T/cursor"
		wait_for 10 has_moved k "$T/cursor"
	fi
	sleep "0.0$((RANDOM % 10))"
	kill -9 "$EACH"
	wait "$EACH" 2>/dev/null
done
touch "$T/enough"
wait "$writer"
each k --jobs 2 --batch 100 --on "track=cat >>$OUT/kill.\$\$"
cat "$OUT"/kill.* | ids_of | grep ^k | sort -u >"$T/have"
seq -f 'k%.0f' 1 "$(cat "$T/written")" | sort >"$T/want"
is "$KILLS kills: no event is skipped" "$STATUS $(grep -v ' done, ' "$T/said")$(diff "$T/have" "$T/want" | head -n 5)" "0 "
check "failed.jsonl is whole" spool_is_whole "$S/spool/failed.jsonl"
often=$(cat "$OUT"/kill.* | ids_of | sort | uniq -c | sort -rn | head -n 3)
check "events are not handled over and over ($(echo $often))" \
	[ "$(echo "$often" | awk 'NR == 1 { print $1 }')" -le "$((KILLS / 2 + 2))" ]
# --- users that wait
# The first event of u0 is tried again for as long as FAILING is there: only u0 waits, however much comes after it.
for n in $(seq 5); do put w$n- 1 2000 7; done
touch "$OUT/FAILING"
stuck="while read -r line; do case \$line in *'\"w1-7\"'*) if [ -e $OUT/FAILING ]; then echo 75; continue; fi ;; esac
	printf '%s\n' \"\$line\" >>$OUT/stuck; echo 0; done"
(hs_exec each --cursor stuck --from oldest --stream --on "track=$stuck" 2>"$T/said") &
EACH=$!
others() { [ "$(grep -c '"user_id":"u[1-6]","message_id":"w' "$OUT/stuck" 2>/dev/null)" = 8575 ]; }
check "a retried record holds up its user alone, for thousands of events" wait_for 20 others
is "… of whose events none is handled before it" "$(grep -c '"user_id":"u0","message_id":"w' "$OUT/stuck")" 0
is "… and is reported once" "$(grep -c 'handler of track: it ended with 75: the record is tried again, for 14400 s (--retry-for)' "$T/said")" 1
# the server may seal the segment meanwhile: then the end is that of the newest sealed one
end_of_spool() {
	local newest=$SPOOL
	[ -s "$newest" ] || newest=$(ls "$S"/spool/events-*.jsonl* | tail -n 1)
	zcat -f "$newest" | wc -c
}
all_is_saved() {
	jq -e ".ahead[1] == $(end_of_spool) and (.held | length) == 1" "$S/spool/.hookspool/cursors/stuck"
}
check "… and the cursor file has all that is done" wait_for 20 all_is_saved
kill -9 "$EACH"
wait "$EACH" 2>/dev/null
rm "$OUT/FAILING"
each stuck --stream --on "track=$stuck"
is "after a kill, records done ahead of it are not handled again" \
	"$STATUS $(ids_of <"$OUT/stuck" | grep -c ^w) $(ids_of <"$OUT/stuck" | grep ^w | sort -u | wc -l)" "0 10000 10000"
is "… and its user's events came in their order" \
	"$(grep '"user_id":"u0","message_id":"w' "$OUT/stuck" | ids_of | sed 's/^w\(.\)-/\1 /' | sort -c -k1,1n -k2,2n 2>&1)" ""
# an erase moves the lines that the ranges speak of
touch "$OUT/FAILING"
rm "$OUT/stuck"
(hs_exec each --cursor edited --from oldest --stream --on "track=$stuck" 2>/dev/null) &
EACH=$!
wait_for 20 others
kill "$EACH"
wait "$EACH"
hs erase --user u3 >/dev/null 2>&1
rm "$OUT/FAILING"
each edited --stream --on "track=$stuck"
is "… also after an erase has moved the lines" \
	"$STATUS $(ids_of <"$OUT/stuck" | grep -c ^w) $(ids_of <"$OUT/stuck" | grep ^w | sort -u | wc -l)" "0 10000 10000"
put_one '{"type":"track","event":"Anonymous","messageId":"n1","userId":null,"anonymousId":"n-1"}'
put_one '{"type":"track","event":"Anonymous","messageId":"n2","userId":null,"anonymousId":"n-2"}'
each anonymous --from oldest --stream --retry-for 1s --on "track:Anonymous=while read -r line; do case \$line in *'\"n1\"'*) echo 75 ;;
	*) echo ok \"\$line\" >>$OUT/anonymous; echo 0 ;; esac; done"
is '"userId":null is not one user: another visitor passes' "$STATUS $(grep -c '"n2"' "$OUT/anonymous") $(summary)" \
	"0 1 1 done, 1 set aside, $(sed -n 's/.*, \([0-9]*\) tried again.*/\1/p' "$T/said") tried again, $(sed -n 's/.*, \([0-9]*\) without a handler/\1/p' "$T/said") without a handler"
each equals --from oldest --on 'track:Order\=Completed=true' --on 'track:Other=echo "$HS_MESSAGE_ID"'
is "a name may have an equals sign" "$STATUS $(cat "$T/out")" "0 m3"

# --- a sender's text in an answer
# A handler may repeat a bad value, which may be long and look like answers. All later records are to be tried again.
text=$(printf ' 0%.0s' {1..50000})
put_one '{"type":"track","event":"Long","messageId":"l0","userId":"mallory","properties":{"x":"'"$text"'"}}'
for n in 1 2 3; do put_one '{"type":"track","event":"Long","messageId":"l'$n'","userId":"l-'$n'"}'; done
each long --from oldest --stream --retry-for 0s --on 'track:Long=while read -r line; do case $line in
	*mallory*) printf "65 not wanted: %s\n" "$line$line$line$line" ;; *) echo 75 later ;; esac; done'
is "--stream: a long message is cut, and its rest answers no record" \
	"$STATUS $(summary | cut -d , -f 1-2) $(tail -n 4 "$S/spool/failed.jsonl" | jq -r '"\(.record.message_id)=\(.status)"' | sort | xargs)" \
	"0 0 done, 4 set aside l0=65 l1=75 l2=75 l3=75"
is "… its beginning is in failed.jsonl" \
	"$(jq -r 'select(.record.message_id == "l0") | .message | "\(length) \(.[:13])"' "$S/spool/failed.jsonl")" "4093 not wanted: {"

# A handler that answers twice: the second answer is not that of the next record.
put_one '{"type":"track","event":"Twice","messageId":"t1","userId":"t"}'
put_one '{"type":"track","event":"Twice","messageId":"t2","userId":"t"}'
for answers in '0\n0\n' '0\n0'; do
	each "twice${#answers}" --from oldest --stream --on "track:Twice=while read -r line; do printf '$answers'; done"
	is "--stream: an answer that no record asked for: 78" \
		"$STATUS $(grep -c 'handler of track:Twice: it wrote an answer that no record asked for; stopped' "$T/said")" "78 1"
	each "twice${#answers}" --on 'track:Twice=echo "$HS_MESSAGE_ID"'
	is "… and the next run begins with the next record" "$STATUS $(cat "$T/out")" "0 t2"
done

# --- many users, nineteen of whom have an event that is tried again: nobody else waits for them
touch "$OUT/FAILING"
some="while read -r line; do case \$line in *'\"q'?'\"'* | *'\"q1'?'\"'*) if [ -e $OUT/FAILING ]; then echo 75; continue; fi ;; esac
	printf '%s\n' \"\$line\" >>$OUT/some; echo 0; done"
(hs_exec each --cursor some --from now --stream --on "track=$some" 2>/dev/null) &
EACH=$!
check "it follows" wait_for 20 watches "$EACH"
put q 1 5000 5000
check "nineteen of five thousand users wait, and no others" wait_for 20 has 4981 "$OUT/some"
rm "$OUT/FAILING"
check "… and then they go on" wait_for 20 has 5000 "$OUT/some"
end_process "$EACH"

# --- more jobs than files may be open
(ulimit -n 40 && hs_exec each --cursor many --once --stream --jobs 64 --on 'track=while read -r line; do echo 0; done' 2>"$T/said")
is "too few files for so many jobs: 71, with the remedy" \
	"$? $(grep -c 'cannot be started: Too many open files: lower --jobs, or raise ulimit -n' "$T/said") $(grep -c 'for want of' "$T/said")" "71 1 0"

# --- signals that a parent ignores: nohup(1) SIGHUP, and some supervisors SIGCHLD, so that no child can be waited for
ignoring() {
	export HOOKSPOOL_CONF=$S/hookspool.conf
	as_server_user env "--ignore-signal=$1" "$S/bin/hookspool" "${@:2}"
}
(ignoring CHLD each --cursor ignored --once --on "page=touch $OUT/handled" 2>/dev/null) &
EACH=$!
check "SIGCHLD ignored: it waits for its handlers nevertheless" wait_for 20 gone "$EACH"
kill -9 "$EACH" 2>/dev/null
check "… which have run" test -e "$OUT/handled"
(ignoring HUP each --cursor ignored --on "track:Hup=touch $OUT/hup" 2>/dev/null) &
EACH=$!
check "SIGHUP ignored: it follows" wait_for 20 watches "$EACH"
kill -HUP "$EACH"
put_one '{"type":"track","event":"Hup","messageId":"h1","userId":"h"}'
check "… and goes on after one" wait_for 20 test -e "$OUT/hup"
end_process "$EACH"

check "a handler that does not answer is reported" wait_for 15 grep -q \
	'handler of page: no answer for 10 s: it must write a line for each one that it reads, and flush it' "$T/silent"
check "another SIGTERM ends it without the answer" wait_for 10 eval 'kill "$SILENT"; gone "$SILENT"'
# Here, because this server has run for longer than it takes.
check "meanwhile the server has counted for hookspool schema" wait_for 60 [ -s "$S/spool/.hookspool/schema" ]
server_stop
done_testing
