# hookspool send --as sdk: what Segment's libraries send, on the mounts of real servers.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='public_url = https://your.host/hookspool
[sources]
page = key-of-page browser tenant=acme origin=https://shop.example
server = key-of-server server tenant=acme'

# sdk OPTION...: sends to the server at URL; CODE, T/out, T/err.
sdk() {
	"$HS_BUILD/hookspool" send --url "$URL" --config "$S/hookspool.conf" --as "$@" >"$T/out" 2>"$T/err"
	CODE=$?
}
sum() { sed -n 's/.* requests as sdk: //p' "$T/out"; }

for mount in lighttpd-fcgi; do
	server_start $mount
	sdk sdk
	is "$mount: all libraries" "$CODE $(sum)" '0 33 green, 0 yellow, 0 red'
	cat "$T/out" "$T/err"
	cut -c1-300 $SPOOL | head -3
	server_stop
done
done_testing
