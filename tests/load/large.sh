#!/bin/bash
# hookspool load of many columns, many events, long strings and many identifies: within 64 MB. The processor time of twice
# as many identifies is no more than three times that of the half.
# IDENTIFIES is how many there are, of one user and of as many users; LATE are those of one user in the opposite order.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

IDENTIFIES=${IDENTIFIES:-5000}
LATE=${LATE:-20000}
LIMIT_KB=65536
SETTINGS='auth = none'

spool_of() { # FILE: a fresh spool in S with these events
	rm -rf "$S"
	directory_make
	settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0'
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
	chmod 644 "$1"
	hs import "$1"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
}
# measured [OPTION]...: a load from the beginning into an empty database; sets CODE, KB and MS.
measured() {
	"fresh_$KIND"
	read -r CODE KB MS < <(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" python3 "$ROOT/tests/load/measure.py" \
		"$S/bin/hookspool-load" --once --to "$TO" --type '*.age=number' "$@" 2>"$T/load.err")
}
small() { [ "$KB" -lt $LIMIT_KB ]; }
# is_linear HOW: what was measured first is compared with twice as many identifies; a busy machine has more tries.
is_linear() {
	local try once twice
	for try in 1 2 3; do
		spool_of "$T/$1.jsonl"
		measured --batch 500
		once=$MS
		spool_of "$T/$1-twice.jsonl"
		measured --batch 500
		twice=$MS
		[ "$twice" -gt $((3 * once)) ] || break
	done
	check "$KIND: $1: $once ms of processor time, and $twice ms for twice as many" [ "$twice" -le $((3 * once)) ]
}
# is_cheap_late: identifies of one user, each earlier than those before it, take as much as in their order; before the loader
# knew which row each value is of, it read two million rows here, in ten times as long.
is_cheap_late() {
	local once first
	spool_of "$T/ordered.jsonl"
	measured --batch 100
	once=$MS
	spool_of "$T/late.jsonl"
	measured --batch 100
	first=$("query_$KIND" 'SELECT email FROM users')
	is "$KIND: $LATE late identifies" "$CODE $first" '0 a0@example.com'
	check "$KIND: $once ms of processor time in order, and $MS ms late" [ "$MS" -le $((3 * once)) ]
}
fresh_sqlite() { rm -f "${TO#sqlite:}"*; }
query_sqlite() { sqlite3 "${TO#sqlite:}" "$1"; }
fresh_postgresql() { pg 'DROP SCHEMA IF EXISTS segment CASCADE'; }
query_postgresql() { PGOPTIONS='-c search_path=segment' psql -XAtq -c "$1"; }
fresh_mariadb() { mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment'; }
query_mariadb() { sql "$1"; }

cat >"$T/large.py" <<'END'
import json, random, sys

def put(**event):
    print(json.dumps(event))

def large():
    put(type="track", messageId="large", userId="u", event="Large", properties={"s": "x" * ((16 << 20) - 1000)})
    put(type="identify", messageId="large-i", userId="large", traits={"s": "y" * ((16 << 20) - 1000)})

def many():
    for i in range(5000):
        put(type="track", messageId="e%d" % i, userId="u", event="Event %d" % i, properties={"a": i})
    for i in range(40):
        put(type="track", messageId="c%d" % i, userId="u", event="Wide", properties={"c%d" % (i * 125 + c): c for c in range(250)})
    for i in range(8):
        put(type="identify" if i % 2 else "track", messageId="s%d" % i, userId="u%d" % (i % 3), event="Long",
            **{"traits" if i % 2 else "properties": {"s": "z" * (2 << 20), "n": i}})

def identifies(how, n):
    r = random.Random(1)
    for i in range(n):
        second = r.randrange(20 * 86400) if how == "random" else n - i if how == "late" else i
        put(type="identify", messageId="i%d" % i, userId="u%d" % i if how == "users" else "u",
            timestamp="2026-10-%02dT%02d:%02d:%02dZ" % (1 + second // 86400, second // 3600 % 24, second // 60 % 60, second % 60),
            traits={"email": "a%d@example.com" % i, "age": "old" if how == "misfits" and i else 7})

{"large": large, "many": many}[sys.argv[1]]() if len(sys.argv) == 2 else identifies(sys.argv[1], int(sys.argv[2]))
END

a_database() { # KIND URL
	local how
	KIND=$1 TO=$2
	spool_of "$T/large.jsonl"
	measured
	is "$KIND: records of 16 MB" "$CODE $("query_$KIND" 'SELECT length(s) FROM large')/$("query_$KIND" 'SELECT length(s) FROM users')" \
		"0 16776216/16776216"
	check "$KIND: records of 16 MB: within 64 MB: $KB KB" small
	spool_of "$T/many.jsonl"
	measured
	is "$KIND: 5000 events, thousands of columns, strings of 2 MB" "$CODE $("query_$KIND" 'SELECT count(*) FROM tracks')" '0 5044'
	check "$KIND: within 64 MB: $KB KB" small
	for how in user users random misfits; do
		spool_of "$T/$how.jsonl"
		measured
		is "$KIND: $IDENTIFIES identifies, $how" "$CODE $("query_$KIND" 'SELECT count(*) FROM identifies')" "0 $IDENTIFIES"
		check "$KIND: $how: within 64 MB: $KB KB" small
	done
	is_linear user
	is_linear users
	is_cheap_late
}

for what in large many; do python3 "$T/large.py" $what >"$T/$what.jsonl"; done
for how in user users random misfits; do python3 "$T/large.py" $how "$IDENTIFIES" >"$T/$how.jsonl"; done
python3 "$T/large.py" user "$LATE" >"$T/ordered.jsonl"
python3 "$T/large.py" late "$LATE" >"$T/late.jsonl"
for how in user users; do python3 "$T/large.py" $how $((2 * IDENTIFIES)) >"$T/$how-twice.jsonl"; done
mkdir "$T/w" && own "$T/w"
a_database sqlite "sqlite:$T/w/w.db"
if postgresql_start; then
	a_database postgresql "$PG"
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
if mariadb_start; then
	mariadb_stop
	mariadb_run --max-allowed-packet=64M --innodb-log-file-size=256M
	a_database mariadb "$MARIADB"
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
