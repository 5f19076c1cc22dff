#!/bin/bash
# hookspool load: the memory that one record of 16 MB takes, the greatest there is, and 5000 ordinary ones: 64 MB, whatever
# the record is; 96 MB where a copy more cannot be helped: SQLite's own of a _rest that is longer than the record, and
# libpq's of a row that is read to make a user anew; and for 450,000 fields, and an id of a user that is as long as the record.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

LIMIT_KB=65536
MORE_KB=98304
ORDINARY_KB=40960
M=$(((16 << 20) - 1000)) # bytes of the values

cat >"$T/events.py" <<'END'
import json, sys
M = (16 << 20) - 1000

def put(**event):
    print(json.dumps(event))

def track(**properties):
    put(type="track", messageId=sys.argv[1], userId="u", event="Large", properties=properties)

def identify(day, **traits):
    put(type="identify", messageId=sys.argv[1], userId="u", timestamp="2026-10-%02dT00:00:00Z" % day, traits=traits)

def ordinary():
    for i in range(5000):
        put(type="identify" if i % 10 == 0 else "track", messageId="o%d" % i, userId="u%d" % (i % 50), event="Order",
            **{"traits" if i % 10 == 0 else "properties": {"total": i / 4, "items": [1, 2, 3], "note": "n" * 400}})

{
    "one value": lambda: track(s="x" * M),
    "a value with escapes": lambda: track(s="\"\n" * (M // 4)),
    "many values": lambda: track(**{"c%d" % i: "v" * (M // 160) for i in range(150)}),
    "an event": lambda: put(type="track", messageId="e", userId="u", event="Event " + "e" * M),
    "an event with escapes": lambda: put(type="track", messageId="e", userId="u", event="E\n" * (M // 3)),
    "a long user": lambda: put(type="identify", messageId="i", userId="u" * M, traits={"a": 1}),
    "very many fields": lambda: track(**{"f%06d" % i: 1 for i in range(450000)}),
    "a number": lambda: track(n=1),
    "a text for a number": lambda: track(n="\"\\" * (M // 4)),
    "a user": lambda: identify(2, s="y" * M),
    "a user before": lambda: identify(1, s="\n" * (M // 2)),
    "ordinary": ordinary,
}[sys.argv[1]]()
END

# take WHAT: a spool in S with these events; `add` adds them to it.
take() {
	rm -rf "$S"
	directory_make
	settings_write 'auth = none' 'min_free = 0' 'rotate_min_gap = 0'
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
	"fresh_$KIND"
	add "$1"
}
add() {
	python3 "$T/events.py" "$1" >"$T/events.jsonl" && chmod 644 "$T/events.jsonl" || exit 2
	hs import "$T/events.jsonl"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
}
# within KB NAME QUERY VALUE: a load of what is new, within this memory, after which the query has this value.
within() {
	read -r CODE KB _ < <(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" python3 "$ROOT/tests/load/measure.py" \
		"$S/bin/hookspool-load" --once --to "$TO" 2>"$T/load.err")
	is "$KIND: $2" "$CODE $("query_$KIND" "$3" | tr '\t' '|')" "0 $4"
	check "$KIND: $2: within $1 KB: $KB KB" [ "$KB" -lt "$1" ]
}
fresh_sqlite() { rm -f "${TO#sqlite:}"*; }
query_sqlite() { sqlite3 "${TO#sqlite:}" "$1"; }
fresh_postgresql() { pg 'DROP SCHEMA IF EXISTS segment CASCADE'; }
query_postgresql() { PGOPTIONS='-c search_path=segment' psql -XAtq -c "$1"; }
fresh_mariadb() { mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment'; }
query_mariadb() { sql "$1"; }

a_database() { # KIND URL KB_OF_REST KB_OF_USER REST
	KIND=$1 TO=$2
	take ordinary
	within $ORDINARY_KB '5000 ordinary records' 'SELECT count(*) FROM tracks' 4500
	take 'one value'
	within $LIMIT_KB 'one value' 'SELECT length(s) FROM large' $M
	take 'a value with escapes'
	within $LIMIT_KB 'a value with escapes' 'SELECT length(s) FROM large' $((M / 4 * 2))
	take 'many values'
	within $LIMIT_KB 'many values' 'SELECT length(c0) + length(c149) FROM large' $((M / 160 * 2))
	take 'an event'
	within $LIMIT_KB 'an event' 'SELECT length(event_text), length(event) FROM tracks' "$((M + 6))|63"
	take 'an event with escapes'
	within $LIMIT_KB 'an event with escapes' 'SELECT length(event_text), length(event) FROM tracks' "$((M / 3 * 2))|63"
	take 'very many fields'
	within $MORE_KB 'very many fields' 'SELECT f000000 + f000100 FROM large' 2
	take 'a number'
	within $LIMIT_KB 'a number' 'SELECT n FROM large' 1
	add 'a text for a number'
	within "$3" 'a text for a number' "SELECT count(n), $5 FROM large WHERE _rest IS NOT NULL GROUP BY _rest" "0|$((M / 4 * 4 + 2))"
	take 'a user'
	within $LIMIT_KB 'a user' 'SELECT length(s) FROM users' $M
	add 'a user before'
	within "$4" 'a user that is made anew' 'SELECT length(s), (SELECT count(*) FROM identifies) FROM users' "$M|2"
}

mkdir "$T/w" && own "$T/w"
a_database sqlite "sqlite:$T/w/w.db" $MORE_KB $LIMIT_KB "length(json_extract(_rest, '\$.n'))"
take 'a long user'
within $MORE_KB 'a long user, whose id is in the _rest of users' "SELECT a, length(id), length(json_extract(_rest, '\$.id')) FROM users" "1|71|$((M + 2))"
if postgresql_start; then
	a_database postgresql "$PG" $LIMIT_KB $MORE_KB "length(_rest ->> 'n')"
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
if mariadb_start; then
	mariadb_stop
	mariadb_run --max-allowed-packet=64M --innodb-log-file-size=256M
	a_database mariadb "$MARIADB" $LIMIT_KB $LIMIT_KB "length(json_value(_rest, '\$.n'))"
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
