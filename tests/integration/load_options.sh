#!/bin/bash
# hookspool load into SQLite: what it tells at the end and while it follows, --retype, --rebuild, refusals.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

SETTINGS='auth = none'
load_start || { ok 'load: options # SKIP no sqlite3'; done_testing; }

# put JSON...: events for the spool.
put() {
	printf '%s\n' "$@" >"$T/put.jsonl"
	chmod 644 "$T/put.jsonl"
	hs import --again "$T/put.jsonl"
}

umask 022 # as that of cron
### The summary ################################################
put "$(track o-1 Order '{"total":40,"paid":true}')" "$(track o-2 Order '{"total":"free"}')" >/dev/null
load --to "sqlite:$DB" --batch 1
is 'the summary names the columns whose values did not fit' "$CODE $(sed -n 's/^hookspool load: \(.* records, .* rows\).*new, \(.*\)$/\1, \2/p' "$T/load.err")" \
	'0 2 records, 4 rows, 1 values in _rest (order.total: 1 text), 0 failed, 0.0 s behind'
is 'the database is for its owner alone' "$(stat -c %a "$DB"* | sort -u)" 600
check 'where it begins, and the option that says so' grep -qF 'it begins at the oldest event (--since now: with what comes next)' "$T/load.err"
check 'and the --retype that takes them' grep -qF -e '--retype order.total=text takes them' "$T/load.err"
load --to "sqlite:$DB" --since tomorrow
is 'no time' "$CODE $(head -n 1 "$T/load.err" | sed 's,: expected.*,,')" '2 hookspool load: --since tomorrow'

### While it follows ###########################################
load_behind --to "sqlite:$DB" --every 1
put "$(track p-1 Parcel '{"weight":1}')" >/dev/null
check 'it tells of a new table' wait_for 10 grep -qE 'new: table parcel \([0-9]+ columns\)' "$T/behind.err"
put "$(track p-2 Parcel '{"weight":"heavy","height":2}')" >/dev/null
check 'of a new column' wait_for 10 grep -qF 'new: parcel (1 column)' "$T/behind.err"
check 'of the first value that does not fit' wait_for 10 grep -qF 'parcel.weight: values of the type text are in _rest' "$T/behind.err"
put "$(track p-3 Parcel '{"weight":"light"}')" >/dev/null
has_third() { [ "$(query "SELECT count(*) FROM parcel WHERE id = 'p-3'")" = 1 ]; }
check 'the next one comes' wait_for 10 has_third
is 'without another line' "$(grep -c 'parcel.weight' "$T/behind.err")" 1

### Erased while it is in a batch ################################
# Another program holds the database, so the batch waits; the trigger refuses its rows afterwards.
query "CREATE TRIGGER nothing_lost BEFORE INSERT ON parcel BEGIN SELECT RAISE(ABORT, 'not this one'); END"
mkfifo "$T/held"
sqlite3 "$DB" >"$T/holder.out" <"$T/held" &
HOLDER=$!
exec 7>"$T/held"
printf 'BEGIN EXCLUSIVE;\nSELECT 1;\n' >&7
check 'the database is held' wait_for 10 test -s "$T/holder.out"
put "$(track p-4 Parcel '{"weight":4}')" "$(track p-5 Parcel '{"weight":5}' | sed 's/u-1/u-2/')" >/dev/null
check 'the loader waits' wait_for 30 grep -q 'database is locked' "$T/behind.err"
hs erase --user u-2 >/dev/null 2>&1
is 'a person is erased' "$?" 0
printf 'COMMIT;\n' >&7
exec 7>&-
wait "$HOLDER"
check 'a refused record becomes a dead letter' wait_for 20 grep -q '"message_id":"p-4"' "$S/spool/failed.jsonl"
end_process "$LOADER"
is 'one that was erased does not' "$(jq -r .record.message_id "$S/spool/failed.jsonl" | xargs)" p-4
query 'DROP TRIGGER nothing_lost'

### --retype ###################################################
load --to "sqlite:$DB" --retype order.total=text
is 'a number becomes text, and what did not fit comes home' "$CODE $(query 'SELECT id, total, typeof(total), _rest FROM "order" ORDER BY id' | tr '\n' ' ')" \
	'0 o-1|40|text| o-2|free|text| '
check 'it says first how long the lock may last' grep -q 'order has 2 rows: it may be locked for up to 1 s; 1 values come from _rest, 0 go there' "$T/load.err"
load --to "sqlite:$DB" --retype order.total=number
is 'and back: what does not fit goes to _rest' "$CODE $(query 'SELECT id, total, typeof(total), _rest FROM "order" ORDER BY id' | tr '\n' ' ')" \
	'0 o-1|40|integer| o-2||null|{"total":"\"free\""} '
put "$(track o-3 Order '{"total":1,"paid":"maybe"}')" >/dev/null
load --to "sqlite:$DB" --retype order.paid=text
is 'a second column of the same row stays in _rest' "$CODE $(query "SELECT paid, _rest FROM \"order\" WHERE id < 'o-3' ORDER BY id" | tr '\n' ' ')" '0 true| |{"total":"\"free\""} '
load --to "sqlite:$DB"
is 'the loader goes on' "$CODE $(query "SELECT total, paid FROM \"order\" WHERE id = 'o-3'")" '0 1|maybe'
query 'CREATE INDEX mine ON "order" (paid)'
load --to "sqlite:$DB" --retype order.paid=boolean
is 'an index of yours on it: refused, and nothing is changed' "$CODE $(query "SELECT paid, (SELECT count(*) FROM pragma_table_info('order') WHERE name = '_retype') FROM \"order\" WHERE id = 'o-1'")" '74 true|0'
query "INSERT INTO \"order\" (id, total, _rest) VALUES ('r-1', '5', '{\"same\":\"1\",\"total\":\"\\\"free\\\"\",\"same\":\"2\"}')"
load --to "sqlite:$DB" --retype order.total=number
is 'a _rest with a name twice stays whole' "$CODE $(query "SELECT total, _rest FROM \"order\" WHERE id = 'r-1'")" '0 5|{"same":"1","total":"\"free\"","same":"2"}'
query "UPDATE \"order\" SET _rest = 'mine' WHERE id = 'r-1'"
load --to "sqlite:$DB" --retype order.total=text
is 'one that is no JSON: refused, and nothing is changed' \
	"$CODE $(grep -c 'the _rest of the row with the id r-1 cannot be read' "$T/load.err") $(query "SELECT typeof(total), _rest FROM \"order\" WHERE id = 'r-1'")" '74 1 integer|mine'
query "DELETE FROM \"order\" WHERE id = 'r-1'"
query "CREATE TABLE theirs (id TEXT UNIQUE, total NUMERIC, _rest TEXT); INSERT INTO theirs VALUES (NULL, NULL, NULL), ('t-1', 1, NULL)"
load --to "sqlite:$DB" --retype theirs.total=text
is 'a row without an id that has no value is nothing to lose' "$CODE $(query "SELECT typeof(total) FROM theirs WHERE id = 't-1'")" '0 text'
query "UPDATE theirs SET total = '7'"
load --to "sqlite:$DB" --retype theirs.total=number
is 'one that has a value: refused, and nothing is changed' "$CODE $(grep -c 'rows whose id is NULL, .*: give them ids' "$T/load.err") $(query 'SELECT group_concat(typeof(total)) FROM theirs')" '74 1 text,text'
query 'DROP TABLE theirs'
for what in nothing.total=text order.nothing=text order.timestamp=text; do
	load --to "sqlite:$DB" --retype $what
	is "--retype $what" "$CODE" 2
done

### --rebuild ##################################################
people() { sqlite_dump "$DB" | grep -E '^(users|accounts)\b'; }
load_events 600 5 | grep -v '"type": "delete"' >"$T/events.jsonl"
chmod 644 "$T/events.jsonl"
hs import "$T/events.jsonl"
load --to "sqlite:$DB"
people >"$T/people"
query "UPDATE users SET _as_of = 'never' WHERE id > 'u-2'; DELETE FROM users WHERE id < 'u-2'; DELETE FROM accounts;
	INSERT INTO users (id) VALUES ('nobody')"
for table in users accounts; do
	load --to "sqlite:$DB" --rebuild $table
	is "--rebuild $table" "$CODE" 0
done
is 'every row is made anew, and one without identifies is gone' "$(people | diff "$T/people" - | head -n 4)" ''
check 'there were some' [ "$(wc -l <"$T/people")" -gt 100 ]
load --to "sqlite:$DB" --rebuild pages
is '--rebuild pages' "$CODE" 2

load --to "sqlite:$DB" --prefix '%t_'
is '%t in --prefix is refused, with what to do instead' "$CODE $(grep -c 'a loader for each tenant' "$T/load.err")" '2 1'

### What people's rows are made of #############################
for what in users users.email accounts 'accounts.*'; do
	load --to "sqlite:$DB" --name people --exclude "$what"
	from=$(sed 's/^users/identifies/; s/^accounts/groups/' <<<"$what")
	is "--exclude $what would not be followed: 2, with what is" "$CODE $(grep -cF -e "--exclude $from" "$T/load.err")" '2 1'
done
put '{"type":"identify","messageId":"ex-1","userId":"u-ex","traits":{"email":"a@example.org","plan":"x"}}' >/dev/null
load --to "sqlite:$T/w/people.db" --name people --exclude identifies.email --exclude users.email --exclude groups --exclude accounts
is 'with that it is taken' "$CODE $(sqlite3 "$T/w/people.db" "SELECT plan FROM users WHERE id = 'u-ex'") \
$(sqlite3 "$T/w/people.db" "SELECT count(*) FROM pragma_table_info('users') WHERE name = 'email'")" '0 x 0'

### What is excluded #########################################
{
	printf '{"type":"page","messageId":"out-1","userId":"u-1","context":{"ip":"192.0.2.1"},"properties":{"url":"/a","search":"?key=1"}}\n'
	printf '{"type":"track","messageId":"out-2","userId":"u-1","event":"Signed In","properties":{"password":"p","plan":"x"}}\n'
	# of a record with many fields the cells are made again, one by one
	jq -nc '{type: "track", messageId: "out-3", userId: "u-1", event: "Signed In", properties: ([range(12000) | {("n\(.)"): .}] | add + {password: "p"})}'
} >"$T/put.jsonl"
hs import --again "$T/put.jsonl"
excluding() { load --to "sqlite:$T/w/$1.db" --name "$1" --exclude '*.context_ip' --exclude pages.search --exclude '*_in.password' "${@:2}"; }
excluding out
is '--exclude takes a column that every table of its kind has' "$CODE $(sqlite3 -nullvalue NULL "$T/w/out.db" "SELECT url, search, context_ip FROM pages WHERE id = 'out-1'")" '0 /a|NULL|NULL'
is 'and one of an event' "$(sqlite3 "$T/w/out.db" "SELECT id, plan FROM signed_in ORDER BY id; SELECT name FROM pragma_table_info('signed_in') WHERE name = 'password'" | xargs)" 'out-2|x out-3|'
is 'of a long record, too' "$(sqlite3 "$T/w/out.db" "SELECT _rest ->> 'n11999', _rest ->> 'password' IS NULL FROM signed_in WHERE id = 'out-3'")" '11999|1'
(as_server_user sqlite3 "$T/w/view.db" 'CREATE VIEW signed_in AS SELECT 1')
excluding view
is 'nor is it in the _rest of tracks, if the event can have no table' \
	"$CODE $(sqlite3 "$T/w/view.db" "SELECT id, _rest ->> 'plan', _rest ->> 'n11999', _rest ->> 'password' IS NULL FROM tracks WHERE id IN ('out-2', 'out-3') ORDER BY id" | xargs)" \
	'0 out-2|x||1 out-3||11999|1'
load --to "sqlite:$T/w/view.db" --name only --include signed_in
is 'and where tracks is left out it is a dead letter' "$CODE $(jq -r 'select(.cursor == "only") | .record.message_id, .message' "$S/spool/failed.jsonl" | grep -cE '^out-[23]$|^its event can have no table')" '1 4'
for what in '*.user_id' pages.id groups.group_id; do
	excluding out --exclude $what
	is "--exclude $what, which would not be followed: 2, with the reason" "$CODE $(grep -cF -e "--exclude $what: the loader needs this column" "$T/load.err")" '2 1'
done

### Two of one name ############################################
load_behind --to "sqlite:$DB" --every 1
put "$(track q-1 Parcel '{"weight":1}')" >/dev/null
is_followed() { [ "$(query "SELECT count(*) FROM parcel WHERE id = 'q-1'")" = 1 ]; }
check 'a loader follows' wait_for 10 is_followed
load --to "sqlite:$DB"
is 'a second one of its name: 75' "$CODE" 75
load --to "sqlite:$DB" --retype parcel.weight=text
is '--retype meanwhile: 75' "$CODE" 75
load --to "sqlite:$DB" --rebuild users
is '--rebuild meanwhile: 75' "$CODE" 75
end_process "$LOADER"

### A database that is restored ##############################
query ".backup $T/w/backup"
load_behind --to "sqlite:$DB" --every 1
put "$(track q-2 Parcel '{"weight":2}')" >/dev/null
is_second() { [ "$(query "SELECT count(*) FROM parcel WHERE id = 'q-2'")" = 1 ]; }
check 'a loader follows' wait_for 20 is_second
query ".restore $T/w/backup"
put "$(track q-3 Parcel '{"weight":3}')" >/dev/null
check 'the database is put back to an earlier time: the loader ends' wait_for 20 gone "$LOADER"
kill "$LOADER" 2>/dev/null
wait "$LOADER"
is 'and says so, and what to do' "$? $(grep -c 'put back to an earlier time: start this loader again, .*; erase again' "$T/behind.err")" '75 1'
load --to "sqlite:$DB"
is 'started again it loads what has come since' "$CODE $(query "SELECT group_concat(id) FROM (SELECT id FROM parcel WHERE id LIKE 'q-%' ORDER BY id)")" '0 q-1,q-2,q-3'

### Who may read it ############################################
(as_server_user sqlite3 "$T/w/open.db" 'CREATE TABLE mine (n)')
chmod 644 "$T/w/open.db"
load --to "sqlite:$T/w/open.db" --name open
is 'a file that is there keeps its mode' "$CODE $(stat -c %a "$T/w/open.db")" '0 644'
printf '%s\n' '[load]' "closed = sqlite:$DB" "open = sqlite:$T/w/open.db" >>"$S/hookspool.conf"
hs check --json
is 'check warns of what every user can read' "$(jq -r '.[] | select(.check == "load" and .verdict == "warn") | [.text, .remedy] | join("|")' <<<"$OUT")" \
	"open: $T/w/open.db: every user of this machine can read it, and events are personal data|chmod o-rw $T/w/open.db*"

### A trigger that ends the transaction ########################
DB=$T/w/trigger.db
put "$(track v-1 Voucher '{"total":1}')" >/dev/null
load --to "sqlite:$DB" --name trigger
query "CREATE TRIGGER none BEFORE INSERT ON voucher WHEN NEW.total = 13 BEGIN SELECT RAISE(ROLLBACK, 'not thirteen'); END"
put "$(track v-2 Voucher '{"total":2}')" "$(track v-3 Voucher '{"total":13}')" "$(track v-4 Voucher '{"total":4}')" >/dev/null
rm -f "$S/spool/failed.jsonl"
load --to "sqlite:$DB" --name trigger
is 'a trigger that rolls back all rows with its own: 77, and nothing is written' \
	"$CODE $(query 'SELECT count(*) FROM voucher') $(query "SELECT count(*) FROM tracks WHERE id LIKE 'v-%'") $(find "$S/spool/failed.jsonl" 2>/dev/null)" '77 1 1 '
check 'with the remedy' grep -q 'not thirteen: .* let it say ABORT instead' "$T/load.err"
query "DROP TRIGGER none; CREATE TRIGGER none BEFORE INSERT ON voucher WHEN NEW.total = 13 BEGIN SELECT RAISE(ABORT, 'not thirteen'); END"
load --to "sqlite:$DB" --name trigger
is 'which makes it a dead letter, and no other row' "$CODE $(query "SELECT group_concat(id, ' ') FROM (SELECT id FROM tracks WHERE id LIKE 'v-%' ORDER BY id)") \
$(query "SELECT group_concat(id, ' ') FROM (SELECT id FROM voucher ORDER BY id)") $(jq -r .record.message_id "$S/spool/failed.jsonl")" '1 v-1 v-2 v-3 v-4 v-1 v-2 v-4 v-3'

### A file that goes while it is open ############################
DB=$T/w/moved.db
load --to "sqlite:$DB" --name moved
load_behind --to "sqlite:$DB" --name moved --every 1
put "$(track w-1 Moved '{"total":1}')" >/dev/null
is_moved() { [ "$(query "SELECT count(*) FROM moved" 2>/dev/null)" = 1 ]; }
check 'a loader follows into a file' wait_for 10 is_moved
rm "$DB"*
put "$(track w-2 Moved '{"total":1}')" >/dev/null
check 'when the file is removed the loader tells' wait_for 20 grep -q 'the file has been moved, removed or replaced' "$T/behind.err"
wait_for 20 grep -q 'the position has gone from the database' "$T/behind.err" || kill "$LOADER"
wait "$LOADER"
is 'and ends, as that database has no position' $? 75
load --to "sqlite:$DB" --name moved
is 'the next one begins anew' "$CODE $(query 'SELECT count(*) FROM moved')" '0 2'

### Two files of one name ########################################
load --to "sqlite:$T/w/first.db" --name twice
load --to "sqlite:$T/w/second.db" --name twice
is 'a second database of a name is told, since erase reaches only one' \
	"$CODE $(grep -c "that of another database before, sqlite:$T/w/first.db .*give each its own --name" "$T/load.err")" '0 1'
load --to "sqlite:$T/w/second.db" --name twice
is 'but not once more' "$CODE $(grep -c 'another database' "$T/load.err")" '0 0'
load --to "sqlite:$T/w/first.db" --name twice --quiet
is 'unless the first one comes again' "$CODE $(grep -c "before, sqlite:$T/w/second.db " "$T/load.err")" '0 1'

### No file #######################################################
for to in sqlite: sqlite::memory:; do
	load --to "$to" --name nowhere
	is "$to is refused" "$CODE $(grep -c 'expected sqlite:/PATH' "$T/load.err")" '2 1'
done
load --to "sqlite:$T/w/nothing/w.db" --name nowhere
is 'a folder that is not there is named as the cause' "$CODE $(grep -c 'No such file or directory: make its folder' "$T/load.err")" '77 1'
# unfit NAME WORDS: a file of that name cannot be loaded into, and the message says what to do.
unfit() {
	own "$T/w/$1.db"
	load --to "sqlite:$T/w/$1.db" --name "$1"
	is "$1: 65, and what to do" "$CODE $(grep -c "the database cannot be loaded into: $2" "$T/load.err")" '65 1'
}
seq 3000 >"$T/w/text.db"
unfit text 'file is not a database; name another file'
# not by sqlite3: a later one keeps its own tables from being written
python3 -c 'import sqlite3, sys
sqlite3.connect(sys.argv[1]).executescript("CREATE TABLE a (id); PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 7;")' "$T/w/damaged.db"
unfit damaged 'malformed database schema .*; restore it, or move it away'
sqlite3 "$T/w/strict.db" 'CREATE TABLE tracks (id TEXT PRIMARY KEY NOT NULL) STRICT'
unfit strict 'table tracks is STRICT, .*: make it anew without that'

### Long strings ###############################################
DB=$T/w/long.db
python3 -c 'print("{\"type\":\"track\",\"messageId\":\"long\",\"userId\":\"u\",\"event\":\"Long\",\"properties\":{\"s\":\"" + "\u00e9" * 1000000 + "\"}}")' >"$T/long.jsonl"
chmod 644 "$T/long.jsonl"
hs import "$T/long.jsonl"
load --to "sqlite:$DB"
is 'a string of 2 MB is whole' "$CODE $(query "SELECT length(s), length(CAST(s AS BLOB)) FROM long")" '0 1000000|2000000'
sed 's/"long"/"long-2"/' "$T/long.jsonl" >"$T/long-2.jsonl"
chmod 644 "$T/long-2.jsonl"
hs import "$T/long-2.jsonl"
load --to "sqlite:$DB"
for type in number text; do load --to "sqlite:$DB" --retype long.s=$type; done
is 'and after a --retype there and back, a page of rows at a time' "$CODE $(query "SELECT id, length(s), _rest FROM long ORDER BY id" | tr '\n' ' ')" '0 long|1000000| long-2|1000000| '

### A dry run leaves no dead letter ###############################
printf '{"type":"identify","messageId":"endless","userId":"%070000d"}\n' 1 >"$T/endless.jsonl"
chmod 644 "$T/endless.jsonl"
hs import "$T/endless.jsonl" >/dev/null
rm -f "$S/spool/failed.jsonl"
(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" --to "sqlite:$T/w/dry.db" --dry-run) >/dev/null 2>"$T/load.err"
is 'a dry run tells of a record that would be refused, and makes no dead letter' \
	"$? $(grep -c ' 1 failed' "$T/load.err") $(find "$S/spool/failed.jsonl" "$T/w/dry.db" 2>/dev/null)" '1 1 '
load --to "sqlite:$T/w/dry.db" --name dry
is 'the load makes one' "$CODE $(jq -r .record.message_id "$S/spool/failed.jsonl")" '1 endless'

done_testing
