#!/bin/bash
# hookspool load into SQLite: command lines and databases that it refuses, and what it does while the database or the folder
# of dead letters takes nothing: each record is there once when that is over.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

SETTINGS='auth = none'
load_start || { ok 'load: refusals # SKIP no sqlite3'; done_testing; }

# put ID EVENT PROPERTIES: an event for the spool.
put() {
	track "$@" >"$T/put.jsonl"
	chmod 644 "$T/put.jsonl"
	hs import --again "$T/put.jsonl"
}
# refused MESSAGE CODE OPTION...: a command line that is refused with this message.
refused() {
	load "${@:3}"
	is "refused: $(printf '%.60s' "${*:3}")" "$CODE $(grep -cF -e "$1" "$T/load.err")" "$2 1"
}

### Command lines ################################################
put o-1 Order '{"total":40}'
load --to "sqlite:$DB"
is 'a first load' "$CODE $(query 'SELECT total FROM "order"')" '0 40'
many() { for ((i = 0; i <= ${2:-64}; i++)); do printf -- '%s\nt%d%s\n' "$1" "$i" "${3:-}"; done; }
mapfile -t includes < <(many --include)
mapfile -t types < <(many --type 64 .c=text)
refused 'at most' 2 --to "sqlite:$DB" "${includes[@]}"
refused 'at most' 2 --to "sqlite:$DB" "${types[@]}"
refused 'expected TABLE.COLUMN=TYPE' 2 --to "sqlite:$DB" --type total=number
refused 'expected TABLE.COLUMN=TYPE' 2 --to "sqlite:$DB" --type order.total=money
refused 'expected TABLE.COLUMN=TYPE' 2 --to "sqlite:$DB" --retype order.total
refused 'letters, digits, dots, _ and -' 2 --to "sqlite:$DB" --name 'a/b'
refused '--max-tables' 2 --to "sqlite:$DB" --max-tables 3
refused 'expected sqlite:/PATH' 2 --to "warehouse:$DB"
for url in us:S3CRET@h/d postgres//us:S3CRET@h mysql://us:S3/CRET@h/d postgresql://us:S3?CRET@h/d; do
	load --to "$url"
	is "a password of a URL is not told: $url" "$CODE $(grep -c 'S3\|CRET' "$T/load.out" "$T/load.err" | grep -cv ':0$')" '2 0'
done
refused 'there are no tenants in the settings' 2 --to "sqlite:$DB" --tenant one
refused '--since is for the first start' 2 --to "sqlite:$DB" --since oldest
refused 'only a database of PostgreSQL has schemas: use a prefix' 2 --to "sqlite:$DB" --schema other
query 'ALTER TABLE "order" ADD COLUMN picture BLOB'
refused 'change it by SQL' 2 --to "sqlite:$DB" --retype order.picture=text
load --to "sqlite:$DB" --max-tables 100 --exclude page
is 'and the loader goes on' "$CODE $(query 'SELECT count(*) FROM tracks')" '0 1'

### A dry run ####################################################
put o-2 Order "{\"total\":1,\"new\":2,\"$(printf 'long%.0s' {1..40})\":3}"
before=$(query .schema)
load --to "sqlite:$DB" --dry-run
is 'a dry run prints new columns, and the whole names of those that are cut' \
	"$CODE $(grep -c '^ALTER TABLE "order" ADD COLUMN "new" ' "$T/load.out") $(grep -c "^-- \"order\".\"long.*\" is $(printf 'long%.0s' {1..40})" "$T/load.out")" '0 1 1'
is 'and makes none of them' "$(query .schema | diff <(echo "$before") -)$(query 'SELECT count(*) FROM tracks')" 1
load --to "sqlite:$DB" --name other --status
is 'the status of a name that is new' "$CODE $(head -n 1 "$T/load.out")" '0 other: nothing is loaded yet'
load --to "sqlite:$DB"
is 'the status agrees with the load' "$CODE $(query 'SELECT new FROM "order" WHERE id = '"'o-2'")" '0 2'

### The database begins anew #######################################
rm "$DB"*
load --to "sqlite:$DB" --since oldest
is 'a cursor without its database: it says so, and begins at --since' \
	"$CODE $(grep -c 'has no position of this --name, so it begins at --since' "$T/load.err") $(query 'SELECT count(*) FROM "order"')" '0 1 2'
query "UPDATE hookspool_load SET spool = 'another'"
load --to "sqlite:$DB" --status
is 'the position of another spool: the status says so' "$CODE $(cat "$T/load.err")" \
	'65 hookspool load: the position in the database is of another spool'
rm "$DB"*
load --to "sqlite:$DB"

### Held by another program ########################################
hold() { # holds the database until `free`
	rm -f "$T/held" "$T/holder.out"
	mkfifo "$T/held"
	sqlite3 "$DB" >"$T/holder.out" <"$T/held" &
	HOLDER=$!
	exec 7>"$T/held"
	printf 'BEGIN EXCLUSIVE;\nSELECT 1;\n' >&7
	wait_for 10 test -s "$T/holder.out"
}
free() {
	printf 'COMMIT;\n' >&7
	exec 7>&-
	wait "$HOLDER"
}
is_held() { wait_for 20 grep -q 'database is locked' "$T/behind.err"; }
hold
load_behind --once --to "sqlite:$DB" --retype order.total=text
check '--retype waits for the database' is_held
free
wait "$LOADER"
is '--retype, when it is free again' "$? $(query 'SELECT group_concat(typeof(total)) FROM "order"')" '0 text,text'
load_behind --to "sqlite:$DB" --batch 1 --every 1
put o-3 Order '{"total":3}'
has_third() { [ "$(query "SELECT count(*) FROM \"order\" WHERE id = 'o-3'")" = 1 ]; }
check 'a loader follows' wait_for 20 has_third
hold
put o-4 Order '{"total":4}'
put o-5 Order '{"total":5}'
check 'it waits for the database' is_held
put o-6 Order '{"total":6}'
end_process "$LOADER"
is 'when it is ended it tells how late it is' "$(grep -cE ' 1 records, 2 rows, .*, [0-9.]*[1-9][0-9.]* s behind' "$T/behind.err")" 1
free
load --to "sqlite:$DB"
is 'what it has not written comes the next time, once' "$CODE $(query 'SELECT count(*), count(DISTINCT id) FROM "order"')" '0 6|6'

### A _rest that somebody else has written #########################
# identify ID DAY TRAITS
identify() {
	printf '{"type":"identify","messageId":"%s","userId":"ann","timestamp":"2026-11-%sT10:15:00Z","traits":%s}\n' "$@" >"$T/put.jsonl"
	hs import --again "$T/put.jsonl"
	load --to "sqlite:$DB"
}
identify i-1 20 '{"age":1,"plan":"free"}'
identify i-2 21 '{"age":"old"}'
query "UPDATE identifies SET _rest = '{ \"age\" : \"\\\"older\\\"\", \"pet\":\"\\\"cat\\\"\"}' WHERE id = 'i-2'"
identify i-3 19 '{"plan":"none"}'
is 'its values are those of the person, if a late identify has the rows read again' \
	"$CODE $(query "SELECT plan, _rest ->> 'age', _rest ->> 'pet' FROM users")" '0 free|"older"|"cat"'
before=$(query .dump)
printf '{"type":"identify","messageId":"i-4","userId":"ann","timestamp":"2026-11-22T10:15:00Z","traits":{"plan":"new"}}\n' >"$T/put.jsonl"
hs import --again "$T/put.jsonl"
load --to "sqlite:$DB" --dry-run
is 'a dry run changes no row of a person' "$CODE $(query .dump | diff <(echo "$before") -)" '0 '
load --to "sqlite:$DB"
is 'which the load does' "$CODE $(query 'SELECT plan FROM users')" '0 new'
query "UPDATE users SET plan = 'lost'"
hold
load_behind --to "sqlite:$DB" --rebuild users
sleep 2
check '--rebuild waits for the database' alive "$LOADER"
free
wait "$LOADER"
is 'and makes the row anew when it is free' "$? $(query 'SELECT plan FROM users')" '0 new'

### No dead letter can be written ##################################
put p-0 Parcel '{"weight":0}'
load --to "sqlite:$DB"
query "CREATE TRIGGER mine BEFORE INSERT ON parcel BEGIN SELECT RAISE(ABORT, 'not this one'); END"
put p-1 Parcel '{"weight":1}'
mkdir "$S/spool/failed.jsonl" && own "$S/spool/failed.jsonl"
load --to "sqlite:$DB"
is 'a row that is refused, and no file for its dead letter: with --once the loader ends, and says which file' \
	"$CODE $(grep -c 'a dead letter cannot be written: failed.jsonl: ' "$T/load.err")" '74 1'
is 'nothing of the batch is there' "$(query "SELECT count(*) FROM tracks WHERE id = 'p-1'")" 0
load_behind --to "sqlite:$DB" --every 1
check 'one that follows waits' wait_for 20 grep -q 'a dead letter cannot be written: failed.jsonl: ' "$T/behind.err"
rmdir "$S/spool/failed.jsonl"
has_letter() { [ -s "$S/spool/failed.jsonl" ]; }
check 'until it can be written' wait_for 60 has_letter
check 'and tells of that' wait_for 20 grep -q 'dead letters are written again' "$T/behind.err"
end_process "$LOADER"
is 'then it is a dead letter, once' "$(jq -r .record.message_id "$S/spool/failed.jsonl" | xargs) $(query "SELECT count(*) FROM tracks WHERE id = 'p-1'")" 'p-1 1'

### The cursor of another command ################################
hs tail --cursor theirs --from oldest
put o-9 Order '{"total":9}'
refused 'the cursor theirs is that of another command' 2 --to "sqlite:$T/w/theirs.db" --name theirs
hs tail --cursor theirs
is 'which stays where it is' "$(jq -r .message_id <<<"$OUT")" o-9
cp "$S/spool/.hookspool/cursors/load" "$T/cursor"
hs tail --cursor load
is 'nor does another command take that of a loader' "$CODE $OUT$(grep -c 'cursor load is that of a database of hookspool load' "$T/err") $(cmp "$T/cursor" "$S/spool/.hookspool/cursors/load" && echo same)" '2 1 same'

### A spool that was put back #####################################
hs backup "$T/w/backup"
printf '{"type":"track","messageId":"%s","userId":"u-1","event":"Order"}\n' lost-1 >"$T/put.jsonl"
hs import --again "$T/put.jsonl"
load --to "sqlite:$T/w/ahead.db" --name ahead
sed "s,^spool_dir = .*,spool_dir = $T/w/backup," "$S/hookspool.conf" >"$T/w/restored.conf"
chmod 600 "$T/w/restored.conf"
own "$T/w/restored.conf"
hs adopt --config "$T/w/restored.conf"
printf '{"type":"track","messageId":"%s","userId":"u-1","event":"Order"}\n' back-1 back-2 >"$T/put.jsonl"
hs import --again --config "$T/w/restored.conf" "$T/put.jsonl"
refused 'remove the row of ahead from hookspool_load' 65 --config "$T/w/restored.conf" --to "sqlite:$T/w/ahead.db" --name ahead
ahead() { (as_server_user sqlite3 "$T/w/ahead.db" "$1") | xargs; }
is 'nothing is loaded after a position of another time' "$(ahead "SELECT count(*) FROM tracks WHERE id LIKE 'back-%'")" 0
ahead "DELETE FROM hookspool_load WHERE name = 'ahead'" >/dev/null
load --config "$T/w/restored.conf" --to "sqlite:$T/w/ahead.db" --name ahead
is 'then all comes, and nothing twice' "$CODE $(ahead "SELECT id FROM tracks WHERE id LIKE 'back-%' OR id LIKE 'lost-%' ORDER BY id")" '0 back-1 back-2 lost-1'

### Tenants ########################################################
load_behind --to "sqlite:$T/w/all.db" --name all --every 1
all() { sqlite3 "$T/w/all.db" "SELECT count(*) FROM tracks WHERE id IN ('$1')"; }
has_all() { [ -s "$T/w/all.db" ] && [ "$(all p-0)" = 1 ]; }
check 'a loader follows where there are no tenants' wait_for 20 has_all
printf '%s\n' '[keys]' 'acme = k1' 'globex = k2' '[load]' "acme = sqlite:$T/w/of.db tenant=acme" "globex = sqlite:$T/w/of.db tenant=globex" \
	"apart = sqlite:$T/w/of.db tenant=globex prefix=globex_" "schema = sqlite:$T/w/of.db tenant=globex schema=globex" >>"$S/hookspool.conf"
refused '[load] globex of the settings has the same tables for another tenant' 2 acme
refused '[load] acme of the settings has the same tables for another tenant' 2 globex
refused '[load] acme of the settings has the same tables for another tenant' 2 --to "sqlite:$T/w/of.db" --tenant globex
refused 'schema globex: only a database of PostgreSQL has schemas' 2 schema
hs check --json
is 'check fails where load would' "$(jq -r '.[] | select(.check == "load" and .verdict == "fail") | .text' <<<"$OUT" | grep -cE '^(acme|globex|schema): ')" 3
load apart
is 'a prefix of its own is enough' "$CODE" 0
printf '{"type":"track","messageId":"%s","userId":"u-1","event":"Order"}\n' p-0 acme-1 >"$T/put.jsonl" # p-0 is another event, of acme
hs import --again --tenant acme "$T/put.jsonl"
check 'the first label ends a loader that knew of none' wait_for 20 gone "$LOADER"
kill "$LOADER" 2>/dev/null
wait "$LOADER"
is 'with what to do, and it has loaded nothing of a tenant' "$? $(grep -c 'labels now, .*: go on with --tenant -' "$T/behind.err") $(all acme-1)" '78 1 0'
load --to "sqlite:$T/w/all.db" --name all --tenant -
is 'with --tenant - it goes on with what has none' "$CODE $(all "p-0','acme-1")" '0 1'
printf '{"type":"track","messageId":"globex-1","userId":"u-1","event":"Order"}\n' >"$T/put.jsonl"
hs import --again --tenant globex "$T/put.jsonl"
of_globex() { sqlite3 "$T/w/one.db" "SELECT count(*) FROM tracks WHERE id = 'globex-1'"; }
load --to "sqlite:$T/w/one.db" --name one --tenant acme
refused 'under the --name one records of another tenant were loaded into these tables' 2 --to "sqlite:$T/w/./one.db" --name two --tenant globex
refused 'under the --name one records of another tenant were loaded into these tables' 2 --to "sqlite:$T/w/one.db" --name one --tenant globex
is 'nothing of one tenant is in the tables of another' "$(of_globex)" 0
load --to "sqlite:$T/w/one.db" --name one --tenant acme
is 'whose loader goes on' "$CODE" 0
hs cursors remove one
load --to "sqlite:$T/w/one.db" --name two --tenant globex
is 'until that is given up' "$CODE $(of_globex)" '0 1'

done_testing
