#!/bin/bash
# hookspool load into a server of PostgreSQL: the same values as in SQLite, each row once, whatever is killed.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

KILLS=${KILLS:-20} # loaders killed in mid-work
SETTINGS='auth = none'

if ! [ -x "$(postgresql_bin)/initdb" ]; then
	ok 'load PostgreSQL # SKIP it is not installed'
	done_testing
fi
spool_start
cp "$HS_BUILD/hookspool-load" "$S/bin/"
mkdir "$T/w"
own "$T/w"
postgresql_start || { cat "$T/postgresql.log" >&2; exit 2; }
pg 'CREATE ROLE loader LOGIN' && pg 'GRANT CREATE ON DATABASE hookspool TO loader'
PG=postgresql://loader@/hookspool

# put JSON...: events for the spool.
put() {
	printf '%s\n' "$@" >"$T/put.jsonl"
	chmod 644 "$T/put.jsonl"
	hs import --again "$T/put.jsonl"
}

# track ID EVENT PROPERTIES

# fresh_schema: an empty one, and no cursor; --name NEW begins at the oldest event anyway.
fresh_schema() { pg 'DROP SCHEMA IF EXISTS segment CASCADE'; }

has_rows() { [ "$(pg "SELECT count(*) FROM segment.$1" 2>/dev/null || echo 0)" -ge "$2" ]; }
loaded() { [ "$(pg "SELECT records FROM segment.hookspool_load WHERE name = '$1'" 2>/dev/null)" = "$2" ]; }

### Equal dumps ################################################
load_events 1500 >"$T/events.jsonl"
chmod 644 "$T/events.jsonl"
hs import "$T/events.jsonl"
load --to "sqlite:$T/w/w.db" --name sqlite --batch 200
is 'SQLite has them' "$CODE $(cat "$T/load.out")" '0 '
sqlite_dump "$T/w/w.db" >"$T/expected"
load --to "$PG" --batch 200
is 'PostgreSQL has them' $CODE 0
postgresql_dump >"$T/got"
is 'the same values in both' "$(diff "$T/expected" "$T/got" | head -n 4)" ''
is 'thousands of them' "$(($(wc -l <"$T/got") > 20000))" 1
load --to "$PG" --batch 200
is 'a second run adds nothing' "$CODE $(postgresql_dump | cmp - "$T/got" 2>&1)" '0 '
is 'the position counts records' "$(pg 'SELECT records, spool IS NOT NULL FROM segment.hookspool_load')" '1500|t'
load --to "$PG" --name twin --batch 137
is 'rows that are there are passed over' "$CODE $(postgresql_dump | cmp - "$T/got" 2>&1)" '0 '
pg "DELETE FROM segment.users WHERE id > 'u-2'; UPDATE segment.users SET _as_of = 'never'; INSERT INTO segment.users (id) VALUES ('nobody')"
load --to "$PG" --rebuild users
is '--rebuild users makes every row anew' "$CODE $(postgresql_dump | cmp - "$T/got" 2>&1)" '0 '
check 'the second time: by a temporary table, which is gone' [ "$(pg "SELECT count(*) FROM pg_class WHERE relname = 'hookspool_rows'")" = 0 ]
is 'a name that was cut is told whole' "$(pg "SELECT length(name), length(path) FROM segment.hookspool_names WHERE table_name = 'order_completed'")" '63|75'
is 'identifies has an index on user_id' "$(pg "SELECT count(*) FROM pg_indexes WHERE schemaname = 'segment' AND tablename = 'identifies' AND indexdef LIKE '%(user_id)'")" 1

### Types #######################################################
put "$(track t-1 Types '{"n":1,"b":true,"t":"2026-11-23T10:15:00.5+02:00","s":"x"}')"
load --to "$PG"
is 'types' "$(pg "SELECT string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_name) FROM information_schema.columns
	WHERE table_name = 'types' AND column_name IN ('n', 'b', 't', 's', '_rest', 'id')")" \
	'_rest jsonb, b boolean, id text, n numeric, s text, t timestamp with time zone'
put "$(track t-2 Types '{"n":12345678901234567890123.5,"b":"false","s":"a\u0000b","t":"soon"}')" "$(track t-3 Types '{"n":"1e2","b":0,"s":"\ud800"}')" \
	"$(track t-4 Types '{"s":"\\N\t\\.\n\r\\\\","n":1e400}')"
load --to "$PG"
is 'a long number is exact' "$(pg "SELECT n, b, t FROM segment.types WHERE id = 't-2'")" '12345678901234567890123.5|f|'
is 'U+0000 is in _rest' "$(pg "SELECT _rest FROM segment.types WHERE id = 't-2'")" '{"s": "\"a\\u0000b\"", "t": "\"soon\""}'
is 'half a surrogate pair, too' "$(pg "SELECT n, _rest FROM segment.types WHERE id = 't-3'")" '100|{"b": "0", "s": "\"\\ud800\""}'
is 'what COPY escapes' "$(pg "SELECT s = E'\\\\N\\t\\\\.\\n\\r\\\\\\\\', n = 1e400 FROM segment.types WHERE id = 't-4'")" 't|t'

# Beside each number and time its literal as a text: the server's own reading of that gives the same bytes.
python3 - >"$T/literals.jsonl" <<'END'
import json, random
r = random.Random(7)
def digits(n): return "".join(r.choice("0123456789") for _ in range(n))
for i in range(1500):
    number = r.choice(["", "-"]) + r.choice(["0", str(r.randint(1, 9)) + digits(r.choice([0, 1, 3, 4, 7, 8, 40]))])
    number += r.choice(["", "." + digits(r.choice([1, 3, 4, 5, 30])), ".0" + digits(2) + "00"])
    number += r.choice(["", "", "e%d" % r.randint(-60, 60), "E+%d" % r.randint(0, 400)])
    time = "%04d-%02d-%02dT%02d:%02d:%02d.%s%s" % (r.randint(1, 9999), r.randint(1, 12), r.randint(1, 28), r.randint(1, 22), r.randint(0, 59),
        r.randint(0, 59), digits(r.choice([1, 3, 6, 9])), r.choice(["Z", "+01:00", "-00:30"]))
    print('{"type":"track","messageId":"l-%d","userId":"u","event":"Literals","properties":{"n":%s,"n_text":"is %s","t":"%s","t_text":"is %s"}}'
        % (i, number, number, time, time))
END
chmod 644 "$T/literals.jsonl"
hs import "$T/literals.jsonl"
load --to "$PG"
is 'numbers and times are what the server reads in their literals, digits below a microsecond dropped' "$CODE $(pg "SELECT count(*),
	count(*) FILTER (WHERE numeric_send(n) = numeric_send(substr(n_text, 4)::numeric)),
	count(*) FILTER (WHERE t = regexp_replace(substr(t_text, 4), '(\\.\\d{6})\\d+', '\\1')::timestamptz) FROM segment.literals")" '0 1500|1500|1500'

### Another type ###############################################
retyped() { pg "SELECT id, n, t, _rest FROM segment.retyped ORDER BY id" | xargs -d '\n'; }
put "$(track y-1 Retyped '{"n":12345678901234567890.5,"t":"2026-11-23T10:15:00.25Z"}')"
load --to "$PG"
put "$(track y-2 Retyped '{"n":"fr\u00e9e","t":"soon"}')" "$(track y-3 Retyped '{"n":1}')"
load --to "$PG"
pg 'CREATE INDEX mine ON segment.retyped (n)'
load --to "$PG" --retype retyped.n=text
is 'a column becomes text, with the values that did not fit' "$CODE $(retyped)" \
	'0 y-1|12345678901234567890.5|2026-11-23 10:15:00.25+00| y-2|frée||{"t": "\"soon\""} y-3|1||'
is 'an index of yours on it stays' "$(pg "SELECT count(*) FROM pg_indexes WHERE indexname = 'mine'")" 1
load --to "$PG" --retype retyped.t=text
load --to "$PG" --retype retyped.n=number
is 'and a number again' "$CODE $(retyped)" '0 y-1|12345678901234567890.5|2026-11-23T10:15:00.250Z| y-2||soon|{"n": "\"frée\""} y-3|1||'
pg 'CREATE VIEW segment.viewing AS SELECT n FROM segment.retyped'
load --to "$PG" --retype retyped.n=text
is 'a view that uses it: refused, and nothing is changed' "$CODE $(grep -c viewing "$T/load.err") $(pg "SELECT string_agg(data_type, ' ') FROM information_schema.columns WHERE table_name = 'retyped' AND column_name IN ('n', '_retype')")" '74 0 numeric'
pg "DROP VIEW segment.viewing; ALTER TABLE segment.retyped DROP CONSTRAINT retyped_pkey, ALTER id DROP NOT NULL, ADD UNIQUE (id); INSERT INTO segment.retyped (n) VALUES (5)"
load --to "$PG" --retype retyped.n=text
is 'a row without an id: refused, and nothing is changed' "$CODE $(grep -c 'rows whose id is NULL' "$T/load.err") $(pg "SELECT n FROM segment.retyped WHERE id IS NULL; SELECT count(*) FROM pg_attribute WHERE attname = '_retype'" | xargs)" '74 1 5 0'
pg 'DELETE FROM segment.retyped WHERE id IS NULL'

### Which --retype the summary names #########################
put "$(track h-1 Huge '{"n":1,"i":1}')"
load --to "$PG"
pg 'ALTER TABLE segment.huge ALTER i TYPE bigint'
put "$(track h-2 Huge '{"n":1e131073,"i":1.5}')"
load --to "$PG"
is 'the one that takes the values: text, for a number that no column of numbers takes' \
	"$(grep -o 'retype huge[^ ]* takes them' "$T/load.err" | sort | xargs)" 'retype huge.i=number takes them retype huge.n=text takes them'
load --to "$PG" --retype huge.n=text
load --to "$PG" --retype huge.i=number
is 'and they come home' "$CODE $(pg "SELECT n, i, _rest IS NULL FROM segment.huge WHERE id = 'h-2'")" '0 1e131073|1.5|t'

### Another encoding ##########################################
pg "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0" && pg 'GRANT CREATE ON DATABASE latin TO loader'
load --to "${PG/hookspool/latin}" --name latin
is 'a database that is not in UTF-8: 65, and what to do' "$CODE $(grep -c "latin.*encoding LATIN1.*; make another one: CREATE DATABASE .* ENCODING 'UTF8'" "$T/load.err")" '65 1'
is 'and nothing is made in it' "$(PGDATABASE=latin pg "SELECT count(*) FROM pg_namespace WHERE nspname = 'segment'")" 0

### Tables of others ############################################
pg "SET ROLE loader; CREATE TABLE segment.made (id text PRIMARY KEY, total integer, price numeric(6,2), code varchar(3), extra uuid,
	big bigint, at timestamp(0), half double precision, twice integer GENERATED ALWAYS AS (total * 2) STORED, own serial NOT NULL)"
put "$(track o-1 Made '{"total":40,"price":1.5,"code":"abc","extra":"x","big":9007199254740993,"half":0.5,"twice":1}')" \
	"$(track o-2 Made '{"total":39.95,"big":9223372036854775808,"half":12345678901234567890123,"at":"2026-11-23T10:15:00.5Z"}')" \
	"$(track o-3 Made '{"code":"abcd"}')"
load --to "$PG"
is 'a table as somebody made it' "$CODE $(pg "SELECT id, total, big, half, twice FROM segment.made WHERE id < 'o-3' ORDER BY id")" '0 o-1|40|9007199254740993|0.5|80
o-2||||'
is 'a column that would round or is unknown is left alone' "$(pg "SELECT _rest FROM segment.made WHERE id = 'o-1'")" \
	'{"extra": "\"x\"", "price": "1.5", "twice": "1"}'
is 'a value that its column does not take' "$(pg "SELECT _rest FROM segment.made WHERE id = 'o-2'")" \
	'{"at": "\"2026-11-23T10:15:00.5Z\"", "big": "9223372036854775808", "half": "12345678901234567890123", "total": "39.95"}'
is 'a text too long for its column' "$(pg "SELECT code, _rest FROM segment.made WHERE id = 'o-3'")" '|{"code": "\"abcd\""}'
pg 'SET ROLE loader; CREATE TABLE segment.unkeyed (id text)'
put "$(track k-1 Unkeyed '{}')"
load --to "$PG"
is 'a table without a unique id is refused' "$CODE $(grep -c 'run: ALTER TABLE "segment"."unkeyed" .*ADD UNIQUE (id)' "$T/load.err")" '77 1'
pg 'SET ROLE loader; CREATE UNIQUE INDEX ON segment.unkeyed (id)'
load --to "$PG"
is 'and taken with that index' "$CODE $(pg 'SELECT count(*) FROM segment.unkeyed')" '0 1'

pg "SET ROLE loader; CREATE TABLE segment.plans (plan text PRIMARY KEY); INSERT INTO segment.plans VALUES ('free');
	CREATE TABLE segment.chosen (id text PRIMARY KEY, plan text REFERENCES segment.plans DEFERRABLE INITIALLY DEFERRED)"
for plan in free gold silver; do put "$(track "c-$plan" Chosen "{\"plan\":\"$plan\"}")"; done
load --to "$PG"
is 'rows that a deferred constraint refuses at the end become dead letters' "$CODE $(pg 'SELECT id FROM segment.chosen') \
$(jq -r 'select(.record.event == "Chosen") | .record.message_id' "$S/spool/failed.jsonl" | sort | xargs)" '1 c-free c-gold c-silver'
pg 'SET ROLE loader; ALTER TABLE segment.identifies ADD CONSTRAINT later FOREIGN KEY (user_id) REFERENCES segment.users DEFERRABLE INITIALLY DEFERRED NOT VALID'
put '{"type":"identify","messageId":"c-later","userId":"u-later","traits":{}}'
load --to "$PG"
is 'and the next transaction is checked at its end again' "$CODE $(pg "SELECT count(*) FROM segment.identifies WHERE id = 'c-later'")" '0 1'
pg 'SET ROLE loader; ALTER TABLE segment.identifies DROP CONSTRAINT later'
rm "$S/spool/failed.jsonl"

### Tables that change meanwhile #################################
load_behind --to "$PG" --every 20
pg 'SET ROLE loader; ALTER TABLE segment.types DROP COLUMN n'
put "$(track d-1 Types '{"n":7}')"
check 'a column that is gone comes again' wait_for 20 has_rows 'types WHERE n = 7' 1
pg 'SET ROLE loader; DROP TABLE segment.unkeyed'
put "$(track d-2 Unkeyed '{"n":7}')"
check 'a table, too' wait_for 20 has_rows unkeyed 1
pg 'SET ROLE loader; ALTER TABLE segment.types ADD COLUMN early boolean'
put "$(track d-3 Types '{"early":7}')"
check 'a column that somebody else has made' wait_for 20 has_rows "types WHERE id = 'd-3' AND early IS NULL AND _rest->>'early' = '7'" 1
put "$(track s-1 Swapped '{"a":"word","b":1}')"
check 'two columns' wait_for 20 has_rows swapped 1
pg 'SET ROLE loader; ALTER TABLE segment.swapped RENAME a TO c; ALTER TABLE segment.swapped RENAME b TO a; ALTER TABLE segment.swapped RENAME c TO b'
put "$(track s-2 Swapped '{"a":3,"b":"4"}')" "$(track s-3 Swapped '{"a":"word","b":2}')"
check 'rows after their names were exchanged' wait_for 20 has_rows swapped 3
is 'each value is in a column of its type' "$(pg "SELECT id, a, b, _rest FROM segment.swapped WHERE id > 's-1' ORDER BY id" | xargs -d '\n')" \
	's-2|3|4| s-3||2|{"a": "\"word\""}'
pg "SET ROLE loader; DO \$\$ BEGIN FOR i IN 1..1560 LOOP ALTER TABLE segment.types ADD COLUMN zz integer; ALTER TABLE segment.types DROP COLUMN zz; END LOOP; END \$\$"
end_process $LOADER
put "$(track d-4 Types "{$(for i in $(seq 40); do printf '"m%d":%d,' "$i" "$i"; done)\"m41\":41}")"
load --to "$PG"
is 'PostgreSQL counts dropped columns: the rest goes to _rest' "$CODE $(pg "SELECT (SELECT count(*) FROM jsonb_each(_rest)) +
	(SELECT count(*) FROM pg_attribute WHERE attrelid = 'segment.types'::regclass AND attname ~ '^m[0-9]') FROM segment.types WHERE id = 'd-4'")" '0 41'

### A delete, first of its run ##################################
put '{"type":"group","messageId":"g-1","userId":"u-gone","groupId":"g-x","traits":{"plan":"a"}}' \
	'{"type":"group","messageId":"g-2","userId":"u-other","groupId":"g-x","traits":{"size":2}}'
load --to "$PG"
put '{"type":"delete","messageId":"g-3","userId":"u-gone","timestamp":"2026-11-23T10:15:00Z"}'
load --to "$PG"
is 'the account is made anew of what others said' "$CODE $(pg "SELECT id, plan, size FROM segment.accounts WHERE id = 'g-x'")" '0 g-x||2'

### Rows that are refused ########################################
pg "SET ROLE loader; ALTER TABLE segment.types ADD CHECK (s <> 'no')"
put "$(track r-1 Types '{"s":"yes"}')" "$(track r-2 Types '{"s":"no"}')" "$(track r-3 Types '{"s":"yes"}')"
load --to "$PG"
is 'a constraint refuses a row, and it alone' "$CODE $(pg "SELECT string_agg(id, ' ' ORDER BY id) FROM segment.types WHERE id LIKE 'r-%'")" '1 r-1 r-3'
is 'it is a dead letter' "$(jq -r '.record.message_id + " " + .message' "$S/spool/failed.jsonl")" \
	'r-2 new row for relation "types" violates check constraint "types_s_check"'
put "$(track w-1 Wide "{$(for i in $(seq 170); do printf '"c%d":"%s",' "$i" "$(head -c 1500 /dev/urandom | base64 -w 0 | head -c 1900)"; done)\"z\":1}")" \
	"$(track w-2 Wide "{$(for i in $(seq 150); do printf '"c%d":%d.%d,' "$i" "$RANDOM$RANDOM" "$RANDOM"; done)\"z\":1}")"
load --to "$PG" --max-columns 1500
is 'rows as wide as that' "$CODE $(pg "SELECT count(*) FROM segment.wide")" '0 2'

### The server goes and comes ####################################
fresh_schema
load_behind --to "$PG" --name gone --batch 20 --every 50
check 'rows come' wait_for 20 has_rows tracks 100
postgresql_stop QUIT
put "$(track g-1 Types '{"s":"yes"}')" # for a loader that has written everything else already
check 'the loader says that the server is away' wait_for 20 grep -q 'the database is away' "$T/behind.err"
postgresql_run
check 'the server is there again' pg 'SELECT 1'
total=$(spooled | wc -l)
check 'the loader goes on' wait_for 60 loaded gone "$total"
end_process $LOADER
load --to "sqlite:$T/w/w2.db" --name sqlite2 --batch 20
sqlite_dump "$T/w/w2.db" | grep -v '^made\|^unkeyed' >"$T/expected"
postgresql_dump | grep -v '^made\|^unkeyed' >"$T/got"
is 'nothing lost, nothing doubled' "$(diff "$T/expected" "$T/got" | head -n 4)" ''

### Kills #######################################################
fresh_schema
KILL_WITHIN=200
for ((i = 1; i <= KILLS; i++)); do
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" --once --to "$PG" --name kills --batch 20 --quiet) \
		2>"$T/killed.err" &
	kill_midway $!
	wait_for 10 eval '[ "$(pg "SELECT count(*) FROM pg_stat_activity WHERE usename = '"'loader'"'")" = 0 ]'
done
check 'loaders were killed' [ "$KILLED" -ge $((KILLS / 3)) ]
load --to "$PG" --name kills --batch 20
is "$KILLED kills: nothing lost, nothing doubled" "$CODE $(postgresql_dump | grep -v '^made\|^unkeyed' | diff "$T/expected" - | head -n 4)" '0 '
is 'each record counted once' "$(pg "SELECT records FROM segment.hookspool_load WHERE name = 'kills'")" "$total"
echo "# figure: $KILLED of $KILLS loaders killed in mid-work"

### Rights ######################################################
pg 'REVOKE INSERT ON segment.tracks FROM loader'
put "$(track p-1 Types '{}')"
load --to "$PG" --name kills
is 'a right is missing' "$CODE $(grep -o 'permission denied for table tracks; run: .*' "$T/load.err")" \
	'77 permission denied for table tracks; run: GRANT USAGE ON SCHEMA "segment" TO "loader"; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "segment" TO "loader"'
pg "$(sed -n 's/.*run: //p' "$T/load.err")"
load --to "$PG" --name kills
is 'the statement of the message mends it' "$CODE $(pg "SELECT count(*) FROM segment.tracks WHERE id = 'p-1'")" '0 1'
pg 'REVOKE CREATE ON DATABASE hookspool FROM loader'
load --to "$PG" --schema other
is 'no schema may be made' "$CODE $(grep -o 'GRANT CREATE ON DATABASE "hookspool" TO "loader"' "$T/load.err")" '77 GRANT CREATE ON DATABASE "hookspool" TO "loader"'
pg 'CREATE SCHEMA other'
load --to "$PG" --schema other
is 'no table may be made' "$CODE $(grep -o 'GRANT USAGE, CREATE ON SCHEMA "other" TO "loader"' "$T/load.err")" '77 GRANT USAGE, CREATE ON SCHEMA "other" TO "loader"'
pg 'ALTER TABLE segment.types OWNER TO owner'
put "$(track p-2 Types '{"fresh":1}')"
load --to "$PG" --name kills
is 'the table is of somebody else' "$CODE $(grep -o 'ALTER TABLE "segment"."types" OWNER TO "loader"' "$T/load.err")" '77 ALTER TABLE "segment"."types" OWNER TO "loader"'
pg "$(sed -n 's/.*run: //p' "$T/load.err")"
load --to "$PG" --name kills
is 'and mended' "$CODE $(pg "SELECT fresh FROM segment.types WHERE id = 'p-2'")" '0 1'
load --to postgresql://loader@/nowhere
is 'no such database' "$CODE $(grep -c 'database "nowhere" does not exist; run: CREATE DATABASE "nowhere"' "$T/load.err")" '77 1'
load --to postgresql://nobody@/hookspool
is 'no such role' "$CODE $(grep -c 'role "nobody" does not exist' "$T/load.err")" '77 1'
load --to 'postgresql://loader@/hookspool?password=secret'
is 'a password in the URL is refused' "$CODE $(grep -c secret "$T/load.err")" '2 0'

### ADD COLUMN after a long SELECT ################################
(PGAPPNAME=report psql -XAtq -c 'BEGIN; SELECT count(*) FROM segment.types; SELECT pg_sleep(300)') >"$T/reader.out" 2>&1 &
reader=$!
reads() { pg "SELECT 'yes' FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE application_name = 'report' AND relation = 'segment.types'::regclass" | grep yes; }
check 'somebody reads for long' wait_for 10 reads
put "$(track a-1 Types '{"later":1}')"
load_behind --to "$PG" --name kills --every 50
check 'the message names the reader' wait_for 20 grep -qE 'table "types" has to wait for process [0-9]+ of the server \(user owner, application report\)' "$T/behind.err"
slowest=0
for i in $(seq 20); do
	start=$EPOCHREALTIME
	pg 'SELECT count(*) FROM segment.types' >"$T/count"
	took=$(since "$start")
	[ "$took" -le "$slowest" ] || slowest=$took
	sleep 0.1
done
check "other readers wait less than a second: $slowest ms" in_time "$slowest" 1000
check 'the long one is still there' alive $reader
pg "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'report'" >"$T/count"
check 'then the column comes' wait_for 30 has_rows "types WHERE later = 1" 1
end_process $LOADER
wait $reader 2>/dev/null

### Two loaders make the same tables ##############################
fresh_schema
pg 'GRANT CREATE ON DATABASE hookspool TO loader'
load_behind --to "$PG" --name one --once --batch 50
first=$LOADER
load --to "$PG" --name two --batch 70
wait $first
is 'both are through' "$? $CODE" '0 0'
sed -n '/^[^m]/p' "$T/behind.err" "$T/load.err" | grep -v ' new: \| records, ' | head -n 3
is 'every row once' "$(pg 'SELECT count(*), count(DISTINCT id) FROM segment.tracks' | tr '|' '\n' | uniq | wc -l)" 1

### Two loaders of two spools, and a new person of both ###########
# The first, of older traits, is held after it has looked for what others have of the person, and before it writes their row.
pg "CREATE TABLE public.held AS SELECT 1 AS yes"
pg "CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \$\$BEGIN
	WHILE NEW.email = 'old@example.com' AND EXISTS (SELECT FROM public.held) LOOP PERFORM pg_sleep(0.02); END LOOP; RETURN NEW; END\$\$"
identify() { printf '{"type":"identify","messageId":"%s","userId":"u-turn","timestamp":"%s","traits":{"email":"%s@example.com"}}' "$1" "$2" "$1"; }
put '{"type":"identify","messageId":"turn","userId":"u-turned","traits":{"email":"turned@example.com"}}'
load --to "$PG" --name one
pg 'CREATE TRIGGER hold BEFORE INSERT ON segment.users FOR EACH ROW EXECUTE FUNCTION public.hold()'
put "$(identify old 2026-11-01T00:00:00Z)"
load_behind --to "$PG" --name one --once
first=$LOADER
is_held() { [ "$(pg "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'loader'")" = 1 ]; }
check 'a loader is in mid-transaction' wait_for 20 is_held
FIRST=$S
directory_make
settings_write 'auth = none' 'min_free = 0'
cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
put "$(identify new 2026-11-02T00:00:00Z)"
load_behind --to "$PG" --name second --once
second=$LOADER
waits() { [ "$(pg "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")" = 1 ]; }
check 'one of another spool waits, or is through' wait_for 20 eval "waits || gone $second"
pg 'DELETE FROM public.held'
wait $first
code=$?
wait $second
is 'both are through, and the person has the newer traits' \
	"$code $? $(pg "SELECT email, (SELECT count(*) FROM segment.identifies WHERE user_id = 'u-turn') FROM segment.users WHERE id = 'u-turn'")" \
	'0 0 new@example.com|2'
pg 'DROP TRIGGER hold ON segment.users'
S=$FIRST

### Names with a prefix #############################################
long=$(printf 'an_event_of_sixty_bytes_%036d' 7)
put "$(track x-1 "$long" '{"n":1}')" "$(track x-2 "${long}8" '{"n":2}')"
load --to "$PG" --name prefix --prefix 'a_prefix_' --include '*events*' --include 'an_event*'
is 'prefix and name are cut together' "$CODE $(pg "SELECT string_agg(length(relname)::text, ' ') FROM pg_class WHERE relname LIKE 'a\_prefix\_an%' AND relkind = 'r'")" '0 63 63'
load --to "$PG" --name prefix2 --prefix 'a_prefix_' --include 'an_event*'
is 'and found again' "$CODE $(sed -n 's/.*rows, \(0 tables and 0 columns\) new.*/\1/p' "$T/load.err")" '0 0 tables and 0 columns'
load --to "$PG" --prefix "$long"
is 'a prefix too long' $CODE 2

### TLS and hosts ##################################################
# 0.0.0.0 is this machine, but the loader does not know that. The listener says that it has no TLS, and
# notes the first words of its callers.
cat >"$T/listen.py" <<'END'
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    words = c.recv(8)
    if words:
        print("TLS?" if words[4:] == bytes([4, 0xd2, 0x16, 0x2f]) else "startup", flush=True)
    c.sendall(b"N" if words[4:] == bytes([4, 0xd2, 0x16, 0x2f]) else b"")
    c.close()
END
python3 "$T/listen.py" >"$T/listened" 2>"$T/listen.err" &
listener=$!
check 'a listener without TLS' wait_for 10 test -s "$T/listened"
far=postgresql://loader@0.0.0.0:$(head -n 1 "$T/listened")/hookspool
load --to "$far"
is 'another machine without TLS is refused' "$CODE $(grep -c 'SSL' "$T/load.err") $(tail -n +2 "$T/listened" | xargs)" '77 1 TLS?'
PGSSLMODE=disable load --to "$far"
is 'whatever the environment says' "$CODE $(tail -n +2 "$T/listened" | xargs)" '77 TLS? TLS?'
load_behind --to "$far?sslmode=disable"
check 'unless the URL names it' wait_for 10 grep -q startup "$T/listened"
end_process $LOADER
end_process $listener
load --to 'postgresql://loader@192.0.2.1/hookspool?sslmode=bogus'
is 'an sslmode that is none' "$CODE" 77

end_process "$POSTGRESQL"
done_testing
