#!/bin/bash
# Processor time of hookspool load, of both sides, beside the recipes that import lines and beside programs as people write
# them: warehouse.sh [EVENTS] [ROUNDS]. The targets are for the rows that load writes; each recipe comes once more as
# docs/recipes.md has it, five columns of one table.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"
EVENTS=${1:-100000}
ROUNDS=${2:-3}

# Track events of 860 bytes, as the other figures' event; each is another person's order of another sum.
python3 - "$EVENTS" "$ROOT/tests/bench/event.json" >"$T/events.jsonl" <<'END'
import json, random, sys
r = random.Random(1)
event = json.load(open(sys.argv[2]))
for i in range(int(sys.argv[1])):
    event.update(messageId="ajs-next-1764000000-%016d" % i, userId="user-%05d" % r.randint(1, 5000),
        timestamp="2026-11-%02dT10:15:00.%03dZ" % (1 + i % 28, i % 1000))
    event["properties"].update(orderId="o-2026-%06d" % i, total=r.randint(100, 99999) / 100)
    print(json.dumps(event, separators=(",", ":")))
END
directory_make
settings_write 'auth = none' 'min_free = 0'
cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
chmod 644 "$T/events.jsonl"
hs import "$T/events.jsonl"
export HOOKSPOOL_CONF=$S/hookspool.conf
cd "$S/run" || exit 2

OWNER=(setpriv --reuid="$SERVER_USER" --regid="$SERVER_GROUP" --clear-groups)

# server_ticks: processor time of the server SERVER so far, with that of its processes, in ticks; 0: there is none.
server_ticks() {
	[ -n "${SERVER:-}" ] || { echo 0; return; }
	{ cat "/proc/$SERVER/stat"; for child in $(cat "/proc/$SERVER/task/$SERVER/children"); do cat "/proc/$child/stat"; done; } 2>/dev/null |
		sed 's/.*) //' | awk '{ n += $12 + $13 + (NR == 1 ? $14 + $15 : 0) } END { print n }'
}

# cost NAME COMMAND...: microseconds of processor time a record, of the command and the server, in COST.
cost() {
	local name=$1 before
	shift
	before=$(server_ticks)
	/usr/bin/time -f '%U %S' -o "$T/time" "$@" >/dev/null 2>"$T/bench.err" || { cat "$T/bench.err" >&2; exit 1; }
	[ -z "${SERVER:-}" ] || sleep 0.2 # the server's process for the connection ends
	COST=$(awk -v n="$EVENTS" -v server=$((($(server_ticks) - before) * 1000000 / $(getconf CLK_TCK))) \
		'{ printf "%.1f", (($1 + $2) * 1e6 + server) / n }' "$T/time")
	printf '%-34s %6.1f µs a record\n' "$name" "$COST"
}

lacks() {
	echo 'the recipe has not loaded all' >&2
	exit 1
}

# compare WHAT OURS OTHER TARGET: how much more the other takes; medians tells.
compare() {
	printf '%s\t%s\t%s\n' "$1" "$4" "$(awk -v ours="$2" -v other="$3" 'BEGIN { print other / ours }')" >>"$T/ratios"
}

# medians: of the ratios of each comparison, with the least and the greatest.
medians() {
	sort -t $'\t' -k 1,1 -k 3,3g "$T/ratios" | awk -F '\t' '
		function tell(median) { median = (ratio[int((n + 1) / 2)] + ratio[int(n / 2) + 1]) / 2
			if (n > 0) printf "%-40s %6.2f (%.2f-%.2f), target %s: %s\n", what, median, ratio[1], ratio[n], target, median >= target ? "reached" : "missed" }
		$1 != what { tell(); n = 0 }
		{ what = $1; target = $2; ratio[++n] = $3 }
		END { tell() }'
}

# The recipes of docs/recipes.md, as they are there: five columns of one table.
recipe() {
	sqlite3 -bail "$1" <<'END'
CREATE TABLE IF NOT EXISTS order_completed (id TEXT PRIMARY KEY, timestamp TEXT, user_id TEXT, order_id TEXT, total NUMERIC);
CREATE TEMP TABLE line (json TEXT);
.mode ascii
.separator "\037" "\n"
.import "|$HOOKSPOOL cat --event 'Order Completed' || echo 'cat failed, which is no JSON'" line
UPDATE line SET json = replace(replace(replace(json, '\\', char(1)), '\u0000', '\ufffd'), char(1), '\\') WHERE json LIKE '%\u0000%';
INSERT OR IGNORE INTO order_completed SELECT json_extract(json, '$.message_id'), json_extract(json, '$.timestamp'),
  json_extract(json, '$.user_id'), json_extract(json, '$.properties_order_id'), json_extract(json, '$.properties_total') FROM line;
END
}
postgresql_recipe() {
	psql -q -v ON_ERROR_STOP=1 <<'END'
DROP TABLE IF EXISTS order_completed;
CREATE TABLE order_completed (id text PRIMARY KEY, timestamp timestamptz, user_id text, order_id text, total numeric);
CREATE TEMP TABLE line AS TABLE order_completed WITH NO DATA;
\copy line FROM PROGRAM '$HOOKSPOOL cat --event "Order Completed" --fields message_id,timestamp,user_id,properties_order_id,properties_total' (NULL '')
INSERT INTO order_completed SELECT * FROM line ON CONFLICT DO NOTHING;
END
}
mariadb_recipe() {
	"$HOOKSPOOL" cat --event 'Order Completed' --fields message_id,timestamp,user_id,properties_order_id,properties_total >"$T/lines"
	mariadb --no-defaults --local-infile=1 --socket="$T/mariadb/socket" --user=root segment -e "
		CREATE OR REPLACE TABLE recipe (id VARCHAR(200) PRIMARY KEY, timestamp DATETIME(6), user_id TEXT, order_id TEXT, total DOUBLE);
		LOAD DATA LOCAL INFILE '$T/lines' IGNORE INTO TABLE recipe (id, @t, user_id, order_id, total)
			SET timestamp = REPLACE(REPLACE(@t, 'T', ' '), 'Z', '')"
}

# The same ways with the rows that load writes: all columns, of both tables.
ROWS=$ROOT/tests/bench/warehouse_rows.py
FIELDS=$(python3 "$ROWS" fields)
sqlite_rows() {
	python3 "$ROWS" sqlite "$HOOKSPOOL cat --event 'Order Completed' || echo 'cat failed, which is no JSON'" | sqlite3 -bail "$1"
}
postgresql_rows() {
	python3 "$ROWS" postgresql "$HOOKSPOOL cat --event \"Order Completed\" --fields $FIELDS" | psql -q -v ON_ERROR_STOP=1
}
mariadb_rows() {
	"$HOOKSPOOL" cat --event 'Order Completed' --fields "$FIELDS" >"$T/lines"
	python3 "$ROWS" mariadb "$T/lines" | mariadb --no-defaults --local-infile=1 --socket="$T/mariadb/socket" --user=root recipes
}

# python WAY TARGET: a program of a few lines, with Debian's libraries, which its own python3 finds.
python() { "$HOOKSPOOL" cat --event 'Order Completed' | /usr/bin/python3 "$ROOT/tests/bench/warehouse_python.py" "$@"; }
mariadb_statements() { mariadb --no-defaults --socket="$T/mariadb/socket" --user=root recipes <"$T/statements"; }
export -f recipe postgresql_recipe mariadb_recipe sqlite_rows postgresql_rows mariadb_rows mariadb_statements python
export HOOKSPOOL=$S/bin/hookspool T ROWS FIELDS ROOT

# ours DATABASE TARGET NAME: hookspool load in batches of 5000, 1000 and 100; COST is that of the first.
ours() {
	local size whole
	for size in 5000 1000 100; do
		"fresh_$1"
		cost "$1, batches of $size" "${OWNER[@]}" "$S/bin/hookspool-load" --once --batch $size --to "$2" --name "$3$size"
		case $size in
		5000) whole=$COST ;;
		1000) compare "$1: speed in batches of 1000" "$COST" "$whole" 0.6 ;;
		100) compare "$1: speed in batches of 100" "$COST" "$whole" 0.35 ;;
		esac
	done
	COST=$whole
}
fresh_SQLite() { rm -f ./*.db*; }
fresh_PostgreSQL() { pg 'DROP SCHEMA IF EXISTS segment CASCADE'; }
fresh_MariaDB() { sql 'CREATE OR REPLACE DATABASE segment'; }
# has ROWS: the two tables together have the rows of all events.
has() { [ "$1" = $((2 * EVENTS)) ] || lacks; }
# has_same TABLE: MariaDB has the values of load in another database.
has_same() {
	local table values
	for table in segment.$1 recipes.$1; do
		values+=$(sql "SELECT BIT_XOR(CRC32(CONCAT_WS('|', $(python3 "$ROWS" columns "$1")))) FROM $table")$'\n'
	done
	[ "$(sort -u <<<"$values" | grep -c .)" = 1 ] || lacks
}
BOTH='SELECT (SELECT count(*) FROM tracks) + count(products) FROM order_completed'

sqlite_round() {
	SERVER=
	ours SQLite "sqlite:$S/run/a.db" "a$1"
	local ours=$COST
	cost 'SQLite, the recipe, 5 columns' bash -c "recipe $S/run/d.db"
	cost 'SQLite, .import, the same rows' bash -c "sqlite_rows $S/run/e.db"
	has "$(sqlite3 e.db "$BOTH")"
	compare 'SQLite: the recipe to load' "$ours" "$COST" 1.7
	cost 'SQLite, Python' bash -c "python sqlite $S/run/f.db"
	has "$(sqlite3 f.db "$BOTH")"
	compare 'SQLite: Python to load' "$ours" "$COST" 2
}
postgresql_round() {
	SERVER=$POSTGRESQL
	ours PostgreSQL "$PG" "p$1"
	local ours=$COST way
	cost 'PostgreSQL, \copy, 5 columns' bash -c postgresql_recipe
	[ "$(pg 'SELECT count(*) FROM order_completed')" = "$EVENTS" ] || lacks
	cost 'PostgreSQL, \copy, the same rows' bash -c postgresql_rows
	has "$(pg "$BOTH")"
	compare 'PostgreSQL: \copy to load' "$ours" "$COST" 1.2
	/usr/bin/python3 -c 'import psycopg2' 2>/dev/null || return 0
	for way in 'copy 2' 'execute_values 4'; do
		cost "PostgreSQL, Python, ${way% *}" bash -c "python ${way% *} ''"
		has "$(pg "$BOTH")"
		compare "PostgreSQL: Python, ${way% *} to load" "$ours" "$COST" "${way#* }"
	done
}
mariadb_round() {
	SERVER=$MARIADB_PID
	ours MariaDB "$MARIADB" "m$1"
	local ours=$COST
	cost 'MariaDB, LOAD DATA, 5 columns' bash -c mariadb_recipe
	[ "$(sql 'SELECT count(*) FROM recipe')" = "$EVENTS" ] || lacks
	sql 'CREATE OR REPLACE DATABASE recipes'
	cost 'MariaDB, LOAD DATA, the same rows' bash -c mariadb_rows
	has "$(sql "USE recipes; $BOTH")"
	compare 'MariaDB: LOAD DATA to load' "$ours" "$COST" 1.1
	python statements - >"$T/statements"
	sql 'CREATE OR REPLACE DATABASE recipes'
	cost 'MariaDB, INSERT of many rows' bash -c mariadb_statements
	has_same tracks
	has_same order_completed
	compare 'MariaDB: INSERT of many rows to load' "$ours" "$COST" 1.7
	/usr/bin/python3 -c 'import pymysql' 2>/dev/null || return 0
	sql 'CREATE OR REPLACE DATABASE recipes'
	cost 'MariaDB, Python, executemany' bash -c "python executemany $T/mariadb/socket"
	has "$(sql "USE recipes; $BOTH")"
	compare 'MariaDB: Python, executemany to load' "$ours" "$COST" 4
}

KINDS=(sqlite_round)
# autovacuum would work now for one, now for another
if postgresql_start -c autovacuum=off; then KINDS+=(postgresql_round); else echo 'PostgreSQL: left out, no server'; fi
if mariadb_start; then KINDS+=(mariadb_round); else echo 'MariaDB: left out, no server'; fi
echo "load of the machine: $(cut -d ' ' -f 1-3 /proc/loadavg), $(nproc) processors"
for ((round = 1; round <= ROUNDS; round++)); do
	for kind in "${KINDS[@]}"; do
		"$kind" "$round"
	done
done
[ -z "$POSTGRESQL" ] || postgresql_stop
[ -z "$MARIADB_PID" ] || mariadb_stop
medians
