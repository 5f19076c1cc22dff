#!/bin/bash
# scale.sh: what people ask of a spool of many events, and service after a reboot. `make bench-scale`
# runs it.
#
#	EVENTS=10000000    in the spool: while it is made it takes 1.5 KB of disk an event
#	SECONDS_EACH=20    of load, 50 events a second, for each figure of service
#	SCALE_DIR          where the spool is made, and kept for the next time: /var/tmp/hookspool-scale
#
# Prints a row for each figure with its bound, leaves build/bench/scale.json, and exits with 1 if a
# figure is over its bound.
set -u
. "$(dirname "$0")/../lib/server.sh"
EVENTS=${EVENTS:-10000000} SECONDS_EACH=${SECONDS_EACH:-20}
KEPT=${SCALE_DIR:-/var/tmp/hookspool-scale} RESULTS=$HS_BUILD/bench/scale.json
missed=0
: >"$RESULTS"

# The server's settings name the spool that is kept.
settings_write() {
	{
		printf 'spool_dir = %s\nsecret = %s\nmin_free = 0\n' "$KEPT/spool" "$SECRET"
		printf '%s\n' "$@"
	} >"$S/hookspool.conf.new"
	chmod 600 "$S/hookspool.conf.new"
	own "$S/hookspool.conf.new"
	mv "$S/hookspool.conf.new" "$S/hookspool.conf"
}

now_us() { echo "${EPOCHREALTIME/./}"; }

# row NAME FIGURE UNIT BOUND: prints it.
row() {
	local verdict=ok
	awk -v a="$2" -v b="$4" 'BEGIN { exit a > b }' || { verdict='over its bound'; missed=1; }
	printf '%-42s %9s %-4s  bound %7s  %s\n' "$1" "$2" "$3" "$4" "$verdict"
	jq -nc --arg row "$1" --arg figure "$2" --arg unit "$3" --arg bound "$4" '{$row, $figure, $unit, $bound}' >>"$RESULTS"
}

# ask BOUND ARGUMENT...: how long the command takes.
ask() {
	local bound=$1 start
	shift
	start=$(now_us)
	hs "$@"
	row "$*" $((($(now_us) - start) / 1000)) ms "$bound"
}

# load: sends; the answers other than 200 to BAD, the 99th percentile in ms to P99.
load() {
	"$HS_BUILD/bench/load" --port "$http_port" --clients 16 --seconds "$SECONDS_EACH" --warm-up 0 --rate 50 \
		--secret "$SECRET" "$ROOT/tests/bench/event.json" >"$T/load"
	P99=$(jq '.p99_us / 1000 | ceil' "$T/load") BAD=$(jq .bad "$T/load")
}

# summary_cost: of the processor time of compressing the events of a segment.
summary_cost() {
	zcat "$(ls "$KEPT"/spool/events-*.gz | head -1)" | head -c 100000000 | head -n -1 >"$T/segment"
	row 'making a summary, of compressing' "$("$HS_BUILD/bench/gzip" summary "$T/segment" | jq .percent)" % 5
}

make_spool() {
	[ ! -e "$KEPT/made-$EVENTS" ] || return 0
	rm -rf "$KEPT"
	mkdir -p "$KEPT" && own "$KEPT" || exit 2
	echo "scale.sh: making a spool of $EVENTS events in $KEPT; it is kept for the next time" >&2
	(
		export HOOKSPOOL_CONF=$S/hookspool.conf
		"$HS_BUILD/bench/make_events" "$EVENTS" | as_server_user "$S/bin/hookspool" import -
	) || exit 2
	hs rotate && hs maintain && touch "$KEPT/made-$EVENTS" || exit 2
}

# As a reboot leaves it: without the shared state and the index.
reboot() { rm -f "$KEPT"/spool/.hookspool/run/index* "$KEPT"/spool/.hookspool/run/state; }

# after_reboot MOUNT: the first answer, and service while the index is rebuilt.
after_reboot() {
	local start
	START_UNHEALTHY=1 server_start "$1"
	server_stop
	reboot
	START_UNHEALTHY=1 server_start "$1"
	event "first-$RANDOM$RANDOM" >"$T/first"
	start=$(now_us)
	signed "$T/first"
	row "$1, rebooted: first answer ($STATUS)" $((($(now_us) - start) / 1000)) ms 1000
	load
	row "$1, rebooted: answers other than 200" "$BAD" '' 0
	row "$1, rebooted: 99th percentile" "$P99" ms 100
}

# beside COMMAND...: service while it runs.
beside() {
	(hs "$@") >/dev/null &
	load
	wait $!
	row "beside $1: answers other than 200" "$BAD" '' 0
	row "beside $1: 99th percentile, 2 x idle" "$P99" ms $((2 * IDLE))
}

directory_make
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
make_spool
row 'summaries' "$(du -sb "$KEPT/spool/.hookspool/run/summary" | awk -v n="$EVENTS" '{ printf "%.1f", $1 / n }')" 'B/ev' 30
summary_cost
someone=user-$((EVENTS / 15 * 3 / 5))
ask 1000 cat --user "$someone"
ask 1000 cat --user nobody
ask 1000 cat --since 2099-01-01
ask 1000 cat --type alias
ask 1000 tail -n 5 --user nobody
ask 300 stats
ask 300 stats --json
ask 2000 erase --dry-run --user "$someone"
after_reboot lighttpd-cgi
server_stop
after_reboot lighttpd-fcgi
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
load
IDLE=$P99
row 'idle: 99th percentile' "$P99" ms 100
beside cat --user "$someone"
beside verify
exit $missed
