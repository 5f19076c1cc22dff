#!/bin/bash
# paused.sh: a process stops (SIGSTOP) while it holds what the others need: in the middle of an
# append, of a sync, of setting the spool up. They answer 503 within their four seconds; when it
# is killed, service returns at once and nothing is lost or doubled.
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
	start=${EPOCHREALTIME/./}
	one 3
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	if [ "$STATUS" = 200 ]; then # it was not in the way: fine as well
		ok "$name: others are served ($ms ms)"
	else
		is "$name: others answer 503" "$STATUS" 503
		is "$name: after 4 s ($ms ms)" "$((ms < 5500))" 1
	fi
	kill -9 "$pid"
	wait
	start=${EPOCHREALTIME/./}
	one 2
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	is "$name: killed, and service returns" "$STATUS" 200
	is "$name: at once ($ms ms)" "$((ms < 1000))" 1
	one 3
	printf 'm-2\nm-3\n' >"$T/ledger"
	count_check "$name: each event once" "$T/ledger"
	figure "$name: killed after a pause, the next 200 after $ms ms"
}

pause_at 'stopped before the write' pwrite64
pause_at 'stopped before the sync' fdatasync
pause_at 'stopped in setting up' flock

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
