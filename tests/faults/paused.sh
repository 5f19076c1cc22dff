#!/bin/bash
# paused.sh: a process stops (SIGSTOP) while it holds what the others need: in the middle of an
# append, of a sync, of setting the spool up. They answer 503 within their four seconds; when it
# is killed, service returns at once and nothing is lost or doubled. When the disk itself
# hangs, the answer is 503 before the sender gives up, after five seconds.
. "$(dirname "$0")/lib.sh"

need strace
place_make
bodies_make 3

# stopped: the process under strace has stopped (T or t).
stopped() { grep -q '^State:.*[Tt]' "/proc/$1/status"; }

# holder: the pid of the process that runs our copy of the program.
holder() { workers | head -n 1; }

# pause_at NAME CALL: one request is stopped at the entry of the call; another one meets it.
pause_at() {
	local name=$1 call=$2 start ms pid
	spool_clear
	[ "$call" = flock ] || one 1
	(one 2 strace -qq -o /dev/null -e inject="$call:signal=SIGSTOP:when=1") &
	wait_for 10 eval 'pid=$(holder) && [ -n "$pid" ] && stopped "$pid"' || not_ok "$name: it stops"
	pid=$(holder)
	start=$EPOCHREALTIME
	one 3
	ms=$(since "$start")
	if [ "$STATUS" = 200 ]; then # it was not in the way: fine as well
		ok "$name: others are served ($ms ms)"
	else
		is "$name: others answer 503" "$STATUS" 503
		check "$name: after 4 s ($ms ms)" in_time "$ms" 5500
	fi
	kill -9 "$pid"
	wait
	start=$EPOCHREALTIME
	one 2
	ms=$(since "$start")
	is "$name: killed, and service returns" "$STATUS" 200
	check "$name: at once ($ms ms)" in_time "$ms" 1000
	one 3
	printf 'm-2\nm-3\n' >"$T/ledger"
	count_check "$name: each event once" "$T/ledger"
	figure "$name: killed after a pause, the next 200 after $ms ms"
}

pause_at 'stopped before the write' pwrite64
pause_at 'stopped before the sync' fdatasync
pause_at 'stopped in setting up' flock

# The disk takes HANG_S for a call: longer than any sender waits.
HANG_S=7
events bulk- 1 1200 | sed 's/^/[/; s/$/]/' >"$T/body.bulk" # more than is committed together
sign "$SECRET" <(events bulk- 1 1) >"$T/sign.bulk"
{ printf '[' && event m-9 && printf ',{"type":"track"}]'; } >"$T/body.bad"
sign "$SECRET" <(event m-9) >"$T/sign.bad"
event m-8 >"$T/body.8" && sign "$SECRET" "$T/body.8" >"$T/sign.8"
chmod 644 "$T"/body.* "$T"/sign.*

# refused_in_time NAME MS: the answer is 503, when its sender still waits for it.
refused_in_time() {
	is "$1: is answered 503" "$STATUS" 503
	check "$1: in time ($2 ms)" eval '[ '"$2"' -gt 3500 ] && in_time '"$2"' 4900'
	figure "$1: answered $STATUS after $2 ms"
}

# again NAME BODY...: the disk works again; each event of the bodies is taken, and is there once.
again() {
	local name=$1 body
	shift
	for body; do
		one "$body"
		is "$name: later $body is taken" "$STATUS" 200
	done
	count_check "$name: each event once" "$T/ledger"
}

# hang_cgi NAME CALL BODY: a process of plain CGI. The time of its output tells when it answered. It is
# on its guard only when the disk has been slow before.
hang_cgi() {
	local start
	spool_clear
	one 1 strace -f -qq -o /dev/null -e inject=fdatasync:delay_enter=1200000:when=1
	is "CGI: $1: a slow disk" "$STATUS" 200
	start=$(date +%s%3N)
	LIMIT=20 one "$3" strace -f -qq -o /dev/null -e inject="$2:delay_enter=${HANG_S}000000:when=1"
	refused_in_time "CGI: $1" $(($(stat -c %.3Y "$T/answer" | tr -d .) - start))
	is "CGI: $1: it lives on until the disk is done" "$(($(date +%s%3N) - start >= HANG_S * 1000))" 1
	again "CGI: $1" "$3"
}

printf 'm-1\nm-8\n' >"$T/ledger"
hang_cgi 'the sync of an event' fdatasync 8
hang_cgi 'the write of an event' pwrite64 8
{ echo m-1 && seq -f 'bulk-%.0f' 1200; } >"$T/ledger"
hang_cgi 'the sync of a large batch' fdatasync bulk
printf 'm-1\nm-9\n' >"$T/ledger"
hang_cgi 'the sync of a batch with a refused event' fdatasync bad

# hang_fcgi NAME CALL BODY: a server process with threads, through a web server; another request comes
# meanwhile and cannot be served either.
hang_fcgi() {
	local start tracer
	strace -f -qq -o /dev/null -p "$PROGRAM_PID" -e inject="$2:delay_enter=${HANG_S}000000:when=1" &
	tracer=$!
	wait_for 5 grep -q "^TracerPid:.*$tracer" "/proc/$PROGRAM_PID/status"
	start=$(date +%s%3N)
	post "$T/body.$3" --max-time 20 -H "X-Signature: $(<"$T/sign.$3")"
	refused_in_time "FastCGI: $1" $(($(date +%s%3N) - start))
	URL=$HTTP/hookspool wait_for 10 healthy || not_ok "FastCGI: $1: service returns"
	kill "$tracer"
	wait "$tracer"
	post "$T/body.$3" --max-time 20 -H "X-Signature: $(<"$T/sign.$3")"
	is "FastCGI: $1: the next try is a duplicate" \
		"$STATUS $(jq -c '[.accepted, .duplicate]' "$T/answer.body")" "200 [0,$4]"
}

if [ "$(id -u)" -eq 0 ] && command -v nginx >/dev/null; then
	SETTINGS='threads = 4'
	place_S=$S place_SPOOL_DIR=$SPOOL_DIR
	server_start nginx
	SPOOL_DIR=$S/spool
	signed "$T/body.1"
	hang_fcgi 'the sync of an event' fdatasync 2 1
	hang_fcgi 'the write of an event' pwrite64 8 1
	hang_fcgi 'the sync of a large batch' fdatasync bulk 1200
	hang_fcgi 'the sync of a batch with a refused event' fdatasync bad 1
	server_stop
	{ printf 'm-%d\n' 1 2 8 9 && seq -f 'bulk-%.0f' 1200; } >"$T/ledger"
	count_check 'FastCGI: each event once' "$T/ledger"
	S=$place_S SPOOL_DIR=$place_SPOOL_DIR SETTINGS=
fi

# A FastCGI process with many threads is stopped under load, at any time.
stops=0 bad=0
TIMES=$(size 3 20)
for ((i = 0; i < TIMES; i++)); do
	spool_clear
	listener_start
	drive -p "load$i" -e 1000000 -b 5 -t 2 "cgi=2:$S/bin/hookspool.fcgi" >/dev/null &
	load=$!
	sleep "0.$((RANDOM % 5 + 1))"
	kill -STOP "$PROGRAM_PID"
	sleep 0.2
	kill -9 "$PROGRAM_PID"
	wait "$PROGRAM_PID" 2>/dev/null
	PROGRAM_PID=
	wait "$load"
	rm -f "$S/run/hookspool.sock"
	one 1
	[ "$STATUS" = 200 ] || bad=$((bad + 1))
	"$COUNT" "$SPOOL_DIR" "$S/run/ledger" >"$T/counted" || { bad=$((bad + 1)); sed 's/^/# /' "$T/counted"; }
	stops=$((stops + 1))
done
is "$stops servers stopped and killed under load: none lost, none twice" "$bad" 0
figure "$stops servers stopped, then killed, under load: $bad with loss or doubles"
done_testing
