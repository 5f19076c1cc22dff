#!/bin/bash
# A script of 300 KB, which no socket takes at once: read at once or late, asked for in one piece or in several;
# and asked for again by those who have it.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS="sdk_script = $T/analytics.min.js
threads = 1
[sources]
shop = SHOP-KEY-1 browser origin=https://shop.example"
seq -f 'window.analytics = %06g;' 1 20000 | head -c 300000 >"$T/analytics.min.js"
chmod 644 "$T/analytics.min.js"
server_start listener
SCRIPT=(begin param=REQUEST_METHOD=GET param=PATH_INFO=/analytics.js/v1/SHOP-KEY-1/analytics.min.js)
LONG=param=HTTP_X_LONG=$(head -c 20000 /dev/zero | tr '\0' x) # more than is looked at for a whole request
WHOLE=(hold-back "${SCRIPT[@]}" params-end stdin-end flush)
PIECES=("${SCRIPT[@]}" "$LONG" params-end stdin-end)
UNENDED=("${SCRIPT[@]}" "$LONG" params-end stdin=x)

raw() { "$HS_BUILD/fcgi_raw" "unix:$S/run/hookspool.sock" "$@"; }
is_script() {
	sed '1,/^\r$/d' "$1" | head -c 300000 | cmp - "$T/analytics.min.js" && grep -aqF '[end 0 0]' "$1"
}
asked() { raw "$@" read >"$T/answer" && is_script "$T/answer"; }

check 'asked for in one piece' asked "${WHOLE[@]}"
check 'asked for in pieces' asked "${PIECES[@]}"
check 'while the end of the request is still to come' asked "${UNENDED[@]}"

# late NAME REQUEST-STEP...: a peer that asks, and reads once T/read exists; its output is T/late.N.
late=0
late() {
	late=$((late + 1))
	raw "${@:2}" hold="$T/read" read >"$T/late.$late" &
	check "$1" wait_for 10 grep -q begun "$T/late.$late"
}
late 'a peer that reads late' "${WHOLE[@]}"
late 'one that asks in pieces, too' "${PIECES[@]}"
late 'and one whose request has not ended' "${UNENDED[@]}"
serves_health() { FCGI_RAW_MS=5000 raw begin param=REQUEST_METHOD=GET param=PATH_INFO=/health params-end stdin-end read | grep -q '^Status: 200'; }
check 'the only thread is free meanwhile' serves_health
touch "$T/read"
for n in 1 2 3; do
	check "peer $n has got all of it" wait_for 10 is_script "$T/late.$n"
done
server_stop

# By HTTP: a browser that has the script already does not get it again.
path=/analytics.js/v1/SHOP-KEY-1/analytics.min.js
# script_by CURL-OPTION...: sets STATUS; prints status, body's bytes, length in the head, and tag if it is TAG.
script_by() {
	PATH_INFO=$path request "$@"
	[ "$(header ETag)" != "$TAG" ] || set -- same
	echo "$STATUS $(stat -c %s "$T/answer.body") $(header Content-Length) ${1-}"
}
for mount in lighttpd-fcgi apache-fcgid nginx; do
	server_start $mount
	TAG=
	PATH_INFO=$path request
	TAG=$(header ETag)
	check "$mount: the script" cmp "$T/answer.body" "$T/analytics.min.js"
	check "$mount: it has a tag, and may be kept for a while" [ "$(header Cache-Control) $(tr 0-9a-f x <<<"$TAG")" = "public, max-age=300 \"$(printf 'x%.0s' {1..32})\"" ]
	is "$mount: HEAD" "$(script_by -I | sed 's/ [0-9]* / n /')" '200 n 300000 same'
	is "$mount: with its tag" "$(script_by -H "If-None-Match: $TAG")" '304 0  same'
	is "$mount: which says how long to keep it" "$(PATH_INFO=$path request -H "If-None-Match: $TAG"; header Cache-Control)" 'public, max-age=300'
	is "$mount: in a list, as a server that compresses changes it" "$(script_by -H "If-None-Match: \"x\", W/\"$(tr -d \" <<<"$TAG")-gzip\"")" '304 0  same'
	is "$mount: with another tag" "$(script_by -H 'If-None-Match: "00000000000000000000000000000000"')" '200 300000 300000 same'
	server_stop
done
server_start lighttpd-fcgi
echo '// changed' >>"$T/analytics.min.js"
is 'once the file has changed it comes again' "$(script_by -H "If-None-Match: $TAG" | cut -d ' ' -f 1-3)" '200 300011 300011'
check 'with another tag' [ "$(PATH_INFO=$path request; header ETag)" != "$TAG" ]
server_stop
done_testing
