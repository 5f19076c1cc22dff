# hookspool stats counts the contents of the spool; the progress of long work is for
# terminals only.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

# json FILTER [ARGUMENT]...: of stats --json.
json() {
	local filter=$1
	shift
	hs stats --json "$@" | jq -c "$filter"
}

spool_start 'auth = either' 'rotate_min_gap = 0' 'compress = gzip' '[keys]' 'acme = one'
is 'an empty spool' "$(json '[.records, .bytes, .first, .types, .cursors]')" '[0,0,null,[],[]]'
put_one '{"type":"identify","messageId":"m1","userId":"u-1","timestamp":"2026-11-20T23:59:59.999Z"}'
put_one '{"type":"track","event":"Order Completed","messageId":"m2","userId":"u-1","timestamp":"2026-11-21T10:00:00Z"}'
hs rotate && maintain
put_one '{"type":"track","event":"Order \u0043ompleted","messageId":"m3","userId":"u-2","timestamp":"2026-11-21T01:00:00\u002B02:00"}'
put_one '{"type":"track","event":"\u001b[31mred","messageId":"m4","userId":"u-2","timestamp":"2026-11-22"}'
hs rotate
printf '%s' '{"type":"page","messageId":"m5","userId":"u-2","timestamp":"2026-11-23T10:15:00Z"}' >"$T/keyed"
post "$T/keyed" -u one:
put_one '{"type":"page","messageId":"m1","userId":"u-1","timestamp":"2026-11-20T23:59:59.999Z"}'
for body in '[{"type":"page","messageId":"m6","userId":"u-3","timestamp":"2026-11-23T10:15:00Z"},{"type":"page"},{"type":"page"}]' \
	'{"type":"page"}' '{"type":' '{"type":"track","userId":"u"}'; do
	printf '%s' "$body" >"$T/put"
	signed "$T/put"
done
printf '%s' '{"type":"page"}' >"$T/keyed"
post "$T/keyed" -u one:
hs rotate && maintain
printf '%s' '{"type":"track","userId":"u"}' >"$T/put"
signed "$T/put"
printf '{"type":"page"}\n' | hs import --tenant acme >/dev/null

is 'records and bytes' "$(json '[.records, .bytes]')" "[6,$(hs cat | wc -c)]"
is 'first and last' "$(json '[.first, .last]')" '["2026-11-20T23:00:00.000Z","2026-11-23T10:15:00.000Z"]'
is 'types, of sealed, compressed and open segments' "$(json '.types | map([.name, .records])')" \
	'[["track",3],["page",2],["identify",1]]'
is 'bytes, of each type' "$(json '.types[0].bytes')" "$(hs cat --type track | wc -c)"
is 'events, compared decoded' "$(json '.events | map([.name, .records])')" '[["Order Completed",2],["\u001b[31mred",1]]'
is 'tenants' "$(json '.tenants | map([.name, .records])')" '[["acme",1]]'
is 'days in UTC, the last one first' "$(json '.days | map([.name[5:], .records])')" \
	'[["11-23",2],["11-22",1],["11-21",1],["11-20",2]]'
is 'days by the lines, which a filter asks for' "$(json '.days | map([.name[5:], .records])' --event 'Order Completed')" \
	'[["11-21",1],["11-20",1]]'
is 'a time that was sent with an escape, in a sealed segment' "$(hs cat --since 2026-11-20T23:00:00Z --until 2026-11-20T23:00:00.001Z | ids_of)" m3
is 'duplicates' "$(json .duplicates)" 1
is 'what was rejected, by reason, wherever the event stood' "$(json '.rejected.reasons | map([.name, .records])')" \
	'[["userId or anonymousId required",5],["event required, a non-empty string",2],["JSON ends too early",1]]'
is 'rejected in all' "$(json '[.rejected.records, .rejected.bytes]')" \
	"[8,$({ cat "$S"/spool/rejected-*.jsonl; cat "$S/spool/rejected.jsonl"; } | wc -c)]"
twin=$(find "$S/spool" -name 'rejected-*.jsonl' | head -n 1)
gzip -k "$twin"
own "$twin.gz"
is 'a segment is counted once while it is compressed' "$(json .rejected.records)" 8
rm "$twin.gz"
is '--top' "$(json '.types | map([.name, .records])' --top 1)" '[["track",3],[null,3]]'
is 'filters' "$(json '[.records, .rejected]' --type track --since 2026-11-21)" '[2,null]'
is 'a tenant, and what was rejected of it' "$(json '[.records, .rejected.records]' --tenant acme)" '[1,2]'
is 'a time, and what was rejected in it' "$(json '[.records, .rejected.records]' --until 2026-11-23)" '[4,0]'

is 'room' "$(json '.room | [.bytes > 0, .bytes_a_day > 0, .days > 0]')" '[true,true,true]'
check 'room, for people' eval "hs stats | grep -qxE 'room for [0-9.]+ days, [0-9.]+ [KMGTPE]?B, at the rate of the last day'"

### Cursors #############################################################
is 'no cursor is made' "$(json .cursors)" '[]'
hs tail --cursor done >/dev/null
hs each --once --cursor some --on '*=exit 78' 2>/dev/null
cp "$S/spool/.hookspool/cursors/some" "$T/start"
exec 7> >(:)
wait $!
(hs_exec tail --cursor some >&7 2>/dev/null) # a closed pipe: nothing is confirmed
exec 7>&-
is 'a cursor at the end, and one at the start' "$(json '.cursors | map([.name, .records, .bytes, .usable])')" \
	"[[\"done\",0,0,true],[\"some\",6,$(hs cat | wc -c),true]]"
is 'what waits longest' "$(json '.cursors[1].oldest')" "$(hs cat | head -n 1 | jq -c .spooled_at)"
number=$(ls "$S/spool" | sed -n 's/^events-.*Z-0*\([1-9][0-9]*\)\.jsonl.*/\1/p' | sed -n 2p)
position "$number" "$(hs cat | sed -n 3p | wc -c)" >"$S/spool/.hookspool/cursors/some"
is 'one in the middle of a segment' "$(json '.cursors[1] | [.records, .bytes, .saved_at]')" \
	"[3,$(hs cat | tail -n 3 | wc -c),\"2026-11-24T10:15:00.123Z\"]"
is 'filters do not count' "$(json '.cursors[1].records' --type none)" 3
position $((number + 1)) "$(hs cat | sed -n 5p | wc -c)" >"$S/spool/.hookspool/cursors/some"
hs erase --user u-2 --tenant acme >/dev/null
is 'one before which lines were erased' "$(json '.cursors[1].records')" 1
is 'as each finds it' "$(hs each --once --cursor some --on '*=cat' 2>/dev/null | ids_of)" m6
for i in 1 2 3; do # in whatever order they are found
	cp "$T/start" "$S/spool/.hookspool/cursors/start$i"
	cp "$S/spool/.hookspool/cursors/done" "$S/spool/.hookspool/cursors/end$i"
done
own "$S/spool/.hookspool/cursors"/*
is 'many cursors' "$(json '.cursors | map(.records)')" '[0,0,0,0,0,5,5,5]'
rm "$S"/spool/.hookspool/cursors/{start,end}[123]
echo broken >"$S/spool/.hookspool/cursors/done"
position 99 0 >"$S/spool/.hookspool/cursors/some"
is 'cursors that are no use' "$(json '.cursors | map([.usable, .records])')" '[[false,0],[false,0]]'
own "$S/spool/.hookspool/cursors"/*

### Metrics #############################################################
answered=$(json '.metrics.responses["200"]')
printf '%s' '{"type":"page","userId":"u"}' >"$T/put"
post "$T/put"
post "$T/put" -H "X-Signature: $(sign 'another secret' "$T/put")"
CONTENT_TYPE=text/plain signed "$T/put"
URL=$URL/health request
is 'refusals by signature, refusals by content and a monitor are counted apart' \
	"$(json '.metrics.responses | [.["200"], .["400"], .["401"], .["415"]]')" "[$answered,5,2,1]"
is 'the sum of the events' "$(json '.metrics | [.accepted, .duplicates, .rejected]')" '[6,1,8]'
is 'the secret and the key that were used' "$(json '.credentials | map([.kind, .name]) | sort')" '[["key","acme"],["secret","#1"]]'
recent=$(date -u -d '-1 minute' +%Y-%m-%dT%H:%M:%S)
is 'and when' "$(json '.credentials[0].last_used' | tr -d '"' | sort - <(echo "$recent") | head -n 1)" "$recent"
check 'never the secret itself' sh -c "! grep -qF '$SECRET' '$S/spool/.hookspool/run/metrics'"
hs stats >"$T/table"
check 'a row for each' grep -qE '^responses 401 +2$' "$T/table"
check 'the last use of a key' grep -qE '^key acme +20[0-9-]*T[0-9:]*.000Z  silent for [0-9]+ s(, before that at most [0-9]+ s)?$' "$T/table"
before=$(json '.metrics.responses["401"]')
cgi REQUEST_METHOD=POST CONTENT_TYPE=application/json CONTENT_LENGTH=2 <<<'{}' >/dev/null
is 'plain CGI counts in the same file' "$(json '.metrics.responses["401"]')" $((before + 1))
accepted=$(json .metrics.accepted)
kill -HUP $(workers)
is 'a reload forgets nothing' "$(json .metrics.accepted)" "$accepted"
counts_again() {
	post "$T/put"
	counted=$(json '.metrics.responses["401"]')
	[ "$counted" -ge 1 ]
}
for loss in 'rm -f' 'truncate -s 0' 'truncate -s 5000' 'chmod 0' 'cp /etc/passwd'; do
	$loss "$S/spool/.hookspool/run/metrics"
	post "$T/put"
	check "$loss: service continues" [ "$STATUS" = 401 ]
	check "$loss: stats, too" hs stats
	wait_for 10 counts_again
	check "$loss: counting begins again ($counted)" test "$counted" -ge 1 -a "$counted" -le 2
done

### Tables ##############################################################
put_one '{"type":"track","event":"\u001b[31mred","messageId":"m7","userId":"u-2"}'
hs stats >"$T/table"
check 'a table' grep -qx 'page  *1  *[0-9]* B' "$T/table"
is 'what a sender chose commands no terminal' "$(grep -c $'\033' "$T/table") $(grep -c '^?\[31mred ' "$T/table")" '0 1'
is 'no bars in a pipe' "$(grep -c █ "$T/table")" 0
is 'the cursors are there' "$(grep -c 'remove it to start afresh' "$T/table")" 2
if command -v script >/dev/null; then
	HOOKSPOOL_CONF=$S/hookspool.conf
	# terminal COLUMNS WORDS: what a terminal so wide shows of the command.
	terminal() {
		(as_server_user env ${NO_COLOR:+NO_COLOR=1} HOOKSPOOL_CONF="$HOOKSPOOL_CONF" TERM=xterm script -qec \
			"stty cols $1; $S/bin/hookspool $2" /dev/null </dev/null) | tr -d '\r'
	}
	terminal 80 stats >"$T/table"
	is 'bars on a terminal' "$(grep -c $'  \033\[36m█.*█\033\[0m$' "$T/table")" "$(grep -c █ "$T/table")"
	check 'there are some' grep -q █ "$T/table"
	NO_COLOR=1 terminal 60 stats >"$T/table"
	is 'NO_COLOR: without colour' "$(grep -c $'\033' "$T/table")" 0
	check 'but they are there' grep -q █ "$T/table"
	widest=$(grep █ "$T/table" | LC_ALL=C.UTF-8 wc -L)
	check "no bar is wider than the terminal ($widest columns)" test "$widest" -gt 50 -a "$widest" -le 60
	handler="until grep -q segment.[0-9] $OUT/shown; do sleep 0.05; done"
	(as_server_user env HOOKSPOOL_CONF="$HOOKSPOOL_CONF" script -qefc \
		"$S/bin/hookspool each --once --cursor slow --on 'track=$handler'" "$OUT/shown" </dev/null >/dev/null) &
	slow=$!
	wait_for 20 gone $slow || kill $slow
	check 'long work shows its progress on a terminal' grep -q 'segment [0-9]* of [0-9]*, ' "$OUT/shown"
	is 'and takes it away' "$(tr -d '\r' <"$OUT/shown" | grep -c '^hookspool each: .*done\|\[Khookspool each: .*done')" 1
else
	ok 'a terminal # SKIP there is no script(1)'
fi
usage_of() { hs "$@" >"$T/out" 2>&1; is "usage: $*" $? 2; }
usage_of stats --top 0
usage_of stats spool
usage_of stats --since yesterday
check 'an output that cannot be written is an error' sh -c "! HOOKSPOOL_CONF=$S/hookspool.conf '$S/bin/hookspool' stats >/dev/full 2>/dev/null"
server_stop
is 'no server is needed' "$(json .records)" 6
done_testing
