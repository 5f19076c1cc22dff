#!/bin/bash
# hookspool load of records of some megabytes: lines that are not copied, values and a _rest that go in pieces, rows with very
# many columns, and people whose rows have such values, in order and late. All of it is in each database to the last byte.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

# The first column that a table has is a number's, which takes no text. Characters of two to four bytes, and those that are
# escaped in JSON or doubled in a copy of PostgreSQL, come at the borders of all pieces.
cat >"$T/long.py" <<'END'
import hashlib, json, sys

def text(letters, megabytes):
    size = int(megabytes * (1 << 20))
    return letters * (size // len(letters.encode()) + 1)

STRANGE = "a\"\\\n\t€é😀'"
MANY = {"f%06d" % i: "v%d" % i for i in range(9000)}
# user, day of the year's first month, traits: the later day counts, whichever comes first
IDENTIFIES = [
    ("u1", 1, {"n": 1, "m": 1}),
    ("u1", 20, {"s": text(STRANGE, 2.5)}),
    ("u1", 21, {"n": text(STRANGE, 2.3)}),
    ("u1", 2, {"q": "late", "s": "overruled"}),
    ("u1", 3, {"m": text("x€", 2.2)}),
    ("u2", 20, {"s": text("yé", 1.3), "a": "first"}),
    ("u2", 10, {"s": "overruled", "b": text("\\", 1.2)}),
    ("u2", 5, {"c": "late"}),
    ("u3", 20, MANY),
    ("u3", 10, {"d": "late", "f000001": "overruled"}),
]
# more fields than the loader keeps the places of: those of the records after it are looked for in each line
FIELDS = {"g%05d" % i: "w%d" % i for i in range(66000)}
TRACKS = [{"n": 1}, {"s": text(STRANGE, 3)}, {"n": text(STRANGE, 2.5)}, FIELDS, {"s": "short", "n": 2}]
AFTER = [("u3", 11, {"e": "after", "n": 2})]

def events():
    yield from identifies(IDENTIFIES, 0)
    for i, properties in enumerate(TRACKS):
        yield dict(type="track", messageId="t%d" % i, userId="u", event="Long", properties=properties)
    yield from identifies(AFTER, 100)

def identifies(rows, first):
    for i, (user, day, traits) in enumerate(rows, first):
        yield dict(type="identify", messageId="i%d" % i, userId=user, timestamp="2026-01-%02dT00:00:00Z" % day, traits=traits)

def values(fields):
    # as a dump has them: a text that the column of a number does not take is in _rest, and a number is the same in both
    for name, value in fields.items():
        if isinstance(value, str):
            rest = name in ("n", "m")
            yield ("_rest." if rest else "") + name, json.dumps(value, ensure_ascii=False) if rest else json.dumps(value)
        else:
            yield name, "1E+0" if value == 1 else "2E+0"

def expected():
    people = {}
    for i, (user, day, traits) in [*enumerate(IDENTIFIES), *enumerate(AFTER, 100)]:
        yield from (("identifies", "i%d" % i, c, v) for c, v in values(traits))
        people.setdefault(user, []).append((day, traits))
    for user, rows in people.items():
        latest = {}
        for _, traits in sorted(rows, key=lambda row: row[0]):
            latest.update(traits)
        yield from (("users", user, c, v) for c, v in values(latest))
    for i, properties in enumerate(TRACKS):
        yield from (("long", "t%d" % i, c, v) for c, v in values(properties))

OWN = ("id", "_as_of", "user_id", "anonymous_id", "event", "event_text")

def put(table, key, column, value):
    # a text of yours is in its column, or in _rest if the table has as many columns as it may
    if column.startswith("_rest.") and column[6:] not in ("n", "m"):
        column, value = column[6:], json.dumps(json.loads(value))
    digest = hashlib.sha256(value.encode()).hexdigest()[:16] if len(value) > 60 else value
    print(table, key, column, len(value), digest, sep="\t")

if sys.argv[1] == "events":
    for event in events():
        print(json.dumps(event, ensure_ascii=False))
elif sys.argv[1] == "expected":
    for row in expected():
        put(*row)
else:
    for line in sys.stdin:
        table, key, column, value = line.rstrip("\n").split("\t", 3)
        if table in ("identifies", "users", "long") and column not in OWN and not value[:5] == "2026-" and column.split("_")[0] != "context":
            put(table, json.loads(key), column, value)
END
python3 "$T/long.py" events >"$T/events.jsonl"
python3 "$T/long.py" expected | sort >"$T/expected"
chmod 644 "$T/events.jsonl"
directory_make
settings_write 'auth = none' 'min_free = 0' 'rotate_min_gap = 0'
cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
hs import "$T/events.jsonl"

are_there() { # KIND DUMP
	load --to "$TO" --name "$1"
	"$2" "${TO#sqlite:}" | python3 "$T/long.py" dumped | sort >"$T/dumped"
	is "$1: each value, to the last byte" "$CODE $(diff "$T/expected" "$T/dumped" | head -n 12)" '0 '
}

mkdir "$T/w" && own "$T/w"
TO=sqlite:$T/w/w.db
are_there SQLite sqlite_dump
if postgresql_start; then
	TO=$PG
	are_there PostgreSQL postgresql_dump
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
if mariadb_start; then
	mariadb_stop
	mariadb_run --max-allowed-packet=64M
	TO=$MARIADB
	are_there MariaDB mariadb_dump
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
