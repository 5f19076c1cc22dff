#!/bin/bash
# run.sh: the console in Chromium, behind lighttpd (FastCGI), Apache (plain CGI) and Apache that has nothing but
# a .htaccess; axe-core looks for what keeps people out. Screenshots are kept in the build's folder console/.
# CONSOLE_MODULES: a folder with node_modules already.
. "$(dirname "$0")/../lib/server.sh"
PASSWORD='correct horse battery staple'
DRIVERS=${CONSOLE_MODULES:-$HS_BUILD/console}
SHOTS=$HS_BUILD/console/shots
mkdir -p "$DRIVERS" "$SHOTS"
cp "$ROOT/tests/console/"*.mjs "$ROOT/tests/console/package.json" "$DRIVERS"
(cd "$DRIVERS" && npm install --no-audit --no-fund --no-package-lock --silent) >"$T/npm.log" 2>&1 || {
	cat "$T/npm.log" >&2
	echo 'run.sh: npm could not fetch the libraries: it needs the npm registry' >&2
	exit 2
}
SETTINGS="auth = signature
console_http = yes
secret = a shop that sends no more
$(printf '%s\n' "$PASSWORD" | "$HS_BUILD/hookspool" passwd)"

# send: posts standard input with its signature.
send_make() {
	cat >"$T/send" <<-END
		#!/bin/bash
		cat >"$T/sent"
		curl -sf -H 'Content-Type: application/json' -H "X-Signature: \$(openssl dgst -sha1 -hmac '$SECRET' -r "$T/sent" | cut -c 1-40)" \\
		    --data-binary "@$T/sent" "$HTTP/hookspool" >/dev/null
	END
	printf '#!/bin/sh\nchmod "$1" %s\n' "$S/spool" >"$T/mode"
	chmod +x "$T/send" "$T/mode"
}

for mount in ${MOUNTS_TESTED-lighttpd-fcgi apache-cgi apache-htaccess}; do
	server_start "$mount"
	send_make
	for type in track identify page screen group alias; do event "first-$type" "$type" | "$T/send"; done
	{ printf '['; events old- 1 450; printf ']'; } >"$T/body"
	"$T/send" <"$T/body"
	printf '{"type":"nothing"}' | "$T/send"
	(SECRET='a shop that sends no more' URL=$HTTP/hookspool signed "$T/body")
	silence '#2'
	cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
	[ -e "$S/hookspool.conf" ] || cp -p "$S/www/hookspool.conf" "$S/hookspool.conf" # for the command
	hs rotate
	hs maintain
	mkdir -p "$SHOTS/$mount"
	if node "$DRIVERS/console.mjs" "$HTTPS/hookspool" "$PASSWORD" "$SHOTS/$mount" "$T/send" "$T/mode" "$HTTP/hookspool" >"$T/said" 2>&1; then
		ok "$mount: $(grep -c '^ok' "$T/said") checks in the browser"
	else
		not_ok "$mount: the browser" "$(grep -v '^ok' "$T/said")"
	fi
	grep '^# ' "$T/said"
	server_stop
done
is 'page, script and style are small' "$(($(cat "$ROOT"/cgi/http/console/web/*.{html,js,css,svg} | wc -c) < 60 * 1024))" 1
done_testing
