# An event without an id gets one, and is known by it in whatever way it comes again; a key with
# a NUL in it is taken, and can be read.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

count() { spooled | grep -c "$1"; }

# purchase USER [EXTRA]: an order without an id, and what differs at each delivery.
tries=0
purchase() {
	tries=$((tries + 1))
	printf '{"type":"track","event":"Order Completed","userId":"%s","timestamp":"2026-11-23T10:15:00.000Z",' "$1"
	printf '"sentAt":"2026-11-23T10:16:%02dZ","context":{"ip":"192.0.2.%d","page":{"url":"https://a.example/"}},' $tries $tries
	printf '"properties":{"total":39.950}%s,"receivedAt":"2026-11-23T10:16:%02d.5Z"}' "${2-}" $tries
}

# by_http, by_cgi: posts T/body, signed as a whole; T/answer.body has the answer.
by_http() { signed "$T/body"; }
by_cgi() {
	cgi REQUEST_METHOD=POST CONTENT_TYPE=application/json "CONTENT_LENGTH=$(stat -c %s "$T/body")" \
		"HTTP_X_SIGNATURE=$(sign "$SECRET" "$T/body")" <"$T/body" | tr -d '\r' | sed '1,/^$/d' >"$T/answer.body"
}

# again HOW NAME: T/body holds the order once more, and maybe other events.
again() {
	"$1"
	is "$2: it is a duplicate" "$(jq .duplicate "$T/answer.body")" 1
	is "$2: one record" "$(count '"user_id":"u-1"')" 1
}

again_in_every_way() {
	local how
	for how in by_http by_cgi; do
		purchase u-1 >"$T/body"
		again $how "$1$how, singly"
		purchase u-1 | sed 's/,"/ , "/g; s/:{/: {/g' >"$T/body"
		again $how "$1$how, with blanks"
		printf '[%s,%s]' "$(events "$1$how" 1 1)" "$(purchase u-1)" >"$T/body"
		again $how "$1$how, in a batch"
		printf '[{"json":%s},{"json": %s }]' "$(events "$1$how" 2 2)" "$(purchase u-1)" >"$T/body"
		again $how "$1$how, wrapped"
		purchase u-1 ',"messageId":null,"Sent_At":1' | sed 's/"sentAt":"[^"]*",//' >"$T/body"
		again $how "$1$how, with an id that is null, and sent_at in another place"
	done
}

### Delivered again #####################################################
spool_start 'rotate_min_gap = 0' 'compress = gzip'
purchase u-1 >"$T/body"
by_http
took 1 0 'the first time'
again_in_every_way ''
id=$(spooled | grep '"user_id":"u-1"' | ids_of)
is 'its id is made of what it says' "$id" \
	"hs-$(purchase u-1 | jq -cj --arg n 39.950 'del(.sentAt, .receivedAt, .context.ip)' |
		sed 's/39\.95}/39.950}/' | sha256sum | cut -c 1-32)"
check 'and the id is in its usual place' grep -q "\"user_id\":\"u-1\",\"message_id\":\"$id\",\"received_at\":" "$SPOOL"
purchase u-2 >"$T/body"
by_http
took 1 0 'the same order of another user is another event'
hs rotate
maintain
again_in_every_way 'sealed, '
rm -r "$S/spool/.hookspool/run/index"*
again_in_every_way 'index lost, '
hs rotate
rm -r "$S/spool/.hookspool/run/index"*
again_in_every_way 'index lost, all sealed, '
purchase u-1 >"$T/archive"
chmod 644 "$T/archive"
is 'from an archive, too' "$(hs import --json "$T/archive" | jq -c '[.accepted, .duplicate]')" '[0,1]'

### Erased ##############################################################
hs erase --user u-1 >/dev/null
is 'erased' "$(count '"user_id":"u-1"')" 0
purchase u-1 >"$T/body"
by_http
is 'a retry does not bring it back' "$(jq .duplicate "$T/answer.body") $(count '"user_id":"u-1"')" '1 0'
rm -r "$S/spool/.hookspool/run/index"*
by_http
is 'nor when the index was lost' "$(jq .duplicate "$T/answer.body") $(count '"user_id":"u-1"')" '1 0'

### Neither id nor timestamp ############################################
printf '{"type":"page","userId":"u-3","name":"Home"}' >"$T/body"
by_http
by_http
by_cgi
is 'with neither id nor timestamp nothing is a duplicate' "$(count '"user_id":"u-3"')" 3
is 'each has an id of its own' "$(spooled | grep '"user_id":"u-3"' | ids_of | grep -c '^hs-r[0-9a-f]\{32\}$')" 3
# ten at once, in one batch and by many threads
for i in 1 2 3 4 5 6 7 8; do
	(printf '[%s]' "$(yes "$(cat "$T/body")" | head -n 200 | paste -sd ,)" >"$T/many.$i"
	curl -s -o /dev/null -H 'Content-Type: application/json' --data-binary "@$T/many.$i" \
		-H "X-Signature: $(sign "$SECRET" "$T/many.$i")" "$URL") &
	requests[i]=$!
done
wait "${requests[@]}"
is 'many at once' "$(count '"user_id":"u-3"')" 1603
is 'no record is without an id, and none has that of another' "$(spooled | ids_of | sort -u | wc -l)" "$(spooled | wc -l)"
hs verify >"$T/out"
is 'the spool is in order' "$?" 0
server_stop

### A NUL in a key ######################################################
for names in warehouse verbatim; do
	spool_start "names = $names"
	printf '{"type":"page","userId":"u-1","messageId":"m1","a\\u0000b":1,"properties":{"x":2,"x\\u0000":3}}' >"$T/body"
	by_http
	took 1 0 "$names: a NUL in a key"
	by_http
	is "$names: again" "$(jq .duplicate "$T/answer.body")" 1
	rm -r "$S/spool/.hookspool/run/index"*
	by_cgi
	is "$names: the index lost" "$(jq .duplicate "$T/answer.body")" 1
	case $names in
	warehouse) leaves='"a_b":1,"properties_x":2,"properties_x_2":3' x=properties_x ;;
	*) leaves='"a\u0000b":1,"properties.x":2,"properties.x\u0000":3' x=properties.x ;;
	esac
	is "$names: the record" "$(spooled | sed 's/.*"spooled_at":"[^"]*",//')" "$leaves}"
	is "$names: a column" "$(hs cat --user u-1 --fields "message_id,$x")" "m1	2"
	is "$names: a filter" "$(hs cat --user u-1 | wc -l)" 1
	printf '{"userId":"u-1","a\\u0000b":"no type"}' >"$T/body"
	by_http
	is "$names: refused for another reason" "$STATUS" 400
	hs verify >"$T/out"
	is "$names: verify" $? 0
	hs erase --user u-1 >"$T/out"
	is "$names: erased, the rejected one, too" "$(grep -o 'erased 1 events, 1 rejected' "$T/out")" 'erased 1 events, 1 rejected'
	server_stop
done
done_testing
