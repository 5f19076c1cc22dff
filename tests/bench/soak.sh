#!/bin/bash
# soak.sh: does it hold for days? A server under an even load; at the end of each interval a row says how
# much memory the workers have for themselves, their descriptors, the index on disk, and the 99th
# percentile. Prints the rows (at most 24 of them) and leaves all in build/soak/rows.csv, and a picture
# in build/soak/soak.svg. `make soak` runs it.
#
#	HOURS=24      may be a fraction
#	RATE=50       events a second
#	MINUTES=10    between two rows; shorter if there would be fewer than twelve
#
# Exit 1 if an answer was not 200, an event is missing or there twice, or the workers grow: if the
# median of the last quarter's rows is more than a fifth above that of the second quarter's.
HS_BUILD=$(cd "${HS_BUILD:-build}" && pwd) || exit 2
export HS_BUILD
. "$(dirname "$0")/../lib/server.sh"
HOURS=${HOURS:-24} RATE=${RATE:-50}
OUT=$HS_BUILD/soak
SECONDS_EACH=$(awk -v h="$HOURS" -v m="${MINUTES:-10}" 'BEGIN { s = m * 60; if (h * 3600 / s < 12) s = h * 300; print s < 1 ? 1 : int(s) }')
ROWS=$(awk -v h="$HOURS" -v s="$SECONDS_EACH" 'BEGIN { print int(h * 3600 / s) }')
mkdir -p "$OUT"

sum_of() { # FIELD of /proc/PID/status of all workers
	local pid
	for pid in $(workers); do awk -v f="$1:" '$1 == f { print $2 }' "/proc/$pid/status"; done | awk '{ n += $1 } END { print n + 0 }'
}
descriptors() { # the most that a worker has
	local pid
	for pid in $(workers); do find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l; done | sort -n | tail -n 1
}
index_kb() { du -k "$S/spool/.hookspool/run" | awk '{ print $1 }' | tail -n 1; }

SETTINGS=$(printf '%s\n' 'rotate_size = 4M' 'min_free = 0')
server_start lighttpd-fcgi
echo 'hours,events,memory_kb,descriptors,run_kb,p99_ms' >"$OUT/rows.csv"
sent=0 bad=0
for ((row = 1; row <= ROWS; row++)); do
	"$HS_BUILD/bench/load" --port "$http_port" --clients 16 --seconds "$SECONDS_EACH" --warm-up 0 --rate "$RATE" \
		--secret "$SECRET" "$ROOT/tests/bench/event.json" >"$T/load" || bad=$((bad + 1))
	sent=$((sent + $(jq .acknowledged_events "$T/load")))
	awk -v h="$(awk -v r=$row -v s="$SECONDS_EACH" 'BEGIN { print r * s / 3600 }')" -v e=$sent -v m="$(sum_of RssAnon)" \
		-v d="$(descriptors)" -v k="$(index_kb)" -v p="$(jq '.p99_us / 1000' "$T/load")" \
		'BEGIN { printf "%.3f,%d,%d,%d,%d,%.1f\n", h, e, m, d, k, p }' >>"$OUT/rows.csv"
done

awk -F, -v rows="$ROWS" '
	NR == 1 { printf "%7s %10s %9s %5s %9s %7s\n", "hours", "events", "memory", "files", "run/", "p99"; next }
	(NR - 1) % (int(rows / 24) + 1) == 0 || NR == rows + 1 {
		printf "%7.3g %10d %6.1f MB %5d %6.1f MB %4.0f ms\n", $1, $2, $3 / 1024, $4, $5 / 1024, $6 }' "$OUT/rows.csv"

# A panel for each figure, its highest value at the left.
awk -F, '
	NR == 1 { next }
	{ n++; x[n] = $1; v[1, n] = $3 / 1024; v[2, n] = $4; v[3, n] = $5 / 1024; v[4, n] = $6 }
	END {
		name[1] = "memory of the workers, MB"; name[2] = "descriptors of a worker"
		name[3] = "index and state on disk, MB"; name[4] = "99th percentile, ms"
		print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 480\" font-family=\"sans-serif\" font-size=\"12\">"
		print "<rect width=\"640\" height=\"480\" fill=\"white\"/>"
		for (p = 1; p <= 4; p++) {
			top = 0
			for (i = 1; i <= n; i++) if (v[p, i] > top) top = v[p, i]
			y = p * 115
			printf "<text x=\"60\" y=\"%d\">%s</text><text x=\"54\" y=\"%d\" text-anchor=\"end\">%.4g</text>\n", y - 88, name[p], y - 72, top
			printf "<text x=\"54\" y=\"%d\" text-anchor=\"end\">0</text><path stroke=\"#ccc\" d=\"M60 %dH620M60 %dH620\"/>\n", y + 4, y, y - 80
			printf "<polyline fill=\"none\" stroke=\"#06c\" stroke-width=\"1.5\" points=\""
			for (i = 1; i <= n; i++) printf "%.1f,%.1f ", 60 + 560 * x[i] / x[n], y - (top > 0 ? 80 * v[p, i] / top : 0)
			print "\"/>"
		}
		printf "<text x=\"620\" y=\"476\" text-anchor=\"end\">%.3g hours</text></svg>\n", x[n]
	}' "$OUT/rows.csv" >"$OUT/soak.svg"

# quarter N COLUMN: the median of the N-th quarter of the rows.
quarter() {
	tail -n +2 "$OUT/rows.csv" | awk -F, -v n="$1" -v rows="$ROWS" -v c="$2" 'NR > (n - 1) * rows / 4 && NR <= n * rows / 4 { print $c }' |
		sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
tool() { (as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$HS_BUILD/hookspool" "$@"); }
grows() { awk -v a="$(quarter 2 "$1")" -v b="$(quarter 4 "$1")" 'BEGIN { exit !(b > 1.2 * a) }'; }

server_stop
is 'every answer is 200' "$bad" 0
is 'each event once' "$(tool cat --fields message_id | sort | uniq -c | awk '{ n++; twice += $1 > 1 } END { print n + 0, twice + 0 }')" "$sent 0"
check 'the workers do not grow' eval '! grows 3'
check 'nor do their descriptors' eval '! grows 4'
check 'hookspool verify finds nothing' tool verify
done_testing
