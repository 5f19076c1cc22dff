#!/bin/bash
# How late the rows of hookspool load are while it follows: warehouse_lag.sh [SECONDS] [BACKLOG]. For each database the rate at
# which it loads a backlog; then events over HTTP at a tenth of that, and the time from an event's line in the spool, which is
# before its 200, until the database shows the position beyond it, which is written in the transaction of its rows.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"
SECONDS_EACH=${1:-20}
BACKLOG=${2:-50000}
TARGET=2
LAG=$ROOT/tests/bench/warehouse_lag.py
SETTINGS=$(printf '%s\n' 'min_free = 0' 'compress = none')

fail() {
	echo "$KIND: $1" >&2
	exit 1
}
# is_seen N: the watcher has seen so many records in the database.
is_seen() { [ "$(tail -n 1 "$T/seen" | cut -d ' ' -f 2)" = "$1" ]; }

# a_database KIND TO PREFIX CLIENT...: PREFIX stands before the names of tables, and the client reads statements.
a_database() {
	local start full watcher events
	KIND=$1 TO=$2 PREFIX=$3
	shift 3
	server_start lighttpd-fcgi
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
	[ "$KIND" != SQLite ] || set -- "$@" "${TO#sqlite:}"
	hs import "$T/backlog.jsonl"
	start=$EPOCHREALTIME
	load --quiet --to "$TO" --name lag
	[ "$CODE" = 0 ] || fail "$(cat "$T/load.err")"
	full=$((BACKLOG * 1000 / $(since "$start")))
	load_behind --quiet --to "$TO" --name lag
	python3 "$LAG" watch "SELECT records FROM ${PREFIX}hookspool_load WHERE name = 'lag'" "$@" >"$T/seen" &
	watcher=$!
	wait_for 60 is_seen "$BACKLOG" && wait_for 60 watches "$LOADER" || fail "the loader does not follow: $(cat "$T/behind.err")"
	"$HS_BUILD/bench/load" --port "$http_port" --clients 16 --seconds "$SECONDS_EACH" --warm-up 0 --batch 10 \
		--rate "$(awk -v full="$full" 'BEGIN { print full / 100 }')" --secret "$SECRET" "$ROOT/tests/bench/event.json" >"$T/load" ||
		fail "not every answer is 200: $(cat "$T/load")"
	spooled >"$T/lines"
	events=$(wc -l <"$T/lines")
	wait_for 60 is_seen "$events" || fail "the loader has not come to the end: $(tail -n 1 "$T/seen") $(cat "$T/behind.err")"
	kill "$watcher" && wait "$watcher" 2>/dev/null
	end_process "$LOADER"
	[ "$("$@" <<<"SELECT count(*) FROM ${PREFIX}tracks;")" = "$events" ] || fail 'the rows are not those of the spool'
	python3 "$LAG" tell "$T/seen" "$BACKLOG" <"$T/lines" >"$T/late" || exit 1
	awk -v kind="$KIND" -v full="$full" -v rate=$(((events - BACKLOG) / SECONDS_EACH)) -v target="$TARGET" '{
		printf "%-12s %6d events a second of %6d: behind by %s s, 99 of 100 by at most %s s, target %s s: %s\n",
			kind, rate, full, $1, $2, target, $2 < target ? "reached" : "missed" }' "$T/late"
	server_stop
}

python3 "$LAG" events "$BACKLOG" "$ROOT/tests/bench/event.json" >"$T/backlog.jsonl"
chmod 644 "$T/backlog.jsonl"
mkdir "$T/w" && own "$T/w"
echo "load of the machine: $(cut -d ' ' -f 1-3 /proc/loadavg), $(nproc) processors"
a_database SQLite "sqlite:$T/w/w.db" '' stdbuf -oL sqlite3 -cmd '.timeout 10000'
if postgresql_start; then
	a_database PostgreSQL "$PG" segment. psql -XAtq
	postgresql_stop
else
	echo 'PostgreSQL: left out, no server'
fi
if mariadb_start; then
	a_database MariaDB "$MARIADB" '' mariadb --no-defaults --socket="$T/mariadb/socket" --user=root --batch --skip-column-names --unbuffered segment
	mariadb_stop
else
	echo 'MariaDB: left out, no server'
fi
