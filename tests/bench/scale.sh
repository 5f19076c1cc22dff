#!/bin/bash
# scale.sh: what people ask of a spool of many events, and service after a reboot. `make bench-scale`
# runs it.
#
#	EVENTS=10000000   in the spool; it takes 2.5 KB an event of disk while it is made, 1 KB after that
#	SECONDS_EACH=20   of load, at 50 events a second, for each figure about service
#
# Makes the spool in build/bench/scale and keeps it for the next time. Prints a row for each figure and
# its bound, leaves build/bench/scale.json, and exits with 1 if a figure is over its bound.
set -u
. "$(dirname "$0")/../lib/server.sh"
EVENTS=${EVENTS:-10000000} SECONDS_EACH=${SECONDS_EACH:-20}
KEPT=$(cd "$HS_BUILD/bench" && pwd)/scale RESULTS=$HS_BUILD/bench/scale.json
missed=0
: >"$RESULTS"

# The server's settings name the spool that is kept.
settings_write() {
	{
		printf 'spool_dir = %s\nsecret = %s\nmin_free = 0\n' "$KEPT" "$SECRET"
		printf '%s\n' "$@"
	} >"$S/hookspool.conf.new"
	chmod 600 "$S/hookspool.conf.new"
	own "$S/hookspool.conf.new"
	mv "$S/hookspool.conf.new" "$S/hookspool.conf"
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# row NAME FIGURE BOUND UNIT: prints it. A bound of "-" holds always.
row() {
	local verdict=''
	[ "$3" = - ] || awk -v a="$2" -v b="$3" 'BEGIN { exit !(a > b) }' || verdict=ok
	[ "$3" = - ] || [ -n "$verdict" ] || { verdict='over its bound'; missed=1; }
	printf '%-46s %10s %-4s %8s  %s\n' "$1" "$2" "$4" "$3" "$verdict"
	jq -nc --arg row "$1" --arg figure "$2" --arg bound "$3" --arg unit "$4" '{$row, $figure, $bound, $unit}' >>"$RESULTS"
}

# ask NAME BOUND ARGUMENT...: the command's time, output through a pipe as people use it.
ask() {
	local name=$1 bound=$2 start
	shift 2
	start=$(now_ms)
	hs "$@" >/dev/null
	hs_took=$(($(now_ms) - start))
	row "$name" "$hs_took" "$bound" ms
}

# load NAME: 50 single events a second; the answers that were not 200, and the 99th percentile.
load() {
	"$HS_BUILD/bench/load" --port "$http_port" --clients 16 --seconds "$SECONDS_EACH" --warm-up 0 --rate 50 \
		--secret "$SECRET" "$ROOT/tests/bench/event.json" >"$T/load"
	LOAD_P99=$(jq '.p99_ms // .latency_ms.p99' "$T/load") LOAD_BAD=$(jq '.failed // .errors' "$T/load")
}

make_spool() {
	[ ! -e "$KEPT.made-$EVENTS" ] || return 0
	rm -rf "$KEPT" "$KEPT".made-*
	echo "making a spool of $EVENTS events in $KEPT; it is kept for the next time" >&2
	"$HS_BUILD/bench/make_events" "$EVENTS" | hs import - || exit 2
	hs rotate && hs maintain || exit 2
	touch "$KEPT.made-$EVENTS"
}

# As after a reboot: nothing of the shared state and the index is left.
reboot() { rm -f "$KEPT"/.hookspool/run/index* "$KEPT"/.hookspool/run/state; }

directory_make
make_spool
summaries=$(du -sb "$KEPT/.hookspool/run/summary" | cut -f 1)
row 'summaries' "$(awk -v b="$summaries" -v n="$EVENTS" 'BEGIN { printf "%.1f", b / n }')" 30 'B/ev'
someone=user-$((EVENTS / 15 * 3 / 5))
ask 'cat --user, 15 events' 1000 cat --user "$someone"
ask 'cat --user nobody' 1000 cat --user nobody
ask 'cat --since, none' 1000 cat --since 2099-01-01
ask 'cat --type alias, none' 1000 cat --type alias
ask 'tail -n 5 --user nobody' 1000 tail -n 5 --user nobody
ask 'stats' 300 stats
ask 'stats --json' 300 stats --json
ask 'erase --dry-run --user, 15 events' 2000 erase --dry-run --user "$someone"
exit $missed
