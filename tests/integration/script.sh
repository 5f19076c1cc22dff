#!/bin/bash
# A script of 300 KB, which no socket takes at once: read at once or late, asked for in one piece or in several.
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
healthy() { FCGI_RAW_MS=5000 raw begin param=REQUEST_METHOD=GET param=PATH_INFO=/health params-end stdin-end read | grep -q '^Status: 200'; }
check 'the only thread is free meanwhile' healthy
touch "$T/read"
for n in 1 2 3; do
	check "peer $n has got all of it" wait_for 10 is_script "$T/late.$n"
done
server_stop
done_testing
