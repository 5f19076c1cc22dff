# hookspool ship where it must wait or stop: a stream that is full, subjects with odd bytes, a spool that was restored.
. "$(dirname "$0")/../ship/lib.sh"
need_ship
trap 'nats_end one KILL; clean_up' EXIT
nats_start one || give_up "$(cat "$T/nats-one/log")"
said() { grep -q -- "$1" "$T/ship.err"; }
# refused NAME CODE WORDS [OPTION]...
refused() {
	ship --once "${@:4}"
	is "$1" "$CODE $(said "$3" && echo remedy)" "$2 remedy"
	said "$3" || cat "$T/ship.err"
}
admin() { python3 "$ROOT/tests/lib/nats_dump.py" "${NATS_URL[one]##*:}" "$@"; }
# messages: how many records are in the stream, and how many ids.
messages() { admin events | awk '$3 != "-" { n++; ids[$3] } END { print n + 0, length(ids) }'; }
has() { [ "$(messages)" = "$1 $1" ]; }
config() { # MEMBERS: the stream's configuration with these
	jq -nc "{name: \"events\", subjects: [\"hookspool.>\"], retention: \"limits\", storage: \"file\", num_replicas: 1,
		discard: \"new\", duplicate_window: 120000000000, max_consumers: -1, max_msgs: -1, max_bytes: -1, max_age: 0,
		max_msgs_per_subject: -1, max_msg_size: -1} + $1"
}
spool_make
add 20

### A stream that is full ###############################################

ship --once --quiet --create --replicas 1
stored=$(messages | cut -d ' ' -f 1)
admin update events "$(config "{max_msgs: $(($(admin events | wc -l) + 12))}")" # records, and marks
ship_start --ack-wait 2s
began=$SECONDS
add 20
check 'a full stream is said' wait_for 60 grep -q 'the stream is full: .*: it waits, and the spool keeps what is not sent' "$T/follow.err"
check 'it waits' alive "$SHIP"
hs stats --json
is 'the cursor has not passed what is not stored' "$(jq '([.cursors[] | select(.name == "ship").records][0] + '"$(messages | cut -d ' ' -f 1)"') >= '"$((stored + 20))" <<<"$OUT")" true
refused 'meanwhile --once' 75 'in use by process'
admin update events "$(config '{}')"
check 'it goes on when there is room, and each is stored once' wait_for 120 has $((stored + 20))
end_process "$SHIP"
minutes=$(((SECONDS - began) / 60 + 1))
check 'it was said once a minute' [ "$(grep -c 'the stream is full' "$T/follow.err")" -le $minutes ]
admin update events "$(config "{max_msgs: $(admin events | wc -l)}")"
refused 'a full stream and --once' 75 'the stream stores no mark: maximum messages exceeded' --ack-wait 3s
admin update events "$(config '{}')"

### A stream that goes while ship runs ##################################

ship_start --ack-wait 2s
shipped() { hs stats --json && jq -e '[.cursors[] | select(.name == "ship").records] == [0]' <<<"$OUT"; }
wait_for 60 shipped
admin delete events
add 1
check 'a stream that is deleted is missed' wait_for 60 grep -q 'there is no stream events: --create makes it: it tries again' "$T/follow.err"
check 'it may come back' alive "$SHIP"
ship --once --create --replicas 1 # it makes the stream; then the cursor is in use, or free already
check 'then the choice is not made by guess' wait_for 60 gone "$SHIP"
wait "$SHIP"
is 'ship ends with the choice' "$? $(tail -n 5 "$T/follow.err" | grep -c 'the stream was deleted and made anew at .*--from-start')" '78 1'
refused 'also the next time' 78 'made anew at .*: --from-start sends the whole spool, --from-now goes on at the cursor'
ship --once --from-start
is 'from the start' "$CODE $(messages)" "0 $EVENTS $EVENTS"

### Subjects ############################################################

cat >"$T/add.jsonl" <<'END'
{"type":"track","event":"a.b > c * d","userId":"u","messageId":"odd 1"}
{"type":"track","event":"\r\nPUB hookspool.x.y.z 0\r\n","userId":"u","messageId":"odd\r\n2"}
{"type":"track","event":"caf\u00e9 \u0000","userId":"u","messageId":"odd \u00e9"}
{"type":"track","event":"$SYS.>","userId":"u","messageId":" "}
END
chmod 644 "$T/add.jsonl"
settings_write 'auth = none' 'min_free = 0' '[keys]' 'a.b-c = a-key'
hs import --tenant a.b-c "$T/add.jsonl"
ship --once --subject 'hookspool.{receiver}.{tenant}.{type}.{event}'
is 'bytes that subjects cannot have' "$CODE $(admin events | tail -n 4 | awk '{ print $2 }' | cut -d . -f 3- | xargs)" \
	'0 a=2Eb-c.track.a_b_c_d a=2Eb-c.track.pub_hookspool_x_y_z_0 a=2Eb-c.track.caf=C3=A9 a=2Eb-c.track.sys'
ship --verify
is 'and verify finds them' "$CODE $(grep -o ' 0 lacking' "$T/ship.out")" '0  0 lacking'

### A record that the stream finds too long ###########################

admin update events "$(config '{max_msg_size: 2000}')"
printf '{"type":"track","event":"long","userId":"u","messageId":"long","properties":{"x":"%03000d"}}\n' 7 >"$T/add.jsonl"
hs import --tenant a.b-c "$T/add.jsonl"
refused 'a record that the stream finds too long' 78 'message size exceeds maximum allowed. Raise max_msg_size of the stream, .*--oversize aside'
ship --once --oversize aside
is 'set aside' "$CODE $(jq -r .record.message_id "$S/spool/failed.jsonl")" '0 long'
admin update events "$(config '{}')"
ship --verify --mend
is 'and sent once the stream takes it' "$CODE $(grep -o ' 1 lacking, 1 mended' "$T/ship.out") $(admin events | tail -n 1 | awk '{ print $3 }')" \
	'0  1 lacking, 1 mended a.b-c/long'

### Copies ##############################################################

settings_write 'auth = none' 'min_free = 0'
cp -a "$S/spool" "$T/backup"
add 5
ship --once
rm -rf "$S/spool"
mv "$T/backup" "$S/spool"
before=$(messages)
refused 'a spool that was restored from a backup' 78 'it was restored or is a copy. hookspool ship --new-receiver gives it a name of its own'
add 20
refused 'also when other events have come into the places of those' 78 'where this spool has another record: it was restored or is a copy'
is 'nothing was sent' "$(messages)" "$before"
hs ship --new-receiver
ship --once --from-now
is 'under another name it goes on' "$CODE" 0
done_testing
