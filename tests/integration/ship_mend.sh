# hookspool ship --verify --mend beside another receiver of the same events: what the stream has in the other's message
# is not stored again, and what it lacks is.
. "$(dirname "$0")/../ship/lib.sh"
need_ship
nats_start one || give_up "$(cat "$T/nats-one/log")"
trap 'nats_end one KILL; clean_up' EXIT
PORT=${NATS_URL[one]##*:}
admin() { python3 "$ROOT/tests/lib/nats_dump.py" "$PORT" "$@"; }
# whole: "N messages, N ids".
whole() { admin events | awk '$3 != "-" { n++; ids[$3] } END { print n + 0, length(ids) }'; }
# verified NAME FIGURES [OPTION]...: what ship --verify finds: "lacking mended elsewhere twice exit-code".
verified() {
	verify "${@:3}"
	is "$1" "$FIGURES $CODE" "$2"
}
verify() {
	ship --verify "$@"
	FIGURES=$(tail -n 1 "$T/ship.out" | sed -E 's/.*: ([0-9]+) lacking, ([0-9]+) mended, ([0-9]+) elsewhere, ([0-9]+) twice.*/\1 \2 \3 \4/')
}

spool_make
add 50
ships_all --create --replicas 1 --window 10m
spool_make
add 52
all_shipped 'both receivers have shipped, the second one two events more'
is 'the stream has each event once' "$(whole)" '52 52'
verified 'what the other sent is not lacking' '0 0 50 0 0'
is 'it is named with its message' "$(grep -c '^elsewhere: segment 1 byte [0-9]* /e-[0-9]*: message [0-9]*$' "$T/ship.out")" 50

### Beyond the duplicate window #########################################

config() { # WINDOW, in nanoseconds
	jq -nc --argjson window "$1" '{name: "events", subjects: ["hookspool.>"], retention: "limits", storage: "file",
		num_replicas: 1, discard: "new", duplicate_window: $window, max_consumers: -1, max_msgs: -1, max_bytes: -1,
		max_age: 0, max_msgs_per_subject: -1, max_msg_size: -1}'
}
# gone ID: deletes its message.
gone() { admin msg.delete events "{\"seq\": $(admin events | awk -v id="$1" '$3 == id { print $1 }')}"; }
gone /e-7
gone /e-51
verified 'one of either receiver is gone' '2 0 49 0 1'
verified 'within the window the stream refuses them' '2 0 49 0 1' --mend
is 'and has stored nothing' "$(whole)" '50 50'
check 'which is said' grep -q 'duplicate of message [0-9]*, which is gone: run it again after the duplicate window' "$T/ship.err"
admin update events "$(config 100000000)"
mends() { verify --mend && [ "$CODE" = 0 ]; }
check 'beyond it they are sent' wait_for 60 mends
is 'each once, and nothing else' "$(whole)" '52 52'
verified 'now nothing is lacking' '0 0 49 0 0' --mend
verified 'nor of the last hour' '0 0 49 0 0' --since 1h

### A record that no message can hold ###################################

printf '{"type":"track","event":"long","userId":"u","messageId":"long","properties":{"x":"%01100000d"}}\n' 7 >"$T/long"
chmod 644 "$T/long"
hs import "$T/long"
add 1
all_shipped 'a record that is too long is set aside' --oversize aside
gone /e-53
verified 'one after it is gone, the newest' '2 0 49 0 1'
beyond() { verify --mend --oversize aside && [ "$CODE" = 0 ]; }
check 'which is mended' wait_for 60 beyond
is 'the stream has it' "$(admin events | grep -c ' /e-53 ')" 1
is 'it is named' "$(grep -c '^too long: segment 1 byte [0-9]* /long$' "$T/ship.out")" 1
verified 'which is no good end if it was not to be set aside' '1 0 49 0 1' --mend
### What limits have deleted #############################################

ids() { admin events | awk '$3 != "-" { print $3 }' | sort; }
admin update events "$(config 100000000 | jq -c '. + {discard: "old", max_msgs: 15}')"
add 20
all_shipped 'a stream that is full goes on' --lossy --oversize aside
ids >"$T/before"
check 'and has deleted most' [ "$(wc -l <"$T/before")" -lt 16 ]
verify --lossy
is 'that is not lacking' "${FIGURES%% *} $CODE $(grep -c ', [1-9][0-9]* deleted by limits$' "$T/ship.out")" '0 0 1'
verify --lossy --mend
ids >"$T/after"
is 'and is not sent again' "$CODE $(comm -13 "$T/before" "$T/after" | wc -l)" '0 0'
gone "$(admin events | awk '$3 != "-"' | tail -n 1 | awk '{ print $3 }')"
verify --lossy
is 'what is gone after that is lacking' "${FIGURES%% *} $CODE" '1 1'
done_testing
