# hookspool send --as sdk and check --url: what Segment's libraries send, through real servers.
. "$(dirname "$0")/../lib/server.sh"

# the suite runs many times from one address
SETTINGS='public_url = https://your.host/hookspool
address_rate = none
[sources]
page = key-of-page browser tenant=acme origin=https://shop.example rate=none
gone = revoked:key-of-gone
server = key-of-server server tenant=acme'
PAGE='Origin: https://shop.example'

# sdk LIBRARIES OPTION...: sends to the server at URL; CODE, T/out, T/err.
sdk() {
	"$HS_BUILD/hookspool" send --url "$URL" --config "$S/hookspool.conf" --as "$@" >"$T/out" 2>"$T/err"
	CODE=$?
}
sum() { sed -n 's/.* requests as sdk: //p' "$T/out"; }
reds() { sed -n 's/^red *[^ ]* *//p' "$T/out" | sed 's/  .*//' | tr '\n' ';'; }
# found: asks check; finding WHAT: its line with the first remedy.
found() { "$HS_BUILD/hookspool" check --url "$URL" --config "$S/hookspool.conf" >"$T/found" 2>&1; }
finding() { sed -n "/^[^ ]* *$1  */{s/  */ /g;p;n;/->/{s/  */ /g;p;}}" "$T/found" | tr '\n' ' '; }

server_start lighttpd-fcgi
sdk sdk
is 'all libraries' "$CODE $(sum) $(reds)" '0 32 green, 0 yellow, 0 red '
is 'a record for each event' "$(lines)" 55
is 'of the sources' "$(jq -r .source "$SPOOL" | sort | uniq -c | xargs)" '13 page 42 server'
sdk sdk
is 'again: only the events of PHP, whose ids are derived, are new' "$CODE $(lines)" '0 61'
before=$(lines)
for library in browser node python php ruby mobile refusals; do
	sdk "sdk:$library" --new-ids
	is "sdk:$library" "$CODE $(sed -n 's/.* green, //p' "$T/out")" '0 0 yellow, 0 red'
done
is 'new ids are new events' $(($(lines) - before)) 55
sdk sdk:refusals --json
is '--json: expected and got' "$(jq -r '"\(.expected) \(.status) \(.colour)"' "$T/out" | sort -u)" '400 400 green'
sdk sdk:browser --key key-of-page --origin https://shop.example
is 'a browser key of the command line' "$CODE $(sum)" '0 17 green, 0 yellow, 0 red'
sdk sdk:browser --key key-of-page --origin https://other.example
is 'an origin that is not listed: red' "$CODE $(sed -n 's/ green,.*//p' "$T/out" | sed 's/.*: //')" '1 0'
sdk sdk:node --key key-of-server
is 'a server key of the command line' "$CODE $(sum)" '0 1 green, 0 yellow, 0 red'
sdk sdk --key unknown
check 'an unknown key: red, with the remedy' grep -q -e '-> add the key to \[sources\]' "$T/out"
for wrong in 'sdk:nobody' 'sdk --batch 2' 'sdk --file x' 'sdk --unsigned' 'sdk --method PUT' 'webhook --origin https://x'; do
	# shellcheck disable=SC2086 # options are words
	sdk $wrong
	is "usage: $wrong" "$CODE" 2
done
before=$(lines)
found
is 'check: nothing is wrong' "$(grep -c '^FAIL' "$T/found") $(finding preflight)" \
	'0 ok preflight a page of https://shop.example may send '
is 'and nothing is written' "$(lines)" "$before"
server_stop

CONF_EDIT='s/"mod_setenv", /"mod_redirect", "mod_setenv", /
$a $HTTP["url"] =~ "^/hookspool/v1/" { url.redirect = ( "^/hookspool/(.*)" => "/elsewhere/$1" ) }'
server_start lighttpd-fcgi
found
check 'check: a redirect' eval 'finding preflight | grep -q "^FAIL preflight 30[1278]: redirected to /elsewhere/v1/t.*redirect nothing below /hookspool"'
sdk sdk:node
is 'send: a redirect is red' "$CODE $(reds)" '1 node: batch;'
server_stop

CONF_EDIT='s/server.max-request-size( *)= 40960/server.max-request-size\1= 1024/'
server_start lighttpd-fcgi
found
check 'check: a limit of the web server below max_sdk_body' eval \
	'finding "sdk body" | grep -q "^FAIL sdk body 4.0 MB, which max_sdk_body allows.*server.max-request-size = 5120"'
server_stop

CONF_EDIT='s|^(location ~ \^/hookspool\(/\.\*\).*)|\1 add_header Access-Control-Allow-Origin * always;|'
server_start nginx
found
check 'check: a doubled header' eval 'finding preflight | grep -q "^FAIL preflight Access-Control-Allow-Origin comes twice" && grep -q "nginx: no add_header" "$T/found"'
sdk sdk:browser
check 'send: a doubled header is red' eval '[ "$CODE" = 1 ] && grep -q "^red    200  browser: track .*comes twice" "$T/out"'
server_stop

CONF_EDIT='/^location ~ \^\/hookspool\(\/\.\*\)/i location ~ ^/hookspool/v1/projects/ { return 404; }'
server_start nginx
found
check 'check: a missing route of settings' eval 'finding "sdk settings" | grep -q "^FAIL sdk settings .*404.*pass all paths below /hookspool"'
server_stop

# own_error ORIGIN: the status and the header of an error that the web server makes itself.
own_error() {
	curl -s -o "$T/own" -D "$T/own.head" --max-time 30 -X POST -H "Origin: $1" -H 'Content-Length: 99999999999' "$URL$2"
	tr -d '\r' <"$T/own.head" | sed -n 's/^HTTP[^ ]* \([0-9]*\).*/\1/p; s/^Access-Control-Allow-Origin: //p' | xargs
}
SWITCH='s/^#(Define HS_ORIGINS)/\1/; s/^#(if \(.http_origin)/\1/; s/^#(\t.REQUEST_HEADER)/\1/'
CONF_EDIT=
server_start apache-cgi
found
check 'check: errors of the web server that a page may not read' eval 'finding "own errors" | grep -q "^warn own errors .*Define HS_ORIGINS"'
check 'check: chunked bodies' eval 'finding chunked | grep -q "^warn chunked .*plain CGI"'
server_stop
CONF_EDIT=$SWITCH
server_start apache-cgi
is 'Apache: its own error, by one line' "$(own_error https://shop.example /v1/b)" '413 https://shop.example'
is 'Apache: not for a stranger' "$(own_error https://stranger.example /v1/b)" 413
is 'Apache: not at the mount itself' "$(own_error https://shop.example '')" 413
server_stop
server_start nginx
is 'nginx: its own error, by one line' "$(own_error https://shop.example /v1/b) $(jq -r .code "$T/own")" \
	'400 https://shop.example too_large'
is 'nginx: not for a stranger' "$(own_error https://stranger.example /v1/b)" 400
is 'nginx: not at the mount itself' "$(own_error https://shop.example '')" 413
server_stop

# With the line switched on the program's header does not come twice.
for mount in $MOUNTS; do
	server_start "$mount"
	sdk sdk
	case $mount in
	apache-cgi) want='Kotlin: gzip, chunked;' ;;
	*) want= ;;
	esac
	is "$mount: all libraries" "$(reds)" "$want"
	server_stop
done
check 'the spool is whole' spool_is_whole
done_testing
