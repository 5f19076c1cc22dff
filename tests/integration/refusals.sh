# Every refusal through every mount: status, one-line JSON message, type, exact length, and
# no other line in the spool.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS="max_body = 64K
auth = both
[keys]
acme = key-of-acme
hashed = sha256:$(printf key-of-hashed | openssl dgst -sha256 -r | cut -c 1-64)
old = revoked:key-of-old"
KEY=(-u key-of-acme:)

# send TEXT [CURL OPTION]...: with key and signature.
send() {
	printf '%s' "$1" >"$T/body"
	shift
	signed "$T/body" "${KEY[@]}" "$@"
}

before_the_body() {
	event ok >"$T/body"
	PATH_INFO=/elsewhere signed "$T/body" "${KEY[@]}"
	refused 404 'no such resource' "$mount: another path"
	PATH_INFO=/health/ request
	refused 404 'no such resource' "$mount: a path below health"
	for method in DELETE GET PROPFIND; do
		request -X $method
		refused 405 'method' "$mount: $method"
		is "$mount: Allow at $method" "$(header Allow)" 'POST, PUT, PATCH'
	done
	PATH_INFO=/health post "$T/body"
	refused 405 'method' "$mount: POST to health"
	is "$mount: Allow of health" "$(header Allow)" 'GET, HEAD'
	CONTENT_TYPE=application/x-www-form-urlencoded send "$(event ok)"
	refused 415 'Content-Type' "$mount: a form"
	send "$(event ok)" -H 'Content-Encoding: gzip'
	refused 415 'Content-Encoding' "$mount: compressed"
	head -c 65537 /dev/zero >"$T/body"
	signed "$T/body" "${KEY[@]}"
	refused 413 'too large' "$mount: one byte over max_body"
}

# A server that passes on a body that nobody reads: no answer may be lost on the way, or take the five
# seconds that Segment waits.
unread_bodies() {
	local i lost=0
	head -c 3000000 /dev/zero >"$T/body"
	for i in 1 2 3 4 5 6 7 8; do
		MAX_TIME=5 post "$T/body" -H 'Expect:'
		[ "$STATUS" = 413 ] || lost=$((lost + 1))
	done
	is "$mount: a refusal before 3 MB are read arrives, 8 times of 8" "$lost" 0
}

who_is_it() {
	event ok >"$T/body"
	signed "$T/body"
	refused 401 'API key required' "$mount: no key"
	is "$mount: WWW-Authenticate" "$(header WWW-Authenticate)" 'Basic realm="hookspool"'
	signed "$T/body" -u key-of-nobody:
	refused 401 'API key unknown' "$mount: an unknown key"
	signed "$T/body" -H 'Authorization: Basic !!!'
	refused 401 'key' "$mount: a key that is not base64"
	signed "$T/body" -H 'Authorization: Bearer'
	refused 401 'key' "$mount: Bearer without a token"
	signed "$T/body" -u key-of-old:
	refused 403 'revoked' "$mount: a revoked key"
	post "$T/body" "${KEY[@]}"
	refused 401 'X-Signature required' "$mount: no signature"
	post "$T/body" "${KEY[@]}" -H "X-Signature: $(sign 'another secret' "$T/body")"
	refused 401 'does not match' "$mount: signed with another secret"
	post "$T/body" "${KEY[@]}" -H 'X-Signature: not hex'
	refused 401 'does not match' "$mount: a signature that is not hex"
	signed "$T/body" "${KEY[@]}" -H "X-Signature: $(sign "$SECRET" "$T/body")"
	case $STATUS in
	401 | 400) ok "$mount: the signature twice is refused" ;;
	*) not_ok "$mount: the signature twice is refused" "status $STATUS" ;;
	esac
	sed 's/u-1/u-2/' "$T/body" >"$T/changed"
	post "$T/changed" "${KEY[@]}" -H "X-Signature: $(sign "$SECRET" "$T/body")"
	refused 401 'does not match' "$mount: one byte changed"
}

# json TEXT MESSAGE NAME: refused with the message and the offset.
json() {
	send "$1"
	refused 400 "$2" "$mount: $3"
}

the_text() {
	send ''
	refused 400 'body is empty' "$mount: an empty body"
	json '  ' 'body is empty' 'only blanks'
	json '{"type":"track",}' '16' 'an extra comma, at byte 16'
	json '{"type":"track"' '15' 'a text that stops, at byte 15'
	json '{"type":NaN}' '8' 'NaN, at byte 8'
	json '{"type":"a"} x' '13' 'text after the JSON, at byte 13'
	json '{"a":01}' 'number' 'a leading zero'
	json $'{"a":"\x01"}' 'control' 'a raw control character'
	json '{"a":"\x"}' 'escape' 'a malformed escape'
	json $'{"a":"\xff"}' 'UTF-8' 'not UTF-8'
	json $'\xef\xbb\xbf{}' '0' 'a byte order mark, at byte 0'
	json '{"a":1,"\u0061":2}' 'twice' 'a key twice'
	json "$(printf '[%.0s' {1..65})" 'nested' 'nested too deeply'
	send "$(event ok)" -H 'X-Segment-Settings: ?'
	refused 400 'X-Segment-Settings' "$mount: a settings header that is not base64"
}

the_event() {
	json '"track"' 'an event is' 'a string is not an event'
	json '{"userId":"u"}' 'type required' 'no type'
	json '{"type":"track","event":"e"}' 'userId or anonymousId' 'no user'
	json '{"type":"track","userId":"u"}' 'event required' 'track without event'
	json '{"type":"group","userId":"u"}' 'groupId' 'group without groupId'
	json '{"type":"alias","userId":"u"}' 'previousId' 'alias without previousId'
	json '{"type":"delete","anonymousId":"a"}' 'userId required' 'delete without userId'
	json '{"type":"page","userId":"u","user_id":"v"}' 'two spellings' 'a field twice'
	json '{"type":"page","userId":{}}' 'object or array' 'a nested field'
	json '{"type":"page","userId":"u","context":1}' 'context' 'context is a number'
	send '{"type":"unheard-of","userId":"u"}'
	refused 501 'not supported' "$mount: an unknown type"
}

nothing_got_in() {
	is "$mount: the spool has that one line" "$(ids)" good
	check "$mount: the rejected file holds the refused bodies of known senders" \
		jq -es 'length > 20 and all(.[]; .status >= 400 and .tenant == "acme" and .message != "")' \
		"$S/spool/rejected.jsonl"
	check "$mount: no secret, key or signature in a log" eval \
		'! grep -rE "a shared secret|key-of-|[0-9a-f]{40}" "$S/log" --exclude=access.log'
}

for mount in $MOUNTS; do
	server_start "$mount"
	before_the_body
	unread_bodies
	who_is_it
	the_text
	the_event
	event good >"$T/body"
	signed "$T/body" -u key-of-hashed:
	took 1 0 "$mount: after all that, a good event is taken, with a key stored as SHA-256"
	server_stop
	nothing_got_in
done
done_testing
