# A log whose reader has stalled: requests are served, SIGTERM is obeyed, and dropped lines are reported
# when it is read again.
. "$(dirname "$0")/../lib/server.sh"

FLOOD=1500 # refusals, a line each: more than a pipe holds

# start_on FILE [COMMAND]...: the program, by the command, its standard error in the file
start_on() {
	local log=$1
	shift
	rm -f "$S/run/hookspool.sock"
	(
		export HOOKSPOOL_CONF=$S/hookspool.conf
		as_server_user "$@" "$S/bin/hookspool.fcgi" --listen "unix:$S/run/hookspool.sock"
	) </dev/null >/dev/null 2>"$log" &
	PROGRAM_PID=$!
	wait_for 10 listens_at "$S/run/hookspool.sock"
}

# refusals: over one connection each, eight at a time
SHARE=()
for ((i = 0; i < FLOOD / 10; i++)); do
	SHARE+=(begin param=REQUEST_METHOD=POST param=CONTENT_LENGTH=2 params-end stdin={} stdin-end read connect)
done
unset 'SHARE[-1]'
refusals() { seq 10 | xargs -P 8 -I{} "$RAW" "unix:$S/run/hookspool.sock" "${SHARE[@]}" | grep -ac '^Status: 401'; }


server_start listener
server_stop
mkfifo "$T/log"
chmod 666 "$T/log"

# stalled NAME FILE [COMMAND]...: the file has no reader
stalled() {
	local name=$1
	shift
	start_on "$@"
	is "$name: every refusal is answered" "$(refusals)" "$FLOOD"
	is "$name: the next one is served" "$(raw_health "unix:$S/run/hookspool.sock" | head -n 1)" 'Status: 200 OK'
	kill "$PROGRAM_PID"
	check "$name: SIGTERM is obeyed" wait_for 5 gone "$PROGRAM_PID"
	kill -9 "$PROGRAM_PID" 2>/dev/null
	wait "$PROGRAM_PID"
	is "$name: and the exit code is 0" "$?" 0
}

exec 4<>"$T/log" # it is open, and is not read
stalled 'a pipe' "$T/log"
if [ -x "$HS_BUILD/deny" ]; then # kernels before 6.4
	cp "$HS_BUILD/deny" "$S/bin/deny"
	stalled 'a pipe, older kernel' "$T/log" "$S/bin/deny" pwritev2=EOPNOTSUPP
	exec 4<&-
	exec 5> >(exec sleep 60) # as root: of another user's pipe
	reader=$!
	stalled "another user's pipe, older kernel" /proc/self/fd/5 "$S/bin/deny" pwritev2=EOPNOTSUPP
	exec 5>&-
	kill "$reader"
fi
exec 4<&-
rm "$T/log"
mkfifo -m 666 "$T/log"

exec 4<>"$T/log"
start_on "$T/log"
refusals >/dev/null
cat <&4 >"$T/said" & # now it is read; nothing more is refused
reader=$!
dropped() { sed -n 's/.*: warn: \([0-9]*\) lines of the log were dropped.*/\1/p' "$T/said" | awk '{ n += $1 } END { print n + 0 }'; }
logged() { echo $(($(dropped) + $(grep -c ' 401 ' "$T/said"))); }
wait_for 10 eval '[ "$(dropped)" -gt 0 ] && [ "$(logged)" -ge "$FLOOD" ]'
kill "$PROGRAM_PID"
wait "$PROGRAM_PID"
PROGRAM_PID=
kill "$reader"
exec 4<&-
check 'read again: it says how many lines were dropped' [ "$(dropped)" -gt 0 ]
is 'read again: those and the ones that are there are all' "$(logged)" "$FLOOD"
is 'read again: every line is whole' "$(grep -cv 'hookspool\[' "$T/said")" 0
server_stop
done_testing
