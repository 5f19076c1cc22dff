# A worker that has nothing to do sleeps, also while a sender keeps it waiting.
. "$(dirname "$0")/../lib/server.sh"

# asleep: each thread of the program sleeps at this moment. A thread that goes round and round is never seen asleep.
asleep() { ! cat "/proc/$PROGRAM_PID"/task/*/status | grep '^State:' | grep -qv 'S (sleeping)'; }

SETTINGS='threads = 4'
server_start listener
ADDRESS=unix:$S/run/hookspool.sock
check 'before its first request all threads sleep' wait_for 10 asleep
check 'it has the four threads of its settings beside those that serve no request' [ "$(ls "/proc/$PROGRAM_PID/task" | wc -l)" -gt 5 ]
raw_health "$ADDRESS" >"$T/health"
check 'it answers a request' grep -q 'Status: 200' "$T/health"
check 'and sleeps again' wait_for 10 asleep
printf '{"type":"track","event":"Ordered","messageId":"m1","userId":"u1"}' >"$T/event"
"$RAW" "$ADDRESS" begin param=REQUEST_METHOD=POST param=CONTENT_TYPE=application/json param=CONTENT_LENGTH="$(wc -c <"$T/event")" \
	param=HTTP_X_SIGNATURE="$(sign "$SECRET" "$T/event")" params-end "stdin-file=$T/event" stdin-end read >"$T/answer"
check 'it takes an event' grep -q 'Status: 200' "$T/answer"
settings_write 'threads = 4' 'max_body = 100000'
kill -HUP "$PROGRAM_PID"
check 'it reads its settings again' wait_for 10 grep -q 'settings read again' "$S/log/program.log"
check 'and sleeps' wait_for 10 asleep

FCGI_RAW_MS=20000 "$RAW" "$ADDRESS" begin param=REQUEST_METHOD=POST param=CONTENT_LENGTH=1000 \
	param=HTTP_X_SIGNATURE=0123456789abcdef0123456789abcdef01234567 params-end 'stdin={"type":' read >"$T/slow" 2>&1 &
peer=$!
check 'a sender stops in the middle of its body' wait_for 10 has_connections "$ADDRESS" 1
check 'while it is waited for, all threads sleep' wait_for 3 asleep
check 'and the sender has not been cut off yet' alive "$peer"
end_process "$peer"
check 'meanwhile it has counted the event for hookspool schema, by itself' wait_for 30 grep -qa Ordered "$S/spool/.hookspool/schema"
server_stop
done_testing
