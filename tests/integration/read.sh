# hookspool cat and tail: records from sealed, compressed and open segments, filtered, as
# lines and as columns.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

spool_start 'rotate_min_gap = 0' 'compress = none'
put_one '{"type":"identify","messageId":"m1","userId":"u-1","timestamp":"2026-11-20T10:00:00Z","traits":{"name":"A\tB\\C\nD"}}'
put_one '{"type":"track","event":"Order Completed","messageId":"m2","userId":"u-1","timestamp":"2026-11-21T10:00:00Z","properties":{"total":39.950,"note":null}}'
hs rotate && HOOKSPOOL_COMPRESS=gzip maintain # and the server compresses nothing meanwhile
put_one '{"type":"track","event":"Caf\u00e9","messageId":"m3","anonymousId":"a-1","timestamp":"2026-11-22T10:00:00Z"}'
put_one '{"type":"page","name":"Home","messageId":"m4","userId":"u-2","timestamp":"2026-11-23T10:00:00+02:00"}'
hs rotate
put_one '{"type":"page","messageId":"m5","userId":"u-2"}'
put_one '{"type":"track","event":"Order \u0043ompleted","messageId":"m6","userId":7,"timestamp":"long ago"}'

is "one segment is compressed, one is not" \
	"$(cd "$S/spool" && ls -d events* | sed 's/-.*Z//' | tr '\n' ' ')" "events-000001.jsonl.gz events-000002.jsonl events.jsonl "
{ zcat "$S"/spool/*.gz; cat "$S"/spool/events-*.jsonl "$SPOOL"; } >"$T/all"
hs cat >"$T/got"
check "cat prints every byte of all segments, in order" cmp "$T/got" "$T/all"

# shows NAME IDS ARGUMENT...
shows() {
	local name=$1 want=$2
	shift 2
	is "$name" "$(hs "$@" | ids_of | tr '\n' ' ')" "${want:+$want }"
}
shows "--type" "m2 m3 m6" cat --type track
shows "--type twice" "m1 m4 m5" cat --type page --type identify
shows "--event is compared decoded" "m2 m6" cat --event 'Order Completed'
shows "--event beyond ASCII" "m3" cat --event 'Café'
shows "--user is the user_id, a number, too" "m6" cat --user 7
shows "--user is the anonymous_id" "m3" cat --user a-1
shows "filters hold together" "m2" cat --type track --user u-1
shows "nothing passes" "" cat --type track --user u-2
shows "a tenant that is not there" "" cat --tenant acme
shows "--since and --until, the latter not included" "m2 m3" \
	cat --since 2026-11-21T10:00:00Z --until 2026-11-23
shows "a time zone counts" "m4" cat --since 2026-11-23T08:00:00Z --until 2026-11-23T08:00:01Z
shows "without a timestamp that can be read, spooled_at counts" "m5 m6" cat --since 1h
shows "tail prints the last ten" "m1 m2 m3 m4 m5 m6" tail
shows "tail -n" "m4 m5 m6" tail -n 3
shows "tail -n, of those that pass" "m2 m3" tail -n 2 --type track --until 2026-11-23
shows "tail -n 0" "" tail -n 0

is "--fields: columns; what is missing or null is empty" \
	"$(hs cat --fields message_id,properties_total,properties_note,type --user u-1)" \
	"$(printf 'm1\t\t\tidentify\nm2\t39.950\t\ttrack')"
is "--fields: escaped, so that a record is a line" \
	"$(hs cat --fields traits_name,user_id --type identify)" 'A\tB\\C\nD	u-1'
is "--raw: as it is" "$(hs cat --fields traits_name --type identify --raw)" "$(printf 'A\tB\\C\nD')"

yes '{"type":"track","message_id":"x","spooled_at":"2026-11-23T10:15:00.123Z"}' | head -n 50000 \
	>"$S/spool/events-20260101T000000.000Z-000000.jsonl"
own "$S/spool/events-20260101T000000.000Z-000000.jsonl"
hs cat 2>"$T/said" | head -n 1 >/dev/null
is "cat | head: ended by SIGPIPE, and nothing said" "${PIPESTATUS[0]} $(cat "$T/said")" "141 "
rm "$S/spool/events-20260101T000000.000Z-000000.jsonl"

# usage_error ARGUMENT...
usage_error() {
	hs "$@" >"$T/out" 2>"$T/said"
	is "usage: $*" "$? $([ -s "$T/said" ] && echo said) $(wc -c <"$T/out")" "2 said 0"
}
usage_error cat -f
usage_error cat spool
usage_error cat --since yesterday
usage_error cat --fields a,,b
usage_error tail -n -1
usage_error tail --cursor ../x
usage_error tail --lines 2000000
hs help tail >"$T/out"
check "help lists the options" grep -q -- '--cursor NAME' "$T/out"
HOOKSPOOL_CONF='' HOOKSPOOL_AUTH=none HOOKSPOOL_SPOOL_DIR=$T/none "$HS_BUILD/hookspool" cat >"$T/out" 2>"$T/said"
is "no spool: exit 74, the remedy is said, and none is made" \
	"$? $(grep -c 'hookspool cat: .* is not there: the first event makes it' "$T/said") $(ls -d "$T/none" 2>&1 | grep -c 'No such')" "74 1 1"
server_stop
shows "no server is needed" "m1 m2 m3 m4 m5 m6" cat
done_testing
