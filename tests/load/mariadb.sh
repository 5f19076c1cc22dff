#!/bin/bash
# hookspool load into a MariaDB server of its own: the same values as in SQLite; kills of either side; rights; tables,
# indexes and triggers that somebody else made; names and values that MariaDB takes for others.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"
. "$(dirname "$0")/../lib/databases.sh"

# load_into [OPTION]...: up to the end, into TO; SAID has what it said, CODE its exit code.
load_into() {
	load --to "$TO" "$@"
	SAID=$(<"$T/load.err")
}
# same NAME [OPTION]...: SQLite, loaded from the beginning, has equal values.
same() {
	local name=$1
	shift
	rm -f "$S/run/w.db"*
	load --name lite --to "sqlite:$S/run/w.db" "$@"
	sqlite_dump "$S/run/w.db" >"$T/lite"
	mariadb_dump >"$T/maria"
	is "$name" "$(diff "$T/lite" "$T/maria" | head -n 20)" ''
}
# put_lines: the events of standard input, one a line.
put_lines() {
	sed '1s/^/[/; $s/$/]/; $!s/$/,/' >"$T/put"
	signed "$T/put"
	[ "$STATUS" = 200 ] || not_ok 'the events are taken' "status $STATUS"
}
value() { sql "SELECT $1"; }
failed() { cat "$S"/spool/failed*.jsonl 2>/dev/null | jq -r .message; }

spool_start 'rotate_min_gap = 0' 'compress = none'
cp "$HS_BUILD/hookspool-load" "$S/bin/hookspool-load"
if ! mariadb_start; then
	ok 'load into MariaDB # SKIP no mariadb-server, or no MariaDB in hookspool-load'
	done_testing
fi
export HOME=$T # its .my.cnf
TO=$MARIADB

### The same values #####################################################
types='--type order_completed.total=number --type order_completed.paid=boolean --type order_completed.at=timestamp'
put_lines <<'END'
{"type":"track","messageId":"t1","userId":"u","event":"Order Completed","properties":{"total":39.95,"paid":true,"at":"2026-11-23T10:15:00.123456+01:00","items":[1,"a"],"note":"ça","order":{"id":"o1"}}}
{"type":"track","messageId":"t2","userId":"U","event":"Order Completed","properties":{"total":"free","paid":"yes","at":"2026-11-23","note":"a\u0000b","order":{"id":7}}}
{"type":"track","messageId":"t3","userId":"u ","event":"Order Completed","properties":{"total":12345678901234567890123,"paid":false,"at":"9999-12-31T23:59:59.999999Z","note":"\ud800"}}
{"type":"track","messageId":"t3 ","userId":"u","event":"Order Completed","properties":{"total":1e-7,"at":"0001-01-01T00:00:00Z","note":"'\\\"; -- \u0007 😀"}}
{"type":"track","messageId":"T3","userId":"u","event":"Order Completed","properties":{"total":-0,"at":"0000-12-31T23:59:59Z","note":""}}
{"type":"track","messageId":"t4","userId":"u","event":"Names","properties":{"É":"capital","😀":"face","select":"reserved","a`b":"quote","x":1e300}}
{"type":"track","messageId":"t5","userId":"u","event":"É","properties":{"x":1}}
{"type":"track","messageId":"t6","userId":"u","event":"é","properties":{"x":2}}
{"type":"identify","messageId":"i1","userId":"u","timestamp":"2026-11-01T00:00:00Z","traits":{"email":"a@example.com","age":3,"seen":"2026-11-01T00:00:00Z"}}
{"type":"identify","messageId":"i2","userId":"U","timestamp":"2026-11-01T00:00:00Z","traits":{"email":"b@example.com"}}
{"type":"identify","messageId":"i3","userId":"u ","timestamp":"2026-11-01T00:00:00Z","traits":{"email":"c@example.com","vip":true}}
{"type":"identify","messageId":"i4","userId":"u","timestamp":"2026-11-02T00:00:00.5Z","traits":{"email":"d@example.com","age":"old"}}
{"type":"group","messageId":"g1","userId":"u","groupId":"g","traits":{"plan":"free","seats":4}}
{"type":"page","messageId":"p1","userId":"u","name":"Home","properties":{"path":"/","name":"Home"}}
{"type":"alias","messageId":"a1","userId":"u","previousId":"anon"}
END
# shellcheck disable=SC2086 # options
load_into $types
is 'a first load' "$CODE $(value 'records, rest FROM hookspool_load')" '0 15	7'
# shellcheck disable=SC2086
same 'the same values as in SQLite' $types
# Two rows of a table for each of them, so that all rows of a batch share its values.
jq -nc '[{at: "0001-01-01T00:00:00Z", note: "\u0027\\\"; -- \u0007 😀"},
	{at: "9999-12-31T23:59:59.999999Z", note: ""},
	{at: "2026-11-23T10:15:00+01:00", paid: true, x: 1e-7},
	{paid: false, x: 12345678901234567890123, total: -0, note: "a\u0000b"},
	{total: 7, note: null, x: "7", long: ("é" * 127 + "x")},
	{total: 7.5, long: ("é" * 128)},
	{total: 8, long: ("é" * 300)}] | to_entries[] | (.key, .key + 100) as $id |
	{type: "track", messageId: "shared\($id)", userId: "u", event: "Shared \(.key)", properties: .value},
	if $id == 101 then {type: "track", messageId: "no note", userId: "u", event: "Shared 1"} else empty end' | put_lines
# shellcheck disable=SC2086
load_into $types
is 'rows that share their values' "$CODE $(value 'records FROM hookspool_load') $(value 'count(*), min(at) FROM shared_0')" '0 30 2	0001-01-01 00:00:00.000000'
# shellcheck disable=SC2086
same 'shared values: the same as in SQLite' $types
is 'ids that differ in case or in a blank at the end' "$(value 'count(*) FROM tracks') $(value 'count(*) FROM users')" '23 3'
is 'every digit, and U+0000, are in _rest' "$(value "_rest->>'\$.total' FROM order_completed WHERE id = 't3'" 2>/dev/null;
	value "json_value(_rest, '\$.total'), json_value(_rest, '\$.note') FROM order_completed WHERE id = 't3'")" \
	'12345678901234567890123	"\\ud800"'
load_into
is 'a second run adds nothing' "$CODE ${SAID##*load: }" \
	'0 0 records, 0 rows, 0 tables and 0 columns new, 0 values in _rest, 0 failed, 0.0 s behind'
sql "DELETE FROM hookspool_load"
load_into
is 'without its position, the whole spool is read again' "$CODE $(value 'records FROM hookspool_load')" '0 30'
# shellcheck disable=SC2086
same 'neither does the whole spool, read again' $types

### Names that MariaDB takes for one ###################################
put_lines <<'END'
{"type":"track","messageId":"n1","userId":"n","event":"Twins","properties":{"É":"first","x":1}}
{"type":"track","messageId":"n2","userId":"n","event":"Twins","properties":{"É":"one","é":"two"}}
{"type":"track","messageId":"n3","userId":"n","event":"Twins at once","properties":{"É":"one","é":"two"}}
{"type":"identify","messageId":"n4","userId":"n","traits":{"É":"one","é":"two"}}
END
load_into --batch 1
is 'É and é: the second goes to _rest' "$CODE $(value '`É`, _rest FROM twins ORDER BY id')" '0 first	NULL
one	{"é":"\\"two\\""}'
is 'also in a new table' "$(value '`É`, _rest FROM twins_at_once')" 'one	{"é":"\\"two\\""}'
is 'and in users' "$(value "\`É\`, _rest FROM users WHERE id = 'n'")" 'one	{"é":"\\"two\\""}'

### What is too large ##################################################
python3 - >"$T/put" <<'END'
import json
wide = {"column_%d" % i: "x" * 40 for i in range(300)}
print(json.dumps([
    {"type": "track", "messageId": "w1", "userId": "w", "event": "Wide", "properties": wide},
    {"type": "track", "messageId": "w2", "userId": "w", "event": "Wide", "properties": {"column_1": "narrow"}},
    {"type": "track", "messageId": "w3", "userId": "w", "event": "Packet", "properties": {"x": "y" * 2100000}},
    {"type": "track", "messageId": "w4", "userId": "w", "event": "Packet", "properties": {"x": "y" * 1200000}},
    {"type": "track", "messageId": "w5", "userId": "w", "event": "Packet", "properties": {"x": "z" * 1200000}},
    {"type": "identify", "messageId": "w6", "userId": "l" * 3000, "traits": {"a": 1}},
    {"type": "identify", "messageId": "w7", "userId": "l" * 3000, "traits": {"b": 2}},
    {"type": "identify", "messageId": "w8", "userId": "w", "traits": wide},
]))
END
signed "$T/put"
load_into --max-columns 350
is 'a row that is too wide keeps its common columns, and the rest in _rest' \
	"$(value "user_id, column_1 IS NULL, json_length(_rest) FROM wide WHERE id = 'w1'") $(value "column_1 FROM wide WHERE id = 'w2'")" \
	'w	1	300 narrow'
is 'so does that of a user' "$(value "column_1 IS NULL, json_length(_rest) FROM users WHERE id = 'w'")" '1	300'
is 'a row beyond max_allowed_packet is a dead letter, and no other row' \
	"$CODE $(failed | sort -u) $(value 'group_concat(id ORDER BY id) FROM packet')" \
	'1 the row is larger than max_allowed_packet of the server, 2097152 bytes w4,w5'
is 'a user id beyond 200 bytes has one row, under its hash' \
	"$(value "left(id, 7), a, b, length(_rest) FROM users WHERE id LIKE 'sha256-%'")" 'sha256-	1	2	3013'

# A packet of this server has 2 MB, and less than that is more with its escapes.
rm -f "$S"/spool/failed*.jsonl
python3 - >"$T/put" <<'END'
import json
q = "'" * 200000
print(json.dumps([
    {"type": "group", "messageId": "q1", "userId": "q", "groupId": "quotes", "traits": {"t%d" % i: q for i in range(6)}},
    {"type": "track", "messageId": "q2", "userId": "q", "event": "Quotes", "properties": {"t%d" % i: q for i in range(9)}},
    {"type": "track", "messageId": "q3", "userId": "'" * 1500000, "event": "Quotes"},
    {"type": "track", "messageId": "q4", "userId": "'" * 1500000 + "x", "event": "Quotes"},
    {"type": "group", "messageId": "q7", "userId": "q", "groupId": "quotes", "traits": {"t0": "after"}},
]))
END
signed "$T/put"
load_into
is 'values that escapes make longer than a packet are there' \
	"$CODE $(failed) $(value "length(t0), t5 = repeat('\'', 200000) FROM segment.groups WHERE id = 'q1'") $(value "t0, t5 = repeat('\'', 200000) FROM accounts WHERE id = 'quotes'") $(value "length(t8) FROM quotes WHERE id = 'q2'")" \
	'0  200000	1 after	1 200000'
python3 -c 'import json; print(json.dumps([{"type": "delete", "messageId": "q8", "userId": "'"'"'" * 1500000}]))' >"$T/put"
signed "$T/put"
load_into
is 'a user whose id is half as long as that is deleted' "$CODE $(value "group_concat(id ORDER BY id) FROM quotes")" '0 q2,q4'
sql 'CREATE TRIGGER quoted BEFORE INSERT ON quotes FOR EACH ROW SET NEW.t1 = "x"'
python3 - >"$T/put" <<'END'
import json
print(json.dumps([{"type": "track", "messageId": "s%d" % i, "userId": "q", "event": "Quotes", "properties": {"t%d" % c: "'" * 2000 for c in range(9)}}
    for i in range(200)]))
END
signed "$T/put"
load_into
is 'and rows of a table with a trigger are there' "$CODE $(value "count(*) FROM quotes WHERE length(t8) = 2000 AND t1 = 'x'")" '0 200'

### Rights #############################################################
sql "CREATE USER loader@localhost IDENTIFIED BY 'wrong'; CREATE USER other@localhost IDENTIFIED BY 'secret'"
admin=$TO
TO=${TO/root/loader}
load_into
is 'a wrong password' "$CODE $(grep -c 'Access denied.*~/.my.cnf' <<<"$SAID")" '77 1'
printf '[client]\npassword=wrong\n' >"$T/options"
TO="$TO&defaults_file=$T/options"
load_into
grant=$(sed -n 's/.*; \(GRANT .*\)$/\1/p' <<<"$SAID")
is 'without rights, the GRANT' "$CODE $grant" "77 GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE, TRIGGER ON \`segment\`.* TO 'loader'@'localhost'"
sql "$grant"
put r 1 2
load_into
is 'which mends it' "$CODE $(value "count(*) FROM tracks WHERE id LIKE 'r%'")" '0 2'
sql "REVOKE INSERT ON segment.* FROM loader@localhost"
put r 3 4
load_into
is 'a right that was revoked: nothing is half done' \
	"$CODE $(grep -o 'INSERT command denied[^;]*' <<<"$SAID") $(value "count(*) FROM tracks WHERE id LIKE 'r%'")" \
	"77 INSERT command denied to user 'loader'@'localhost' for table \`segment\`.\`e\` 2"
sql "$grant"
TO=$admin
load_into
is 'and all is there when it is back' "$CODE $(value "count(*) FROM tracks WHERE id LIKE 'r%'")" '0 4'
TO=${admin/segment/nowhere}
load_into
is 'no such database' "$CODE $(grep -o 'CREATE DATABASE.*' <<<"$SAID")" "77 CREATE DATABASE \`nowhere\`"
TO="$admin&tls=verify"
load_into
is 'TLS that the server does not have' "$CODE $(grep -c 'permission denied.*tls=require and tls=off' <<<"$SAID")" '77 1'
for url in mysql:/x mysql://h 'mysql://h/d?tls=maybe' 'mysql://h/d?password=x' 'mysql://h:0/d' 'mysql://h/%2'; do
	TO=$url
	load_into
	is "$url" "$CODE" 2
done
TO=$admin

### Tables, indexes and triggers of yours ###############################
sql 'CREATE TABLE plain (id VARCHAR(64), n INT); CREATE TABLE loose (id VARCHAR(64) PRIMARY KEY)'
put_lines <<'END'
{"type":"track","messageId":"y1","userId":"y","event":"Plain","properties":{"n":1}}
{"type":"track","messageId":"Y1","userId":"y","event":"Plain","properties":{"n":2.5}}
END
load_into
mend=$(sed -n 's/.*: \(ALTER .*\)$/\1/p' <<<"$SAID")
is 'a table without a unique id is refused' "$CODE $(grep -c 'plain has no unique index on id' <<<"$SAID")" '77 1'
sql "$mend"
load_into
is 'until the statement that it says; and an INT rounds nothing' \
	"$CODE $(value "id, n, json_value(_rest, '\$.n') FROM plain ORDER BY id" | xargs)" '0 Y1 NULL 2.5 y1 1 NULL'
put_lines <<<'{"type":"track","messageId":"y2","userId":"y","event":"Loose"}'
load_into
is 'a key that ignores case is none' "$CODE $(grep -c 'loose has no unique index on id that compares bytes' <<<"$SAID")" '77 1'
sql "$(sed -n 's/.*: \(ALTER .*\)$/\1/p' <<<"$SAID")"
load_into
is 'and mended by its statement' "$CODE" 0

sql 'CREATE TABLE letters (id VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY,
	narrow VARCHAR(9) CHARACTER SET latin1, wide VARCHAR(9) CHARACTER SET utf8mb4)'
put_lines <<<'{"type":"track","messageId":"letters","userId":"w","event":"Letters","properties":{"narrow":"é","wide":"é€🙂"}}'
load_into
is 'letters arrive as they are, those for a column with fewer of them in _rest' \
	"$CODE $(value "hex(wide), narrow, hex(json_value(_rest, '\$.narrow')) FROM letters" | xargs)" '0 C3A9E282ACF09F9982 NULL 22C3A922'

sql "ALTER TABLE e ADD COLUMN code VARCHAR(3) UNIQUE, ADD COLUMN twice INT AS (1 + 1) VIRTUAL, ADD COLUMN c CHAR(9);
	CREATE TABLE log (id VARCHAR(200));
	CREATE TRIGGER told BEFORE INSERT ON e FOR EACH ROW BEGIN INSERT INTO log VALUES (NEW.id);
		IF NEW.flavour = 'bad' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no bad ones'; END IF; END" 2>/dev/null ||
	sql "ALTER TABLE e ADD COLUMN flavour LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
mariadb_client --delimiter=// segment <<'END'
CREATE TRIGGER told BEFORE INSERT ON e FOR EACH ROW BEGIN INSERT INTO log VALUES (NEW.id);
	IF NEW.flavour = 'bad' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no bad ones'; END IF; END//
END
put_lines <<'END'
{"type":"track","messageId":"z1","userId":"z","event":"e","properties":{"code":"a","flavour":"good","twice":3,"c":"x "}}
{"type":"track","messageId":"z2","userId":"z","event":"e","properties":{"code":"a"}}
{"type":"track","messageId":"z3","userId":"z","event":"e","properties":{"code":"long","flavour":"bad"}}
{"type":"track","messageId":"z4","userId":"z","event":"e","properties":{"code":"long","flavour":"it's"}}
{"type":"track","messageId":"z5","userId":"z","event":"e","properties":{"code":"b"}}
END
rm -f "$S"/spool/failed*.jsonl
load_into
is 'a unique index and a trigger of yours: what they refuse is a dead letter' \
	"$CODE $(failed | sed 's/ for key.*//' | sort | xargs)" '1 Duplicate entry a no bad ones'
is 'the other rows are there, what columns of yours do not take in _rest' \
	"$(value "id, code, twice, c, _rest FROM e WHERE id LIKE 'z%' ORDER BY id")" \
	'z1	a	2	NULL	{"twice":"3","c":"\\"x \\""}
z4	NULL	2	NULL	{"code":"\\"long\\""}
z5	b	2	NULL	NULL'
is 'the trigger ran once for each' "$(value "count(*), count(DISTINCT id) FROM log WHERE id IN ('z1', 'z4', 'z5')")" '3	3'
sql 'DELETE FROM hookspool_load'
load_into
is 'and not for rows that are there already, which are passed over' \
	"$(value "count(*) FROM log WHERE id IN ('z1', 'z4', 'z5')") $(failed | sed 's/ for key.*//' | sort | uniq -c | xargs)" \
	'3 2 Duplicate entry a 2 no bad ones 1 the row is larger than max_allowed_packet of the server, 2097152 bytes'

### A person is erased #################################################
sql 'ALTER TABLE e MODIFY user_id VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci'
put_lines <<'END'
{"type":"track","messageId":"d1","userId":"p","event":"e"}
{"type":"track","messageId":"d2","userId":"P","event":"e"}
{"type":"identify","messageId":"d3","userId":"p","traits":{"email":"p@example.com","note":"x"}}
{"type":"identify","messageId":"d4","userId":"P","traits":{"email":"P@example.com"}}
END
load_into
put_lines <<'END'
{"type":"delete","messageId":"d5","userId":"p"}
{"type":"identify","messageId":"d6","userId":"p","traits":{"email":"back@example.com"}}
END
load_into
is 'a delete takes what one user had until then, and no other letter case' \
	"$CODE $(value "group_concat(id ORDER BY id) FROM e WHERE id LIKE 'd%'") $(value "group_concat(id ORDER BY id) FROM identifies WHERE id LIKE 'd%'") $(value "group_concat(id, email ORDER BY id) FROM users WHERE id IN ('p', 'P')")" \
	'0 d2 d4,d6 PP@example.com,pback@example.com'

### Kills of the loader, of the server, and two loaders at once #########
server_stop
mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment'
spool_start 'rotate_min_gap = 0' 'compress = none'
cp "$HS_BUILD/hookspool-load" "$S/bin/hookspool-load"
load_events 1500 >"$S/run/many"
pinned=(--type '*.total=number' --type '*.paid=boolean' --type '*.at=timestamp' --type '*._timestamp=timestamp' --type '*.long_*=number')
hs import "$S/run/many" >/dev/null 2>&1 || not_ok 'the events are taken'
for _ in {1..200}; do
	[ "$KILLED" -lt 20 ] || break
	KILL_WITHIN=200
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" --once --batch 20 --to "$TO" "${pinned[@]}") >/dev/null 2>&1 &
	kill_midway $!
done
load_into "${pinned[@]}"
is '20 kills of the loader' "$KILLED $CODE" '20 0'
is 'every record counts once' "$(value 'records FROM hookspool_load')" "$(hs cat | wc -l)"
same 'and nothing is lost or doubled' "${pinned[@]}"

load_exec() { (as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" "$@") >"$T/$1.err" 2>&1; }
loaded() { [ "$(value 'records FROM hookspool_load')" = "$(hs cat | wc -l)" ]; }

mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment'
load_exec --name=one --once --batch 50 --to "$TO" "${pinned[@]}" &
one=$!
load_exec --name=two --once --batch 50 --to "$TO" "${pinned[@]}"
two=$?
wait $one
is 'two loaders into the same tables' "$? $two $(value 'min(records), max(records) FROM hookspool_load' | xargs)" '0 0 1500 1500'
same 'what both have written is there once' "${pinned[@]}"
sql 'DELETE FROM segment.accounts; INSERT INTO segment.accounts (id) VALUES ("nobody")'
load --to "$TO" --rebuild accounts
same '--rebuild accounts makes every row anew' "${pinned[@]}"

load_behind --to "$TO" "${pinned[@]}" --batch 20 --every 10
wait_for 20 value '1 FROM hookspool_load WHERE name = "load" AND records > 100'
mariadb_end KILL
load_events 300 2 >"$S/run/more"
hs import "$S/run/more" >/dev/null 2>&1 || not_ok 'the events are taken'
mariadb_run
check 'after a crash of the server the loader goes on' wait_for 20 eval '[ "$(value "records FROM hookspool_load WHERE name = '"'load'"'")" = 1800 ]'
mariadb_stop
mariadb_run
load_events 20 3 >"$S/run/last"
hs import "$S/run/last" >/dev/null 2>&1 || not_ok 'the events are taken'
check 'and after a restart' wait_for 20 eval '[ "$(value "records FROM hookspool_load WHERE name = '"'load'"'")" = 1820 ]'
kill "$LOADER"
wait "$LOADER"
is 'SIGTERM ends it' $? 0
same 'nothing is lost or doubled by either' "${pinned[@]}"

### Another type #####################################################
retyped() { sql 'SELECT id, n, t, _rest FROM segment.retyped ORDER BY id' | tr '\t\n' '| '; }
put_lines <<<'{"type":"track","messageId":"r-1","userId":"u","event":"Retyped","properties":{"n":40.5,"t":"2026-11-23T10:15:00.25Z"}}'
load_into
put_lines <<<'{"type":"track","messageId":"r-2","userId":"u","event":"Retyped","properties":{"n":"free","t":"soon"}}'
load_into
load --to "$TO" --retype retyped.n=text
is 'a column becomes text, with the values that did not fit' "$CODE $(retyped)" '0 r-1|40.5|2026-11-23 10:15:00.250000|NULL r-2|free|NULL|{"t":"\\"soon\\""} '
sql 'ALTER TABLE segment.retyped ADD COLUMN _retype DOUBLE; UPDATE segment.retyped SET _rest = JSON_SET(_rest, "$.n", "\"free\"") WHERE id = "r-2"'
load --to "$TO" --retype retyped.n=boolean
is 'a run that was killed is to be ended first' $CODE 2
load --to "$TO" --retype retyped.n=number
is 'which the next one does' "$CODE $(sql 'SELECT id, n, JSON_EXTRACT(_rest, "$.n"), JSON_LENGTH(_rest) FROM segment.retyped ORDER BY id' | tr '\t\n' '| ')" \
	'0 r-1|40.5|NULL|NULL r-2|NULL|"\\"free\\""|2 '
is 'and leaves nothing' "$(value 'COUNT(*) FROM information_schema.COLUMNS WHERE COLUMN_NAME = "_retype"')" 0
sql 'ALTER TABLE segment.retyped DROP PRIMARY KEY, ADD UNIQUE KEY (id), MODIFY id VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL; INSERT INTO segment.retyped (n) VALUES (5)'
load --to "$TO" --retype retyped.n=text
is 'a row without an id: refused, and nothing is changed' "$CODE $(grep -c 'rows whose id is NULL' "$T/load.err") $(value 'n FROM segment.retyped WHERE id IS NULL')" '74 1 5'
sql 'DELETE FROM segment.retyped WHERE id IS NULL'

### A type that somebody changes meanwhile ############################
load_behind --to "$TO" --every 20
put_lines <<<'{"type":"track","messageId":"c-1","userId":"u","event":"Changed","properties":{"n":40.5}}'
has() { [ "$(value "COUNT(*) FROM segment.changed WHERE id = 'c-$1'")" = 1 ]; }
check 'a loader follows' wait_for 20 has 1
put_lines <<<'{"type":"track","messageId":"c-2","userId":"u","event":"Changed","properties":{"n":1.5,"m":1}}'
check 'and makes a column' wait_for 20 has 2
put_lines <<<'{"type":"track","messageId":"c-3","userId":"u","event":"Changed","properties":{"n":2.5}}'
check 'and goes on' wait_for 20 has 3
sql 'ALTER TABLE segment.changed MODIFY n DECIMAL(10,2)'
put_lines <<<'{"type":"track","messageId":"c-4","userId":"u","event":"Changed","properties":{"n":39.955}}'
check 'the column rounds now: the row comes' wait_for 20 has 4
is 'and the value is exact' "$(sql "SELECT n, JSON_VALUE(_rest, '\$.n') FROM segment.changed WHERE id = 'c-4'" | xargs)" 'NULL 39.955'
end_process "$LOADER"

### A lock that is held ################################################
echo "touch $T/held; while test -e $T/held; do sleep 0.05; done" >"$T/hold.sh"
printf '%s\n' 'START TRANSACTION;' 'SELECT count(*) FROM tracks;' "\\! sh $T/hold.sh" 'COMMIT;' | mariadb_client segment >/dev/null &
holder=$!
wait_for 10 test -e "$T/held"
put_lines <<<'{"type":"page","messageId":"l1","userId":"l","properties":{"new_column":1}}
{"type":"track","messageId":"l2","userId":"l","event":"Signed Up","context":{"new":1}}'
load_behind --to "$TO" --once
check 'a new column waits for a reader of the table, and the loader tells' wait_for 30 grep -q 'a lock is taken' "$T/behind.err"
rm "$T/held"
wait $holder
wait "$LOADER"
is 'when the reader has ended, the column comes' "$? $(value "context_new FROM tracks WHERE id = 'l2'")" '0 1'
mariadb_stop
done_testing
