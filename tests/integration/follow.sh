# hookspool tail -f and --cursor: every event once and in order, through rotations, signals
# and KILLS (10) kills while a server writes.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

KILLS=${KILLS:-10}
spool_start 'rotate_size = 4K' 'rotate_min_gap = 0'

# follow FILE ARGUMENT...: hookspool tail -f in the background; TAIL is its process.
follow() {
	local file=$1
	shift
	(hs_exec tail -f "$@" >"$file" 2>>"$T/said") &
	TAIL=$!
}

# ends NAME SIGNAL STATUS: that signal ends it, in order.
ends() {
	local status
	kill -"$2" "$TAIL"
	wait_for 10 gone "$TAIL"
	wait "$TAIL"
	status=$?
	is "$1" "$status" "$3"
}

follows() { watches "$TAIL"; }
switches() { sed -n 's/^voluntary_ctxt_switches:.//p' "/proc/$TAIL/status"; }
# idle: nothing has woken it for a while.
idle() {
	local before
	before=$(switches)
	sleep 0.3
	[ -n "$before" ] && [ "$(switches)" = "$before" ]
}

put a 1 3
follow "$T/out" -n 2
wait_for 10 has 2 "$T/out"
for i in $(seq 4 12 100); do
	put a "$i" $((i + 11))
	[ $((i % 24)) -ne 4 ] || hs rotate
	[ $((i % 36)) -ne 4 ] || maintain
done
check "everything that was posted arrives" wait_for 10 has 110 "$T/out"
is "once, in order, through $(ls "$S"/spool/events-* | wc -l) rotations" \
	"$(ids_of <"$T/out" | tr '\n' ' ')" "$(seq -f 'a%.0f' 2 111 | tr '\n' ' ')"

# It does not wake up without news; the last news may still be on its way.
check "idle, it sleeps" wait_for 10 idle
put a 112 112
check "and wakes up" wait_for 10 has 111 "$T/out"
ends "SIGINT ends it" INT 130

# All server processes are killed while they write; their successors clean up.
try() { signed "$T/put" && [ "$STATUS" = 200 ]; }
follow "$T/out" -n 0
wait_for 10 follows
for i in 1 2 3; do
	seq $((i * 50)) $((i * 50 + 49)) | sed 's/.*/{"type":"track","event":"e","userId":"u","messageId":"d&"}/' |
		paste -sd, | sed 's/.*/[&]/' >"$T/put"
	signed "$T/put" &
	for pid in $(workers); do kill -9 "$pid"; done
	wait $!
	wait_for 20 try || not_ok "the server comes back" "status $STATUS"
done
check "what the server took before and after it was killed arrives" wait_for 10 has 150 "$T/out"
is "once, in the order of the spool" "$(ids_of <"$T/out")" "$(hs cat | ids_of | grep '^d')"
ends "SIGTERM ends it" TERM 143

mkfifo "$T/pipe"
(hs_exec tail -f -n 1 >"$T/pipe") &
TAIL=$!
head -n 1 "$T/pipe" >"$T/out"
check "it ends when its reader has gone" wait_for 10 gone "$TAIL"

# --- cursors
hs tail --cursor c >"$T/first"
is "a new cursor begins at the oldest event" "$(ids_of <"$T/first" | wc -l)" 262
hs tail --cursor c >"$T/out"
is "the next run prints nothing" "$(wc -c <"$T/out")" 0
put b 1 5
follow "$T/out" --cursor c
check "new events are shown" wait_for 10 has 5 "$T/out"
hs tail --cursor c >"$T/second" 2>"$T/said"
is "a second consumer is refused, and learns which process holds the cursor" "$? $(grep -c "in use by process $TAIL" "$T/said")" "75 1"
ends "SIGTERM ends one with a cursor" TERM 143
put b 6 9
hs tail --cursor c --type page >"$T/out"
put b 10 10
hs tail --cursor c >"$T/out"
is "filtered events count as seen; after a signal nothing comes twice" \
	"$(ids_of <"$T/out" | tr '\n' ' ')" "b10 "
put b 11 1500
(hs_exec tail -f --cursor c >"$T/pipe") &
TAIL=$!
head -n 7 "$T/pipe" >"$T/first"
check "a closed pipe ends it" wait_for 10 gone "$TAIL"
hs tail --cursor c >"$T/second"
from=$(head -n 1 "$T/second" | ids_of | tr -d b)
is "the next run prints all that was not written to the pipe" \
	"$(ids_of <"$T/second" | tr -d b)" "$(seq "$from" 1500)"
# a pipe holds 64 KB, and head reads some KB at once
check "and nothing that was ($from)" \
	[ $((from > 17 && (from - 11) * $(wc -c <"$T/first") / 7 < 100000)) = 1 ]

# --- kills
hs tail --cursor k >/dev/null
write_on &
writer=$!
for n in $(seq "$KILLS"); do
	cp "$S/spool/.hookspool/cursors/k" "$T/cursor"
	follow "$T/kill.$n" --cursor k
	wait_for 10 has 5 "$T/kill.$n"
	[ $((n % 3)) -ne 0 ] || { maintain; wait_for 10 has_moved k "$T/cursor"; }
	sleep "0.0$((RANDOM % 10))"
	kill -9 "$TAIL"
	wait "$TAIL" 2>/dev/null
done
touch "$T/enough"
wait "$writer"
hs tail --cursor k >"$T/kill.last"
whole_lines "$T"/kill.[0-9]* "$T/kill.last" | ids_of | sort -u >"$T/have"
seq -f 'k%.0f' 1 "$(cat "$T/written")" | sort >"$T/want"
is "$KILLS kills: nothing is lost, nothing else is there" "$(diff "$T/have" "$T/want" | head -n 5)" ""
ahead=0
for n in $(seq 2 "$KILLS") last; do
	from=$(head -n 1 "$T/kill.$n" | ids_of)
	[ "$from" != k1 ] || ahead=$((ahead + 1))
	whole_lines "$T/kill.$n" | ids_of | tr -d k >"$T/numbers"
	sort -nc "$T/numbers" && [ "$(sort -u "$T/numbers" | wc -l)" = "$(wc -l <"$T/numbers")" ] ||
		not_ok "run $n is in order, each once"
done
check "later runs begin at the cursor" [ "$ahead" -lt $((KILLS / 2)) ]
is "there was no message" "$(cat "$T/said" | grep -v 'in use')" ""

# --- another folder replaces the followed one
put m 1 1
replaced() { # NAME COMMAND...
	follow "$T/out" -n 1
	wait_for 10 has 1 "$T/out"
	wait_for 10 follows
	"${@:2}"
	check "$1: its follower does not wait for ever" wait_for 10 gone "$TAIL"
	alive "$TAIL" && kill "$TAIL"
	wait "$TAIL"
	is "$1: it ends with a status of its own" "$?" 74
	is "$1: and says why" "$(grep -o 'is no longer the folder that is read here: start anew' "$T/said" || cat "$T/said")" \
		'is no longer the folder that is read here: start anew'
	: >"$T/said"
}
# remove_slowly FILE: as rm -r does on a busy machine, which takes its time after this file.
remove_slowly() {
	rm "$S/spool/$1"
	for _ in {1..10}; do # a change of the folder wakes the follower
		touch "$S/spool/other" && rm "$S/spool/other"
		pause 0.05
	done
	check "removed slowly from $1 on: its follower makes nothing in the way" [ ! -e "$S/spool/$1" ]
	rm -r "$S/spool"
}
server_stop
cp -a "$S/spool" "$S/copy"
replaced 'moved away' mv "$S/spool" "$S/moved"
cp -a "$S/copy" "$S/spool"
replaced 'removed' rm -r "$S/spool"
cp -a "$S/copy" "$S/spool"
replaced 'removed slowly' remove_slowly .hookspool/run/state
mv "$S/copy" "$S/spool"
replaced 'its events first' remove_slowly events.jsonl
done_testing
