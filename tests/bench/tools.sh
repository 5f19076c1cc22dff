#!/bin/bash
# tools.sh: how fast the commands work through a spool. `make bench-tools` runs it.
#
#	ROUNDS=5         rounds; the figure is their median, with the lowest and the highest
#	EVENTS=500000    in the archive, tests/bench/event.json with an id and a user each
#
# Leaves build/bench/tools.json. Exit code 1 means that something did not run, or did less
# than it should have.
set -u
export LC_ALL=C
HERE=$(cd "$(dirname "$0")" && pwd)
HS_BUILD=$(cd "${HS_BUILD:-build}" && pwd) || exit 2
ROUNDS=${ROUNDS:-5} EVENTS=${EVENTS:-500000}
D=$HS_BUILD/bench/tools
RESULTS=$D.json
failed=0

rm -rf "$D"
mkdir -p "$D"
: >"$RESULTS"
export HOOKSPOOL_CONF=$D/hookspool.conf
(umask 077; printf 'spool_dir = %s\nauth = none\ncompress = none\nmin_free = 0\n' "$D/spool" >"$HOOKSPOOL_CONF")

# of 20,000 users each has the same number of events, all over the archive
awk -v n="$EVENTS" '{
	id = index($0, "ajs-next-"); user = index($0, "user-58213")
	head = substr($0, 1, id - 1); tail = substr($0, user + 10)
	middle = substr($0, id + 36, user - id - 36)
	for (i = 0; i < n; i++)
		printf "%sajs-next-%010d-%016d%suser-%d%s\n", head, i, i, middle, i % 20000, tail
}' "$HERE/event.json" >"$D/archive.jsonl"

# measure ROW UNIT AMOUNT JQ-CONDITION COMMAND...: adds AMOUNT a second, if the sum is right.
measure() {
	local row=$1 unit=$2 amount=$3 right=$4 begun sum us
	shift 4
	begun=${EPOCHREALTIME/./}
	sum=$("$HS_BUILD/hookspool" "$@" --json) || [ -n "$sum" ] || sum='{}'
	us=$((${EPOCHREALTIME/./} - begun))
	jq -e "$right" <<<"$sum" >/dev/null || { echo "tools.sh: $row: $sum" >&2; failed=1; return; }
	jq -nc --arg row "$row" --arg unit "$unit" --argjson n "$amount" --argjson us "$us" \
		'{$row, $unit, rate: ($n / $us * 1e6)}' >>"$RESULTS"
}

for round in $(seq "$ROUNDS"); do
	rm -rf "$D/spool"
	measure 'import, plain file, all new' events/s "$EVENTS" ".accepted == $EVENTS" import "$D/archive.jsonl"
	measure 'import, all there already' events/s "$EVENTS" ".duplicate == $EVENTS" import --again "$D/archive.jsonl"
	bytes=$(cat "$D"/spool/events*.jsonl | wc -c)
	measure 'erase, nobody: looking alone' bytes/s "$bytes" '.events == 0' erase --user "nobody-$round"
	measure 'erase, lines in every segment' bytes/s "$bytes" '.events > 0' erase --user "user-$round"
done
rm -rf "$D"

jq -sr 'group_by(.row)[] | (map(.rate) | sort) as $r | .[0] as $x
	| (if $x.unit == "bytes/s" then 1e6 else 1 end) as $scale
	| (if $x.unit == "bytes/s" then "MB/s" else $x.unit end) as $unit
	| [$x.row] + ([$r[length / 2 | floor], $r[0], $r[-1]] | map(. / $scale | round)) + [$unit] | @tsv' "$RESULTS" |
	awk -F '\t' 'BEGIN { printf "%-32s %10s %21s\n", "", "median", "range" }
		{ printf "%-32s %10d %10d-%-10d %s\n", $1, $2, $3, $4, $5 }'
exit $failed
