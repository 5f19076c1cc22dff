#!/bin/bash
# read.sh: what the commands that read a spool are worth: cat with filters beside grep -F on
# the same file, each --stream with a handler that does nothing, and how long after an
# acknowledgement tail -f shows a record. MEGABYTES (256) of spool, ROUNDS (5) in pairs.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"
ROUNDS=${ROUNDS:-5} MEGABYTES=${MEGABYTES:-256}

now() { echo "${EPOCHREALTIME/./}"; }
# median: of the numbers on standard input, one a line; with the range.
median() { sort -g | awk -v unit="$1" '{ v[NR] = $1 } END { printf "%10.2f %s (%.2f to %.2f)\n", v[int((NR + 1) / 2)], unit, v[1], v[NR] }'; }

make_segment() {
	awk -v bytes=$((MEGABYTES * 1000000)) 'BEGIN {
		srand(1)
		split("Order Completed,Product Viewed,Cart Viewed,Clicked,Signed Up", event, ",")
		for (i = 1; done < bytes; i++) {
			name = i % 5000 == 0 ? "Rare Event" : event[int(rand() * 5) + 1]
			line = sprintf("{\"type\":\"%s\",\"event\":\"%s\",\"timestamp\":\"2026-11-%02dT10:15:00.000Z\",\"user_id\":\"user-%d\",\"anonymous_id\":\"%08x-%08x\",\"message_id\":\"ajs-%032d\",\"received_at\":\"2026-11-23T10:15:00.500Z\",\"sent_at\":\"2026-11-23T10:15:00.300Z\",\"version\":2,\"channel\":\"client\",\"spooled_at\":\"2026-11-23T10:15:01.123Z\",\"context_library_name\":\"analytics.js\",\"context_ip\":\"10.1.2.3\",\"context_user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\",\"context_page_url\":\"https://example.com/shop/product/%d\",\"properties_order_id\":\"o-%d\",\"properties_total\":39.950,\"properties_currency\":\"EUR\"}",
				i % 10 ? "track" : "page", name, 1 + i % 30, rand() * 20000, rand() * 2^31, i, i, i, i)
			done += length(line) + 1
			print line
		}
	}'
}

# took NAME COMMAND...: its time in microseconds; output through a pipe, as it is used.
took() { local start; start=$(now); "$@" 2>/dev/null | cat >/dev/null; echo $(($(now) - start)); }

compare() { # NAME NEEDLE ARGUMENT...: cat with the arguments beside grep -F
	local name=$1 needle=$2 round a b
	shift 2
	: >"$T/speed" ; : >"$T/ratio"
	for round in $(seq "$ROUNDS"); do
		a=$(took hs cat "$@") b=$(took grep -F -- "$needle" "$FILE")
		awk -v a="$a" -v n="$BYTES" 'BEGIN { print n / a }' >>"$T/speed"
		awk -v a="$a" -v b="$b" 'BEGIN { print b / a }' >>"$T/ratio"
	done
	printf '%-34s %s   %s' "$name" "$(median MB/s <"$T/speed")" "$(median 'of grep -F' <"$T/ratio")"
	echo
}

spool_start 'compress = none'
FILE=$S/spool/events-20260101T000000.000Z-000000.jsonl
make_segment >"$FILE"
own "$FILE"
BYTES=$(stat -c %s "$FILE") LINES=$(wc -l <"$FILE")
took cat "$FILE" >/dev/null
compare 'cat' '"type"'
compare 'cat --type page' '"type":"page"' --type page
compare 'cat --event "Rare Event"' '"event":"Rare Event"' --event 'Rare Event'
compare 'cat --user user-77' '"user_id":"user-77"' --user user-77
compare 'cat --since, no such day' '"2027-' --since 2027-01-01
compare 'cat --fields user_id,…_total' '"type"' --fields user_id,properties_total

cp "$HS_BUILD/bench/answer" "$S/bin/answer"
for round in $(seq "$ROUNDS"); do
	start=$(now)
	hs each --cursor "bench$round" --once --stream --on "*=exec $S/bin/answer" 2>/dev/null
	awk -v n="$LINES" -v t=$(($(now) - start)) 'BEGIN { print n / t * 1000000 }'
done >"$T/rate"
printf '%-34s %s' 'each --stream' "$(median records/s <"$T/rate")"
echo

(hs_exec tail -f -n 0) 2>/dev/null | while read -r line; do echo "${EPOCHREALTIME/./}"; done >"$T/seen" &
put_one '{"type":"page","messageId":"w","userId":"u"}'
wait_for 10 has 1 "$T/seen"
for i in $(seq 2 60); do
	put_one "{\"type\":\"page\",\"messageId\":\"w$i\",\"userId\":\"u\"}"
	now
	wait_for 10 has "$i" "$T/seen"
done >"$T/answered"
tail -n +2 "$T/seen" | paste - "$T/answered" | awk '{ d = ($1 - $2) / 1000; print d < 0 ? 0 : d }' >"$T/late"
printf '%-34s %s' 'tail -f, behind the answer' "$(median ms <"$T/late")"
echo
server_stop
