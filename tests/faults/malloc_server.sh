#!/bin/bash
# malloc_server.sh: every allocation of a FastCGI server, from its start over a few requests to its end, fails, once and
# from then on for good: it ends and says why, or it serves. No crash, no leak, no false 200, no sender who waits in vain;
# and if one allocation alone has failed, the next requests are served. HS_MALLOC: as in malloc.sh.
. "$(dirname "$0")/lib.sh"

HS_MALLOC=${HS_MALLOC:-$HS_BUILD/malloc}
[ -e "$HS_MALLOC/hookspool.fcgi" ] || give_up "no build with failing allocations in $HS_MALLOC"
HASH=00112233445566778899aabbccddeeff
# libseccomp may try for ever to make its filter when an allocation of its own has failed
place_make 'sandbox = off' 'threads = 1' 'console_http = yes' "console_password = scrypt:15:8:1:$HASH:$HASH$HASH"
rm "$S/bin/hookspool.fcgi"
cp "$HS_MALLOC/hookspool.fcgi" "$S/bin/hookspool.fcgi"
chmod 755 "$S/bin/hookspool.fcgi"
batch_body small 1 1
batch_body large 2 70 # more than can arrive at once
seq -f 'b-%.0f' 1 70 >"$T/ledger"
touch "$S/run/count"
chmod 666 "$S/run/count"
SOCKET=$S/run/malloc.sock
export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99 FCGI_RAW_MS=10000

is_over() { ! kill -0 "$PID" 2>/dev/null; }

# start VARIABLE=VALUE...: the server with these, up to its socket or its end; PID, and T/said.
start() {
	rm -f "$SOCKET"
	(
		export HOOKSPOOL_CONF=$S/hookspool.conf
		as_server_user env "$@" "$S/bin/hookspool.fcgi" --listen "unix:$SOCKET"
	) </dev/null >"$T/said" 2>&1 &
	PID=$!
	until [ -S "$SOCKET" ] || is_over; do sleep 0.01; done
}

# stop: EXIT.
stop() {
	kill -TERM "$PID" 2>/dev/null
	wait_for 20 is_over || kill -KILL "$PID"
	wait "$PID" 2>/dev/null
	EXIT=$?
}

# ask WORD...: one request; STATUS, 000 without a whole answer, and WAITED if none came in time.
ask() {
	local answer
	answer=$("$RAW" "unix:$SOCKET" begin "$@" read 2>/dev/null)
	STATUS=000
	[[ $answer == *'[timeout]'* ]] && WAITED=yes
	[[ $answer == *'[end 0 0]'* && $answer =~ Status:\ ([0-9]+) ]] && STATUS=${BASH_REMATCH[1]}
}

# post BODY
post() {
	ask param=REQUEST_METHOD=POST param=CONTENT_TYPE=application/json "param=CONTENT_LENGTH=$(stat -c %s "$T/body.$1")" \
		"param=HTTP_X_SIGNATURE=$(<"$T/sign.$1")" params-end "stdin-file=$T/body.$1" stdin-end
}

# ask_all: ANSWERS, in order: an event at once; while the settings are read again, many that arrive bit by bit; and a
# page that is longer than a record.
ask_all() {
	WAITED=
	post small
	ANSWERS=$STATUS
	[ "$STATUS" = 000 ] || kill -HUP "$PID" # a server that is about to end would be killed
	post large
	ANSWERS="$ANSWERS $STATUS"
	ask param=REQUEST_METHOD=GET param=SCRIPT_NAME= param=PATH_INFO=/console params-end stdin-end
	ANSWERS="$ANSWERS $STATUS"
}

# judge ANSWERS: adds to PROBLEM what is wrong with them.
judge() {
	local status said
	for status in $1; do
		case $status in 000 | 200 | 401 | 500 | 503) ;; *) PROBLEM="$PROBLEM; answered $1" ;; esac
	done
	[ -z "$WAITED" ] || PROBLEM="$PROBLEM; a sender waits"
	[[ $1 != '200 200 '* ]] || said=$("$COUNT" "$SPOOL_DIR" "$T/ledger") || PROBLEM="$PROBLEM; false 200: $said"
}

# fail N ON: one case; PROBLEM says what is wrong, if anything is.
fail() {
	PROBLEM=
	spool_clear
	start FAIL_AT="$1" FAIL_ON="$2"
	ask_all
	judge "$ANSWERS"
	[ "$ANSWERS" = "$RIGHT" ] || felt=$((felt + 1))
	[[ $ANSWERS != *000* ]] || wait_for 1 is_over # it may be about to end
	if [ "$2" = 0 ] && ! is_over; then
		ask_all
		[ "$ANSWERS" = "$RIGHT" ] || ask_all # it may have been this one whose allocation failed
		[ "$ANSWERS" = "$RIGHT" ] || PROBLEM="$PROBLEM; then $ANSWERS"
	fi
	stop
	case $EXIT in
	0) ;;
	71 | 78) [ -s "$T/said" ] || PROBLEM="$PROBLEM; exit $EXIT without a reason" ;;
	*) PROBLEM="$PROBLEM; exit $EXIT: $(tail -n 3 "$T/said")" ;;
	esac
	[ -z "$PROBLEM" ]
}

spool_clear
start FAIL_COUNT="$S/run/count"
ask_all
RIGHT=$ANSWERS
stop
count=$(<"$S/run/count")
is 'a server makes allocations' "$((count > 20)) $EXIT $RIGHT" '1 0 200 200 401'
bad=0 felt=0
for ((n = 1; n <= count; n++)); do
	for on in 0 1; do
		fail "$n" "$on" && continue
		bad=$((bad + 1))
		[ "$bad" -gt 20 ] || printf '# allocation %d, for good %d%s\n' "$n" "$on" "$PROBLEM"
	done
done
is "$count allocations fail, once and for good" "$bad" 0
is 'failures are felt' "$((felt > 10))" 1
figure "$count allocations of a server × once and for good: $bad crashes, leaks, false 200s or lost senders"
done_testing
