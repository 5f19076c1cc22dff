#!/bin/bash
# Segment's libraries send here directly, through lighttpd and FastCGI: their recorded requests, byte
# for byte, and what each answer is.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS="public_url = https://h.example/hookspool
sdk_script = $T/analytics.min.js
address_rate = none
[sources]
api = API-KEY-1 tenant=acme
page = WRITEKEY browser origin=* tenant=acme
retry = W tenant=acme
shop = SHOP-KEY-1 browser origin=https://shop.example
old = revoked:OLD-KEY-1"
printf 'window.analytics = 1\n' >"$T/analytics.min.js"
chmod 644 "$T/analytics.min.js"
server_start lighttpd-fcgi

# send METHOD PATH BODY-FILE [curl's arguments]: sets CODE; the answer is in T/answer and T/head.
send() {
	CODE=$(curl -s -o "$T/answer" -D "$T/head" -w '%{http_code}' -X "$1" --data-binary "@$3" "${@:4}" "$HTTP/hookspool$2")
}
# ask METHOD PATH [curl's arguments]: the same without a body.
ask() { CODE=$(curl -s -o "$T/answer" -D "$T/head" -w '%{http_code}' -X "$1" "${@:3}" "$HTTP/hookspool$2"); }
head_of() { tr -d '\r' <"$T/head" | sed -n "s/^$1: //Ip"; }
# direct WHAT PATH BODY CODE ERROR-CODE [curl's arguments]: posts, and compares; ERROR-CODE - is success.
direct() {
	printf %s "$3" >"$T/body"
	send POST "$2" "$T/body" "${@:6}"
	is "$1" "$CODE $(jq -r 'if .success then "-" else .code end' "$T/answer")" "$4 $5"
}

# --- the recorded requests: headers and bodies as the libraries sent them

# parts FILE: T/part.N.head and .body for each request of the recording.
parts() {
	rm -f "$T"/part.*
	awk -v to="$T/part." '
		/^(GET|POST|OPTIONS) .* HTTP\/1\.1$/ && !inside { n++; inside = 1; print >(to n ".head"); next }
		inside == 1 && $0 == "" { inside = 2; next }
		inside == 1 { print >(to n ".head"); next }
		/^--> answered/ { inside = 0; next }
		inside == 2 && $0 != "" { printf "%s", $0 >(to n ".body") }' "$1"
}
replay() {
	local head length method path _
	local -a headers
	for head in $(ls "$T"/part.*.head | sort -V); do
		read -r method path _ <"$head"
		mapfile -t headers < <(sed 1d "$head" | grep -viE '^(host|connection|content-length|accept-encoding):' | sed 's/^/-H\n/')
		length=$(sed -n 's/^content-length: //Ip' "$head")
		touch "${head%head}body"
		[ "${length:-0}" -eq "$(wc -c <"${head%head}body")" ] || { echo "$head: $length bytes expected"; return 1; }
		if [ "$method" = POST ]; then
			send POST "${path#/hookspool}" "${head%head}body" "${headers[@]}"
		else
			ask "$method" "${path#/hookspool}" "${headers[@]}"
		fi
		case $method$CODE in POST200 | GET200 | OPTIONS204) ;; *) echo "$path: $CODE $(cat "$T/answer")"; return 1 ;; esac
	done
}
sent() { for body in "$T"/part.*.body; do jq -c 'if .series then empty else .batch // [.] | .[] end' "$body"; done; }
for file in "$ROOT"/tests/cases/sdk/*.txt; do
	name=$(basename "$file" .txt)
	parts "$file"
	check "$name: each request is answered as success" replay
	sent >"$T/sent"
	is "$name: each event is there once" "$(jq -r .messageId "$T/sent" | sort -u | while read -r id; do
		grep -cE "\"(original_)?message_id\":\"$id\"" "$SPOOL"
	done | sort -u)" "$([ ! -s "$T/sent" ] || echo 1)"
done
is 'no record has a key or what libraries keep for themselves' "$(grep -cE 'WRITEKEY|"write_key|"metadata|"_metadata' "$SPOOL")" 0
is 'each has its source, tenant and times' "$(jq -r 'select((.source != "page" and .source != "retry") or .tenant != "acme" or
	(.received_at | not) or (.original_timestamp | not) or (.sent_at | not) or (.timestamp | not)) | .message_id' "$SPOOL")" ''
is 'the channels' "$(jq -r .channel "$SPOOL" | sort -u | xargs)" 'client server'
is 'the address of a page' "$(jq -r 'select(.channel == "client") | .context_ip' "$SPOOL" | sort -u)" 127.0.0.1

# --- answers

track='{"type":"track","event":"e","userId":"u-1"'
direct 'a key in the body' /v1/t "$track,\"writeKey\":\"API-KEY-1\"}" 200 -
direct 'a key in the head' /v1/track "$track}" 200 - -u API-KEY-1:
direct 'the type by the path' /v1/track '{"event":"by path","userId":"u-1"}' 200 - -u API-KEY-1:
is 'it is in the record' "$(jq -r 'select(.event == "by path") | .type' "$SPOOL")" track
direct 'a path of one event keeps all of it' /v1/track "$track,\"messageId\":\"one-1\",\"batch\":[]}" 200 - -u API-KEY-1:
is 'it is there' "$(grep -c '"message_id":"one-1"' "$SPOOL")" 1
direct 'the path twice' /v1/b/b "{\"batch\":[$track}],\"writeKey\":\"API-KEY-1\"}" 200 -
direct 'a final slash' /v1/import/ "{\"batch\":[$track}]}" 200 - -u API-KEY-1:
direct 'a listed one' /v1/t "$track,\"writeKey\":\"SHOP-KEY-1\"}" 200 - -H 'Origin: https://shop.example'
is 'which may read the answer' "$(head_of access-control-allow-origin) $(head_of vary)" 'https://shop.example Origin'
direct 'a server with an origin' /v1/t "$track}" 200 - -u API-KEY-1: -H 'Origin: https://shop.example'
is 'may not be read by a page' "$(head_of 'access-control-[a-z-]*')" ''
direct 'figures of the library itself' /v1/m '{"series":[]}' 200 -
direct 'an unknown path' '/v1/nowhere' "$track}" 404 sdk_path
check 'the log names that, too' grep -qF 'no such resource: "/v1/nowhere"' <(logs_show)
direct 'an unknown path with keys' '/v1/projects/API-KEY-1/OLD-KEY-1/nobody/SHOP-KEY-1' "$track}" 404 sdk_path
check 'the log has it without them' grep -qF 'no such resource: "/v1/projects/KEY/KEY/nobody/KEY"' <(logs_show)

# --- preflight, settings, script

ask OPTIONS /v1/t -H 'Origin: https://shop.example' -H 'Access-Control-Request-Headers: authorization,x-retry-count'
is 'preflight' "$CODE $(head_of access-control-allow-headers) $(head_of access-control-max-age)" '204 authorization,x-retry-count 86400'
is 'its body is empty' "$(wc -c <"$T/answer")" 0
ask GET /v1/t
is 'a wrong method' "$CODE $(jq -r .code "$T/answer")" '405 sdk_method'
ask GET /v1/projects/SHOP-KEY-1/settings
is 'settings' "$CODE $(jq -r '.integrations["Segment.io"] | "\(.apiKey) \(.protocol)://\(.apiHost)"' "$T/answer")" \
	'200 SHOP-KEY-1 https://h.example/hookspool/v1'
is 'may be kept for a while' "$(head_of cache-control)" 'public, max-age=300'
is 'they are those of the example' "$(jq -S '.integrations["Segment.io"] |= (.apiKey = "K" | .apiHost = "H" | .protocol = "http")' "$T/answer")" \
	"$(jq -S '.integrations["Segment.io"] |= (.apiKey = "K" | .apiHost = "H" | .protocol = "http")' "$ROOT/tests/cases/sdk/settings-example.json")"
for key in API-KEY-1 OLD-KEY-1 nobody; do
	ask GET "/projects/$key/settings"
	is "no settings for $key" "$CODE $(jq -r .code "$T/answer")" '404 sdk_settings'
done
ask GET /analytics.js/v1/SHOP-KEY-1/analytics.min.js
is 'the script' "$CODE $(head_of content-type) $(cat "$T/answer")" '200 text/javascript; charset=utf-8 window.analytics = 1'
rm "$T/analytics.min.js"
ask GET /analytics.js/v1/SHOP-KEY-1/analytics.min.js
is 'without the file' "$CODE $(jq -r .code "$T/answer")" '404 sdk_script'
server_stop

# --- without sources nothing is offered

SETTINGS='auth = none'
server_start lighttpd-fcgi
printf %s "$track}" >"$T/body"
send POST /v1/t "$T/body"
is 'no sources' "$CODE $(jq -c . "$T/answer")" '404 {"message":"no such resource"}'
check 'the log says what is missing' grep -qF '[sources]' <(logs_show)
server_stop
done_testing
