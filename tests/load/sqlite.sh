#!/bin/bash
# hookspool load into SQLite: kills, pairs of loaders, any order, deletions, a full, locked or read-only file.
# KILLS and RUNS set how many kills and random spools there are.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

KILLS=${KILLS:-30}
RUNS=${RUNS:-8}
CALLS=${CALLS:-12} # kills before the n-th write
SETTINGS='auth = none'
PINS=(--type '*.total=number' --type '*.paid=boolean' --type '*.note=text' --type '*.at=timestamp' --type '*._timestamp=text'
	--type '*.long_*=number' --type '*.rare_*=text')

# spool_of FILE: a fresh spool in S with these events; T/w.N is the directory of its databases, W.
spool_of() {
	directory_make
	settings_write "$SETTINGS" 'min_free = 0'
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
	W=$S/run
	chmod 644 "$1"
	hs import "$1"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
}

once_behind() { load_behind --once "${PINS[@]}" "$@"; }

load_pinned() { load "${PINS[@]}" "$@"; }
rows_of() { sqlite_dump "$1" | grep -v "$(printf '\tuuid_ts\t')"; }
query() { sqlite3 "$1" "$2"; }
difference() { diff "$1" - | head -n 6; }

load_events 1200 7 | grep -v '"type": "delete"' >"$T/events.jsonl" # what a delete takes depends on the order
EVENTS=$(wc -l <"$T/events.jsonl")
spool_of "$T/events.jsonl"
load_pinned --to "sqlite:$W/whole.db" --name whole
is 'all at once' "$CODE" 0
sqlite_dump "$W/whole.db" >"$T/whole"
rows_of "$W/whole.db" >"$T/expected"
is 'each record has its row' "$(query "$W/whole.db" "SELECT (SELECT count(*) FROM tracks) + (SELECT count(*) FROM identifies) +
	(SELECT count(*) FROM pages) + (SELECT count(*) FROM screens) + (SELECT count(*) FROM groups) + (SELECT count(*) FROM aliases)")" $EVENTS
is 'users and accounts are the fold of their rows' "$(python3 "$ROOT/tests/load/fold.py" "$W/whole.db" 2>&1 | head -c 600)" ''

### Kills ######################################################
round=0 # a loader that is through in time: the next one begins another database
for ((kill = 0; kill < KILLS; kill++)); do
	once_behind --to "sqlite:$W/killed$round.db" --name "killed$round" --batch $((RANDOM % 60 + 1))
	sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
	if kill -9 "$LOADER" 2>/dev/null; then
		struck=$((${struck:-0} + 1))
	else
		round=$((round + 1))
	fi
	wait "$LOADER" 2>/dev/null
done
check 'loaders were killed in mid-work' [ "${struck:-0}" -ge $((KILLS / 3)) ]
whole() {
	local n
	for ((n = 0; n <= round; n++)); do
		load_pinned --to "sqlite:$W/killed$n.db" --name "killed$n"
		[ "$CODE" = 0 ] || echo "$n: code $CODE"
		sqlite_dump "$W/killed$n.db" | difference "$T/whole"
	done
}
is "after $KILLS kills each row is there once" "$(whole)" ''

if command -v strace >/dev/null; then
	for ((call = 1; call <= CALLS; call++)); do
		(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" strace -f -qq -o /dev/null -e trace=pwrite64,fdatasync,write \
			-e inject=pwrite64,fdatasync,write:signal=SIGKILL:when=$((call * call)) \
			"$S/bin/hookspool-load" --once "${PINS[@]}" --to "sqlite:$W/calls.db" --name calls --batch 90) >/dev/null 2>&1
	done 2>/dev/null # the shell tells of each kill
	load_pinned --to "sqlite:$W/calls.db" --name calls
	is "after $CALLS kills before a write, too" "$CODE $(sqlite_dump "$W/calls.db" | difference "$T/whole")" '0 '
fi

### Two at once #################################################
once_behind --to "sqlite:$W/pair.db" --name pair --batch 20
load_pinned --to "sqlite:$W/pair.db" --name other --batch 30
first=$CODE
wait "$LOADER"
is 'two loaders with two names at once' "$? $first $(sqlite_dump "$W/pair.db" | difference "$T/whole")" '0 0 '

### Any order ###################################################
KILLED=0 KILL_WITHIN=100
for ((run = 1; run <= RUNS; run++)); do
	shuf "$T/events.jsonl" >"$T/shuffled.jsonl"
	rm -rf "$S"
	spool_of "$T/shuffled.jsonl"
	for ((start = RANDOM % 4; start > 0; start--)); do
		once_behind --to "sqlite:$W/w.db" --batch $((RANDOM % 100 + 1))
		kill_midway "$LOADER"
	done
	[ $((RANDOM % 3)) != 0 ] || hs import --again "$T/shuffled.jsonl"
	load_pinned --to "sqlite:$W/w.db" --batch $((RANDOM % 5000 + 1))
	different=$(rows_of "$W/w.db" | difference "$T/expected"; python3 "$ROOT/tests/load/fold.py" "$W/w.db" 2>&1 | head -c 600)
	[ "$CODE$different" = 0 ] || break
done
is "$RUNS random orders, batches, replays and restarts: the same rows, and users are their fold" "$CODE $different" '0 '
echo "# figure: $KILLED loaders killed in $RUNS random orders"

### Deletions ##################################################
# left USER: the rows of a user in the database, in all tables.
left() {
	python3 - "$W/w.db" "$1" <<'END'
import sqlite3, sys
db, left = sqlite3.connect(sys.argv[1]), 0
for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'hookspool_%'").fetchall():
    columns = [c[1] for c in db.execute(f'PRAGMA table_info("{table}")')]
    for key in {"users": ["id"], "aliases": ["user_id", "previous_id"]}.get(table, ["user_id"]):
        if key in columns:
            left += db.execute(f'SELECT count(*) FROM "{table}" WHERE "{key}" = ?', (sys.argv[2],)).fetchone()[0]
print(left)
END
}
{ cat "$T/events.jsonl"; echo '{"type":"delete","messageId":"d-1","userId":"u-7"}'; } >"$T/deleting.jsonl"
spool_of "$T/deleting.jsonl"
load_pinned --to "sqlite:$W/w.db" --batch 77
is 'a delete record takes every row of its user' "$CODE $(left u-7)" '0 0'
check 'and none of another' [ "$(left u-8)" -gt 10 ]
is 'what is left of accounts is the fold of what is left of groups' "$(python3 "$ROOT/tests/load/fold.py" "$W/w.db" 2>&1 | head -c 600)" ''
is 'the WAL keeps nothing of what was deleted' "$(grep -c 'u-7[^0-9]' "$W/w.db" "$W/w.db-wal" 2>/dev/null | grep -v ':0$')" ''

# A reader's transaction keeps what it reads in the WAL; its connection stays open after that, so that nobody removes the WAL.
reader_start() {
	touch "$T/reads" "$T/idles"
	sqlite3 "$W/w.db" BEGIN 'SELECT count(*) FROM users' ".shell touch $T/held; while test -e $T/reads; do sleep 0.05; done" COMMIT \
		".shell while test -e $T/idles; do sleep 0.05; done" >"$T/reader.out" &
	READER=$!
	wait_for 10 test -e "$T/held"
	rm "$T/held"
}
reader_idle() { rm "$T/reads"; }
reader_end() { rm "$T/idles"; wait "$READER"; }
of_user() { query "$W/w.db" "SELECT count(*) FROM identifies WHERE user_id = '$1'"; }
has_one() { [ -e "$W/w.db" ] && [ "$(of_user "$1")" = 1 ]; } # query would make the file
# The loader removes a request when it has done what it can: this does not end a wait of its for the reader.
is_done() { ! ls "$S"/spool/.hookspool/loads/*@* && [ "$(of_user "$1")" = 0 ]; }
is_empty() { [ -e "$W/w.db-wal" ] && ! grep -q "$1" "$W/w.db" "$W/w.db-wal"; }
for n in 1 2; do printf '{"type":"identify","messageId":"w-%s","userId":"wal-%s","traits":{"email":"wal%s@example.com"}}\n' $n $n $n; done >"$T/wal.jsonl"
spool_of "$T/wal.jsonl"
load_behind --to "sqlite:$W/w.db" --name w --every 20
check 'both are there' wait_for 20 has_one wal-2
reader_start
hs erase --user wal-1
check 'an erased person has no rows' wait_for 20 is_done wal-1
is 'while somebody reads, the WAL has them still' "$(is_empty wal1@ || echo 'has them')" 'has them'
reader_idle
check 'then it is emptied, without a new event' wait_for 20 is_empty wal1@
reader_end
reader_start
hs erase --user wal-2
check 'another has none either' wait_for 20 is_done wal-2
kill -9 "$LOADER"
wait "$LOADER" 2>/dev/null
reader_idle
is 'a loader that was killed before the reader ended has not emptied it' "$(is_empty wal2@ || echo 'has them')" 'has them'
load --to "sqlite:$W/w.db" --name w
is 'the next one does' "$CODE $(is_empty wal2@ && echo empty)" '0 empty'
reader_end

### What the file does ###########################################
spool_of "$T/events.jsonl"
load_pinned --to "sqlite:$W/w.db" --batch 50 --name first
sqlite3 "$W/w.db" "DELETE FROM tracks; DELETE FROM hookspool_load" 
sqlite3 "$W/w.db" 'BEGIN IMMEDIATE' ".shell touch $T/held; while test -e $T/held; do sleep 0.05; done" 'COMMIT' &
holder=$!
wait_for 10 test -e "$T/held"
once_behind --to "sqlite:$W/w.db" --batch 50
check 'another writer holds the file: the loader tells' wait_for 30 grep -q 'a lock is taken' "$T/behind.err"
rm "$T/held"
wait "$holder"
wait "$LOADER"
code=$?
is 'when it has ended, the rows come' "$code $(query "$W/w.db" 'SELECT count(*) > 100 FROM tracks')" '0 1'

### A disk that is full ##########################################
(trap '' XFSZ; exec prlimit --fsize=500000:unlimited setpriv --reuid="$SERVER_USER" --regid="$SERVER_GROUP" --clear-groups \
	env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" "${PINS[@]}" --to "sqlite:$W/full.db" --name full --batch 1000) >"$T/full.out" 2>"$T/full.err" &
LOADER=$!
check 'it tells that there is no room' wait_for 20 grep -q 'no room' "$T/full.err"
is 'a transaction is in wholly or not at all' "$(query "$W/full.db" "SELECT coalesce((SELECT records FROM hookspool_load), 0) IN (0, 1000)")" 1
(as_server_user prlimit --pid "$LOADER" --fsize=unlimited:unlimited)
full_is_loaded() { [ "$(query "$W/full.db" 'SELECT records FROM hookspool_load' 2>/dev/null)" = $EVENTS ]; }
check 'when there is room it goes on' wait_for 40 full_is_loaded
end_process "$LOADER"
is 'and every row is there once' "$(rows_of "$W/full.db" | difference "$T/expected")" ''

: >"$W/readonly.db"
sqlite3 "$W/readonly.db" 'CREATE TABLE t (x)'
chmod 444 "$W/readonly.db"
chown root "$W/readonly.db" 2>/dev/null
load_pinned --to "sqlite:$W/readonly.db"
is 'a file that cannot be written: 77' "$CODE" 77
load_pinned --to "sqlite:$T/nowhere/x.db"
is 'a folder that is not there: 77' "$CODE" 77

### Memory #######################################################
python3 - >"$T/wide.jsonl" <<'END'
import json
print(json.dumps({"type": "track", "messageId": "n", "userId": "u", "event": "N", "properties": {"n": 100000000000000000000, "m": -9223372036854775808, "o": 9223372036854775808}}))
for i in range(5000):
    print(json.dumps({"type": "track", "messageId": "e%d" % i, "userId": "u", "event": "Event %d" % i, "properties": {"a": i}}))
for i in range(40):
    print(json.dumps({"type": "track", "messageId": "c%d" % i, "userId": "u", "event": "Wide",
                      "properties": {"c%d" % (i * 125 + c): c for c in range(250)}}))
for i in range(30):
    print(json.dumps({"type": "identify", "messageId": "s%d" % i, "userId": "u%d" % (i % 3), "traits": {"s": "x\"" * 60000}}))
END
spool_of "$T/wide.jsonl"
(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" \
	/usr/bin/time -f %M -o "$W/rss" "$S/bin/hookspool-load" --once --to "sqlite:$W/w.db") >"$T/load.err" 2>&1
is '5000 events, thousands of columns, long strings' "$?" 0
check "within 64 MB: $(tail -n 1 "$W/rss") KB" [ "$(tail -n 1 "$W/rss")" -lt 65536 ]
is 'the rows of all events are in tracks' "$(query "$W/w.db" 'SELECT count(*) FROM tracks')" 5041
is 'numbers beyond 64 bits keep their value, or go to _rest' "$(query "$W/w.db" "SELECT n = 1e20, m, o IS NULL FROM tracks JOIN n USING (id)")" '1|-9223372036854775808|1'
done_testing
