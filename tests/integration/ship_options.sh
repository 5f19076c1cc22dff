# hookspool ship: options that cannot be are refused with what would be right, before anything is sent; a dry run and
# --check tell what is there; a stream without the promises it needs is refused; a service waits for its servers.
. "$(dirname "$0")/../ship/lib.sh"
need_ship
trap 'nats_end one KILL; clean_up' EXIT
nats_start one || give_up "$(cat "$T/nats-one/log")"
PORT=${NATS_URL[one]##*:}
admin() { python3 "$ROOT/tests/lib/nats_dump.py" "$PORT" "$@"; }
stored() { admin events | awk '$3 != "-"' | wc -l; }
said() { grep -q -- "$1" "$T/ship.err" "$T/ship.out"; }
# refused NAME CODE WORDS [OPTION]...
refused() {
	ship --once "${@:4}"
	is "$1" "$CODE $(said "$3" && echo remedy)" "$2 remedy"
	said "$3" || cat "$T/ship.err" "$T/ship.out"
}
config() { # MEMBERS: the stream's configuration with these
	jq -nc '{name: "events", subjects: ["hookspool.>"], retention: "limits", storage: "file", num_replicas: 1,
		discard: "new", duplicate_window: 120000000000, max_consumers: -1, max_msgs: -1, max_bytes: -1, max_age: 0,
		max_msgs_per_subject: -1, max_msg_size: -1} + '"$1"
}
spool_make
add 20

### Options ##############################################################

refused 'a time that is none' 2 'ack-wait soon: expected' --ack-wait soon
refused 'a window that is too short' 2 'window 1ms: expected from 100ms to 3650d' --window 1ms
refused 'more replicas than a cluster has' 2 'replicas' --replicas 9
refused 'a size that is none' 2 'max-bytes much: expected from 1K' --max-bytes much
refused 'a time that is no beginning' 2 'expected oldest, now, a time' --since soon
refused 'credentials that are not there' 78 "creds: $T/none is not there" --creds "$T/none"
refused 'a directory is no seed' 78 "nkey: $T is not there, or is no file" --nkey "$T"
refused 'a subject that others have' 78 'expected hookspool.{receiver}' --subject 'events.{type}'
refused 'a stream with the name of several' 78 'a name has no' --stream 'events.*'
refused '--check without a stream' 78 'ship --create makes it' --check
refused '--mend is for --verify' 2 'usage: ' --mend

### What there is #########################################################

ship --once --quiet --create --replicas 1 --window 2m --max-bytes 100M
is 'the limits that were asked for' "$CODE $(curl -s "${NATS_HTTP[one]}/jsz?streams=1&config=1" |
	jq -c '.account_details[0].stream_detail[0].config | [.max_bytes, .duplicate_window]')" '0 [104857600,120000000000]'
hs ship --to "$(servers)" --old-server --lossy --check
is '--check of a stream that is right' "$CODE $(grep -c "^ok.*stream events on nats-server .*, 1 replicas" <<<"$OUT")" '0 1'
(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-ship" ship --to "$(servers)" --old-server --check) >"$T/ship.out" 2>&1
is 'by its full name' "$? $(said '^ok' && echo ok)" '0 ok'
(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-ship") >"$T/ship.out" 2>&1
is 'without an argument' "$? $(said 'name the servers: --to nats://HOST' && echo remedy)" '78 remedy'
ship --stream nowhere
is 'a service does not wait for a stream that nobody makes' "$CODE $(said 'there is no stream nowhere' && echo why)" '78 why'
fake_nats --marks 10060
hs ship --to "$FAKE_URL" --old-server --check
is '--check where records would be refused' "$CODE $(grep -c '^fail.*the stream takes no mark' <<<"$OUT")" '78 1'
kill "$FAKE_PID"
hs ship --to nats://127.0.0.1:1 --check
is '--check without a server' "$CODE $(grep -c '^fail.*start the servers' <<<"$OUT")" '69 1'
hs ship --to nats://us:S3CRET@127.0.0.1:1
is 'a password in --to is not told' "$CODE $(grep -c S3CRET "$T/err") $(grep -c 'without a password' "$T/err")" '2 0 1'
seq 40 | sed 's/.*/{"type":"track","event":"event &","userId":"u","messageId":"o-&"}/' >"$T/add.jsonl"
hs import "$T/add.jsonl"
hs tail --cursor other
ship --dry-run --plain no --oversize stop --subject 'hookspool.{receiver}.{type}.{event}'
is 'a dry run with more subjects than it lists' "$CODE $(grep -c '^40 records' "$T/ship.out") $(awk '/other subjects/ { print $1 }' "$T/ship.out") $(stored)" '0 1 8 20'
echo damaged >"$S/spool/.hookspool/cursors/ship"
ship --dry-run
is 'a damaged cursor is no new one' "$CODE $(said 'hookspool/cursors is damaged.*remove it' && echo remedy)" '74 remedy'
rm "$S/spool/.hookspool/cursors/ship"
ship --dry-run
is 'without a cursor' "$CODE $(grep -c 'cursor ship is new: it begins at the oldest event' "$T/ship.out") $(grep -c '^60 records' "$T/ship.out")" '0 1 1'
ship --dry-run --since 1h
is 'since a time' "$CODE $(grep -c 'cursor ship is new: it begins at 1h' "$T/ship.out") $(grep -c '^60 records' "$T/ship.out")" '0 1 1'
all_shipped 'then all is sent'
is 'each once' "$(stored)" 60

### What retention keeps ##################################################

# lets_go: a run, which is shorter than ship_hold, as those of a timer.
lets_go() { ships_all --ship-hold 1s && [ "$(jq -c '.kept == [.number, .offset, .edit]' "$S/spool/.hookspool/cursors/ship")" = true ]; }
add 5
check 'short runs let go what was sent long enough ago' wait_for 30 lets_go
is 'and send nothing twice' "$(stored)" 65

### A message that is there twice ########################################

# again SEQUENCE: sends the message once more, as no receiver does, under another id.
again() {
	python3 - "$PORT" "$1" <<-'END'
		import base64, json, socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
		f = s.makefile("rwb")
		f.readline()
		def ask(body, subject, headers=None):
		    head = b"" if headers is None else headers
		    line = f"PUB {subject} inbox {len(body)}" if headers is None else f"HPUB {subject} inbox {len(head)} {len(head) + len(body)}"
		    f.write(line.encode() + b"\r\n" + head + body + b"\r\n")
		    f.flush()
		    while True:
		        words = f.readline().split()
		        if words[0] == b"MSG":
		            answer = f.read(int(words[-1]))
		            f.readline()
		            return json.loads(answer)
		f.write(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB inbox 1\r\n')
		m = ask(json.dumps({"seq": int(sys.argv[2])}).encode(), "$JS.API.STREAM.MSG.GET.events")["message"]
		headers = base64.b64decode(m["hdrs"]).replace(b"Nats-Msg-Id: ", b"Nats-Msg-Id: again")
		ask(base64.b64decode(m["data"]), m["subject"], headers)
	END
}
first=$(admin events | awk '$3 != "-" && !n++ { print $1 }')
again "$first"
ship --verify
is 'verify names both' "$CODE $(grep -c "^twice: messages $first and [0-9]*$" "$T/ship.out") $(tail -n 1 "$T/ship.out" | grep -o '[0-9]* twice')" '1 1 1 twice'

admin msg.delete events "{\"seq\": $(admin events | tail -n 1 | cut -d ' ' -f 1)}"

### A stream that breaks a promise #######################################

admin update events "$(config '{discard: "old", max_msgs: 1000000}')"
refused 'a stream that discards what is old' 78 'discard' --quiet
ship --dry-run
is 'a dry run says so, too' "$CODE $(said discard && echo why)" '78 why'
hs ship --to "$(servers)" --old-server --check
is 'and --check' "$CODE $(grep -c '^fail.*discard' <<<"$OUT")" '78 1'
ship --once --quiet --lossy
is 'unless it may lose events' "$CODE $(<"$T/ship.err")" '0 '
admin update events "$(config '{}')"

### The receiver's name ###################################################

cp "$S/spool/.hookspool/receiver" "$T/receiver"
echo '{"name":' >"$S/spool/.hookspool/receiver"
refused 'a name that is damaged' 78 'receiver is damaged: hookspool ship --new-receiver makes another'
if [ "$(id -u)" -eq 0 ]; then
	chown root "$S/spool/.hookspool/receiver"
	chmod 600 "$S/spool/.hookspool/receiver"
	ship --once
	is 'a name that cannot be read' "$((CODE > 0)) $(said 'hookspool ship: .*' && echo why)" '1 why'
	own "$S/spool/.hookspool/receiver"
fi
cat "$T/receiver" >"$S/spool/.hookspool/receiver"
ships_all
is 'and with its name it goes on' "$CODE $(stored)" '0 65'

### Servers that come later ###############################################

nats_end one KILL
add 5
ship_start --quiet
check 'a service says that no server is there' wait_for 60 test -s "$T/follow.err"
check 'and waits' alive "$SHIP"
nats_again one
check 'until one is' wait_for 60 eval '[ "$(stored)" = 70 ]'
ship --once
is 'a second one beside it: stop the first' "$CODE $(said 'in use by process [0-9]*: stop it$' && echo remedy)" '75 remedy'
kill -INT "$SHIP"
check 'Ctrl-C ends it' wait_for 20 gone "$SHIP"
wait "$SHIP"
is 'as by the signal' "$?" 130
done_testing
