#!/bin/bash
# Failures here, as a library on a page sees them: a full disk, a handler that is killed under a request,
# no handler at all. Each answer asks it to send again, and may be read by the page; the spool then has
# each event once.
. "$(dirname "$0")/../lib/server.sh"

SOURCES=('auth = none' '[sources]' 'page = PAGE-KEY-1 browser origin=https://shop.example')
printf -v SETTINGS '%s\n' "${SOURCES[@]}"
# The shipped configurations, with the line for the web server's own errors switched on.
CONF_EDIT='s/^#(Define HS_ORIGINS)/\1/; s/^#(if \(.http_origin)/\1/; s/^#(\t.REQUEST_HEADER)/\1/'

batch() { printf '{"batch":[%s],"writeKey":"PAGE-KEY-1"}' "$(events "$1-" 1 3)" >"$T/body"; }
library() { PATH_INFO=/v1/b post "$T/body" -H 'Origin: https://shop.example'; }
# said: status, code if there is an object, and the origin that may read it.
said() { echo "$STATUS $(jq -r '.code // "-"' "$T/answer.body" 2>/dev/null || echo 'no JSON') $(header Access-Control-Allow-Origin)"; }
kept() { ids | grep "^$1-" | uniq -c | awk '{ print $1 }' | xargs; }
taken() { library; [ "$STATUS" = 200 ]; }
# again PREFIX: the library's next attempt, and another one, as if the answer had been lost.
again() {
	check "$mount: the library's next attempt" wait_for 20 taken
	library
	is "$mount: is kept, once" "$STATUS $(kept "$1")" '200 1 1 1'
}
reload() { kill -HUP $(workers); }

full_disk() {
	batch full
	settings_write 'min_free = 1048576G' "${SOURCES[@]}"
	reload
	is_full() { library; [ "$STATUS" = 503 ]; }
	wait_for 10 is_full
	is "$mount: a full disk" "$(said) $(header Retry-After)" '503 full https://shop.example 5'
	settings_write "${SOURCES[@]}"
	reload
	again full
}

# Each attempt has 600 KB, and the source 1 MB a day: what was not stored does not count.
full_disk_costs_nothing() {
	local limited=("${SOURCES[@]/%example/example daily=1M}") i
	printf '{"batch":[{"type":"page","userId":"u","messageId":"large-1","properties":{"x":"%s"}}],"writeKey":"PAGE-KEY-1"}' \
		"$(head -c 600000 /dev/zero | tr '\0' x)" >"$T/body"
	settings_write 'min_free = 1048576G' "${limited[@]}"
	reload
	wait_for 10 is_full
	for i in 1 2 3; do library; done
	is "$mount: a source with a daily amount, again and again" "$(said)" '503 full https://shop.example'
	settings_write "${limited[@]}"
	reload
	check "$mount: it is taken once there is room" wait_for 20 taken
	is "$mount: and kept" "$(kept large)" 1
	settings_write "${SOURCES[@]}"
	reload
}

# The web server has passed a request on: a connection waits that the stopped process does not accept.
request_waits() { awk -v s="$S/" 'index($8, s) && $6 == "02" { found = 1 } END { exit !found }' /proc/net/unix; }

# killed_handler STATUS: what the web server itself answers. The process is stopped, so that it has the request and no answer when it is killed.
killed_handler() {
	local handler sent
	batch killed
	handler=$(workers)
	# shellcheck disable=SC2086 # several processes
	kill -STOP $handler
	library &
	sent=$!
	check "$mount: a request is under way" wait_for 10 request_waits
	# shellcheck disable=SC2086
	kill -KILL $handler
	wait "$sent" $PROGRAM_PID 2>/dev/null
	STATUS=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$T/answer.head")
	case $STATUS in
	200) ok "$mount: the web server itself has asked another handler" ;;
	*) is "$mount: the web server's own error may be read" "$STATUS $(header Access-Control-Allow-Origin)" "$1 https://shop.example" ;;
	esac
	[ "$mount" != nginx ] || listener_start
	again killed
}
for mount in lighttpd-fcgi apache-fcgid nginx; do
	server_start $mount
	full_disk
	[ $mount != lighttpd-fcgi ] || full_disk_costs_nothing
	case $mount in nginx) killed_handler 503 ;; *) killed_handler 500 ;; esac
	check "$mount: the spool is whole" spool_is_whole
	server_stop
done
done_testing
