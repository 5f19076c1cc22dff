#!/bin/bash
# hookspool load: the memory that one record of 16 MB takes, the greatest there is, with what the database has of its
# person, and 5000 ordinary ones: below 64 MB, whatever they are. A row whose _rest would be longer than 12 MB is a dead
# letter, and there is no row of a person that would be longer than 16 MB.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

LIMIT_KB=65536
ORDINARY_KB=40960
M=$(((16 << 20) - 1000)) # bytes of the values
PLAIN=$(((12 << 20) - 12)) # bytes of a text whose _rest, {"n":"\"TEXT\""}, has as many as it may …
PAIRS=$((PLAIN / 8))       # … and of one of quotes and backslashes alone, pairs of them

cat >"$T/events.py" <<'END'
import json, sys
M = (16 << 20) - 1000

def put(**event):
    print(json.dumps(event, ensure_ascii=False))

PLAIN = (12 << 20) - 12

def track(**properties):
    put(type="track", messageId=sys.argv[1], userId="u", event="Large", properties=properties)

def identify(day, **traits):
    put(type="identify", messageId="%s %d" % (sys.argv[1], day), userId="u", timestamp="2026-10-%02dT00:00:00Z" % day, traits=traits)

def ordinary():
    for i in range(5000):
        put(type="identify" if i % 10 == 0 else "track", messageId="o%d" % i, userId="u%d" % (i % 50), event="Order",
            **{"traits" if i % 10 == 0 else "properties": {"total": i / 4, "items": [1, 2, 3], "note": "n" * 400}})

def full(first):
    for i in range(first, first + 1600):
        put(type="track", messageId="f%d" % i, userId="u", event="Full", properties={"p%d" % j: "va\"lue %d" % j + "z" * 30 for j in range(60)})

{
    "one value": lambda: track(s="x" * M),
    "a value with escapes": lambda: track(s="\"\n" * (M // 4)),
    "many values": lambda: track(**{"c%d" % i: "v" * (M // 160) for i in range(150)}),
    "an event": lambda: put(type="track", messageId="e", userId="u", event="Event " + "e" * M),
    "an event with escapes": lambda: put(type="track", messageId="e", userId="u", event="E\n" * (M // 3)),
    "a long user": lambda: put(type="identify", messageId="i", userId="u" * M, traits={"a": 1}),
    "a long group": lambda: put(type="group", messageId="i", userId="u", groupId="g\"" * (M // 3), traits={"a": 1}),
    "a long message id": lambda: put(type="track", messageId="m" * (PLAIN - 3), userId="u", event="Large", properties={"n": 1}),
    "very many traits": lambda: identify(1, **{"f%06d" % i: 1 for i in range(450000)}),
    "very many traits again": lambda: identify(2, **{"f%06d" % i: 2 for i in range(450000)}),
    "long names": lambda: track(**{"%05d" % i + "x" * 200: 1 for i in range(M // 220)}),
    "a plain text for a number": lambda: track(n="x" * PLAIN),
    "very many fields": lambda: track(**{"f%06d" % i: 1 for i in range(450000)}),
    "a number": lambda: track(n=1),
    "a later number": lambda: track(n=2),
    "a text for a number": lambda: track(n="\"\\" * (PLAIN // 8)),
    "a text too long for a number": lambda: track(n="\"\\" * (PLAIN // 8 + 1)),
    "a plain text too long for a number": lambda: track(n="x" * (PLAIN + 1)),
    "numbers of a user": lambda: identify(1, n=1, m=1),
    "a misfit of a user": lambda: identify(3, n="x" * PLAIN),
    "an older misfit of a user": lambda: identify(2, n="y" * PLAIN),
    "another misfit of a user": lambda: identify(4, m="x" * (4 << 20)),
    "a misfit and a long value of a user": lambda: identify(2, m="x€" * (6 << 18), s="y€😀" * (9 << 17)),
    "a misfit of a user with escapes": lambda: identify(3, n="\"\\" * (PLAIN // 8)),
    "an older misfit": lambda: identify(1, n="x" * PLAIN),
    "long users": lambda: [identify(20 - i, **{"c%d" % i: "x" * (10 << 20)}) for i in range(10)],
    "very many short traits": lambda: identify(1, **{"%x" % i: 1 for i in range(950000)}),
    "a user": lambda: identify(2, s="y" * M),
    "a user before": lambda: identify(1, s="\n" * (M // 2)),
    "long ids": lambda: [put(type="identify", messageId="i%d" % i, userId="%d" % i + "i" * 65000, traits={"a": 1}) for i in range(300)],
    "a late identify among much else": lambda: (full(0), identify(1, q=1), full(1600)),
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
# within KB NAME QUERY VALUE [CODE [OPTION…]]: a load of what is new, or with these options, within this memory, after
# which the query has this value.
within() {
	local options=("${@:6}")

	[ $# -gt 5 ] || options=(--once)
	read -r CODE KB _ < <(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" python3 "$ROOT/tests/load/measure.py" \
		"$S/bin/hookspool-load" "${options[@]}" --to "$TO" 2>"$T/load.err")
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
# long_rest WHAT LENGTH: a text that a number's column does not take is in _rest, with this length there.
long_rest() {
	take 'a number'
	within $LIMIT_KB 'a number' 'SELECT n FROM large' 1
	add "$1"
	within $LIMIT_KB "$1" "SELECT count(n), ${REST//\?/n} FROM large WHERE _rest IS NOT NULL GROUP BY _rest" "0|$2"
}
# refused_rest WHAT: its _rest would be a little longer than the longest: a dead letter, and nothing of it is in the summary
# as a value in _rest. The record after it is there.
refused_rest() {
	take 'a number'
	within $LIMIT_KB 'a number' 'SELECT n FROM large' 1
	add "$1"
	add 'a later number'
	within $LIMIT_KB "$1" 'SELECT count(*), sum(n) FROM large' '2|3' 1
	is "$KIND: $1: a dead letter" "$(as_failed)" "the _rest of the row in large, of what its columns do not take, is longer \
than 12582912 bytes, the most that the loader has memory for"
	is "$KIND: $1: the summary" "$(grep -c ', 0 values in _rest, 1 failed' "$T/load.err")" 1
}
# left_out NAME OPTION…: a load after which there is no row of users, and which says why.
left_out() {
	within $LIMIT_KB "$1" 'SELECT count(*) FROM users' 0 0 "${@:2}"
	is "$KIND: $1: the message" "$(grep -cm 1 'users: a row was refused: it would be longer than 16777216 bytes' "$T/load.err")" 1
}

# A user whose row is made of long ones.
long_people() {
	local rest="SELECT count(n), ${REST//\?/n} FROM users GROUP BY _rest"

	take 'numbers of a user'
	within $LIMIT_KB 'numbers of a user' 'SELECT n + m FROM users' 2
	add 'a user'
	within $LIMIT_KB 'a long value of a user who has a row' 'SELECT n + m, length(s) FROM users' "2|$M"
	take 'numbers of a user'
	within $LIMIT_KB 'numbers of a user' 'SELECT n + m FROM users' 2
	add 'a misfit of a user with escapes'
	within $LIMIT_KB 'a misfit of a user, of escapes' "$rest" "0|$((PAIRS * 4 + 2))"
	take 'numbers of a user'
	within $LIMIT_KB 'numbers of a user' 'SELECT n + m FROM users' 2
	add 'a misfit of a user'
	within $LIMIT_KB 'a misfit of a user' "$rest" "0|$((PLAIN + 2))"
	add 'an older misfit of a user'
	within $LIMIT_KB 'two misfits of one trait' "$rest" "0|$((PLAIN + 2))"
	add 'another misfit of a user'
	left_out 'misfits that are together longer than a _rest may be' --once
	left_out 'and by --rebuild' --rebuild users
	take 'numbers of a user'
	add 'a misfit and a long value of a user'
	within $LIMIT_KB 'a misfit and a long value' \
		'SELECT u.n, count(*) FROM users u JOIN identifies i ON i.s = u.s AND i._rest = u._rest GROUP BY u.n' '1|1'
	add 'a misfit of a user'
	left_out 'and a longer misfit' --once
	take 'numbers of a user'
	add 'a user'
	add 'an older misfit'
	within $LIMIT_KB 'a user whose older misfit does not count' 'SELECT n, length(s) FROM users' "1|$M"
	add 'a misfit of a user'
	left_out 'and a later misfit' --once
	take 'a user'
	within $LIMIT_KB 'a user' 'SELECT length(s) FROM users' $M
	add 'a late identify among much else'
	within $LIMIT_KB 'a late identify among much else' 'SELECT length(s), q FROM users' "$M|1"
	take 'long users'
	left_out 'ten long identifies of one user' --once
	is "$KIND: they are there" "$("query_$KIND" 'SELECT count(*) FROM identifies')" 10
	left_out 'ten long identifies of one user, by --rebuild' --rebuild users
	add ordinary
	within $LIMIT_KB 'ordinary records after them' 'SELECT count(*) FROM users' 5
	take ordinary
	for what in 'numbers of a user' 'a misfit of a user' 'an older misfit of a user' 'a user' 'long users' 'one value'; do
		add "$what"
	done
	within $LIMIT_KB 'all of these in one load' 'SELECT count(*) FROM users' 5
}
as_failed() { (as_server_user cat "$S/spool/failed.jsonl") | python3 -c 'import json, sys; print(*[json.loads(line)["message"] for line in sys.stdin])'; }

a_database() { # KIND URL LENGTH_IN_REST
	KIND=$1 TO=$2 REST=$3
	take ordinary
	within $ORDINARY_KB '5000 ordinary records' 'SELECT count(*) FROM tracks' 4500
	take 'long ids'
	within $LIMIT_KB '300 users whose ids are almost too long' 'SELECT count(*) FROM users' 300
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
	within $LIMIT_KB 'a long message id' "SELECT length(id), ${REST//\?/id} FROM large" "71|$((PLAIN - 1))"
	refused 'a long user' user_id identifies
	refused 'a long group' group_id groups
	long_rest 'a text for a number' $((PAIRS * 4 + 2))
	long_rest 'a plain text for a number' $((PLAIN + 2))
	refused_rest 'a text too long for a number'
	refused_rest 'a plain text too long for a number'
	take 'a user'
	within $LIMIT_KB 'a user' 'SELECT length(s) FROM users' $M
	add 'a user before'
	within $LIMIT_KB 'a user that is made anew' 'SELECT length(s), (SELECT count(*) FROM identifies) FROM users' "$M|2"
	long_people
}

mkdir "$T/w" && own "$T/w"
a_database sqlite "sqlite:$T/w/w.db" "length(json_extract(_rest, '\$.?'))"
if postgresql_start; then
	a_database postgresql "$PG" "length(_rest ->> '?')"
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
if mariadb_start; then
	mariadb_stop
	mariadb_run --max-allowed-packet=64M --innodb-log-file-size=256M
	a_database mariadb "$MARIADB" "length(json_value(_rest, '\$.?'))"
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
