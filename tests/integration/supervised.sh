# Under a supervisor: the socket that it hands over, and the messages that it gets.
. "$(dirname "$0")/../lib/server.sh"

# supervised RUNS: the program in S under a supervisor; T/told has the messages to it.
supervised() {
	SOCKET=$S/run/hookspool.sock
	rm -f "$SOCKET" "$SOCKET.notify"
	(
		export HOOKSPOOL_CONF=$S/hookspool.conf
		as_server_user "$HS_BUILD/supervise" "$SOCKET" "$1" "$S/bin/hookspool.fcgi"
	) </dev/null >"$T/told" 2>>"$S/log/program.log" &
	SERVER_PID=$!
}

program() { sed -n "s/^start //p" "$T/told" | tail -n 1; }
heard() { [ "$(grep -c "$1" "$T/told")" -ge "${2:-1}" ]; }
health() { raw_health "unix:$SOCKET"; }

directory_make
supervised 2
check 'it says when it is ready' wait_for 10 heard '^READY=1$'
check 'and serves on the socket that it was handed' eval 'health | grep -q "Status: 200"'
check 'the watchdog hears of it again and again' wait_for 10 heard '^WATCHDOG=1$' 3

kill -HUP "$(program)"
check 'SIGHUP: it says that it reloads' wait_for 10 heard '^RELOADING=1 MONOTONIC_USEC=[0-9]*$'
check 'and when it has' wait_for 10 heard '^READY=1$' 2
settings_write 'max_bodyy = 1'
kill -HUP "$(program)"
check 'a reload that is refused ends, too' wait_for 10 heard '^READY=1$' 3
check 'with the old settings in service' eval 'health | grep -q "Status: 200"'
settings_write

# The supervisor keeps the socket: a connection between two processes waits for the second.
first=$(program)
kill -STOP "$SERVER_PID" # it cannot start the second yet
kill "$first"
wait_for 10 grep -q '^State:.Z' "/proc/$first/status"
health >"$T/health" 2>&1 &
client=$!
wait_for 10 eval '[ "$(awk -v s="$SOCKET" "\$NF == s" /proc/net/unix | wc -l)" -ge 2 ]'
kill -CONT "$SERVER_PID"
wait "$client"
check 'a connection that comes between two processes is served by the second' \
	grep -q 'Status: 200' "$T/health"
is 'the first announced that it stops' "$(grep -cx 'STOPPING=1' "$T/told")" 1
is 'and ended with 0' "$(grep -x 'end .*' "$T/told")" 'end 0'
check 'the socket stays: it is the supervisor'"'"'s' test -S "$SOCKET"
kill "$(program)"
wait_for 10 gone "$SERVER_PID"
check 'the socket stays even then' test -S "$SOCKET"

# Sockets for other processes, and wrong ones.
WRONG_PID=1 supervised 1
wait_for 10 gone "$SERVER_PID"
is 'a socket for another process is refused: usage' "$(grep -x 'end .*' "$T/told")" 'end 2'
FDS=2 supervised 1
wait_for 10 gone "$SERVER_PID"
is 'two sockets are refused' "$(grep -x 'end .*' "$T/told")" 'end 69'
check 'with the remedy' grep -q 'one ListenStream=' "$S/log/program.log"
is 'and no readiness is reported' "$(grep -c READY "$T/told")" 0
SERVER_PID=
done_testing
