# SIGHUP reads the settings again; SIGTERM finishes the requests in hand, in every mode.
. "$(dirname "$0")/../lib/server.sh"

try_secret() { # try_secret SECRET STATUS
	event "$RANDOM$RANDOM" >"$T/body"
	post "$T/body" -H "X-Signature: $(sign "$1" "$T/body")"
	[ "$STATUS" = "$2" ]
}

reload() { kill -HUP $(workers); }

server_start lighttpd-fcgi
worker=$(workers)
check 'the secret of the start' try_secret "$SECRET" 200
settings_write 'secret = a new one'
check 'a new secret is not taken before SIGHUP' try_secret 'a new one' 401
reload
check 'after SIGHUP the new secret is taken' wait_for 30 try_secret 'a new one' 200
check 'and the old one, which is still in the file, too' try_secret "$SECRET" 200
settings_write 'secret = a third' 'max_bodyy = 1'
reload
check 'a broken file is reported with name and line' wait_for 30 \
	grep -q 'hookspool\.conf:4: max_bodyy' "$S/log/hookspool.log"
check 'after a broken file the old settings apply' try_secret 'a new one' 200
check 'and none of its settings does' try_secret 'a third' 401
settings_write
chmod 644 "$S/hookspool.conf"
reload
check 'a file that everybody can read is refused' wait_for 30 \
	grep -q 'chmod\|readable' "$S/log/hookspool.log"
check 'and the old settings stay' try_secret 'a new one' 200
settings_write 'auth = none'
reload
wait_for 5 eval 'post "$T/body"; [ $STATUS = 200 ]'
is 'a mended file is taken' "$STATUS" 200

# The sources, too. by_key KEY [curl's arguments]: the status of an event that a library sends with this key.
by_key() { PATH_INFO=/v1/t request -u "$1:" --data-binary '{"event":"e","userId":"u"}' "${@:2}"; }
answered_by() { by_key "${@:2}"; [ "$STATUS" = "$1" ]; }
# sources_are LINE...: the settings from now on.
sources_are() { settings_write 'auth = none' '[sources]' "$@" && reload; }
by_key KEY-1
is 'without sources there is no direct intake' "$STATUS" 404
sources_are 'shop = KEY-1' 'page = KEY-3 browser origin=https://a.example'
check 'after SIGHUP a new source may send' wait_for 30 answered_by 200 KEY-1
check 'its page from the listed origin alone' answered_by 400 KEY-3 -H 'Origin: https://b.example'
sources_are 'shop = KEY-2' 'page = KEY-3 browser origin=https://b.example'
check 'a new key is taken' wait_for 30 answered_by 200 KEY-2
check 'and a new origin' answered_by 200 KEY-3 -H 'Origin: https://b.example'
check 'the old key is refused' answered_by 400 KEY-1
check 'and the old origin' answered_by 400 KEY-3 -H 'Origin: https://a.example'
sources_are 'shop = KEY-4' 'page = KEY-5 browser'
check 'a source without an origin is reported with its line' wait_for 30 grep -q 'hookspool\.conf:6: \[sources\] page' "$S/log/hookspool.log"
check 'and the old sources apply' answered_by 200 KEY-2
is 'the records have the label of their source' "$(grep -o '"source":"[a-z]*"' "$SPOOL" | sort | uniq -c | xargs)" \
	'1 source:page 3 source:shop'
settings_write 'auth = none'
reload
check 'without sources it ends again' wait_for 30 answered_by 404 KEY-2
is 'one process did all of that' "$(workers)" "$worker"
server_stop

# The log says what senders must show: once when the program starts, not for each thread,
# and again with each reload. Plain CGI, which starts for each request, keeps silent.
demands() { grep -o 'info: [A-Za-z: ]*: a sender must show .*' "$S/log/program.log"; }
SETTINGS='threads = 4' server_start listener
own_words='a signature; a batch.s signature may cover its first event or its whole body'
check 'the start tells what a sender must show' wait_for 30 grep -q "start: a sender must show $own_words\$" "$S/log/program.log"
is 'in one line' "$(demands | wc -l)" 1
n=1
while IFS='|' read -r lines words; do
	# shellcheck disable=SC2086 # lines of the settings, divided by commas
	IFS=, && settings_write $lines && unset IFS
	kill -HUP "$PROGRAM_PID"
	wait_for 5 eval '[ "$(demands | wc -l)" -gt '$n' ]'
	n=$((n + 1))
	is "a reload: $lines" "$(demands | tail -n 1)" "info: SIGHUP: settings read again: a sender must show $words"
done <<'END'
batch_signature = whole|a signature; a batch's signature covers its whole body
batch_signature = first,auth = both,[keys],a = a key of a|a signature and an API key; a batch's signature covers its first event
batches = no,auth = either,[keys],a = a key of a|a signature or an API key; batches are refused
auth = key,[keys],a = a key of a|an API key
auth = none|nothing
END
event told >"$T/body"
cgi REQUEST_METHOD=POST CONTENT_TYPE=application/json CONTENT_LENGTH="$(wc -c <"$T/body")" <"$T/body" >/dev/null
is 'plain CGI says nothing' "$(demands | wc -l)" "$n"
server_stop
for mount in lighttpd-fcgi apache-fcgid; do
	server_start $mount
	is "$mount: one line for each process" "$(cat "$S/log/hookspool.log" "$S/log/error.log" 2>/dev/null |
		grep -c 'start: a sender must show a signature')" "$(workers | wc -l)"
	server_stop
done

# A process that ends by itself says 0; one that a signal ended says more than 128.
exit_status_of() {
	kill -TERM "$1"
	wait_for 10 gone "$1" || return 1
	wait "$1"
}

server_start listener
exit_status_of "$PROGRAM_PID"
is 'SIGTERM to an idle process: it ends with 0' $? 0
check 'and takes its socket away' [ ! -e "$S/run/hookspool.sock" ]
PROGRAM_PID=

# SIGTERM in the middle of the start, as soon as there is a socket.
if command -v strace >/dev/null; then
	directory_make
	(
		# (a sanitizer looks for leaks by tracing, and a process can be traced only once)
		export HOOKSPOOL_CONF=$S/hookspool.conf ASAN_OPTIONS=detect_leaks=0
		as_server_user strace -D -qq -o /dev/null -e inject=listen:delay_exit=$((1000000 * $(slowness))) \
			"$S/bin/hookspool.fcgi" --listen "unix:$S/run/hookspool.sock"
	) </dev/null >>"$S/log/program.log" 2>&1 &
	PROGRAM_PID=$!
	check 'a slow start' wait_for 10 test -S "$S/run/hookspool.sock"
	exit_status_of "$PROGRAM_PID"
	is 'SIGTERM in the middle of the start: it ends with 0, too' $? 0
	check 'and takes its socket away' [ ! -e "$S/run/hookspool.sock" ]
	PROGRAM_PID=
else
	ok 'SIGTERM in the middle of a start # SKIP no strace'
fi

# A body of which much has come gets more seconds, but not when the program is to end.
server_start listener
resident() { awk '$1 == "RssAnon:" { print $2 }' "/proc/$PROGRAM_PID/status"; }
before=$(resident)
head -c 12000000 /dev/zero >"$T/much"
"$HS_BUILD/fcgi_raw" "unix:$S/run/hookspool.sock" begin param=REQUEST_METHOD=POST \
	param=CONTENT_TYPE=application/json param=CONTENT_LENGTH=30000000 \
	param=HTTP_X_SIGNATURE=0123456789abcdef0123456789abcdef01234567 params-end \
	"stdin-file=$T/much" read >"$T/answer" 2>&1 &
peer=$!
wait_for 10 eval '[ "$(resident)" -gt $((before + 11000)) ]'
exit_status_of "$PROGRAM_PID"
is 'SIGTERM does not wait for a body that does not come' $? 0
PROGRAM_PID=
wait "$peer"
check 'and its sender is told to retry' grep -q 'Status: 503' "$T/answer"

# A request whose body is half there when SIGTERM comes is served to its end.
SETTINGS='auth = none'
event half >"$T/body"
half=$(($(wc -c <"$T/body") / 2))
answer_status() { tr -d '\r' <"$T/answer" | sed -n 's/^Status: //p'; }

directory_make
mkfifo "$T/stdin"
cgi REQUEST_METHOD=POST CONTENT_LENGTH="$(wc -c <"$T/body")" <"$T/stdin" >"$T/answer" &
exec 3>"$T/stdin"
head -c "$half" "$T/body" >&3
wait_for 5 eval '[ -n "$(workers)" ]'
pid=$(workers)
wait_for 5 settled "$pid" # it waits for the rest
kill -TERM "$pid"
tail -c +$((half + 1)) "$T/body" >&3
exec 3>&-
wait_for 10 no_workers
is 'CGI: an event is taken in spite of SIGTERM in mid-body' "$(answer_status)" '200 OK'
is 'CGI: its line is there' "$(lines)" 1
done_testing
