# Large bodies, on every mount: 1 MB and 30 MB are taken, one byte over max_body is not.
. "$(dirname "$0")/../lib/server.sh"

# sized ID BYTES: an event of exactly so many bytes.
sized() {
	local head tail
	head='{"type":"page","userId":"u","messageId":"'$1'","properties":{"text":"' tail='"}}'
	printf '%s' "$head"
	head -c $(($2 - ${#head} - ${#tail})) /dev/zero | tr '\0' x
	printf '%s' "$tail"
}

sized one-mb 1000000 >"$T/1m"
sized thirty-mb 30000000 >"$T/30m"
sized exact 33554432 >"$T/32m"
sized over 33554433 >"$T/over"

for mount in $MOUNTS; do
	server_start "$mount"
	signed "$T/1m"
	took 1 0 "$mount: an event of 1 MB"
	signed "$T/30m"
	took 1 0 "$mount: an event of 30 MB"
	check "$mount: its text is in the spool" \
		cmp <(jq -r .properties.text "$T/30m") <(tail -n 1 "$SPOOL" | jq -r .properties_text)
	signed "$T/32m"
	took 1 0 "$mount: max_body to the byte, in one event"
	signed "$T/over"
	refused 413 'too large' "$mount: one byte over max_body"
	is "$mount: three lines" "$(lines)" 3
	server_stop
done
done_testing
