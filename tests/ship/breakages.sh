#!/bin/bash
# What docs/scaling.md says of "When something breaks", with one real server, as far as no other script has it: a stream
# that forgets more than the spool has, limits that delete, an old cursor, another stream, a receiver whose disk is full.
. "$(dirname "$0")/lib.sh"
need_ship
trap 'nats_end one KILL; clean_up' EXIT
nats_start one || give_up "$(cat "$T/nats-one/log")"
said() { grep -q -- "$1" "$T/ship.err"; }
admin() { python3 "$ROOT/tests/lib/nats_dump.py" "${NATS_URL[one]##*:}" "$@"; }
# messages: how many records are in the stream, and how many ids.
messages() { admin events | awk '$3 != "-" { n++; ids[$3] } END { print n + 0, length(ids) }'; }
config() { # MEMBERS: the stream's configuration with these
	jq -nc "{name: \"events\", subjects: [\"hookspool.>\"], retention: \"limits\", storage: \"file\", num_replicas: 1,
		discard: \"new\", duplicate_window: 100000000, max_consumers: -1, max_msgs: -1, max_bytes: -1, max_age: 0,
		max_msgs_per_subject: -1, max_msg_size: -1} + $1"
}
CURSOR=.hookspool/cursors/ship

### A stream that forgets more than the spool has #######################

spool_make 'rotate_min_gap = 0'
add 10
hs rotate
all_shipped 'a stream with a window of 100 ms' --create --replicas 1 --window 100ms
nats_end one
cp -a "$T/nats-one/store" "$T/earlier"
nats_again one || give_up 'the server starts again'
for _ in 1 2; do
	add 10
	hs rotate
done
add 10
all_shipped 'four segments'
is 'are in the stream' "$(messages)" '40 40'
nats_end one
rm -rf "$T/nats-one/store"
mv "$T/earlier" "$T/nats-one/store"
nats_again one || give_up 'the server starts with the disk of earlier'
mkdir "$T/gone"
find "$S/spool" -maxdepth 1 -name 'events-*.jsonl' | sort | head -n 2 | xargs mv -t "$T/gone"
ship --once
is 'it forgot more than the spool has: 78, and how much is missing' "$CODE $(said 'the stream forgot what it had acknowledged: its last message is' && echo forgot) $(grep -o 'to [0-9]* cannot be sent again' "$T/ship.err")" \
	'78 forgot to 2 cannot be sent again'
is 'nothing is sent by guess' "$(messages)" '10 10'
mv "$T"/gone/* "$S/spool"
ship --once
is 'with the segments from a backup it goes back by itself' "$CODE $(said 'it sends again what is missing, from segment' && echo said) $(messages)" '0 said 40 40'

### A cursor that is lost or old ########################################

cp -a "$S/spool/$CURSOR" "$T/cursor"
add 20
all_shipped 'some more'
sleep 0.2 # the window of duplicates
cp -a "$T/cursor" "$S/spool/$CURSOR"
ship --once
is 'an old cursor: the stream knows' "$CODE $(messages)" '0 60 60'

### The receiver's disk fills up because ship cannot send ###############

nats_end one
add 30
hs rotate
hs stats --json
is 'stats shows what waits, and the room that is left' "$(jq -c '[([.cursors[] | select(.name == "ship").records][0]), (.room.bytes > 0)]' <<<"$OUT")" '[30,true]'
settings_write 'auth = none' 'min_free = 1048576G'
echo '{"type":"track","event":"E","userId":"u","messageId":"late"}' >"$T/add.jsonl"
add_one() { hs import "$T/add.jsonl"; }
add_one
is 'a disk that is full takes no more' "$([ "$CODE" != 0 ] && echo refused) $(lines_of_spool | grep -c '"late"')" 'refused 0'
nats_again one || give_up 'the server starts again'
ship --once
is 'ship sends what is there all the same' "$CODE $(messages)" '0 90 90'
settings_write 'auth = none' 'min_free = 0'
add_one
ship --once
is 'and with room both go on' "$CODE $(messages)" '0 91 91'
### A message that the stream takes no more #############################

admin update events "$(config '{max_msg_size: 1500}')"
printf '{"type":"track","event":"Long","userId":"u","messageId":"long","properties":{"x":"%02000d"}}\n' 7 >"$T/add.jsonl"
hs import "$T/add.jsonl"
ship --once
is 'longer than max_msg_size: 78, and the remedy' "$CODE $(said 'at byte [0-9]* has [0-9]* bytes: .*message size exceeds maximum allowed.*--oversize aside' && echo remedy) $(messages)" '78 remedy 91 91'
admin update events "$(config '{}')"
ship --once
is 'when the limit is gone it is sent' "$CODE $(messages)" '0 92 92'

### Another stream ######################################################

admin create others "$(config '{name: "others", subjects: ["others.>"]}')"
add 1
ship --once --stream others
is 'a stream that has other subjects: 78, and the remedy' "$CODE $(said 'expected stream does not match' && echo remedy)" '78 remedy'
is 'and nothing is sent into the one that has them' "$(messages)" '92 92'
ship --once
is 'into that one it goes on' "$CODE $(messages)" '0 93 93'

### A server that is alone, changed settings and a restart ##############

# It then tells another time at which the stream was made.
created() { curl -s "${NATS_HTTP[one]}/jsz?streams=1" | jq -r '.account_details[].stream_detail[] | select(.name == "events").created'; }
before=$(created)
nats_end one
nats_again one || give_up 'the server starts again'
check 'the stream has another stamp' [ "$(created)" != "$before" ]
add 1
ship --once
is 'which is not taken for another stream' "$CODE $(messages)" '0 94 94'

### Limits of the stream that delete our last message ###################

admin update events "$(config '{max_age: 100000000}')"
is_empty() { [ "$(messages)" = '0 0' ]; }
check 'the limits delete everything' wait_for 30 is_empty
admin update events "$(config '{}')"
add 5
ship --once
is 'it goes on at the cursor, and says so' "$CODE $(said 'the limits of the stream have deleted the last message of receiver [a-z]*, [0-9]*: only its duplicate window tells' && echo said) $(messages)" '0 said 5 5'
ship --once
is 'once' "$CODE $(said 'the limits of the stream' || echo silent)" '0 silent'

### A stream that was made anew ########################################

admin delete events
admin create events "$(config '{}')"
ship --once
is 'another stream is told by its stamp' "$CODE $(said 'deleted and made anew at' && echo choice) $(messages)" '78 choice 0 0'
done_testing
