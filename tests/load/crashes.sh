#!/bin/bash
# hookspool load through crashes of its server, kills while it changes tables, pairs of loaders and random orders: each
# row is there once. CRASHES, CHANGES, PAIRS and RUNS set how many of them there are for each database.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

CRASHES=${CRASHES:-3}
CHANGES=${CHANGES:-5}
PAIRS=${PAIRS:-1}
RUNS=${RUNS:-1}
SETTINGS='auth = none'
PINS=(--type '*.total=number' --type '*.paid=boolean' --type '*.note=text' --type '*.at=timestamp' --type '*._timestamp=text'
	--type '*.long_*=number' --type '*.rare_*=text')

# spool_make: a fresh spool in S, the place of the last one is given back; W is a directory for files of SQLite.
spool_make() {
	rm -rf "$S"
	directory_make
	settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0'
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
	W=$S/run TOTAL=0
}
take() { # FILE [OPTION]...: imports the events
	chmod 644 "$1"
	hs import "$1" "${@:2}"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
	TOTAL=$((TOTAL + $(wc -l <"$1")))
}
behind() { load_behind "${PINS[@]}" --to "$TO" "$@"; }
loads() { load "${PINS[@]}" --to "$TO" "$@"; }

# For each KIND: fresh_KIND makes the database empty, dump_KIND prints its values, query_KIND SQL asks it.
fresh_sqlite() { rm -f "${TO#sqlite:}"*; }
dump_sqlite() { sqlite_dump "${TO#sqlite:}"; }
query_sqlite() { sqlite3 "${TO#sqlite:}" "$1"; }
fresh_postgresql() { pg 'DROP SCHEMA IF EXISTS segment CASCADE'; }
dump_postgresql() { postgresql_dump; }
query_postgresql() { PGOPTIONS='-c search_path=segment' psql -XAtq -c "$1" 2>/dev/null; }
fresh_mariadb() { mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment'; }
dump_mariadb() { mariadb_dump; }
query_mariadb() { sql "$1" 2>/dev/null; }

records() { "query_$KIND" "SELECT records FROM hookspool_load WHERE name = '$1'"; }
are_loaded() { [ "$(records "$1")" = "$TOTAL" ]; }
without_times() { grep -v "$(printf '\tuuid_ts\t')"; }
# expect: what the spool holds, as SQLite has it after a run that nothing disturbs, in T/expected.
expect() {
	local TO=sqlite:$W/undisturbed.db
	fresh_sqlite
	loads --name undisturbed
	dump_sqlite >"$T/expected"
}
difference() { diff "$T/expected" <("dump_$KIND") | head -n 6; }

# feed: 200 more events. Some need tables and columns that are not there, but not in MariaDB, where a crash in a
# change of tables tests the server's own log of such changes.
FEEDS=0
feed() {
	local i
	FEEDS=$((FEEDS + 1))
	load_events 200 "$FEEDS" | grep -v rare_ >"$T/feed.jsonl"
	for ((i = 0; i < 10; i++)); do
		[ "$KIND" = mariadb ] ||
			printf '{"type":"track","messageId":"new-%s-%s","userId":"u-1","event":"New %s","properties":{"c%s":"x"}}\n' \
				$FEEDS $i $((FEEDS * 2 + i % 2)) $i >>"$T/feed.jsonl"
	done
	take "$T/feed.jsonl"
}

### The server crashes ##################################################
crashes() { # CRASH RUN: commands
	local crash before struck=0
	spool_make
	"fresh_$KIND"
	feed
	behind --batch 5 --every 10
	wait_for 60 are_loaded load
	for ((crash = 0; crash < CRASHES; crash++)); do
		! are_loaded load || feed
		before=$(records load)
		wait_for 60 eval '[ "$(records load)" -gt '"$before ]"
		sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
		"$1"
		"$2" || { not_ok "$KIND: the server starts again" "$(tail -n 30 "$T/$KIND.log")"; break; }
		are_loaded load || struck=$((struck + 1))
	done
	if wait_for 90 are_loaded load; then
		ok "$KIND: after $CRASHES crashes of the server the loader goes on"
	else
		not_ok "$KIND: after $CRASHES crashes of the server the loader goes on" "$(alive "$LOADER" || echo 'it has ended')" \
			"$(tail -n 20 "$T/behind.err")"
	fi
	end_process "$LOADER"
	expect
	is "$KIND: nothing is lost or doubled" "$(difference)" ''
	is "$KIND: every record counts once" "$(records load)" "$TOTAL"
	echo "# figure: $KIND: $struck of $CRASHES crashes of the server while the loader was at work"
}

### Kills while tables change ###########################################
changes() {
	local round=0 wrong='' tries before
	spool_make
	for ((i = 0; i < 240; i++)); do # each of them needs a new column, every eighth a new table
		printf '{"type":"track","messageId":"d-%s","userId":"u","event":"Made %s","properties":{"c%s":"x"}}\n' $i $((i / 8)) $i
	done >"$T/made.jsonl"
	take "$T/made.jsonl"
	expect
	"fresh_$KIND"
	KILLED=0 KILL_WITHIN=200
	for ((tries = 0; KILLED < CHANGES && tries < 4 * CHANGES; tries++)); do
		before=$KILLED
		behind --once --batch 1 --name "round$round"
		kill_midway "$LOADER"
		if [ $KILLED = "$before" ]; then # it was through: the next one begins with no table
			wrong=$wrong$(difference)
			"fresh_$KIND"
			round=$((round + 1))
		fi
	done
	loads --name "round$round"
	is "$KIND: $CHANGES kills while tables change: every row is there once" "$KILLED $CODE $wrong$(difference)" "$CHANGES 0 "
}

### Two at once #########################################################
pairs() {
	local pair first wrong=
	spool_make
	feed
	expect
	for ((pair = 0; pair < PAIRS; pair++)); do
		"fresh_$KIND"
		behind --once --name one --batch $((RANDOM % 50 + 1))
		sleep "$(printf '0.%03d' $((RANDOM % 50)))"
		loads --name two --batch $((RANDOM % 50 + 1))
		wait "$LOADER"
		first=$?
		[ "$first $CODE" = '0 0' ] || wrong="$wrong one ends with $first, two with $CODE: $(cat "$T/behind.err" "$T/load.err")"
		wrong=$wrong$(difference)
		[ "$(records one) $(records two)" = "$TOTAL $TOTAL" ] || wrong="$wrong records: $(records one) $(records two)"
		[ -z "$wrong" ] || break
	done
	is "$KIND: $PAIRS pairs of loaders make the same tables: every row is there once" "$wrong" ''
}

### Any order ###########################################################
orders() {
	local run start wrong=
	load_events 1200 7 | grep -v '"type": "delete"' >"$T/events.jsonl" # what a delete takes depends on the order
	spool_make
	take "$T/events.jsonl"
	expect
	without_times <"$T/expected" >"$T/ordered"
	KILLED=0 KILL_WITHIN=200
	for ((run = 0; run < RUNS; run++)); do
		spool_make
		"fresh_$KIND"
		shuf "$T/events.jsonl" >"$T/shuffled.jsonl"
		take "$T/shuffled.jsonl"
		for ((start = RANDOM % 4; start > 0; start--)); do
			behind --once --batch $((RANDOM % 100 + 1))
			kill_midway "$LOADER"
		done
		[ $((RANDOM % 3)) != 0 ] || take "$T/shuffled.jsonl" --again
		loads --batch $((RANDOM % 5000 + 1))
		wrong=$("dump_$KIND" | without_times | diff "$T/ordered" - | head -n 6)
		[ "$CODE$wrong" = 0 ] || break
	done
	is "$KIND: $RUNS random orders, batches, replays and restarts: the same rows" "$CODE $wrong" '0 '
}

### The databases #######################################################
chmod 755 "$T"
KIND=sqlite TO=sqlite:$T/w/w.db
mkdir "$T/w" && own "$T/w"
changes
pairs
KIND=postgresql TO=postgresql:///hookspool
if postgresql_start; then
	crashes postgresql_crash postgresql_run
	changes
	pairs
	orders
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
KIND=mariadb
if mariadb_start; then
	TO=$MARIADB
	mariadb_crash() { mariadb_end KILL; }
	crashes mariadb_crash mariadb_run
	changes
	pairs
	orders
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
