# Batches, on every mount: the ways they are signed, and events judged one by one.
. "$(dirname "$0")/../lib/server.sh"

# batch FIRST-FILE REST OUT: the array of the first file's bytes and the rest, as it is sent.
batch() { { printf '['; cat "$1"; printf '%s]' "$2"; } >"$3"; }

signatures() {
	event b1-1 >"$T/first"
	batch "$T/first" ",$(events b1- 2 3)" "$T/body"
	post "$T/body" -H "X-Signature: $(sign "$SECRET" "$T/first")"
	took 3 0 "$mount: signed by its first element"

	event b2-1 >"$T/first"
	{ printf '[ {"json": '; cat "$T/first"; printf ' },{"json":%s}]' "$(events b2- 2 2)"; } >"$T/body"
	post "$T/body" -H "X-Signature: $(sign "$SECRET" "$T/first")"
	took 2 0 "$mount: wrapped, signed by what the first element wraps"

	printf '[%s]' "$(events b3- 1 3)" >"$T/body"
	signed "$T/body"
	took 3 0 "$mount: signed as a whole"

	sed 's/b3-3/b3-4/' "$T/body" >"$T/changed"
	post "$T/changed" -H "X-Signature: $(sign "$SECRET" "$T/body")"
	refused 401 'does not match' "$mount: whole signature, another third element"

	events b4- 2 2 >"$T/second"
	batch "$T/first" ",$(cat "$T/second")" "$T/body"
	post "$T/body" -H "X-Signature: $(sign "$SECRET" "$T/second")"
	refused 401 'does not match' "$mount: signed by its second element"
}

judged_one_by_one() {
	printf '[%s,{"type":"track"},7,{"type":"new","userId":"u"},%s]' \
		"$(events b5- 1 2)" "$(events b5- 3 3)" >"$T/body"
	signed "$T/body"
	took 3 3 "$mount: three good ones of six"
	check "$mount: the message is about the first bad one" \
		jq -e '.message == "event 3: userId or anonymousId required"' \
		"$T/answer.body"
	check "$mount: the three bad ones are in the rejected file, as sent" \
		jq -es '.[-3:] | map([.status, .body]) ==
		        [[400, "{\"type\":\"track\"}"], [400, "7"], [501, "{\"type\":\"new\",\"userId\":\"u\"}"]]' \
		"$S/spool/rejected.jsonl"

	printf '[]' >"$T/body"
	signed "$T/body"
	took 0 0 "$mount: an empty array"
	printf '[{"type":"track"},1]' >"$T/body"
	signed "$T/body"
	refused 400 '^event 1: ' "$mount: nothing valid in it"
	printf '[{"type":"a","userId":"u"},{"type":"b","userId":"u"}]' >"$T/body"
	signed "$T/body"
	refused 501 'not supported' "$mount: unknown types only"
	printf '[%s,{"type":' "$(events b6- 1 2)" >"$T/body"
	signed "$T/body"
	refused 400 'ends too early' "$mount: a broken text spoils the whole batch"
}

four_thousand() {
	event b7-1 >"$T/first"
	batch "$T/first" ",$(events b7- 2 4000)" "$T/body"
	post "$T/body" -H "X-Signature: $(sign "$SECRET" "$T/first")"
	took 4000 0 "$mount: 4000 events"
	is "$mount: each of the 4000 is there once" \
		"$(grep -o '"message_id":"b7-[0-9]*"' "$SPOOL" | sort -u | wc -l)" 4000
}

for mount in $MOUNTS; do
	server_start "$mount"
	signatures
	judged_one_by_one
	four_thousand
	server_stop
	is "$mount: the spool holds what was taken and nothing else" "$(lines)" 4011
	check "$mount: the spool is whole" spool_is_whole
done

# batches = no is about the webhooks: a library may still send several events at once.
directory_make
settings_write 'auth = none' 'batches = no' '[sources]' 'api = KEY'
is 'batches = no: one event' "$(cgi_post "$(event alone)" | status_and_body)" '200 {accepted:1,duplicate:0,rejected:0}'
is 'batches = no: two' "$(cgi_post "[$(events no- 1 2)]" | status_and_body | cut -c 1-4)" '400 '
is 'batches = no: two of a library' "$(cgi_post "{\"writeKey\":\"KEY\",\"batch\":[$(events direct- 1 2)]}" PATH_INFO=/v1/batch | status_and_body | cut -c 1-4)" '200 '
is 'batches = no: what is there' "$(grep -o '"message_id":"[^"]*"' "$SPOOL" | cut -d '"' -f 4 | xargs)" 'alone direct-1 direct-2'
done_testing
