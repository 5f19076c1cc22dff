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
safe() { # NAME: the last answer has the headers of the console
	is "$1: headers" "$(header Content-Security-Policy | cut -c 1-18) $(header X-Content-Type-Options) $(header Referrer-Policy) $(header Cache-Control)" \
		"default-src 'none' nosniff no-referrer ${CACHE-no-store}"
}
closed() { # NAME: 401, and nothing of a record
	is "$1" "$STATUS $(grep -c secret-event "$T/answer.body")" '401 0'
	safe "$1"
}
# handlers_anew: the handler reads its settings again.
handlers_anew() {
	local pid
	[ -z "$PROGRAM_PID" ] || { kill -HUP "$PROGRAM_PID" && wait_for 10 healthy && return; }
	for pid in $(workers); do kill "$pid"; done
	wait_for 10 healthy
}
send_event() { event "$1" | sed 's/Order Completed/secret-event/' >"$T/body" && (URL=$HTTP/hookspool && signed "$T/body"); }

check 'a hash is printed' grep -qxE 'console_password = scrypt:15:8:1:[0-9a-f]{32}:[0-9a-f]{64}' <<<"$HASH"
hash_of short >"$T/said" 2>&1
is 'a short password is refused' "$? $(cat "$T/said")" '65 hookspool passwd: take 12 characters or more: a few words, say'

for mount in ${MOUNTS_TESTED-lighttpd-cgi nginx}; do
	COOKIE=
	server_start "$mount"
	send_event "$mount-1"
	for path in '' /feed /rejected /overview /schema /feed?type=track; do
		ask "$path"
		closed "$mount: no session: $path"
	done
	ask /logout -X POST -H "Origin: $HTTPS" -H 'Content-Type: application/x-www-form-urlencoded' -d ''
	closed "$mount: no session: /logout"
	BASE=$HTTP/hookspool ask ''
	is "$mount: no HTTPS" "$STATUS" 403
	BASE=$HTTP/hookspool log_in "$PASSWORD"
	is "$mount: no HTTPS, no cookie" "$STATUS$(header Set-Cookie)" 403
	safe "$mount: no HTTPS"
	ask ''
	file=$(grep -o 'console/app[^"]*' "$T/answer.body")
	CACHE='public, max-age=31536000, immutable'
	ask "${file#console}"
	is "$mount: the script" "$STATUS $(header Content-Type)" '200 text/javascript; charset=utf-8'
	safe "$mount: the script"
	unset CACHE
	ask /app.js
	is "$mount: no such file" "$STATUS" 404
	log_in 'wrong password'
	closed "$mount: a wrong password"
	ORIGIN=https://elsewhere.example log_in "$PASSWORD"
	is "$mount: a page of elsewhere cannot log in" "$STATUS$(header Set-Cookie)" 403
	log_in "$PASSWORD"
	is "$mount: the password" "$STATUS" 200
	is "$mount: the cookie" "$(header Set-Cookie | sed 's/=[0-9a-f]*;/=X;/')" \
		'hookspool_console=X; Path=/hookspool; Max-Age=43200; HttpOnly; SameSite=Strict; Secure'
	ask '/feed'
	is "$mount: the event" "$STATUS $(sed 1d "$T/answer.body" | jq -r .event)" '200 secret-event'
	safe "$mount: the event"
	newest=$(sed 1q "$T/answer.body" | jq -r .newest)
	ask "/feed?after=$newest"
	is "$mount: nothing new" "$(wc -l <"$T/answer.body")" 1
	send_event "$mount-2"
	ask "/feed?after=$newest"
	is "$mount: one is new" "$(sed 1d "$T/answer.body" | jq -r .message_id)" "$mount-2"
	ask '/feed?text=SECRET-ev&user=u-1&event=secret-event&type=track'
	is "$mount: filters that fit" "$(sed 1d "$T/answer.body" | jq -r .message_id | xargs)" "$mount-2 $mount-1"
	for filter in text=nothing user=u event=secret type=page tenant=x; do
		ask "/feed?$filter"
		is "$mount: $filter fits none" "$(sed 1q "$T/answer.body" | jq .more) $(wc -l <"$T/answer.body")" 'false 1'
	done
	case $mount in nginx) ESCAPES='text=%zz text=%00 text=%ff' ;; *) ESCAPES= ;; esac # lighttpd refuses or mends these itself
	for wrong in after=x after=-1.0.0 after=1.2 after=1.2.3.4 before=99999999999999999999.0.0 $ESCAPES 'after=1.0.0&before=1.0.0' \
		"text=$(printf 'x%.0s' {1..1100})"; do
		ask "/feed?$wrong"
		is "$mount: ${wrong:0:40}" "$STATUS" 400
		safe "$mount: ${wrong:0:40}"
	done
	ask /overview
	is "$mount: overview" "$(jq -c '[.well, .https, .minutes[-2:][][0] + 0] | .[0:2]' "$T/answer.body")" '[true,true]'
	server_stop
done

COOKIE=
server_start lighttpd-fcgi
log_in "$PASSWORD"
mine=$COOKIE
ask /feed
is 'a session' "$STATUS" 200
for changed in "${mine%?}$(printf %s "${mine: -1}" | tr 0-9a-f 1-9a-f0)" "${mine/=0/=1}" "${mine:0:60}" "${mine}00" hookspool_console= "hookspool_console=$(printf 0%.0s {1..112})"; do
	COOKIE=$changed
	ask /feed
	closed "a forged cookie: ${changed:18:24}"
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
printf 'not json' >"$T/body"
(URL=$HTTP/hookspool && signed "$T/body")
ask /rejected
is 'rejected, with the remedy' "$(jq -r '.reasons[0] | "\(.count) \(.reason)"' "$T/answer.body")" "1 $(jq -r '.reasons[0].reason' "$T/answer.body")"
ask "/rejected?reason=$(jq -r '.reasons[0].reason | @uri' "$T/answer.body")"
is 'its payload' "$(jq -r '.lines[0] | fromjson | .body' "$T/answer.body")" 'not json'
settings_write 'auth = signature' "$(hash_of 'another password of ours')"
handlers_anew
ask /feed
closed 'a session from before another password'
settings_write 'auth = signature'
handlers_anew
ask ''
is 'without a password there is no console' "$STATUS$(header Content-Security-Policy)" 404
settings_write 'auth = signature' 'console_http = yes' "$HASH"
handlers_anew
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
server_stop
done_testing
