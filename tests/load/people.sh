#!/bin/bash
# hookspool load of many identifies and groups, in no order and in many batches: users and accounts are what an independent
# fold makes of them, in each database. PEOPLE is how many there are; the long form has 100000.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

PEOPLE=${PEOPLE:-4000}
BATCH=${BATCH:-300}

# Few people have very many: their values are of rows of long ago, or of a moment ago, and some do not fit.
cat >"$T/people.py" <<'END'
import json, random, sys
n, r = int(sys.argv[1]), random.Random(int(sys.argv[2]))
for i in range(n):
    person = int(r.paretovariate(0.7)) % (n // 10)
    second = r.randrange(25 * 86400)
    # one of three has values that go to _rest
    traits = {name: r.choice([None, i, "t%d" % i, True] if person % 3 == 0 and r.random() < 0.1 else [None, i])
              for name in r.sample(["n%d" % c for c in range(8)], r.randrange(4))}
    traits.update({name: "%s %d" % (name, i) for name in r.sample(["email", "plan", "city", "title"], r.randrange(3))})
    group = i % 5 == 0
    print(json.dumps({"type": "group" if group else "identify", "messageId": "m%d" % i,
        **({"groupId": "g%d" % person, "userId": "u"} if group else {"userId": "u%d" % person}), "traits": traits,
        "timestamp": "2026-10-%02dT%02d:%02d:%02dZ" % (1 + second // 86400, second // 3600 % 24, second // 60 % 60, second % 60)}))
END
python3 "$T/people.py" "$PEOPLE" 1 >"$T/people.jsonl"
chmod 644 "$T/people.jsonl"
directory_make
settings_write 'auth = none' 'min_free = 0' 'rotate_min_gap = 0'
cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
hs import "$T/people.jsonl"

are_folded() { # KIND DUMP: a load, and what it has made
	local seconds=$SECONDS
	load --to "$TO" --name "$1" --batch "$BATCH" --type '*.n[0-9]=number'
	seconds=$((SECONDS - seconds))
	"$2" "${TO#sqlite:}" >"$T/dump"
	is "$1: users and accounts are the fold of their rows" "$CODE $(python3 "$ROOT/tests/load/fold.py" - <"$T/dump" 2>"$T/counts" | head -c 600)" '0 '
	is "$1: all were looked at" "$(sed 's/ of .*//' "$T/counts" | tr '\n' ' ')" "identifies: $((PEOPLE * 4 / 5)) groups: $((PEOPLE / 5)) "
	echo "# figure: $1: $PEOPLE in $seconds s, $(tr '\n' ' ' <"$T/counts")"
}

mkdir "$T/w" && own "$T/w"
TO=sqlite:$T/w/w.db
are_folded SQLite sqlite_dump
if postgresql_start; then
	TO=$PG
	are_folded PostgreSQL postgresql_dump
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
if mariadb_start; then
	TO=$MARIADB
	are_folded MariaDB mariadb_dump
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
