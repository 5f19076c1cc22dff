# The console by curl: who is let in, what every answer carries, and that each mount passes what it needs.
. "$(dirname "$0")/../lib/server.sh"
PASSWORD='correct horse battery staple'

hash_of() { printf '%s\n' "$1" | "$HS_BUILD/hookspool" passwd; }
HASH=$(hash_of "$PASSWORD")
SETTINGS="auth = signature
$HASH"

# ask PATH [CURL OPTION]...: GET below the mount, over HTTPS; COOKIE is the session.
COOKIE=
ask() {
	local path=$1
	shift
	URL=${BASE-$HTTPS/hookspool} PATH_INFO=/console$path request ${COOKIE:+-H "Cookie: $COOKIE"} "$@"
}
# log_in PASSWORD [CURL OPTION]...: takes the cookie.
log_in() {
	local password=$1 found
	shift
	ask /login -H "Origin: ${ORIGIN-$HTTPS}" --data-urlencode "password=$password" "$@"
	found=$(header Set-Cookie)
	[ "$STATUS" != 200 ] || COOKIE=${found%%;*}
}
# many COOKIE PATH...: GETs by one curl. T/many has the bodies, CODES the statuses.
many() {
	local cookie=$1 path
	shift
	for path; do
		printf 'url = "%s/hookspool/console%s"\noutput = "%s/one"\nwrite-out = "%%{http_code}\\n"\nheader = "Cookie: %s"\ncacert = "%s/tls/ca.pem"\nnext\n' \
			"$HTTPS" "$path" "$T" "$cookie" "$T"
	done | sed '$d' >"$T/config"
	CODES=$(curl -s -K "$T/config" | sort | uniq -c | xargs)
}
safe() { # NAME: the last answer has the headers of the console
	is "$1: headers" "$(header Content-Security-Policy | cut -c 1-18) $(header X-Content-Type-Options) $(header Referrer-Policy) $(header Cache-Control)" \
		"default-src 'none' nosniff no-referrer ${CACHE-no-store}"
}
closed() { # NAME: 401, and nothing of a record
	is "$1" "$STATUS $(grep -c secret-event "$T/answer.body")" '401 0'
	safe "$1"
}
# becomes STATUS PATH: the handler has read its settings again, and answers so.
becomes() { ask "$2" && [ "$STATUS" = "$1" ]; }
# settings_anew LINE...: for the program that listens.
settings_anew() { settings_write 'auth = signature' "$@" && kill -HUP "$PROGRAM_PID"; }
send_event() { event "$1" | sed 's/Order Completed/secret-event/' >"$T/body" && (URL=$HTTP/hookspool && signed "$T/body"); }

is 'page, script and style have less than 60 KiB' "$(($(cat "$ROOT"/cgi/http/console/web/*.{html,js,css,svg} | wc -c) < 60 * 1024))" 1
check 'a hash is printed' grep -qxE 'console_password = scrypt:15:8:1:[0-9a-f]{32}:[0-9a-f]{64}' <<<"$HASH"
hash_of short >"$T/said" 2>&1
is 'a short password is refused' "$? $(cat "$T/said")" '65 hookspool passwd: take 12 characters or more: a few words, say'

### What every mount must pass on: path, query, cookie, HTTPS
# MOUNTS_TESTED: which; all take long.
for mount in ${MOUNTS_TESTED-lighttpd-cgi apache-htaccess}; do
	COOKIE=
	server_start "$mount"
	send_event "$mount-1"
	ask /feed
	closed "$mount: no session"
	BASE=$HTTP/hookspool ask ''
	is "$mount: no HTTPS" "$STATUS" 403
	log_in "$PASSWORD"
	is "$mount: the cookie" "$(header Set-Cookie | sed 's/=[0-9a-f]*;/=X;/')" \
		'hookspool_console=X; Path=/hookspool; Max-Age=43200; HttpOnly; SameSite=Strict; Secure'
	ask '/feed?type=track&text=SECRET'
	is "$mount: the event" "$STATUS $(sed 1d "$T/answer.body" | jq -r .event)" '200 secret-event'
	ask '/feed?type=page'
	is "$mount: a query" "$STATUS $(wc -l <"$T/answer.body")" '200 1'
	ask /overview
	is "$mount: overview" "$(jq -c '[.well, .https, .url]' "$T/answer.body")" "[true,true,\"$HTTPS/hookspool\"]"
	server_stop
done

### Without a session
COOKIE=
SETTINGS="$SETTINGS
threads = 64"
server_start nginx
send_event a-1
many '' '' /feed /rejected /overview /schema '/feed?type=track'
is 'no session: every path' "$CODES" '6 401'
ask /logout -X POST -H "Origin: $HTTPS" -H 'Content-Type: application/x-www-form-urlencoded' -d ''
closed 'no session: /logout'
BASE=$HTTP/hookspool log_in "$PASSWORD"
is 'no HTTPS, no cookie' "$STATUS$(header Set-Cookie)" 403
safe 'no HTTPS'
ask ''
is 'no session: the page is the login' "$STATUS $(header WWW-Authenticate) $(grep -c 'type="password"' "$T/answer.body") $(grep -c secret-event "$T/answer.body")" \
	'401 Session realm="console" 1 0'
is 'its policy' "$(header Content-Security-Policy)" \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
file=$(grep -o 'console/app[^"]*' "$T/answer.body")
ask "${file#console}"
is 'the script' "$STATUS $(header Content-Type)" '200 text/javascript; charset=utf-8'
CACHE='public, max-age=31536000, immutable' safe 'the script'
ask /app.js
is 'no such file' "$STATUS" 404
safe 'no such file'
ask /feed -X POST -d ''
is 'a wrong method' "$STATUS $(header Allow)" '405 GET, HEAD'
safe 'a wrong method'

### A machine that is busy: what a sender of events would not wait for is no reason to refuse a password
comparing() { find "/proc/$PROGRAM_PID/fd" -lname '*/run/console-[12]' | grep -q .; }
(log_in "$PASSWORD" && echo "$STATUS" >"$T/busy") &
busy=$!
wait_for 10 comparing && kill -STOP "$PROGRAM_PID" && sleep 4.5 # longer than any other request may take
kill -CONT "$PROGRAM_PID"
wait $busy
is 'a password is compared although the machine is busy' "$(cat "$T/busy")" 200

### Feed
log_in 'wrong password'
closed 'a wrong password'
check 'it is logged, with the address' grep -q 'warn: 401 127.0.0.1: wrong password of the console' "$S/log/program.log"
ORIGIN=https://elsewhere.example log_in "$PASSWORD"
is 'a page of elsewhere cannot log in' "$STATUS$(header Set-Cookie)" 403
log_in "$PASSWORD"
ask /feed
safe 'the event'
newest=$(sed 1q "$T/answer.body" | jq -r .newest)
ask "/feed?after=$newest"
is 'nothing new' "$(wc -l <"$T/answer.body")" 1
send_event a-2
ask "/feed?after=$newest"
is 'one is new' "$(sed 1d "$T/answer.body" | jq -r .message_id)" a-2
for query in after before; do
	ask "/feed?$query=9223372036854775807.9223372036854775807.0"
	is "$query a position that the spool does not have yet" "$STATUS $(sed 1d "$T/answer.body" | jq -r .message_id | xargs)" "200 $([ $query = before ] || echo 'a-2 a-1')"
done
ask '/feed?text=SECRET-ev&user=u-1&event=secret-event&type=track'
is 'filters that fit' "$(sed 1d "$T/answer.body" | jq -r .message_id | xargs)" 'a-2 a-1'
printf '%s' '{"type":"track","event":"e","userId":"u-9","messageId":"esc-1","properties":{"url":"https:\/\/shop.example\/cart","city":"Caf\u00e9","say":"\"hi\" \\ there"}}' >"$T/body"
(URL=$HTTP/hookspool && signed "$T/body")
for text in 'shop.example/CART' 'https:\/\/shop' 'Café' 'u00E9' '"hi" \ there'; do
	ask /feed -G --data-urlencode "text=$text"
	is "a text as it is shown, or as it was sent: $text" "$STATUS $(sed 1d "$T/answer.body" | jq -r .message_id | xargs)" '200 esc-1'
done
ask /feed -G --data-urlencode 'text=shop.example//cart'
is 'and none that is neither' "$(wc -l <"$T/answer.body")" 1
# to_the_end QUERY: false if the 150 ms for which a request reads were up first.
to_the_end() { ask "/feed?$1" && [ "$(sed 1q "$T/answer.body" | jq .more)" = false ]; }
for filter in text=nothing user=u tenant=x; do
	wait_for 20 to_the_end "$filter"
	is "$filter fits none" "$(sed 1q "$T/answer.body" | jq .more) $(wc -l <"$T/answer.body")" 'false 1'
done
many "$COOKIE" '/feed?after=x' '/feed?after=-1.0.0' '/feed?after=1.2' '/feed?after=1.2.3.4' '/feed?before=99999999999999999999.0.0' \
	'/feed?text=%zz' '/feed?text=%00' '/feed?text=%ff' '/feed?after=1.0.0&before=1.0.0' "/feed?text=$(printf 'x%.0s' {1..1100})" '/rejected?reason=%f'
is 'wrong queries' "$CODES" '11 400'
ask '/feed?after=1'
safe 'a wrong query'

(URL=$HTTP/hookspool && post "$T/body" -H 'X-Signature: 00' && ask /overview)
is 'no failure yet, and a refusal' "$(jq -c '[.last_failure, .last_refusal.message, .now - .last_refusal.at < 600000, .quiet]' "$T/answer.body")" \
	'[null,"X-Signature does not match",true,[]]'
silence '#1'
ask /overview
is 'a sender that is quiet' "$(jq -c '[.quiet[] | [.kind, .name, .pause]]' "$T/answer.body")" '[["secret","#1",3600000]]'

# pages: the ids of all events by going back, one a line.
pages() {
	local oldest='' more=true
	while [ "$more" = true ]; do
		ask "/feed${oldest:+?before=$oldest}"
		sed 1d "$T/answer.body" | jq -r .message_id
		oldest=$(sed 1q "$T/answer.body" | jq -r .oldest) more=$(sed 1q "$T/answer.body" | jq -r .more)
	done
}
{ printf '['; events b- 1 150; printf ']'; } >"$T/body"
ask /feed
newest=$(sed 1q "$T/answer.body" | jq -r .newest)
(URL=$HTTP/hookspool && signed "$T/body")
ask "/feed?after=$newest"
is 'more are new than an answer has: the newest, and a gap' \
	"$(sed 1q "$T/answer.body" | jq .gap) $(sed 1d "$T/answer.body" | wc -l) $(sed -n 2p "$T/answer.body" | jq -r .message_id)" 'true 100 b-150'
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
hs schema >/dev/null
ask /schema
is 'the catalogue of events' "$(jq -c '[.records, [.events[] | select(.event == "secret-event") | .count]]' "$T/answer.body")" '[153,[2]]'
hs tail --cursor crm >/dev/null
ask /overview
is 'a consumer' "$(jq -c '[.cursors[] | [.name, .segments, .bytes, .damaged, .held]]' "$T/answer.body")" '[["crm",0,0,false,false]]'
hs rotate
maintain
ask /overview
is 'the ids in the index' "$(jq .ids "$T/answer.body")" 153
{ printf '['; events c- 1 120; printf ']'; } >"$T/body"
(URL=$HTTP/hookspool && signed "$T/body")
pages >"$T/pages"
spooled | jq -r .message_id | tac >"$T/all"
check 'going back finds each event once, the newest first, through compressed segments' cmp "$T/pages" "$T/all"
is 'all of them' "$(wc -l <"$T/pages")" 273

# An erase holds this lock while it replaces a segment.
ask /feed
before=$(sed 1q "$T/answer.body" | jq -r .oldest)
{
	flock 8
	curl -s --max-time 30 --cacert "$T/tls/ca.pem" -H "Cookie: $COOKIE" -o "$T/erased" -w '%{http_code}' "$HTTPS/hookspool/console/feed?before=$before" >"$T/erased.status"
} 8<>"$S/spool/.hookspool/run/edits.lock" &
erase_pid=$!

### Sessions
mine=$COOKIE
ask /feed
is 'a session' "$STATUS" 200
for changed in "${mine%?}$(printf %s "${mine: -1}" | tr 0-9a-f 1-9a-f0)" "${mine/=0/=1}" "${mine:0:60}" "${mine}00" hookspool_console= "hookspool_console=$(printf 0%.0s {1..112})"; do
	many "$changed" /feed /overview
	is "a forged cookie: ${changed:18:24}" "$CODES" '2 401'
done
COOKIE="a=b; hookspool_console=x; $mine"
ask /feed
is 'among other cookies' "$STATUS" 200
COOKIE=$mine
(cd "$S/spool/.hookspool/run" && stat -c '%a %n' console*) >"$T/modes"
is 'its files are for the owner alone' "$(cut -d ' ' -f 1 "$T/modes" | sort -u)" 600
ask /logout -X POST -H 'Origin: https://elsewhere.example' -d ''
is 'another page cannot log out' "$STATUS" 403
ask /logout -X POST -H 'Sec-Fetch-Site: same-origin' -d ''
is 'log-out' "$STATUS $(header Set-Cookie)" '200 hookspool_console=; Path=/hookspool; Max-Age=0; HttpOnly; SameSite=Strict; Secure'
ask /feed
closed 'a session that was logged out'
COOKIE=
log_in "$PASSWORD"
mine=$COOKIE COOKIE=
for _ in {1..10}; do log_in 'wrong password'; done
closed 'ten wrong passwords'
log_in "$PASSWORD"
is 'then not even the right one' "$STATUS $(($(header Retry-After) > 0 && $(header Retry-After) <= 60))" '429 1'
safe 'too many'
COOKIE=$mine
ask /overview
is 'a session is not locked out' "$STATUS" 200
### Slow requests. Each of these waits a second for the file of sessions. Were that in a thread that accepts
### connections, of which there is one for two cores, an event would wait for one after the other
exec 9<>"$S/spool/.hookspool/run/console"
flock 9
slow=$(($(nproc) < 10 ? 6 * $(nproc) + 6 : 60))
for _ in $(seq $slow); do
	printf 'url = "%s/hookspool/console/overview"\noutput = /dev/null\nheader = "Cookie: %s"\ncacert = "%s/tls/ca.pem"\nnext\n' "$HTTPS" "$COOKIE" "$T"
done | sed '$d' >"$T/config"
curl -s -Z --parallel-max $slow --parallel-immediate -K "$T/config" 2>/dev/null &
slow_pid=$!
wait_for 5 has_connections "unix:$S/run/hookspool.sock" $((slow / 2))
event between-slow-ones >"$T/body"
MAX_TIME=6 URL=$HTTP/hookspool signed "$T/body"
took 1 0 'an event does not wait for the requests of consoles'
flock -u 9
exec 9>&-
wait $slow_pid
printf 'not json' >"$T/body"
(URL=$HTTP/hookspool && signed "$T/body")
ask /rejected
is 'rejected, with the remedy' "$(jq -c '[.more, (.reasons[] | [.count, (.reason | length > 5), (.remedy | length > 5), .first == .last, (.last | test("^20.*Z$"))])]' "$T/answer.body")" \
	'[false,[1,true,true,true,true]]'
ask "/rejected?reason=$(jq -r '.reasons[0].reason | @uri' "$T/answer.body")"
is 'its payload' "$(jq -r '.lines[0] | fromjson | .body' "$T/answer.body")" 'not json'
wait $erase_pid
is 'an erase that hangs: no record, and a remedy' "$(cat "$T/erased.status") $(jq -r 'has("remedy")' "$T/erased")" '503 true'
ask "/feed?before=$before"
is 'once it has gone on' "$STATUS" 200
settings_anew "$(hash_of 'another password of ours')"
wait_for 10 becomes 401 /feed
closed 'a session from before another password'
settings_anew ''
wait_for 10 becomes 404 ''
is 'without a password there is no console' "$STATUS$(header Content-Security-Policy)" 404
settings_anew 'console_http = yes' "$HASH"
wait_for 10 becomes 200 ''
rm -f "$S/spool/.hookspool/run/console"
COOKIE=
BASE=$HTTP/hookspool ORIGIN=$HTTP log_in "$PASSWORD"
is 'console_http: a cookie without Secure' "$STATUS $(header Set-Cookie | grep -c Secure)" '200 0'
BASE=$HTTP/hookspool ask /overview
is 'console_http: the page is told' "$(jq .https "$T/answer.body")" false
mv "$S/spool" "$S/gone"
BASE=$HTTP/hookspool ask /feed
is 'the spool is gone: no record, and a remedy' "$STATUS $(jq -r 'has("remedy")' "$T/answer.body")" '503 true'
mv "$S/gone" "$S/spool"
chmod 0 "$S/spool"
BASE=$HTTP/hookspool ask /feed
is 'the spool is unreadable: no record, and a remedy' "$STATUS $(jq -r 'has("remedy")' "$T/answer.body")" '503 true'
BASE=$HTTP/hookspool ask ''
is 'the page is still there' "$STATUS $(header Content-Type)" '401 text/html; charset=utf-8'
BASE=$HTTP/hookspool ORIGIN=$HTTP log_in "$PASSWORD"
is 'a log-in tells why, too' "$STATUS $(jq -r 'has("remedy")' "$T/answer.body")" '503 true'
chmod 700 "$S/spool"
BASE=$HTTP/hookspool ask /feed
is 'readable again: the session is good' "$STATUS $(grep -c secret-event "$T/answer.body")" '200 0'
server_stop
check 'the log tells of the stop' grep -q 'info: stop: hookspool ' "$S/log/program.log"
done_testing
