#!/bin/bash
# hookspool load into a MariaDB server of its own: the same values as in SQLite; kills of either side; rights; tables,
# indexes and triggers that somebody else made; names and values that MariaDB takes for others.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"
. "$(dirname "$0")/../lib/databases.sh"

if why=$(mariadb_missing); then
	ok "load into MariaDB # SKIP $why"
	done_testing
fi

# load_exec [OPTION]...: the loader, as the owner of the spool, up to its end; replaces the shell.
load_exec() {
	HOOKSPOOL_CONF=$S/hookspool.conf HOME=$T
	export HOOKSPOOL_CONF HOME
	as_server_user "$S/bin/hookspool-load" --once "$@"
}
# load [OPTION]...: SAID has what it said, CODE its exit code.
load() {
	SAID=$( (load_exec --to "$TO" "$@") 2>&1)
	CODE=$?
}
dump_mariadb() {
	python3 "$ROOT/tests/lib/dump_database.py" mariadb mariadb --no-defaults --default-character-set=utf8mb4 \
		--socket="$MARIADB_SOCKET" --user=root --batch --skip-column-names segment
}
# dump_sqlite [OPTION]...: of the whole spool, loaded into a new file.
dump_sqlite() {
	rm -f "$S/run/w.db"*
	hs cursors reset lite --from oldest >/dev/null 2>&1
	(load_exec --quiet --name lite --to "sqlite:$S/run/w.db" "$@") 2>"$T/lite.err"
	python3 "$ROOT/tests/lib/dump_database.py" sqlite "$S/run/w.db"
}
# same NAME [OPTION]...: equal values in both.
same() {
	local name=$1
	shift
	dump_sqlite "$@" >"$T/lite"
	dump_mariadb >"$T/maria"
	is "$name" "$(diff "$T/lite" "$T/maria" | head -n 20)" ''
}
# anew: an empty database, a spool without events, and no cursors.
anew() {
	mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment'
	hs cursors reset load --from oldest >/dev/null 2>&1
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
mariadb_start --max-allowed-packet=2M
TO="mysql://root@localhost/segment?socket=${MARIADB_SOCKET//\//%2F}"

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
load $types
is 'a first load' "$CODE $(value 'records, rest FROM hookspool_load')" '0 15	7'
# shellcheck disable=SC2086
same 'the same values as in SQLite' $types
is 'ids that differ in case or in a blank at the end' "$(value 'count(*) FROM tracks') $(value 'count(*) FROM users')" '8 3'
is 'every digit, and U+0000, are in _rest' "$(value "_rest->>'\$.total' FROM order_completed WHERE id = 't3'" 2>/dev/null;
	value "json_value(_rest, '\$.total'), json_value(_rest, '\$.note') FROM order_completed WHERE id = 't3'")" \
	'12345678901234567890123	"\\ud800"'
load
is 'a second run adds nothing' "$CODE ${SAID##*load: }" \
	'0 0 records, 0 rows, 0 tables and 0 columns new, 0 values in _rest, 0 failed, 0 rows erased'
sql "DELETE FROM hookspool_load"
load
is 'without its position, the whole spool is read again' "$CODE $(value 'records FROM hookspool_load')" '0 15'
# shellcheck disable=SC2086
same 'neither does the whole spool, read again' $types

### Names that MariaDB takes for one ###################################
put_lines <<'END'
{"type":"track","messageId":"n1","userId":"n","event":"Twins","properties":{"É":"first","x":1}}
{"type":"track","messageId":"n2","userId":"n","event":"Twins","properties":{"É":"one","é":"two"}}
{"type":"track","messageId":"n3","userId":"n","event":"Twins at once","properties":{"É":"one","é":"two"}}
{"type":"identify","messageId":"n4","userId":"n","traits":{"É":"one","é":"two"}}
END
load --batch 1
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
load --max-columns 350
is 'a row that is too wide keeps its common columns, and the rest in _rest' \
	"$(value "user_id, column_1 IS NULL, json_length(_rest) FROM wide WHERE id = 'w1'") $(value "column_1 FROM wide WHERE id = 'w2'")" \
	'w	1	300 narrow'
is 'so does that of a user' "$(value "column_1 IS NULL, json_length(_rest) FROM users WHERE id = 'w'")" '1	300'
is 'a row beyond max_allowed_packet is a dead letter, and no other row' \
	"$CODE $(failed | sort -u) $(value 'group_concat(id ORDER BY id) FROM packet')" \
	'1 the row is larger than max_allowed_packet of the server, 2097152 bytes w4,w5'
is 'a user id beyond 200 bytes has one row, under its hash' \
	"$(value "left(id, 7), a, b, length(_rest) FROM users WHERE id LIKE 'sha256-%'")" 'sha256-	1	2	3013'

### Rights #############################################################
sql "CREATE USER loader@localhost IDENTIFIED BY 'wrong'; CREATE USER other@localhost IDENTIFIED BY 'secret'"
admin=$TO TO=${TO/root/loader}
load
is 'a wrong password' "$CODE $(grep -c 'Access denied.*~/.my.cnf' <<<"$SAID")" '77 1'
printf '[client]\npassword=wrong\n' >"$T/options"
TO="$TO&defaults_file=$T/options"
load
grant=$(sed -n 's/.*; \(GRANT .*\)$/\1/p' <<<"$SAID")
is 'without rights, the GRANT' "$CODE $grant" "77 GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE, TRIGGER ON \`segment\`.* TO 'loader'@'localhost'"
sql "$grant"
put a 1 2
load
is 'which mends it' "$CODE $(value "count(*) FROM tracks WHERE id LIKE 'a%'")" '0 2'
sql "REVOKE INSERT ON segment.* FROM loader@localhost"
put a 3 4
load
is 'a right that was revoked: nothing is half done' \
	"$CODE $(grep -o 'INSERT command denied[^;]*' <<<"$SAID") $(value "count(*) FROM tracks WHERE id LIKE 'a%'")" \
	"77 INSERT command denied to user 'loader'@'localhost' for table \`segment\`.\`e\` 2"
sql "$grant"
TO=$admin load
is 'and all is there when it is back' "$CODE $(value "count(*) FROM tracks WHERE id LIKE 'a%'")" '0 4'
TO=${admin/segment/nowhere} load
is 'no such database' "$CODE $(grep -o 'CREATE DATABASE.*' <<<"$SAID")" "77 CREATE DATABASE \`nowhere\`"
TO="$admin&tls=verify" load
is 'TLS that the server does not have' "$CODE $(grep -c 'permission denied.*tls=require and tls=off' <<<"$SAID")" '77 1'
for url in mysql:/x mysql://h 'mysql://h/d?tls=maybe' 'mysql://h/d?password=x' 'mysql://h:0/d' 'mysql://h/%2'; do
	TO=$url load
	is "$url" "$CODE" 2
done
TO=$admin

### Tables, indexes and triggers of yours ###############################
anew
sql "CREATE TABLE e (id VARCHAR(64) PRIMARY KEY, n INT)"
load --tables e
echo "$CODE $SAID"
done_testing
