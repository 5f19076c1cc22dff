# hookspool check: what is wrong with settings and spool, and, with --url, with the mount.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='auth = both
[keys]
acme = key-of-acme'

# look OPTION...: as the user of the server; CODE, T/out, T/err.
look() {
	(as_server_user "$S/bin/hookspool" check --config "$S/hookspool.conf" "$@") >"$T/out" 2>"$T/err"
	CODE=$?
}
prepare() {
	cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
	chmod 755 "$S/bin/hookspool"
}

# verdict CHECK: ok, warn or FAIL; the worst, if there are several.
verdict() { grep -E "^(ok  |warn|FAIL) $1 " "$T/out" | sort | awk '{ v = v == "FAIL" ? v : $1 } END { print v }'; }
fails() { grep '^FAIL' "$T/out" | cut -c 6-17 | xargs; }
says() { grep -qF -- "$1" "$T/out"; }

# finds NAME CHECK VERDICT EXIT-CODE TEXT...
finds() {
	local name=$1 got text
	got="$(verdict "$2") $CODE"
	[ "$got" = "$3 $4" ] || { not_ok "$name" "got $got, expected $3 $4" "$(cat "$T/out" "$T/err")"; return; }
	shift 4
	for text; do
		says "$text" || { not_ok "$name" "not said: $text" "$(cat "$T/out")"; return; }
	done
	ok "$name"
}

### On this side ############################################################

directory_make
prepare
look
is 'no problem' "$CODE $(cut -c 1-4 "$T/out" | sort -u | xargs)" '0 ok'
check 'and standard error is empty' [ ! -s "$T/err" ]
look --json
is '--json agrees' "$CODE $(jq -r 'map(.verdict) | unique[]' "$T/out")" '0 ok'

for time in first second; do
	chmod 644 "$SPOOL"
	look
	finds "a file that others may read, the $time time" modes warn 0 'events.jsonl does not follow' 'hookspool maintain'
	is 'the remedy succeeds' "$(as_server_user "$S/bin/hookspool" maintain --config "$S/hookspool.conf" 2>&1)" ''
	look
	finds 'and mends it' modes ok 0 'all files follow'
done
settings_write 'no_such_thing = 1'
look
finds 'bad settings: file, line, remedy' settings FAIL 78 "$S/hookspool.conf:3: no_such_thing" \
	'see hookspool.conf(5)'
look --json
is '--json of that' "$CODE $(jq -r '.[].verdict' "$T/out")" '78 fail'
settings_write "$SETTINGS"
chmod 644 "$S/hookspool.conf"
look
finds 'settings that everyone may read' settings FAIL 78 'chmod 640'
chmod 602 "$S/hookspool.conf"
look
finds 'settings that everyone may write' settings FAIL 78 'everybody may write to it' 'chmod 640'
chmod 660 "$S/hookspool.conf"
look
finds 'settings that their group may write' permissions warn 0 'a group may write to' 'chmod 640'
(as_server_user env HOOKSPOOL_SPOOL_DIR="$S/spool" HOOKSPOOL_SECRET=x "$S/bin/hookspool" check --config /dev/null) >"$T/out" 2>&1
CODE=$?
finds 'settings of the environment alone: no mode of /dev/null is to be changed' permissions ok 0 '/dev/null is no file'
settings_write 'auth = none' 'dedup_window = 0'
look
finds 'auth = none' access warn 0 'anybody may send'
finds 'dedup_window = 0' index warn 0 'dedup_window'
settings_write 'sdk_script = /no/such.js' '[sources]' \
	'shop = K1 browser tenant=acme origin=https://shop.example rate=100/s daily=2G' \
	'app = revoked:K2 server' 'any = K3 browser origin=*'
sed -i '/^secret/d' "$S/hookspool.conf"
look
finds 'sources alone: no webhook is let in' access ok 0 'no webhook'
finds 'a source from any page' source warn 0 \
	'shop: browser, tenant acme, from https://shop.example, 100 events/s, 2.0 GB a day' \
	'app: server, revoked' 'any: browser, from any page, 1000 events/s' 'instead of origin=*'
finds 'pages that cannot be told where to send' public_url warn 0 'set public_url'
finds 'a script that cannot be read' sdk_script warn 0 '/no/such.js cannot be read'
printf 'x' >"$T/a.js"
chmod 755 "$T"
settings_write 'public_url = https://shop.example/hookspool' "sdk_script = $T/a.js" '[sources]' \
	'shop = K1 browser origin=https://shop.example'
look
is 'and nothing to warn of' "$CODE $(cut -c 1-4 "$T/out" | sort -u | xargs)" '0 ok'
settings_write '[sources]' 'shop = K1 browser'
look
finds 'a page without an origin' settings FAIL 78 "$S/hookspool.conf:4: [sources] shop: browser" 'origin=*'
settings_write 'min_free = 1024G'
look
finds 'a disk that is full' space FAIL 1 'lower min_free'
settings_write

event i-1 >"$T/body"
cgi REQUEST_METHOD=POST CONTENT_TYPE=application/json CONTENT_LENGTH="$(stat -c %s "$T/body")" \
	HTTP_X_SIGNATURE="$(sign "$SECRET" "$T/body")" <"$T/body" >/dev/null
look
finds 'the index knows the events' index ok 0 'knows 1 events'
rm "$S/spool/.hookspool/run/index"
look
finds 'and again after its loss' index ok 0 'knows 1 events; it was rebuilt'
touch "$S/spool/failed.jsonl"
own "$S/spool/failed.jsonl"
chmod 0 "$S/spool/failed.jsonl" # or it is root's
look
finds 'a file that may not be opened' modes FAIL 1 "failed.jsonl: another user's" 'sudo chown -R'
rm "$S/spool/failed.jsonl"
touch -d '1 hour' "$SPOOL"
look
finds 'a clock set back' clock warn 0 'from the future' 'set-ntp'
touch "$SPOOL"
chmod 705 "$S/spool"
look
finds 'a spool that everyone may read' place warn 0 'chmod 700'
chmod 770 "$S/spool"
look
finds 'a spool that a group may write' spool FAIL 1 'only this user may write'
chmod 700 "$S/spool"
if [ "$(id -u)" -eq 0 ]; then
	chown root "$S/spool"
	chmod 755 "$S/spool"
	look
	finds "a spool of another user" spool FAIL 1 'run this as the user who runs the handler'
	is 'and no other check repeats it' "$(wc -l <"$T/err")" 2
fi
# The handler as INSTALL.txt places it: in the folder of the web pages, beside the command's own.
program_with() { # MODE OF-ITS-FOLDER
	cp "$S/bin/hookspool.fcgi" "$S/www/hookspool.cgi"
	chmod "$1" "$S/www/hookspool.cgi"
	chmod "$2" "$S/www"
	look
}
settings_write
rm -rf "$S/spool"
mkdir -m 700 "$S/spool" && own "$S/spool"
program_with 755 755
finds 'a handler whose permissions are right' program ok 0 "$S/www/hookspool.cgi"
program_with 775 755
finds 'a handler that a group may write' program warn 0 'suEXEC' 'chmod 755'
program_with 757 755
finds 'a handler that everyone may write' program FAIL 1 'every user may write to' 'chmod 755'
program_with 644 755
finds 'a handler that cannot be run' program FAIL 1 'cannot be run' 'chmod 755'
program_with 755 775
finds 'a folder that a group may write' program warn 0 "$S/www, for" 'suEXEC' 'chmod 755'
rm "$S/www/hookspool.cgi"
chmod 755 "$S/www"
look
is 'without a handler, check does not mention one' "$(verdict program)" ''

# refuse CALL=ERRNO: look, on a file system that lacks something.
refuse() {
	local denied=$1
	(as_server_user "$DENY" "$denied" "$S/bin/hookspool" check --config "$S/hookspool.conf") >"$T/out" 2>"$T/err"
	CODE=$?
}
# sender CALL=ERRNO: what one is answered there, with a fresh spool.
sender() {
	rm -rf "$S/spool" && mkdir -m 700 "$S/spool" && own "$S/spool"
	(as_server_user "$DENY" "$1" env GATEWAY_INTERFACE=CGI/1.1 HOOKSPOOL_CONF="$S/hookspool.conf" \
		REQUEST_METHOD=POST CONTENT_TYPE=application/json CONTENT_LENGTH="$(stat -c %s "$T/body")" \
		HTTP_X_SIGNATURE="$(sign "$SECRET" "$T/body")" "$S/bin/hookspool.fcgi") \
		<"$T/body" 2>"$T/log" | sed -n '1s/Status: //p' | tr -d '\r'
}
DENY=$S/bin/deny
cp "$HS_BUILD/deny" "$DENY"
chmod 755 "$DENY"
is 'without flock: 503' "$(sender flock=ENOLCK)" '503 Service Unavailable'
check 'the log names the remedy' grep -q 'flock: No locks available.*move it to ext4' "$T/log"
refuse flock=ENOLCK
finds 'and so does check' spool FAIL 1 'move it to ext4'
is 'without shared mmap: 503' "$(sender mmap-shared=ENODEV)" '503 Service Unavailable'
check 'the log names the remedy' grep -q 'mmap: No such device.*no shared mmap.*move it to ext4' "$T/log"
refuse mmap-shared=ENODEV
finds 'and so does check' spool FAIL 1 'move it to ext4'
is 'without fallocate: events are taken' "$(sender fallocate=EOPNOTSUPP)" '200 OK'
refuse fallocate=EOPNOTSUPP
finds 'but check warns' quota warn 0 'fallocate' 'ext4'
is 'a quota that is used up: 503' "$(sender fallocate=EDQUOT)" '503 Service Unavailable'
check 'the log names the remedy' grep -q 'storage is full.*quota' "$T/log"
refuse fallocate=EDQUOT
finds 'and so does check' quota FAIL 1 'Disk quota exceeded' 'free space, inodes or quota'
is 'check leaves no file of its own' "$(find "$S/spool" -name probe)" ''
mkdir "$S/htdocs"
own "$S/htdocs"
HOOKSPOOL_SPOOL_DIR=$S/htdocs/spool look
finds 'a spool in the document root' place warn 0 'Require all denied' 'url.access-deny'
HOOKSPOOL_SPOOL_DIR=$S/www/spool look
finds 'or in another' place warn 0
mkdir "$S/site" && touch "$S/site/.htaccess" && own "$S/site"
HOOKSPOOL_SPOOL_DIR=$S/site/spool look
finds 'or beside a .htaccess' place warn 0
HOOKSPOOL_SPOOL_DIR=$S/none/spool look
finds 'a spool below a folder that is not there' spool FAIL 1 "sudo install -d -m 700 -o $SERVER_USER $S/none/spool"
mkdir -p "$S/closed"
own "$S/closed"
chmod 600 "$S/closed"
HOOKSPOOL_SPOOL_DIR=$S/closed/spool look
finds 'a spool in a folder that its user may not pass' spool FAIL 1 "let $SERVER_USER pass the folders above it"
HOOKSPOOL_SPOOL_DIR=/proc/none look
finds 'a spool that cannot be made' spool FAIL 1 '->'
look more
is 'usage' "$CODE" 2

### Through the web server ##################################################

server_start lighttpd-fcgi
prepare
look --url "$URL"
is 'lighttpd: all is well' "$CODE $(fails)" '0 '
for name in health stranger forger signed key 'large body'; do
	is "lighttpd: $name" "$(verdict "$name")" ok
done
is 'check wrote nothing' "$(lines) $(lines "$S/spool/rejected.jsonl")" '0 0'
look --url "$HTTPS/hookspool"
finds 'a certificate of an unknown authority' url FAIL 1 '--cacert FILE'
look --url "$HTTPS/hookspool" --cacert "$T/tls/ca.pem"
is '--cacert' "$CODE $(fails)" '0 '
look --url "$HTTP/elsewhere"
finds 'nothing mounted' health FAIL 1 'fastcgi.server += ( "/elsewhere"'
HOOKSPOOL_SECRET=another look --url "$URL"
finds 'a secret that the handler does not have' signed FAIL 1 'the handler has another secret'
HOOKSPOOL_MAX_BODY=40M look --url "$URL"
finds 'a max_body that the handler does not have' 'large body' FAIL 1 'smaller max_body'
settings_write 'auth = both' '[keys]' "acme = sha256:$(printf key-of-acme | sha256sum | cut -c 1-64)"
look --url "$URL"
finds 'keys stored as SHA-256: check sees that a key arrives' key ok 0
finds 'but not that the handler takes one' signed warn 0 'give --key'
echo key-of-acme >"$T/key"
chmod 644 "$T/key"
look --url "$URL" --key "@$T/key"
finds 'unless --key gives one' signed ok 0
look --url "$URL" --key wrong
finds 'a key that the handler does not know' key FAIL 1 'does not know'
settings_write "$SETTINGS"
server_stop
look --url "$URL"
finds 'server down' url FAIL 1 'see that the web server runs'

CONF_EDIT='s/^(\t?server.max-request-size *=).*/\1 1000/' server_start lighttpd-fcgi
prepare
look --url "$URL"
finds 'lighttpd: a limit that is too small' 'large body' FAIL 1 'server.max-request-size = 40960'
is 'and finds nothing else' "$(fails)" 'large body'
server_stop

SETTINGS='max_body = 4M
auth = both
[keys]
acme = key-of-acme'
CONF_EDIT='s/^(\s*LimitRequestBody) .*/\1 1000000/; s/^\s*CGIPassAuth.*//' server_start apache-cgi
prepare
look --url "$URL"
finds 'Apache: Authorization lost' key FAIL 1 'CGIPassAuth On, in <Location /hookspool>'
finds 'Apache: a limit that is too small' 'large body' FAIL 1 \
	'LimitRequestBody 5242880, in <Location /hookspool>'
is 'and finds nothing else' "$(fails)" 'key large body'
server_stop

CONF_EDIT='/^FcgidMaxRequestLen/d' server_start apache-fcgid
prepare
look --url "$URL"
finds 'mod_fcgid: a limit that is too small' 'large body' FAIL 1 'FcgidMaxRequestLen 5242880'
is 'and finds nothing else' "$(fails)" 'large body'
server_stop

CONF_EDIT='/proxy-fcgi-pathinfo/d' START_UNHEALTHY=1 server_start apache-proxy
prepare
look --url "$URL"
finds 'mod_proxy_fcgi: no PATH_INFO' health FAIL 1 \
	'SetEnvIf Request_URI ^/hookspool proxy-fcgi-pathinfo=1'
server_stop

CONF_EDIT='s/Require all granted/Require all denied/' START_UNHEALTHY=1 server_start apache-cgi
prepare
look --url "$URL"
finds 'Apache: denied' health FAIL 1 'Require all granted, in <Location /hookspool>'
server_stop
done_testing
