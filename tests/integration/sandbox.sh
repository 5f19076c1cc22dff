# sandbox: the program says what confines it, serves from inside, and takes no settings that lead outside.
. "$(dirname "$0")/../lib/server.sh"

sanitized() { nm "$HS_BUILD/hookspool.fcgi" 2>/dev/null | grep -q __asan_init; }
log() { grep -q "$1" "$S/log/program.log"; }

SETTINGS='sandbox = off'
spool_start
check 'off: the log says so' wait_for 10 log 'start: sandbox: off$'
is 'and nothing is given up' "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$PROGRAM_PID/status")" 0
hs check
check 'hookspool check says so, too' grep -qE '^ok +sandbox +off' <<<"$OUT"
server_stop
if sanitized; then
	ok 'the rest # SKIP a program with a sanitizer has no sandbox'
	done_testing
fi

SETTINGS=''
spool_start
check 'by default it is auto, and the log says what there is' \
	wait_for 10 log 'start: sandbox: \(Landlock [0-9]*\|no Landlock (.*)\), \(seccomp\|no seccomp (.*)\)$'
said=$(sed -n 's/.*start: sandbox: //p' "$S/log/program.log")
case $said in
Landlock*seccomp) is 'no privilege can be gained' "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$PROGRAM_PID/status")" 1 ;;
esac
case $said in
*no*) ;;
*)
	hs check
	check 'hookspool check says the same' grep -qE "^ok +sandbox +auto: $said" <<<"$OUT"
	;;
esac
server_stop
case $said in
*no*)
	ok "strict # SKIP there is $said"
	done_testing
	;;
esac

# confined [SETTING]: the program where the last step into Landlock fails, until it listens or ends; CODE.
confined() {
	settings_write "$@"
	: >"$S/log/program.log"
	(
		export HOOKSPOOL_CONF=$S/hookspool.conf
		as_server_user "$S/bin/deny" landlock_restrict_self=EOPNOTSUPP "$S/bin/hookspool.fcgi" \
			--listen "unix:$S/run/denied"
	) </dev/null >>"$S/log/program.log" 2>&1 &
	PROGRAM_PID=$!
	wait_for 30 eval 'gone "$PROGRAM_PID" || { listens_at "$S/run/denied" && log "start: sandbox"; }'
	kill "$PROGRAM_PID" 2>/dev/null
	wait "$PROGRAM_PID"
	CODE=$?
	PROGRAM_PID=
}
cp "$HS_BUILD/deny" "$S/bin/deny"
confined
is 'without Landlock it serves, and ends when it is told to' $CODE 0
check 'and says what it lacks' log 'start: sandbox: no Landlock (Operation not supported), seccomp$'
confined 'sandbox = strict'
is 'strict: it does not start' $CODE 78
check 'strict: and says why' log 'sandbox = strict, but there is no Landlock (Operation not supported), seccomp: remedy it'
(
	export HOOKSPOOL_CONF=$S/hookspool.conf GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET PATH_INFO=/health
	as_server_user "$S/bin/deny" landlock_restrict_self=EOPNOTSUPP "$S/bin/hookspool.fcgi"
) </dev/null >"$T/out" 2>"$T/err"
is 'strict: nor does plain CGI serve' "$(head -n 1 "$T/out" | tr -d '\r')" 'Status: 503 Service Unavailable'
check 'which says why, too' grep -q 'sandbox = strict, but there is no Landlock (Operation not supported): remedy it' "$T/err"

SETTINGS='sandbox = strict
rotate_min_gap = 0'
server_start lighttpd-fcgi
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
event s-1 >"$T/body"
signed "$T/body"
took 1 0 'strict: an event is taken'
echo '{"type":"track","event":"no id of anybody"}' >"$T/body"
signed "$T/body"
check 'and a refused one kept' [ "$(spooled rejected | wc -l)" -eq 1 ]
hs rotate
event s-2 >"$T/body"
signed "$T/body"
took 1 0 'the next segment is begun'
check 'the sealed one is compressed' wait_for 30 eval 'ls "$S"/spool/events-*.gz'
hs erase --user u-1
is 'a person is erased beside it' $CODE 0
event s-3 >"$T/body"
signed "$T/body"
took 1 0 'and events are taken on'
worker=$(workers | head -n 1)
is 'the same process did it' "$(grep -c 'start: sandbox: Landlock' "$S/log/hookspool.log")" 1
settings_write "$SETTINGS" 'max_body = 1K'
kill -HUP "$worker"
check 'SIGHUP: the settings are read again' wait_for 10 grep -q 'SIGHUP: settings read again' "$S/log/hookspool.log"
mkdir "$T/moved" && mv "$S/hookspool.conf" "$T/moved" && ln -s "$T/moved/hookspool.conf" "$S/hookspool.conf"
own "$T/moved" "$T/moved/hookspool.conf"
kill -HUP "$worker"
check 'a link to a file outside: the log says to restart' \
	wait_for 10 grep -q 'SIGHUP: the settings in use stay; .*restart the program' "$S/log/hookspool.log"
rm "$S/hookspool.conf" && mv "$T/moved/hookspool.conf" "$S/hookspool.conf"
mkdir "$S/elsewhere" && own "$S/elsewhere"
sed -i "s|^spool_dir.*|spool_dir = $S/elsewhere|" "$S/hookspool.conf"
own "$S/hookspool.conf"
kill -HUP "$worker"
check 'a spool_dir outside is not taken' wait_for 10 grep -q 'SIGHUP: spool_dir is outside the sandbox' "$S/log/hookspool.log"
signed "$T/body"
answer_check 200 '.duplicate == 1' 'and the old one stays in use'
is 'nothing is written there' "$(ls "$S/elsewhere")" ''
mv "$S/spool" "$S/spool.away" && mkdir -m 700 "$S/spool" && own "$S/spool"
signed "$T/body"
is 'another directory in the place of the spool cannot be used' "$STATUS" 503
check 'and the log says to restart' \
	grep -q 'Permission denied: .*if another has taken its place, restart the handler' "$S/log/hookspool.log"
server_stop

SETTINGS='sandbox = strict'
server_start lighttpd-cgi
event c-1 >"$T/body"
signed "$T/body"
took 1 0 'strict, CGI: an event is taken'
server_stop
done_testing
