#!/bin/bash
# hookspool check --url behind a proxy that does one thing wrong each time: check names it, and what would mend it, and
# finds nothing else; certificates and names that do not fit; and a server that has other settings.
. "$(dirname "$0")/../lib/server.sh"

ORIGIN='origin=https://shop.example'
SETTINGS="auth = either
max_body = 4M
max_sdk_body = 64K
public_url = https://shop.example/hookspool
[keys]
acme = key-of-acme
[sources]
page = PAGE-KEY-1 browser $ORIGIN
api = API-KEY-1 server"
server_start lighttpd-fcgi
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
PROXY_PID=
proxy_end() { [ -z "$PROXY_PID" ] || { kill "$PROXY_PID"; wait "$PROXY_PID"; } 2>/dev/null; PROXY_PID=; }
trap 'proxy_end; clean_up' EXIT

# look [OPTION]...: CODE, T/out.
look() {
	(as_server_user "$S/bin/hookspool" check --config "$S/hookspool.conf" "$@") >"$T/out" 2>"$T/err"
	CODE=$?
}
# proxy FAULT...: the proxy with these; THERE.
proxy() {
	proxy_end
	: >"$T/port"
	python3 "$ROOT/tests/lib/wrong_server.py" "${HTTP##*:}" "$@" >"$T/port" 2>"$T/proxy.log" &
	PROXY_PID=$!
	wait_for 20 test -s "$T/port" || exit 2
	THERE=http://127.0.0.1:$(<"$T/port")
}
# finds NAME CHECK VERDICT TEXT [FAULT]...
finds() {
	local name=$1 check=$2 verdict=$3 text=$4
	shift 4
	proxy "$@"
	look --url "$THERE/hookspool"
	told "$name" "$check" "$verdict" "$text"
}
# told NAME CHECK VERDICT TEXT: the last look said so.
told() {
	if grep -E "^$3 +$2 " "$T/out" | grep -q . && grep -qF -- "$4" "$T/out"; then
		ok "$1"
	else
		not_ok "$1" "expected $3 $2: $4" "exit $CODE" "$(<"$T/out")" "$(<"$T/err")"
	fi
}

### A proxy that does something wrong #####################################

proxy
look --url "$THERE/hookspool"
is 'a proxy that does nothing wrong' "$CODE $(grep -c '^FAIL' "$T/out")" '0 0'
finds 'a redirect' health FAIL 'the URL is a redirect' 'answer=GET /health 302'
finds 'a clock that is behind' clock warn 's behind this one' 'set=Date: Thu, 01 Jan 2026 00:00:00 GMT'
finds 'a clock that is ahead' clock warn 's ahead of this one' 'set=Date: Thu, 01 Jan 2099 00:00:00 GMT'
finds 'a date that is none, and no clock is blamed' health ok 'an event would be taken' 'set=Date: yesterday'
is '... nor anything else' "$CODE $(grep -c "server's clock" "$T/out")" '0 0'
finds 'a signature that is lost' signed FAIL 'X-Signature does not reach the handler' 'drop=X-Signature'
finds 'an answer that is no answer' signed FAIL 'an empty batch should be accepted: 500' 'answer=POST /hookspool 500'
finds 'a large body that comes too slowly' 'large body' FAIL 'a large body does not arrive in time' 'large=1000000 408'
told '... and its remedy' 'large body' FAIL 'RequestReadTimeout'
finds 'a large body that another server refuses' 'large body' FAIL 'are not let through: 502' 'large=1000000 502'
told '... and its remedy' 'large body' FAIL 'LimitRequestBody 5242880, in <Location /hookspool>'
finds 'a preflight that is not answered by the handler' preflight FAIL 'OPTIONS should be answered 204: 405' 'answer=OPTIONS /v1/t 405'
told '... and its remedy' preflight FAIL 'let OPTIONS below /hookspool/v1/ reach the handler'
finds 'answers that a page may not read' preflight FAIL 'no Access-Control-Allow-Origin: ' 'set=Access-Control-Allow-Origin:'
finds 'settings of pages that do not get through' 'sdk settings' FAIL 'pages send nothing without their settings: 404' \
	'answer=GET /settings 404'
finds 'a batch of a library that does not' 'sdk batch' FAIL 'an empty batch should be accepted: 403' 'answer=POST /v1/b 403'
finds 'its own errors that no page may read' 'own errors' warn "errors (413) have no Access-Control-Allow-Origin"
finds 'and those that pages may' 'own errors' ok "pages may read the web server's own errors" \
	'set=Access-Control-Allow-Origin: https://shop.example'
finds 'a connection that is closed' url FAIL "see the web server's error log" 'close=GET /health'
finds 'and later' signed FAIL "see the web server's error log" 'close=POST /hookspool'
proxy_end

### Settings that the handler does not have ###############################

settings_write 'auth = either' 'max_body = 4M' 'max_sdk_body = 1M' '[keys]' 'acme = key-of-acme' '[sources]' 'api = API-KEY-1 server'
look --url "$HTTP/hookspool"
told 'a max_sdk_body that the handler does not have' 'sdk body' FAIL 'a body as large as max_sdk_body should be accepted: 400'
settings_write 'auth = either' 'max_body = 4M' '[keys]' 'acme = key-of-acme' '[sources]' \
	"api = sha256:$(printf API-KEY-1 | sha256sum | cut -c 1-64) server"
look --url "$HTTP/hookspool"
told 'no write key to try' 'sdk batch' warn 'the settings have no write key in clear'
look --url "http://0.0.0.0:${HTTP##*:}/hookspool"
told 'no TLS, to another machine' url warn 'the secrets and events are in clear'
look --url "http://nowhere.invalid/hookspool"
told 'a name that does not exist' url FAIL 'see that the name is right, and that the DNS knows it'
look --url "http://127.0.0.1:99999/"
is 'no URL' "$CODE $(grep -c 'expected --url http' "$T/out")" '2 1'
server_stop
SETTINGS='auth = none' server_start lighttpd-fcgi
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
settings_write
look --url "$HTTP/hookspool"
told 'a handler that lets anybody in' stranger FAIL 'anybody may send: the handler has other settings'

### Certificates ##########################################################

# served CERTIFICATE KEY [OPTION]...: openssl at a port, and look --url there.
served() {
	local cert=$1 key=$2 pid port
	shift 2
	port=$(port_random)
	openssl s_server -quiet -accept "127.0.0.1:$port" -cert "$cert" -key "$key" -www "$@" </dev/null >/dev/null 2>&1 &
	pid=$!
	wait_for 20 eval "(: </dev/tcp/127.0.0.1/$port)"
	look --url "https://127.0.0.1:$port/hookspool" "${INSECURE:---cacert=${TRUST-$T/tls/ca.pem}}"
	kill "$pid"
	wait "$pid" 2>/dev/null
}
made() { # NAME DAYS SUBJECT-ALTERNATIVE-NAME: a certificate of its own authority, T/NAME.pem
	openssl req -x509 -key "$T/tls/key.pem" -days "$2" -subj "/CN=localhost" -addext "subjectAltName=$3" -out "$T/$1.pem" 2>/dev/null
}
made self 2 IP:127.0.0.1
made other 2 DNS:example.org
chmod 644 "$T"/*.pem
served "$T/self.pem" "$T/tls/key.pem"
told 'a self-signed certificate' url FAIL 'Segment accepts no self-signed certificate'
INSECURE=--insecure served "$T/self.pem" "$T/tls/key.pem"
is '--insecure takes it' "$(grep -c 'certificate' "$T/out")" 0
TRUST=$T/other.pem served "$T/other.pem" "$T/tls/key.pem"
told "another site's certificate" url FAIL 'use a name that the certificate has'
TRUST=$T/none.pem served "$T/self.pem" "$T/tls/key.pem"
is 'no file of authorities' "$CODE $(grep -c 'with --cacert a PEM file' "$T/out")" '2 1'
TRUST=$T/self.pem served "$T/self.pem" "$T/tls/key.pem" -Verify 1
told 'a server that wants a certificate of the client' url FAIL "see the web server's error log"
server_stop
done_testing
