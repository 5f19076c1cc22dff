#!/bin/bash
# hookspool load: the memory that one record of 16 MB takes, the greatest there is, and 5000 ordinary ones: 64 MB, whatever
# the record is; 96 MB where a copy cannot be helped: SQLite takes a _rest as a whole, and copies it into its row, and one
# of escapes alone is twice as long as the record.
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
    put(type="identify", messageId="%s %d" % (sys.argv[1], day), userId="u", timestamp="2026-10-%02dT00:00:00Z" % day, traits=traits)

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
    "a long group": lambda: put(type="group", messageId="i", userId="u", groupId="g\"" * (M // 3), traits={"a": 1}),
    "a long message id": lambda: put(type="track", messageId="m" * M, userId="u", event="Large", properties={"n": 1}),
    "very many traits": lambda: identify(1, **{"f%06d" % i: 1 for i in range(450000)}),
    "very many traits again": lambda: identify(2, **{"f%06d" % i: 2 for i in range(450000)}),
    "long names": lambda: track(**{"%05d" % i + "x" * 200: 1 for i in range(M // 220)}),
    "a plain text for a number": lambda: track(n="x" * M),
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
# within KB NAME QUERY VALUE [CODE]: a load of what is new, within this memory, after which the query has this value.
within() {
	read -r CODE KB _ < <(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" python3 "$ROOT/tests/load/measure.py" \
		"$S/bin/hookspool-load" --once --to "$TO" 2>"$T/load.err")
	is "$KIND: $2" "$CODE $("query_$KIND" "$3" | tr '\t' '|')" "${5:-0} $4"
	check "$KIND: $2: within $1 KB: $KB KB" [ "$KB" -lt "$1" ]
}
fresh_sqlite() { rm -f "${TO#sqlite:}"*; }
query_sqlite() { sqlite3 "${TO#sqlite:}" "$1"; }
fresh_postgresql() { pg 'DROP SCHEMA IF EXISTS segment CASCADE'; }
query_postgresql() { PGOPTIONS='-c search_path=segment' psql -XAtq -c "$1"; }
fresh_mariadb() { mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment'; }
query_mariadb() { sql "$1"; }

# refused WHAT COLUMN TABLE: its id is too long: a dead letter that says so, and no row.
refused() {
	take "$1"
	within $LIMIT_KB "$1" "SELECT count(*) FROM $3" 0 1
	is "$KIND: $1: a dead letter" "$(as_failed)" "$2 is longer than 65536 bytes, the most by which people are looked up"
}
as_failed() { (as_server_user cat "$S/spool/failed.jsonl") | python3 -c 'import json, sys; print(*[json.loads(line)["message"] for line in sys.stdin])'; }

a_database() { # KIND URL KB_OF_REST LENGTH_IN_REST
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
	within $LIMIT_KB 'very many fields' 'SELECT f000000 + f000100 FROM large' 2
	is "$KIND: very many fields: all are there" "$(grep -c ', 449831 values in _rest' "$T/load.err") $("query_$KIND" 'SELECT _rest FROM large' | grep -o '"f[0-9]*": *"1"' | sort -u | wc -l)" '1 449831'
	take 'very many traits'
	within $LIMIT_KB 'very many traits' 'SELECT f000000 + f000100 FROM users' 2
	add 'very many traits again'
	within $LIMIT_KB 'very many traits of a user who has some' 'SELECT f000000 + f000100 FROM users' 4
	take 'long names'
	within $LIMIT_KB 'long names' 'SELECT count(_rest) FROM large' 1
	take 'a long message id'
	within $LIMIT_KB 'a long message id' "SELECT length(id), ${4//\?/id} FROM large" "71|$((M + 2))"
	refused 'a long user' user_id identifies
	refused 'a long group' group_id groups
	take 'a number'
	within $LIMIT_KB 'a number' 'SELECT n FROM large' 1
	add 'a text for a number'
	within "$3" 'a text for a number' "SELECT count(n), ${4//\?/n} FROM large WHERE _rest IS NOT NULL GROUP BY _rest" "0|$((M / 4 * 4 + 2))"
	take 'a number'
	within $LIMIT_KB 'a number' 'SELECT n FROM large' 1
	add 'a plain text for a number'
	within $LIMIT_KB 'a plain text for a number' "SELECT count(n), ${4//\?/n} FROM large WHERE _rest IS NOT NULL GROUP BY _rest" "0|$((M + 2))"
	take 'a user'
	within $LIMIT_KB 'a user' 'SELECT length(s) FROM users' $M
	add 'a user before'
	within $LIMIT_KB 'a user that is made anew' 'SELECT length(s), (SELECT count(*) FROM identifies) FROM users' "$M|2"
}

mkdir "$T/w" && own "$T/w"
a_database sqlite "sqlite:$T/w/w.db" $MORE_KB "length(json_extract(_rest, '\$.?'))"
if postgresql_start; then
	a_database postgresql "$PG" $LIMIT_KB "length(_rest ->> '?')"
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
if mariadb_start; then
	mariadb_stop
	mariadb_run --max-allowed-packet=64M --innodb-log-file-size=256M
	a_database mariadb "$MARIADB" $LIMIT_KB "length(json_value(_rest, '\$.?'))"
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
