# hookspool ship into one real nats-server: sends, resumes, and stops with a remedy where it must not guess.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/nats.sh"

if [ ! -x "$HS_BUILD/hookspool-ship" ]; then
	ok 'ship # SKIP built without libnats'
	done_testing
fi
if ! nats_start one; then
	ok 'ship # SKIP there is no nats-server'
	done_testing
fi
trap 'nats_end one KILL; clean_up' EXIT
SETTINGS='rotate_min_gap = 0'
spool_start
cp "$HS_BUILD/hookspool-ship" "$S/bin"
TO=${NATS_URL[one]}
PORT=${TO##*:}

# ship ARGUMENT...: to the present end of the spool; CODE, and what it said in T/err.
ship() { hs ship --to "$TO" --old-server --once --quiet "$@"; }
said() { grep -q "$1" "$T/err"; }
# fill PREFIX FROM TO
fill() {
	seq "$2" "$3" | awk -v p="$1" '{ printf "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u%d\",\"messageId\":\"%s%d\"}\n", $1 % 5, p, $1 }' >"$T/lines"
	hs import - <"$T/lines"
}
admin() { python3 "$ROOT/tests/lib/nats_dump.py" "$PORT" "$@"; }
# stored: the ids in the stream, in order, without marks.
stored() { admin events | awk '$3 != "-" { print $3 }'; }
# whole: "COUNT ids, COUNT different".
whole() { stored | sort | uniq -c | awk '{ n += $1 } END { print n + 0, NR }'; }

# --- what is missing is said
fill a 1 300
ship
is 'without a stream: 78, and the remedy' "$CODE $(said 'ship --create makes it' && echo remedy)" '78 remedy'
hs ship --to nats://127.0.0.1:1 --once
is 'without a server --once ends: 69' "$CODE" 69
hs ship --once
is 'without servers in the settings: 78' "$CODE $(said 'name the servers' && echo remedy)" '78 remedy'
hs ship --to "$TO" --user me --password secret
is 'no password on the command line' "$CODE $(said '@FILE' && echo remedy)" '2 remedy'
ship --dry-run --create
is 'a dry run makes nothing' "$CODE" 78
fake_nats --version=
hs ship --to "$FAKE_URL" --once
is 'a server that has not said its version is no old one' "$CODE $(said 'did not say its version.*run it again' && echo remedy)" '75 remedy'
kill "$FAKE_PID"

# --- sends and resumes
ship --since yesterday
is 'a time that is none: the option by its name' "$CODE $(said '^hookspool ship: --since yesterday: expected oldest' && echo named)" '2 named'
ship --create --replicas 1
is 'it makes the stream and sends everything' "$CODE $(whole)" '0 300 300'
is '… and says which option begins elsewhere' "$(grep -o 'is new: it begins.*' "$T/err")" 'is new: it begins at the oldest event (--since now: with what comes next)'
is 'in the order of the spool' "$(stored | head -n 3 | xargs)" '/a1 /a2 /a3'
is 'subjects have receiver, tenant and type' "$(admin events | awk 'NR == 2 { print $2 }' | sed -E 's/\.[a-z]{8}\./.RECEIVER./')" 'hookspool.RECEIVER._.track'
ship
is 'the next run sends nothing' "$CODE $(whole)" '0 300 300'
fill b 1 50
ship --dry-run
is 'a dry run says how much there is, and sends nothing' "$(grep -o '^50 records' <<<"$OUT") $(whole)" '50 records 300 300'
ship --subject 'hookspool.{receiver}.{tenant}.{type}.{event}'
is 'it goes on after what is sent' "$CODE $(whole)" '0 350 350'
hs stats --json
is 'stats has the figures of ship, and its lag' "$(jq -c '.ship | [.stored, .rewinds, .in_flight, (.asks > 0), (.server | startswith("one "))]' <<<"$OUT") $(jq -c '[.cursors[] | select(.name == "ship").records]' <<<"$OUT")" \
	'[50,0,0,true,true] [0]'
hs metrics
is 'so have monitors' "$(grep -E '^hookspool_ship_(stored_total|oldest_seconds) ' <<<"$OUT" | xargs)" 'hookspool_ship_oldest_seconds 0.000 hookspool_ship_stored_total 50'
is 'with an event in the subject' "$(admin events | tail -n 1 | awk '{ print $2 }' | cut -d . -f 3-)" '_.track.order_completed'
rm "$S/spool/.hookspool/cursors/ship"
ship
is 'a lost cursor: the stream knows' "$CODE $(whole)" '0 350 350'
ship --verify
is 'verify finds nothing' "$CODE $(grep -o '350 records before the cursor, 350 messages: 0 lacking' <<<"$OUT")" \
	'0 350 records before the cursor, 350 messages: 0 lacking'

# --- a follower, killed and started again
hs_follow() { as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-ship" --to "$TO" --old-server 2>>"$T/follow.err" & FOLLOWER=$!; }
has() { [ "$(whole)" = "$1" ]; }
hs_follow
fill c 1 400
check 'a follower sends what comes' wait_for 30 has '750 750'
FOLLOWED=$(sed -n 's/ .*//p' "/proc/$FOLLOWER/task/$FOLLOWER/children" 2>/dev/null)
FOLLOWED=${FOLLOWED:-$FOLLOWER}
ship
is 'two ships of one spool: the second one ends' "$CODE $(said 'in use by process' && echo why)" '75 why'
kill -KILL "$FOLLOWED"
wait "$FOLLOWER" 2>/dev/null
fill d 1 100
ship
is 'after a kill it goes on' "$CODE $(whole)" '0 850 850'
nats_end one KILL
nats_again one
ship
is 'after a kill of the server' "$CODE $(whole)" '0 850 850'

# --- erase between
hs erase --user u1
fill e 1 20
rm "$S/spool/.hookspool/cursors/ship"
ship
is 'places go through an erase' "$CODE $(whole)" '0 870 870'
ship --verify
is 'verify names the messages of erased records' "$CODE $(grep -c '^erased: message' <<<"$OUT")" '0 170'

# --- lacking records
admin msg.delete events '{"seq": 866}'
ship --verify
is 'verify names what the stream lacks' "$CODE $(grep -c '^lacking:' <<<"$OUT")" '1 1'
admin update events "$(jq -nc '{name: "events", subjects: ["hookspool.>"], retention: "limits", storage: "file", num_replicas: 1, discard: "new", duplicate_window: 100000000, max_consumers: -1, max_msgs: -1, max_bytes: -1, max_age: 0, max_msgs_per_subject: -1, max_msg_size: -1}')"
sleep 0.3
ship --verify --mend
is 'mend sends it' "$CODE $(grep -o '1 lacking, 1 mended' <<<"$OUT") $(whole)" '0 1 lacking, 1 mended 870 870'
ship
is 'and the next run sends nothing' "$CODE $(whole)" '0 870 870'

# --- a record that is longer than the server takes
printf '{"type":"track","event":"long","userId":"u2","messageId":"long","properties":{"x":"%01100000d"}}\n' 7 >"$T/lines"
hs import - <"$T/lines"
fill f 1 5
ship
is 'too long: 78, with the place and the remedy' "$CODE $(said 'at byte [0-9]* has [0-9]* bytes: more than the server takes.*max_payload' && echo remedy) $(whole)" \
	'78 remedy 870 870'
printf '[ship]\noversize = aside\nplain = yes\n' >>"$S/hookspool.conf"
ship --oversize stop
is 'an option counts before the settings' "$CODE $(said 'Raise max_payload' && echo remedy) $(whole)" '78 remedy 870 870'
hs ship --to nats://192.0.2.1 --plain no --once
is '… and no text goes in clear that must not' "$CODE $(said 'plain text to 192.0.2.1' && echo remedy)" '78 remedy'
ship --oversize aside
is 'or it is set aside' "$CODE $(whole) $(jq -r .record.message_id "$S/spool/failed.jsonl")" '0 875 875 long'

# --- another stream
ship --stream other --create --replicas 1
is 'a stream that others take the subjects of' "$CODE" 78

# --- check
cp "$S/hookspool.conf" "$T/conf"
printf '[ship]\nto = %s\n' "$TO" >>"$S/hookspool.conf"
hs check
old=$(nats-server --version | awk '{ split(substr($2, 2), v, "."); print (v[1] * 1000000 + v[2] * 1000 + v[3] < 2010023) }') # Debian 12's
is 'check refuses an old server' "$(grep -c 'the server is older than 2.10.23' <<<"$OUT")" "$old"
cat "$T/conf" >"$S/hookspool.conf"

# --- a stream made anew
admin delete events
ship --create --replicas 1
is 'a stream made anew: 78, and the choice' "$CODE $(said 'from-start' && said 'from-now' && echo choice) $(whole)" '78 choice 0 0'
fill h 1 10
ship --from-now
is 'from now: the rest' "$CODE $(whole)" '0 10 10'
admin delete events
ship --create --replicas 1 --from-start --oversize aside
shipped=$CODE
hs cat
kept=$(grep -vc '"message_id":"long"' <<<"$OUT")
is 'from the start: what the spool has' "$shipped $(whole)" "0 $kept $kept"

# --- copies
jq -c '.epoch = 99' "$S/spool/.hookspool/receiver" >"$T/receiver"
cat "$T/receiver" >"$S/spool/.hookspool/receiver"
ship
is 'a copied spool: 78, and the remedy' "$CODE $(said 'new-receiver' && echo remedy)" '78 remedy'
hs ship --new-receiver
is 'a name of its own' "$CODE" 0
done_testing
