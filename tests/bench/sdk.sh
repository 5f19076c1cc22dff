#!/bin/bash
# sdk.sh: direct intake beside the webhook intake, on lighttpd with FastCGI, durable, 64 clients.
# Paired rounds, A B A B …; the figure is the median of the rounds' ratios A/B. `make bench-sdk`
# runs it.
#
#	ROUNDS=5         rounds a row
#	CPU_ROUNDS=15    rounds of the row about the processor time of a webhook's event
#	SECONDS_EACH=3   seconds a measurement, after a second of warm-up that does not count
#	ONLY=PATTERN     rows whose name matches the regular expression
#
# Prints a table. Beside each rate is the processor time that the handler took for an event, which
# other work on the machine changes less. A missed target is no failure here, for machines differ:
# exit code 1 means that something did not run, or answered wrongly.
set -u
export LC_ALL=C
HERE=$(cd "$(dirname "$0")" && pwd)
export HS_BUILD=${HS_BUILD:-build}
HS_BUILD=$(cd "$HS_BUILD" && pwd) || exit 2
export BENCH_BIN=$HS_BUILD/bench TMPDIR=$HS_BUILD/bench/tmp
ROUNDS=${ROUNDS:-5} CPU_ROUNDS=${CPU_ROUNDS:-15} SECONDS_EACH=${SECONDS_EACH:-3} ONLY=${ONLY:-.}
RESULTS=$BENCH_BIN/results-sdk
failed=0
rm -rf "$RESULTS" "$TMPDIR"
mkdir -p "$RESULTS" "$TMPDIR"
: >"$RESULTS/rows"

MOUNT=hookspool@lighttpd-fcgi
export MORE='address_rate = none
[sources]
shop = server-key
page = page-key browser origin=* rate=100/s'

side() { bash "$HERE/side.sh" "$MOUNT" --seconds "$SECONDS_EACH" "$@"; }
direct() { side --key server-key --path "/hookspool/v1/$1" "${@:2}"; }

# pairs ROW METRIC TARGET A B: A and B are commands that print a JSON object each; the target is
# ">= N" or "<= N".
pairs() {
	local row=$1 metric=$2 target=$3 n a b
	[[ $row =~ $ONLY ]] || return 0
	for ((n = 1; n <= ROUNDS; n++)); do
		if ! { a=$(eval "$4") && b=$(eval "$5"); }; then
			echo "  $row: round $n did not run" >&2
			failed=1
			break
		fi
		jq -nc --arg m "$metric" --argjson a "$a" --argjson b "$b" '{a: $a, b: $b, ratio: ($a[$m] / $b[$m])}'
	done >"$RESULTS/$row"
	jq -s --arg row "$row" --arg metric "$metric" --arg target "$target" '
		def median: sort | if length == 0 then null else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
		map(.ratio) as $r | ($r | median) as $m | ($target | split(" ")) as $t |
		{ row: $row, target: $target, ratio: $m, lowest: ($r | min), highest: ($r | max),
		  a: (map(.a[$metric]) | median), b: (map(.b[$metric]) | median),
		  a_us: (map(.a.handler_us_event // 0) | median), b_us: (map(.b.handler_us_event // 0) | median),
		  reached: ($m != null and (if $t[0] == ">=" then $m >= ($t[1] | tonumber) else $m <= ($t[1] | tonumber) end)) }' \
		"$RESULTS/$row" | tee -a "$RESULTS/rows" | jq -c . >&2
}

pairs single events_per_second '>= 0.95' 'direct t' side
pairs batch events_per_second '>= 0.90' 'direct batch --batch 100' 'side --batch 100'
# More bodies than either can send in the time.
bodies=$((SECONDS_EACH * 2500 + 2500))
pairs batch-gzip events_per_second '>= 0.60' "direct batch --batch 100 --gzip $bodies" 'side --batch 100'

# A flood of ten times the rate of the page's key, beside webhooks at a fixed rate.
flood() {
	BESIDE="'$BENCH_BIN/load' --port \$http_port --key page-key --path /hookspool/v1/t --rate ${1} --warm-up 0 \
		--seconds $((SECONDS_EACH + 1)) '$HERE/event.json' >'$RESULTS/flood.json' 2>/dev/null
		[ \"\$(jq .bad '$RESULTS/flood.json')\" -gt 0 ]" side --rate 300
}
pairs flood p99_us '<= 1.5' 'flood 1000' 'side --rate 300'

# The time of a webhook's event with sources in the settings, and without, in one process.
cpu() {
	rm -rf "$TMPDIR/cpu" && mkdir "$TMPDIR/cpu" && "$BENCH_BIN/profile" "$1" 32 "$HERE/event.json" "$TMPDIR/cpu"
}
ROUNDS=$CPU_ROUNDS pairs webhook-cpu cpu_ns '<= 1.02' 'cpu single-sources' 'cpu single'

# bomb: two megabytes that inflate to two gigabytes. Prints their status, the milliseconds until the
# answer, and by how many KiB the handler's resident memory rose at most.
bomb() {
	# shellcheck source=tests/lib/server.sh
	. "$HERE/../lib/server.sh"
	local file=$BENCH_BIN/bomb.gz pid before answer
	[ -s "$file" ] || { { printf '{"batch":['; head -c 2G /dev/zero | tr '\0' ' '; } | gzip -9 >"$file.new" && mv "$file.new" "$file"; }
	SETTINGS=$MORE
	server_start lighttpd-fcgi
	pid=$(workers)
	"$BENCH_BIN/load" --port "$http_port" --key server-key --path /hookspool/v1/t --seconds 1 "$HERE/event.json" >/dev/null
	before=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")
	echo 5 >"/proc/$pid/clear_refs" # VmHWM begins anew
	answer=$(curl -s -o "$T/answer" -w '%{http_code} %{time_total}' -u server-key: -H 'Content-Encoding: gzip' \
		-H 'Content-Type: application/json' -H 'Expect:' --data-binary "@$file" "$URL/v1/batch")
	jq -nc --arg answer "$answer" --argjson kb "$(($(awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status") - before))" \
		--arg said "$(cat "$T/answer")" --argjson bytes "$(stat -c %s "$file")" '($answer | split(" ")) as $a |
		{status: ($a[0] | tonumber), ms: ($a[1] | tonumber * 1000), kb: $kb, said: $said, bytes: $bytes}' >>"$RESULTS/bombs"
	server_stop >&2
}
if [[ bomb =~ $ONLY ]]; then
	for ((n = 1; n <= ROUNDS; n++)); do (bomb) || failed=1; done
	jq -c . "$RESULTS/bombs" >&2
fi

echo "$(nproc) cores, load $(cut -d ' ' -f 1-3 /proc/loadavg); A/B is direct/webhook, flooded/calm, with/without sources"
jq -r '[.row, .ratio, .lowest, .highest, .target, (if .reached then "reached" else "missed" end), .a, .b, .a_us, .b_us] | @tsv' \
	"$RESULTS/rows" | awk -F '\t' '
	BEGIN { printf "%-12s %6s  %-13s %-8s %-8s %9s %9s %9s %9s\n", "row", "A/B", "range", "target", "", "A", "B", "A us/ev", "B us/ev" }
	{ printf "%-12s %6.3f  %-13s %-8s %-8s %9.0f %9.0f %9.2f %9.2f\n", $1, $2, sprintf("%.3f-%.3f", $3, $4), $5, $6, $7, $8, $9, $10 }'
[ ! -s "$RESULTS/bombs" ] || jq -rs '
	def median: sort | .[length / 2 | floor];
	(map(.ms) | median) as $ms | (map(.kb) | max) as $kb | (map(.status) | unique) as $status |
	"bomb         \(.[0].bytes) bytes of gzip: status \($status | join(",")), \($ms) ms (target < 50), \($kb) KiB more (target < 20480): \(
		if $status == [400] and $ms < 50 and $kb < 20480 then "reached" else "missed" end)"' "$RESULTS/bombs"
exit "$failed"
