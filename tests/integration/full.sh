# A spool that cannot take events: 503 with Retry-After, before anything is written, and
# service returns by itself afterwards. Our own failures are never a 4xx.
. "$(dirname "$0")/../lib/server.sh"

refused_for_now() { # refused_for_now MESSAGE NAME
	refused 503 "$1" "$2"
	check "$2: Retry-After is a number" [ "$(header Retry-After)" -gt 0 ]
}

for mount in lighttpd-fcgi lighttpd-cgi apache-fcgid apache-cgi; do
	SETTINGS='min_free = 1048576G' START_UNHEALTHY=1
	event one >"$T/body"
	server_start $mount
	wait_for 10 eval 'PATH_INFO=/health request; [ "$STATUS" = 503 ]'
	refused_for_now 'full' "$mount: health of a full disk"
	signed "$T/body"
	refused_for_now 'full' "$mount: an event for a full disk"
	is "$mount: nothing was written" "$(lines)" 0
	server_stop
done

# Settings that are wrong from the start: plain CGI must answer the sender, too.
for mount in lighttpd-cgi apache-cgi; do
	SETTINGS='no_such_setting = 1'
	server_start $mount
	wait_for 10 eval 'PATH_INFO=/health request; [ "$STATUS" = 503 ]'
	signed "$T/body"
	refused_for_now 'not configured' "$mount: broken settings"
	check "$mount: the log names file and line" grep -rq 'hookspool.conf:[0-9]*: no_such' "$S/log"
	check "$mount: the answer does not" eval '! grep -q "$S" "$T/answer.body"'
	server_stop
done

# The directory goes away under a running server, and comes back.
SETTINGS=''
unset START_UNHEALTHY
server_start lighttpd-fcgi
event two >"$T/body"
signed "$T/body"
took 1 0 'before'
mv "$S/spool" "$S/away"
event three >"$T/body"
signed "$T/body"
case $STATUS in
200) # it was made anew: then the line has to be in it
	is 'the spool is gone: a new one holds what was acknowledged' "$(ids)" three ;;
*) refused_for_now . 'the spool is gone' ;;
esac
rm -rf "$S/spool" && mv "$S/away" "$S/spool"
event four >"$T/body"
taken() { signed "$T/body"; [ "$STATUS" = 200 ]; }
check 'the spool is back: service returns by itself' wait_for 10 taken
check 'with the line before and the one after' eval '[ "$(ids | tr "\n" " ")" = "four two " ]'
server_stop
done_testing
