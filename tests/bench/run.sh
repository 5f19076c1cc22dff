#!/bin/bash
# run.sh: how fast, against what. Every comparison is a number of rounds, A B A B …, on the
# same machine; the figure is the median of the rounds' ratios A/B. `make bench` runs it.
#
#	ROUNDS=5          rounds a row
#	SECONDS_EACH=3    seconds a measurement, after a second of warm-up that does not count
#	ONLY=PATTERN      rows whose name matches the regular expression
#	SKIP_BIG=1        not the row with ten million ids, whose spool takes some minutes to fill
#	                  (it stays in BUILD/bench for the next run: two gigabytes)
#
# Prints a table; leaves everything in BUILD/bench.json. A missed target is no failure here,
# for machines differ: exit code 1 means that something did not run, or answered wrongly.
set -u
export LC_ALL=C
HERE=$(cd "$(dirname "$0")" && pwd)
export HS_BUILD=${HS_BUILD:-build}
HS_BUILD=$(cd "$HS_BUILD" && pwd) || exit 2
export BENCH_BIN=$HS_BUILD/bench TMPDIR=$HS_BUILD/bench/tmp
ROUNDS=${ROUNDS:-5} SECONDS_EACH=${SECONDS_EACH:-3} ONLY=${ONLY:-.}
RESULTS=$BENCH_BIN/results
failed=0

rm -rf "$RESULTS" "$TMPDIR"
mkdir -p "$RESULTS" "$TMPDIR"
: >"$RESULTS/rows"

# Durability must cost what it costs, and the servers' user must get to the files.
unfit() {
	echo "$TMPDIR $1: build elsewhere (make B=/some/directory bench)" >&2
	exit 2
}
[ "$(stat -f -c %T "$TMPDIR")" != tmpfs ] || unfit "is in memory, where a sync costs nothing"
[ "$(id -u)" -ne 0 ] || setpriv --reuid=www-data --regid=www-data --clear-groups \
	test -x "$TMPDIR" || unfit "cannot be reached by www-data"


### One row #############################################################

side() { bash "$HERE/side.sh" "$@" --seconds "$SECONDS_EACH"; }

wanted() { [[ $1 =~ $ONLY ]]; }

# round ROW METRIC A B: measures both; appends {a, b, ratio} to the row's rounds.
round() {
	local row=$1 metric=$2 a b
	a=$(eval "$3") && b=$(eval "$4") || return 1
	jq -nc --arg m "$metric" --argjson a "$a" --argjson b "$b" \
		'{a: $a, b: $b, ratio: ($a[$m] / $b[$m])}' >>"$RESULTS/$row"
}

# pairs ROW METRIC TARGET WHAT A B: A and B are commands that print a JSON object each. The
# target is ">= N", "<= N" or "-": the ratio of their METRIC.
pairs() {
	local row=$1 metric=$2 target=$3 what=$4 n ran=true
	wanted "$row" || return 0
	: >"$RESULTS/$row"
	for ((n = 1; n <= ROUNDS; n++)); do
		if ! round "$row" "$metric" "$5" "$6"; then
			echo "  $row: round $n did not run" >&2
			ran=false failed=1
			break
		fi
		printf '  %s %d/%d: %.3f\n' "$row" "$n" "$ROUNDS" "$(tail -n 1 "$RESULTS/$row" | jq .ratio)" >&2
	done
	jq -s --arg row "$row" --arg metric "$metric" --arg target "$target" --arg what "$what" \
		--argjson ran "$ran" '
		def median: sort | if length == 0 then null
			elif length % 2 == 1 then .[length / 2 | floor]
			else (.[length / 2 - 1] + .[length / 2]) / 2 end;
		map(.ratio) as $r | ($r | median) as $m | ($target | split(" ")) as $t |
		{ row: $row, what: $what, metric: $metric, target: $target, ran: $ran,
		  ratio: $m, lowest: ($r | min), highest: ($r | max),
		  a: (map(.a[$metric]) | median), b: (map(.b[$metric]) | median),
		  reached: (if $m == null or $target == "-" then null
			elif $t[0] == ">=" then $m >= ($t[1] | tonumber)
			else $m <= ($t[1] | tonumber) end),
		  rounds: . }' "$RESULTS/$row" >>"$RESULTS/rows"
}


### The rows ############################################################

single='--clients 64' batch='--clients 8 --batch 1000' batch4='--clients 8 --batch 4000'
here='hookspool@lighttpd-fcgi'

# Node with one process or with one a core (cluster), whichever is faster: behind lighttpd,
# which opens a connection for each request, handing connections on costs more than it brings.
two=NODE_WORKERS=$(nproc)

pairs single-lighttpd requests_per_second '>= 0.80' 'single events, lighttpd, 64 clients / empty responder' \
	"side $here $single" "side empty@lighttpd-fcgi $single"
pairs single-node requests_per_second '>= 1.5' 'single events, lighttpd, 64 clients / Node behind lighttpd' \
	"side $here $single" "side node@lighttpd-fcgi $single"
pairs single-node-alone requests_per_second - 'single events, lighttpd, 64 clients / Node alone' \
	"side $here $single" "$two side node@alone $single"
pairs single-php requests_per_second '>= 5' 'single events, lighttpd, 64 clients / PHP-FPM behind lighttpd' \
	"side $here $single" "side php@lighttpd-fcgi $single"
pairs single-apache requests_per_second '>= 0.80' 'single events, mod_fcgid, 64 clients / empty responder' \
	"side hookspool@apache-fcgid $single --warm-up 2" "side empty@apache-fcgid $single --warm-up 2"

# What anybody can reach there who syncs before the answer, be it without a look at the event.
pairs single-apache-keep requests_per_second - 'single events, mod_fcgid, 64 clients / a responder that only appends and syncs' \
	"side hookspool@apache-fcgid $single --warm-up 2" "side keep@apache-fcgid $single --warm-up 2"
pairs single-keep requests_per_second - 'single events, lighttpd, 64 clients / a responder that only appends and syncs' \
	"side $here $single" "side keep@lighttpd-fcgi $single"

pairs batch-lighttpd events_per_second '>= 0.40' 'batches of 1000, lighttpd, 8 clients / empty responder' \
	"side $here $batch" "side empty@lighttpd-fcgi $batch"
pairs batch-node events_per_second '>= 5' 'batches of 1000, lighttpd, 8 clients / Node behind lighttpd' \
	"side $here $batch" "$two side node@lighttpd-fcgi $batch"
pairs batch-node-alone events_per_second '>= 5' 'batches of 1000, lighttpd, 8 clients / Node alone' \
	"side $here $batch" "$two side node@alone $batch"
pairs batch-php events_per_second '>= 5' 'batches of 1000, lighttpd, 8 clients / PHP-FPM behind lighttpd' \
	"side $here $batch" "side php@lighttpd-fcgi $batch"
# What no program on this disk can exceed, unless two of its syncs help each other.
pairs batch-disk events_per_second - 'batches of 1000, lighttpd, 8 clients / their lines written and synced, and nothing else' \
	"side $here $batch" "$BENCH_BIN/sync $TMPDIR $SECONDS_EACH 1059000"
pairs batch-4000 events_per_second '>= 0.90' 'batches of 4000 / batches of 1000' \
	"side $here $batch4" "side $here $batch"

# Long enough that segments are sealed and compressed all the while.
pairs batch-gzip events_per_second '>= 0.92' 'batches of 1000, lighttpd, 8 clients, compress = gzip / compress = none' \
	"SECONDS_EACH=15 COMPRESS=gzip side $here $batch --warm-up 10" "SECONDS_EACH=15 side $here $batch --warm-up 10"

# At half the rate that it sustains, compression keeps up: what waits for it is not more in the last
# third of a minute and a half than in the first, but for a segment that has just been sealed.
# (Sealed segments are looked after every ten seconds: so means of half minutes are compared.)
backlog_last() {
	local rate
	rate=$(SECONDS_EACH=15 COMPRESS=gzip side "$here" $batch --warm-up 10 | jq '.requests_per_second / 2 | floor') &&
		SECONDS_EACH=90 COMPRESS=gzip BACKLOG=12 side "$here" $batch --warm-up 10 --rate "$rate" >"$RESULTS/backlog" &&
		jq -c '. + {backlog_bytes: .backlog[-1].bytes}' "$RESULTS/backlog"
}
backlog_first() {
	jq -c '{backlog_bytes: (.backlog[0].bytes + '$((256 << 20))')}' "$RESULTS/backlog"
}
pairs backlog-gzip backlog_bytes '<= 1' "bytes that wait to be compressed at half the rate of batches, at last / at first, and a segment" \
	backlog_last backlog_first

# gzip HOW: the lines of 50 MB of events with ids, users, times and prices of their own.
gzip_lines() {
	[ -s "$BENCH_BIN/lines.jsonl" ] || awk 'BEGIN { srand(7) } { for (i = 0; i < 60000; i++) {
		s = $0
		gsub(/user-[0-9]+/, "user-" int(rand() * 20000), s)
		gsub(/ajs-next-[0-9a-f-]*/, sprintf("ajs-next-%08x%08x%08x", rand() * 4e9, rand() * 4e9, rand() * 4e9), s)
		gsub(/"total":[0-9.]+/, "\"total\":" int(rand() * 10000) / 100, s)
		print s } }' "$HERE/event.json" >"$BENCH_BIN/lines.jsonl"
	"$BENCH_BIN/gzip" "$1" "$BENCH_BIN/lines.jsonl"
}
pairs gzip-speed mb_per_second '>= 2' "compressing lines, one core / zlib at its default level" \
	"gzip_lines here" "gzip_lines zlib"
pairs gzip-size times_smaller '>= 1' "how many times smaller they become / by zlib" \
	"gzip_lines here" "gzip_lines zlib"

# One request while the server is idle: a client that sends at once again would wait for
# Apache's end of the last one (it looks every 10 ms whether the program is gone).
one='--clients 1 --rate 40'
pairs cgi-lighttpd p50_us '<= 1.5' 'plain CGI, static, one request, lighttpd / empty program' \
	"side hookspool-static@lighttpd-cgi $one" "side empty-cgi@lighttpd-cgi $one"
pairs cgi-apache p50_us '<= 1.5' 'plain CGI, static, one request, Apache / empty program' \
	"side hookspool-static@apache-cgi $one" "side empty-cgi@apache-cgi $one"
# What anybody needs there who syncs before the answer.
pairs cgi-lighttpd-keep p50_us - 'the empty program, if it appends the body and syncs, lighttpd / empty program' \
	"side keep-cgi@lighttpd-cgi $one" "side empty-cgi@lighttpd-cgi $one"
pairs cgi-apache-keep p50_us - 'the empty program, if it appends the body and syncs, Apache / empty program' \
	"side keep-cgi@apache-cgi $one" "side empty-cgi@apache-cgi $one"

# cost NAME WHAT A B: compares the handlers' processor time an event, which other work on the machine changes less than
# it changes a rate. ROUNDS=15 shows a hundredth.
cost() {
	pairs "$1-single" handler_us_event '<= 1.02' "single events, lighttpd, 64 clients, $2" "$3 side $here $single" "$4 side $here $single"
	pairs "$1-batch" handler_us_event '<= 1.02' "batches of 1000, lighttpd, 8 clients, $2" "$3 side $here $batch" "$4 side $here $batch"
}
cost console 'three consoles and a monitor, whose requests count / none' CONSOLES=1 CONSOLES=0
cost metrics 'figures counted / not' METRICS=on METRICS=off
cost sandbox 'sandbox = strict / off' "MORE='sandbox = strict'" "MORE='sandbox = off'"

# program FILE: microseconds a start (of a hundred), and bytes without debugging symbols.
program() {
	local from=$EPOCHREALTIME i
	for ((i = 0; i < 100; i++)); do "$HS_BUILD/$1" --version >/dev/null || return; done
	strip -o "$TMPDIR/stripped" "$HS_BUILD/$1" &&
		jq -nc --arg side "$1" --argjson us "$(((${EPOCHREALTIME/./} - ${from/./}) / 100))" \
			--argjson bytes "$(stat -c %s "$TMPDIR/stripped")" '{side: $side, start_us: $us, bytes: $bytes}'
}
pairs start start_us - 'start of the static program / of the one with shared libraries' \
	"program static/hookspool.fcgi" "program hookspool.fcgi"
pairs size bytes - 'bytes of the static program / of the one with shared libraries' \
	"program static/hookspool.fcgi" "program hookspool.fcgi"

# The answer's 99th percentile at half the rate that the program reaches in this round: not
# later than the empty responder's at that rate and two syncs of this disk, at that time.
half_rate() { side "$here" $single | jq '.requests_per_second / 2 | floor' >"$RESULTS/half"; }
p99_half() { half_rate && side "$here" $single --rate "$(cat "$RESULTS/half")"; }
p99_limit() {
	local empty sync
	"$BENCH_BIN/sync" "$TMPDIR" "$SECONDS_EACH" >"$RESULTS/sync" &
	empty=$(side empty@lighttpd-fcgi $single --rate "$(cat "$RESULTS/half")") && wait $! || return
	jq -nc --argjson empty "$empty" --slurpfile sync "$RESULTS/sync" '{side: "limit",
		p99_us: ($empty.p99_us + 2 * $sync[0].p50_us), empty: $empty, sync: $sync[0]}'
}
pairs p99-half p99_us '<= 1' "p99 at half the maximum rate / empty responder's and two fdatasync" \
	p99_half p99_limit

# What stands in the way on a host that stops its guests now and then: how long this machine was
# stopped at worst, in the very seconds of that measurement, for a program that only sleeps.
p99_stopped() {
	half_rate || return
	"$BENCH_BIN/stops" "$(jq -n "$SECONDS_EACH + 2")" >"$RESULTS/stops" &
	side "$here" $single --rate "$(cat "$RESULTS/half")" && wait $! &&
		jq -c '. + {p99_us: .longest_us}' "$RESULTS/stops" >"$RESULTS/stopped"
}
pairs p99-stopped p99_us - "p99 at half the maximum rate / the longest stop of the machine meanwhile" \
	p99_stopped 'cat "$RESULTS/stopped"'

# core PART INPUT: one figure of core.c.
core() {
	rm -rf "$TMPDIR/core"
	mkdir "$TMPDIR/core"
	"$BENCH_BIN/core" --only "$1" --input "$2" "$HERE/event.json" "$TMPDIR/core"
}
pairs flatten mb_per_second '>= 10' "scan and flatten, one core / json-c's parse" \
	"core scan+flatten event" "core json-c event"
pairs flatten-batch mb_per_second - "scan and flatten a batch of 1000 / json-c's parse" \
	"core scan+flatten batch" "core json-c batch"

"$BENCH_BIN/core" --deep >"$BENCH_BIN/deep.json"
pairs deep-flatten mb_per_second '>= 0.50' 'scan and flatten 32 KB, 16 deep, 2000 leaves / the ordinary event' \
	"core scan+flatten deep" "core scan+flatten event"
pairs deep-lighttpd mb_per_second '>= 0.50' 'the same behind lighttpd, 64 clients / the ordinary event' \
	"EVENT=$BENCH_BIN/deep.json side $here $single" "side $here $single"

[ -n "${SKIP_BIG-}" ] ||
	pairs big requests_per_second '>= 0.90' '10,000 segments, 10 million ids / an empty spool' \
		"BIG=$BENCH_BIN/big side $here $single --warm-up 2" "side $here $single --warm-up 2"

# KiB. The bodies in flight: eight times 4000 events, with brackets and commas.
bodies=$((8 * 4000 * $(wc -c <"$HERE/event.json") / 1024))
pairs memory-single peak_rss_kb '<= 1' 'resident memory, 64 clients / 16 MiB' \
	"side $here $single" "echo '{\"peak_rss_kb\": 16384}'"
pairs memory-batch peak_rss_kb '<= 1' 'resident memory, 8 clients, batches of 4000 / 16 MiB + 1.5 x bodies' \
	"side $here $batch4" "echo '{\"peak_rss_kb\": $((16384 + bodies * 3 / 2))}'"

# Without the pages of the index: they belong to the system's cache, which takes them back.
pairs memory-batch-own own_rss_kb - 'the same without pages of files' \
	"OWN=1 side $here $batch4" "echo '{\"own_rss_kb\": $((16384 + bodies * 3 / 2))}'"


### The table ###########################################################

jq -s --arg date "$(date -u +%FT%TZ)" --arg rounds "$ROUNDS" --arg each "$SECONDS_EACH" \
	--arg cores "$(nproc)" --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
	--arg kernel "$(uname -sr)" --arg disk "$(df --output=fstype,source "$TMPDIR" | tail -n 1)" \
	--arg lighttpd "$(lighttpd -v | head -n 1)" --arg apache "$(apache2 -v | head -n 1)" \
	--arg commit "$(git -C "$HERE" describe --always --dirty 2>/dev/null)" \
	--arg node "$(node --version)" --arg php "$(php -v | head -n 1)" \
	'{date: $date, commit: $commit, rounds: $rounds, seconds_each: $each, cores: $cores, cpu: $cpu, kernel: $kernel,
	  disk: $disk, versions: {lighttpd: $lighttpd, apache: $apache, node: $node, php: $php},
	  rows: .}' "$RESULTS/rows" >"$HS_BUILD/bench.json"

units='{"requests_per_second": "requests/s", "events_per_second": "events/s", "mb_per_second": "MB/s",
	"p50_us": "us", "start_us": "us", "bytes": "bytes", "p99_us": "us", "peak_rss_kb": "KiB", "own_rss_kb": "KiB", "handler_us_event": "us", "backlog_bytes": "bytes", "times_smaller": "times"}'
jq -r --argjson units "$units" '.rows[] | [.row, .ratio, .lowest, .highest, .target,
	(if .ran | not then "DID NOT RUN" elif .reached == null then "" elif .reached then "reached" else "missed" end),
	.a, .b, $units[.metric], .what] | @tsv' "$HS_BUILD/bench.json" | awk -F '\t' '
	BEGIN { printf "%-18s %7s  %-15s %-8s %-8s %9s %9s %-11s %s\n", "row", "ratio", "range", "target", "",
		"A", "B", "", "A / B" }
	{ form = $7 < 1000 && $7 != int($7) ? "%9.2f" : "%9.0f"
		printf "%-18s %7.3f  %-15s %-8s %-8s " form " " form " %-11s %s\n", $1, $2,
		sprintf("%.3f-%.3f", $3, $4), $5, $6, $7, $8, $9, $10 }'
echo "all of it: $HS_BUILD/bench.json"
exit "$failed"
