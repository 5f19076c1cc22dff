#!/bin/bash
# The sender's address in all that is kept of a library's request: the record, the rejected line and the log,
# by `ip` and `trusted_proxies`. The web server passes the header on; its own peer is 127.0.0.1.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='auth = none'
server_start lighttpd-fcgi
reread() { grep -c 'settings read again' "$S/log/hookspool.log"; }
# settings_are LINE,LINE,...: and the process has read them.
settings_are() {
	local before
	local -a lines
	IFS=, read -ra lines <<<"$1"
	before=$(reread)
	settings_write 'auth = none' "${lines[@]}" '[sources]' 'page = PAGE-KEY-1 browser origin=*'
	kill -HUP "$(workers)"
	wait_for 10 eval '[ "$(reread)" -gt '"$before"' ]'
}
# told: the address in the record, the rejected line and the log line of the last request.
told() {
	local record rejected
	record=$(record "$1" '.context_ip // "none"')
	rejected=$(tail -n 1 "$S/spool/rejected.jsonl" | jq -r '.remote_addr // "none"')
	echo "$record $rejected $(tail -n 1 "$S/log/hookspool.log" | sed -n 's/.*info: 200 \([^ ]*\): event 2: .*/\1/p')"
}

# settings | X-Forwarded-For | the address
n=0
while IFS='|' read -r lines forwarded address; do
	n=$((n + 1))
	settings_are "$lines"
	# what the event itself says does not count
	printf '{"batch":[{"type":"page","userId":"u","messageId":"%s","context":{"ip":"192.0.2.99"}},{"type":"x"}],"writeKey":"PAGE-KEY-1"}' \
		"row-$n" >"$T/body"
	PATH_INFO=/v1/b post "$T/body" -H 'Origin: https://a.example' ${forwarded:+-H "X-Forwarded-For: $forwarded"}
	case $address in
	dropped) want='none none -' ;;
	*) want="$address $address $address" ;;
	esac
	is "${lines:-no settings}; ${forwarded:-no header}" "$STATUS $(told "row-$n")" "200 $want"
done <<'END'
||127.0.0.1
|203.0.113.9|127.0.0.1
trusted_proxies = 10.0.0.0/8|203.0.113.9|127.0.0.1
trusted_proxies = 127.0.0.1|203.0.113.9|203.0.113.9
trusted_proxies = 127.0.0.1|198.51.100.1, 203.0.113.9|203.0.113.9
trusted_proxies = 127.0.0.1 203.0.113.0/24|198.51.100.1, 203.0.113.9|198.51.100.1
trusted_proxies = 127.0.0.1|203.0.113.9:4711|203.0.113.9
trusted_proxies = 127.0.0.1|[2001:db8::9]:4711|2001:db8::9
trusted_proxies = 127.0.0.1|unknown|127.0.0.1
trusted_proxies = 127.0.0.1||127.0.0.1
ip = cut||127.0.0.0
trusted_proxies = 127.0.0.1,ip = cut|203.0.113.9|203.0.113.0
trusted_proxies = 127.0.0.1,ip = cut|2001:db8:1:2:3:4:5:6|2001:db8:1::
trusted_proxies = 127.0.0.1,ip = drop|203.0.113.9|dropped
END
check 'ip = drop: nothing of the address is anywhere' eval \
	'! { tail -n 1 "$SPOOL"; tail -n 1 "$S/spool/rejected.jsonl"; tail -n 1 "$S/log/hookspool.log"; } | grep -qE "203\.0\.113|127\.0\.0"'

# The webhook: its events have the address from Segment; what hookspool itself writes follows the settings.
settings_are 'trusted_proxies = 127.0.0.1,ip = cut'
printf '[{"type":"page","userId":"u","messageId":"hook","context":{"ip":"192.0.2.99"}},{"type":"x"}]' >"$T/body"
post "$T/body" -H 'X-Forwarded-For: 203.0.113.9'
is 'a webhook' "$STATUS $(told hook)" '200 192.0.2.99 203.0.113.0 203.0.113.0'

# A rate is that of the address behind the proxy.
settings_are 'trusted_proxies = 127.0.0.1,address_rate = 1/s'
event limited >"$T/body"
by() { PATH_INFO=/v1/t post "$T/body" -u PAGE-KEY-1: -H "X-Forwarded-For: $1"; }
exhausted() { by 203.0.113.7; [ "$STATUS" = 429 ]; }
check 'an address behind the proxy uses up its rate' wait_for 20 exhausted
by 203.0.113.8
is 'and that of another address is whole' "$STATUS" 200
server_stop
done_testing
