# Text of a sender or a receiver must not control the terminal on which a person looks
# at it: escape sequences, C1, marks that reorder text. Pipes and files get every byte.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

ESC=$(printf '\033') BEL=$(printf '\a') CSI=$(printf '\302\233') RLO=$(printf '\342\200\256')
HARM="$ESC|$BEL|$CSI|$RLO|$(printf '\342\201\246|\342\200\250|\177')"

# on_terminal COMMAND...: what a terminal gets, T/shown; each line ends as the program ended it.
on_terminal() {
	printf '%q ' "$@" >"$T/command"
	NO_COLOR=1 script -qec "stty -onlcr; . $T/command" /dev/null </dev/null >"$T/shown"
}
hs_on_terminal() { on_terminal $AS env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" "$@"; }
harmless() { grep -aqE "$@" "$T/shown" && ! grep -aE "$HARM" "$T/shown" || { cat -v "$T/shown"; false; }; }

AS=
[ "$(id -u)" -ne 0 ] || AS="setpriv --reuid=$SERVER_USER --regid=$SERVER_GROUP --clear-groups"
not_grep() { ! grep -arE "$@"; }

spool_start
# the escapes of JSON for what JSON does not take as it is, the rest in UTF-8
put_one '{"type":"track","messageId":"h1","userId":"u-1","event":"e\u001b]0;x\u0007'"$CSI"'2J'"$RLO"'z","properties":{"a\u001b":"\u009b\u202e\u2028\u2066\u007f\r\u001b[2J"}}'

hs cat >"$T/piped"
check 'cat in a pipe: C1 as it was sent' grep -aq "$CSI" "$T/piped"
hs_on_terminal cat
check 'cat: nothing controls the terminal' harmless '"event":"e\\u001b\]0;x\\u0007\\u009b2J\\u202ez"'
check 'and it is the same JSON' eval '[ "$(jq -cS . "$T/shown")" = "$(jq -cS . "$T/piped")" ]'
hs_on_terminal tail -n 1
check 'tail: the same' cmp "$T/shown" <(sed "s/$CSI/\\\\u009b/g; s/$RLO/\\\\u202e/g" "$T/piped")

is '--fields in a pipe: every byte' "$(hs cat --fields event)" "e${ESC}]0;x${BEL}${CSI}2J${RLO}z"
hs_on_terminal cat --fields event,user_id
is '--fields: escaped, in columns' "$(cat "$T/shown")" 'e\u001b]0;x\u0007\u009b2J\u202ez	u-1'
hs_on_terminal cat --raw --fields properties_a
is '--raw: tabs and newlines only' "$(cat "$T/shown")" '\u009b\u202e\u2028\u2066\u007f\u000d\u001b[2J'
hs_on_terminal tail --cursor c --fields event
check 'tail --cursor' harmless '^e.u001b'
hs tail --cursor c >"$T/rest"
is 'tail --cursor has passed the record, which was shown longer than it is' "$(wc -c <"$T/rest")" 0

hs_on_terminal stats
check 'stats: names in the tables' harmless '^e\?\]0;x\?\?2J\?z'
hs_on_terminal stats --json
check 'stats --json' harmless '"e\\u001b\]0;x\\u0007\\u009b2J\\u202ez"'

# names of wide characters: as many columns as they take
wide=$(printf '日本語%.0s' {1..30})
put_one '{"type":"track","messageId":"w1","userId":"w-1","event":"'"$wide"'","properties":{"'"$wide"'":"'"$wide"'"}}'
# narrow COMMAND...: T/shown is what a terminal of 60 columns gets of it. Sets `widest`.
narrow() {
	printf '%q ' $AS env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" "$@" >"$T/command"
	NO_COLOR=1 script -qec "stty cols 60 -onlcr; . $T/command" /dev/null </dev/null >"$T/shown"
	widest=$(LC_ALL=C.UTF-8 wc -L <"$T/shown")
}
for command in help 'help schema' cursors stats schema; do
	narrow $command
	check "$command: no line is wider than a terminal of 60 columns ($widest)" [ "$widest" -gt 40 -a "$widest" -le 60 ] || cat "$T/shown"
	case $command in
	help) check 'a description goes on below its beginning' grep -qx '           answered' "$T/shown" ;;
	cursors) is 'a block for each cursor' "$(sed 's/[^ ]*T.*Z/TIME/' "$T/shown" | grep -v oldest)" 'c
  behind          1, '"$(hs stats --json | jq -r '.cursors[0].bytes')"' B
  saved at        TIME
  segment:byte    1:'"$(hs cursors --json | jq '.[0].offset')"'
  epoch           1' ;;
	stats | schema) check "$command: names of wide characters, too" grep -q 日 "$T/shown" ;;
	esac
done
check 'in a pipe a line for each command' grep -qx '  send     send events as Segment does, and say how each was answered' <<<"$(hs help)"

# a handler that repeats what it was sent
hs_on_terminal each --cursor h --once --on 'track=cat >&2'
check 'each: the output of a handler' harmless '"a\\u001b"|\\u202ez'
hs each --cursor i --once --on 'track=cat >&2' 2>"$T/said"
check 'in a file every byte of it' cmp <(grep -a -m 1 '^{' "$T/said") "$T/piped"

# load: names of tables are the sender's, and a message of the database may repeat a value
put_one '{"type":"track","messageId":"l1","userId":"l-1","event":"l'"$CSI"'2J'"$RLO"'z","properties":{"n":1}}'
hs_on_terminal load --dry-run --to "sqlite:$OUT/w.db"
check 'load --dry-run' harmless 'CREATE TABLE "l\\u009b2_j\\u202ez" '
hs load --once --quiet --to "sqlite:$OUT/w.db"
put_one '{"type":"track","messageId":"l2","userId":"l-1","event":"l'"$CSI"'2J'"$RLO"'z","properties":{"n":"x"}}'
hs_on_terminal load --once --to "sqlite:$OUT/w.db"
check 'load: the summary' harmless 'l\\u009b2_j\\u202ez.n: 1 text'
check 'load: what mends it' harmless -e '--retype l\\u009b2_j\\u202ez.n=text takes'

# a receiver that answers with escape sequences: JSON of the handler's shape, and its headers
cat >"$T/receiver.pl" <<'END'
use IO::Socket::INET;
my $l = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1:0") or die;
open(my $f, ">", "$ARGV[0].new"); print $f $l->sockport; close($f); rename("$ARGV[0].new", $ARGV[0]);
my $text = "m\\u001b[2J\xc2\x9b\xe2\x80\xaew\\u009b";
my $body = "{\"message\":\"$text\",\"accepted\":0,\"duplicate\":0,\"rejected\":1}";
while (my $c = $l->accept) {
	sysread($c, my $request, 1 << 16);
	print $c "HTTP/1.0 400 Bad\r\nServer: x\e[2J\xc2\x9b\r\nLocation: http://x/\e[2J\r\n",
		"Content-Type: application/json\r\nContent-Length: ", length($body), "\r\n\r\n", $body;
	close($c);
}
END
perl "$T/receiver.pl" "$T/port" & # ends with the script
check 'a receiver listens' wait_for 10 test -s "$T/port"
printf '{"type":"track","event":"e","messageId":"x","userId":"u"}' >"$T/one"
receiver=http://127.0.0.1:$(cat "$T/port")
on_terminal "$HS_BUILD/hookspool" send --url "$receiver" --secret x --file "$T/one"
check 'send: a message' harmless 'm\?\[2J\?\?w\?'
on_terminal "$HS_BUILD/hookspool" send --url "$receiver" --secret x --file "$T/one" --json
check 'send --json' harmless 'm\?\[2J\?\?w\?'
on_terminal "$HS_BUILD/hookspool" check --config "$S/hookspool.conf" --url "$receiver"
check 'check --url' harmless 'FAIL'

# the log: a refusal repeats names of the sender's
printf '{"type":"track","event":"e","userId":"u","a%s":1,"a%s":2}' "$CSI$RLO" "$CSI$RLO" >"$T/one"
signed "$T/one"
check 'the log has none of these bytes' not_grep "$HARM" "$S/log"
### Progress ############################################################
# slow NAME COMMAND...: standard error is a terminal, whose contents go to NAME.shown, the output goes to
# NAME.out; a lock that the test holds makes it slow.
slow() {
	local command
	printf -v command '%q ' $AS env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" "${@:2}"
	script -qefc "echo \$\$ >$T/$1.pid; exec $command >$T/$1.out" /dev/null </dev/null >"$T/$1.shown" 8>&- & # only a command that waits has the lock's file open
	started+=($!)
}
# waits NAME: it has begun, and sleeps until it gets the lock.
waits() {
	local pid
	pid=$(cat "$T/$1.pid") && grep -q '^State:.S' "/proc/$pid/status" && find "/proc/$pid/fd" -lname '*/edits.lock' | grep -q .
}
# tells NAME: it has shown its progress, and cleared it at the end.
tells() {
	tr '\r' '\n' <"$T/$1.shown" >"$T/lines"
	grep -aq "^$ESC\[Ksegment [0-9]* of [0-9]*, [0-9.]* [KM]*B, " "$T/lines" && [ "$(tail -n 1 "$T/lines")" = "$ESC[K" ]
}

long=$S/spool/events-20260101T000000.000Z-000000.jsonl
yes '{"type":"track","message_id":"x","user_id":"u-9","spooled_at":"2026-11-23T10:15:00.123Z"}' | head -n 20000 >"$long"
own "$long"
exec 8<>"$S/spool/.hookspool/run/edits.lock" && flock 8
started=()
mkfifo "$T/pipe.out"
cat "$T/pipe.out" >"$T/pipe.got" &
started+=($!)
slow pipe cat --user u-1
slow file cat --user u-1
slow tail tail -n 1 --user nobody
slow aliases cat --user u-1 --aliases
for name in pipe file tail aliases; do wait_for 10 waits $name; done
sleep 2.1 # the time that is tested
flock -u 8
wait "${started[@]}"
check 'cat into a pipe shows its progress' tells pipe
check 'into a file, too' tells file
check 'and tail' tells tail
check 'and cat --aliases' tells aliases
check 'the output has nothing of it' cmp "$T/pipe.got" "$T/piped"
server_stop
done_testing
