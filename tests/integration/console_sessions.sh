# Which cookies and which proxies the console believes, and what it shows after an erase. By CGI: the variables are what
# a web server would set.
. "$(dirname "$0")/../lib/server.sh"
directory_make
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
PASSWORD='correct horse battery staple'
HASH=$(printf '%s\n' "$PASSWORD" | "$HS_BUILD/hookspool" passwd)
HASH=${HASH#console_password = }
settings() { settings_write 'auth = none' 'rotate_min_gap = 0' "console_password = $HASH" "$@"; }
settings

# ask PATH [NAME=VALUE]...: STATUS and T/body of a GET below the mount /hookspool. HTTPS is on unless it is given.
ask() {
	local path=${1%%\?*} query=
	[ "$path" = "$1" ] || query=${1#*\?}
	shift
	cgi REQUEST_METHOD=GET SCRIPT_NAME=/hookspool PATH_INFO="/console$path" QUERY_STRING="$query" REMOTE_ADDR=127.0.0.1 \
		HTTP_COOKIE="${COOKIE-}" HTTPS=on "$@" </dev/null | tr -d '\r' >"$T/answer"
	STATUS=$(sed -n '1s/Status: //p' "$T/answer" | cut -c 1-3)
	sed '1,/^$/d' "$T/answer" >"$T/body"
}
log_in() { # [NAME=VALUE]...: STATUS, and the answer in T/answer
	local form="password=${PASSWORD// /+}"
	printf %s "$form" | cgi REQUEST_METHOD=POST SCRIPT_NAME=/hookspool PATH_INFO=/console/login CONTENT_LENGTH=${#form} \
		CONTENT_TYPE=application/x-www-form-urlencoded HTTP_SEC_FETCH_SITE=same-origin REMOTE_ADDR=127.0.0.1 "$@" |
		tr -d '\r' >"$T/answer"
	STATUS=$(sed -n '1s/Status: //p' "$T/answer" | cut -c 1-3)
}
take() { cgi_post "$1" | status_and_body; }

### Cookies
take "$(event first)" >/dev/null
log_in HTTPS=on
is 'log-in' "$STATUS" 200
COOKIE=$(sed -n 's/^Set-Cookie: \([^;]*\);.*/\1/p' "$T/answer")
ask /feed
is 'its cookie' "$STATUS" 200
KEY=$(od -An -v -tx1 -j 8 -N 32 "$S/spool/.hookspool/run/console" | tr -d ' \n')
# cookie MILLISECONDS MOUNT [HASH]: a cookie as the handler makes it, that ends so long from now.
cookie() {
	local signed
	signed=$(printf '%016x' $(($(date +%s) * 1000 + $1)))$(openssl rand -hex 16)
	printf 'hookspool_console=%s%s' "$signed" "$({ printf %b "$(sed 's/../\\x&/g' <<<"$signed")" && printf '%s\0%s' "${3-$HASH}" "$2"; } |
		openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -r | cut -c 1-64)"
}
HOUR=3600000
while IFS='|' read -r ms mount want name; do
	COOKIE=$(cookie $((ms)) "$mount") ask /feed
	is "a cookie $name" "$STATUS" "$want"
done <<-END
	11 * HOUR|/hookspool|200|that is good
	-1000|/hookspool|401|that has expired
	13 * HOUR|/hookspool|401|that would be good for longer than a session
	-(1 << 62)|/hookspool|401|of long ago
	11 * HOUR|/other|401|of another mount
	11 * HOUR|/hookspool/|401|of a mount below
	11 * HOUR||401|of no mount
END
other=0
[ "${HASH: -1}" != 0 ] || other=1
COOKIE=$(cookie $HOUR /hookspool "${HASH%?}$other") ask /feed
is 'a cookie of another password' "$STATUS" 401
for path in /overview /schema /rejected ''; do
	COOKIE=$(cookie -1000 /hookspool) ask "$path"
	is "a cookie that has expired: /console$path" "$STATUS $(grep -c first "$T/body")" '401 0'
done
COOKIE="$(cookie $HOUR /other); $(cookie -1 /hookspool); $(cookie $HOUR /hookspool)" ask /feed
is 'a good cookie after two of others' "$STATUS" 200

### Two passwords at once, over all addresses
run=$S/spool/.hookspool/run
: >>"$run/console-1" && : >>"$run/console-2" && own "$run/console-1" "$run/console-2"
{ flock 8 && flock 9 && log_in HTTPS=on; } 8<>"$run/console-1" 9<>"$run/console-2"
is 'a third one has to wait' "$STATUS $(sed -n 's/^Retry-After: //p' "$T/answer") $(grep -c ^Set-Cookie "$T/answer")" '429 1 0'
COOKIE=$(cookie $HOUR /hookspool) ask /feed
is 'a session does not' "$STATUS" 200
{ flock 8 && log_in HTTPS=on; } 8<>"$run/console-1"
is 'a second one does not' "$STATUS" 200

### X-Forwarded-Proto
COOKIE=$(cookie $HOUR /hookspool)
while IFS='|' read -r proxies peer proto want name; do
	settings ${proxies:+"trusted_proxies = $proxies"}
	ask /feed HTTPS= REMOTE_ADDR="$peer" HTTP_X_FORWARDED_PROTO="$proto"
	is "$name" "$STATUS" "$want"
done <<-END
	|127.0.0.1|https|403|X-Forwarded-Proto of somebody
	10.0.0.0/8|192.0.2.1|https|403|X-Forwarded-Proto of no listed proxy
	10.0.0.0/8|10.1.2.3|https|200|X-Forwarded-Proto of a listed proxy
	10.0.0.0/8|10.1.2.3|HTTPS|200|in capitals
	10.0.0.0/8|10.1.2.3|http|403|plain HTTP to a listed proxy
	10.0.0.0/8|10.1.2.3||403|a listed proxy that does not tell
	10.0.0.0/8|10.1.2.3|https, http|403|a list is not believed
	10.0.0.0/8||https|403|no peer
	10.0.0.0/8|::ffff:10.1.2.3|https|200|a listed proxy as IPv6
END
settings 'trusted_proxies = 10.0.0.0/8'
log_in REMOTE_ADDR=10.1.2.3 HTTP_X_FORWARDED_PROTO=https
is 'log-in by a listed proxy: a cookie for HTTPS' "$STATUS $(grep -c '^Set-Cookie: .*; Secure$' "$T/answer")" '200 1'
log_in HTTP_X_FORWARDED_PROTO=https
is 'log-in by another: no cookie' "$STATUS $(grep -c ^Set-Cookie "$T/answer")" '403 0'
settings
ask /feed HTTPS=off
is 'HTTPS=off' "$STATUS" 403

hs check
check 'hookspool check tells of the console' grep -qE '^ok +console +.*over HTTPS' <<<"$OUT"
settings 'console_http = yes'
hs check
check 'and warns of one without HTTPS' grep -qE '^(warn|WARN)[^ ]* +console +.*without HTTPS' <<<"$OUT"
settings

### A search is bounded: at most 8 MiB a request
end() { sed 1q "$T/body" | jq -r ".$1"; }
hs rotate
for n in 1 2 3 4 5 6 7 8 9 10; do
	printf '{"type":"page","messageId":"big%s","userId":"big","properties":{"path":"%s"}}' $n "$(head -c 990000 /dev/zero | tr '\0' x)" >"$T/big"
	cgi REQUEST_METHOD=POST CONTENT_TYPE=application/json CONTENT_LENGTH="$(stat -c %s "$T/big")" <"$T/big" >/dev/null
done
ask '/feed?user=nobody'
is 'it says that there is more' "$(end more) $(sed 1d "$T/body" | wc -l)" 'true 0'
for _ in {1..200}; do # on a busy machine the time of a request may be up after its first 128 KiB
	[ "$(end more)" = true ] || break
	ask "/feed?user=nobody&before=$(end oldest)"
done
is 'and comes to the end from there' "$(end more) $(sed 1d "$T/body" | wc -l)" 'false 0'
ask '/feed?type=page'
check 'an answer is bounded, too: four of a megabyte, or as many as its time allows' eval \
	'[[ "$(sed 1q "$T/body" | jq .more) $(sed 1d "$T/body" | jq -r .message_id | xargs)" =~ ^"true big10"(" big9"(" big8"(" big7")?)?)?$ ]]'
hs rotate
take '{"type":"track","event":"Rare","messageId":"rare","userId":7}' >/dev/null
take '{"type":"screen","name":"Home","messageId":"home","anonymousId":"a-7"}' >/dev/null
take '{"type":"group","groupId":"g","userId":"u-7","name":"Home","messageId":"group","traits":{}}' >/dev/null
hs rotate
maintain
# feed QUERY: the ids that are shown; found QUERY: and whether there is more. A request reads for 150 ms, which on a busy
# machine may be up before its end: then it is made again.
to_the_end() { ask "/feed?$1" && [ "$(end more)" = false ]; }
feed() {
	wait_for 20 to_the_end "$1"
	sed 1d "$T/body" | jq -r .message_id | xargs
}
found() { echo "$(feed "$1"):$(end more)"; }
is 'sealed segments without them are not read' \
	"$(found user=nobody) $(found type=alias) $(found 'user=7&event=Rare') $(found type=track\&text=rare)" ':false :false rare:false rare:false'
is 'pages and screens are found by their names' "$(found event=Home\&type=screen) $(found event=Home\&user=a-7)" 'home:false home:false'
hs erase --user big --user 7 --user u-7 --anonymous a-7

### After an erase
hs rotate
for id in e1 e2 e3 e4 e5; do
	case $id in e3) user=mallory ;; e4) user=dan ;; *) user=u-1 ;; esac
	take "{\"type\":\"page\",\"messageId\":\"$id\",\"userId\":\"$user\",\"properties\":{\"path\":\"/$id$user\"}}" >/dev/null
	[ $id != e4 ] || { feed '' >"$T/said" && newest=$(end newest); }
done
is 'before the erase' "$(feed "after=$newest")" e5
middle=$(end newest)
hs erase --user mallory
is 'erase' "$CODE" 0
is 'what was read is not shown again, and what is erased is not' "$(feed "after=$newest")" e5
is 'nothing is new after an erase' "$(feed "after=$middle")" ''
take '{"type":"page","messageId":"e6","userId":"u-1"}' >/dev/null
is 'the feed goes on' "$(feed "after=$middle") $(end gap)" 'e6 false'
is 'going back from where it was' "$(feed "before=$newest")" 'e4 e2 e1 first'
is 'from the newest' "$(feed '')" 'e6 e5 e4 e2 e1 first'
is 'nothing of the erased person' "$(grep -c mallory "$T/body")" 0
maintain
is 'the same once the segment is compressed' "$(feed "after=$newest")/$(feed "before=$newest")" 'e6 e5/e4 e2 e1 first'
hs erase --user dan
is 'and erased from once more' "$(feed "after=$newest")/$(feed "before=$newest")" 'e6 e5/e2 e1 first'
done_testing
