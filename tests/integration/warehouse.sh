# hookspool load: how the command finds its program, and the targets of the settings.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

if ! command -v sqlite3 >/dev/null; then
	ok 'hookspool load # SKIP no sqlite3'
	done_testing
fi

spool_start 'rotate_min_gap = 0'
D=$S/run
db() { sqlite3 -cmd '.timeout 5000' "$D/w.db" "$1"; }
# load ARGUMENT...: the command's answer in T/out and T/err, its exit code in CODE.
load() {
	hs load "$@" >"$T/out" 2>"$T/err" </dev/null
	CODE=$?
}
order() { # ID TOTAL
	put_one "{\"type\":\"track\",\"event\":\"Order Completed\",\"messageId\":\"$1\",\"userId\":\"u-1\",\"properties\":{\"total\":$2}}"
}
order o1 39.95

### The program #########################################################
load --once --to "sqlite:$D/w.db"
is 'the command starts the program beside it' "$CODE $(db 'SELECT id, total FROM order_completed')" '0 o1|39.95'
hs load --to x --help >"$T/own"
is 'both programs have one help' "$(cat "$T/own")" "$(hs help load)"
mv "$S/bin/hookspool-load" "$S/kept"
(PATH=/usr/bin:/bin load --once --to "sqlite:$D/w.db"; exit $CODE)
is 'without it, the exit code is that of what is not available' $? 69
check 'and the message says what to install' grep -q 'apt-get install hookspool-load.*make LOAD=' "$T/err"
mkdir "$S/lib" "$S/lib/hookspool" && own "$S/lib" "$S/lib/hookspool"
cp "$S/kept" "$S/lib/hookspool/hookspool-load"
load --once --to "sqlite:$D/w.db"
is 'it is found in ../lib/hookspool' $CODE 0
mv "$S/kept" "$S/bin/hookspool-load"

### [load] ##############################################################
settings_add() { printf '%s\n' "$@" >>"$S/hookspool.conf"; }
settings_add '[load]' "shop = sqlite:$D/shop.db prefix=hs_ on_delete=ignore" "private = postgresql:///x?host=$D password=TOPSECRET"
chmod 600 "$S/hookspool.conf"
load shop --once
is 'a label is a database, a prefix and the name of the position' \
	"$CODE $(sqlite3 "$D/shop.db" "SELECT name, records FROM hs_hookspool_load")" '0 shop|1'
check 'and of the cursor' eval 'hs cursors | grep -w shop'
put_one '{"type":"delete","messageId":"d1","userId":"u-1"}'
load shop --once
is 'on_delete=ignore keeps the rows' "$CODE $(sqlite3 "$D/shop.db" 'SELECT count(*) FROM hs_tracks')" '0 1'
load --once --to "sqlite:$D/w.db"
is 'which is not the default' "$CODE $(db 'SELECT count(*) FROM tracks')" '0 0'
load shop --once --name other --prefix other_
is 'the command line is stronger' "$CODE $(sqlite3 "$D/shop.db" 'SELECT name FROM other_hookspool_load')" '0 other'
load nothing --once
is 'an unknown label' "$CODE $(cat "$T/err")" '2 hookspool load: nothing: [load] of the settings has no such label'
load shop --once --to "sqlite:$D/w.db"
is 'a label and --to' $CODE 2
load --once --to postgresql://u:TOPSECRET@localhost/x
is 'a password on the command line' "$CODE $(grep -c 'no password on the command line' "$T/err")" '2 1'
load private --status
check 'no message has the password' eval '[ $CODE -ne 0 ] && ! grep TOPSECRET "$T/err"'

### --status, --dry-run #################################################
order o2 10
load shop --status --json
is 'the status says what is loaded and what is behind' "$(jq -c '[.begun, .loaded, .rest, .records, .bytes > 100, .oldest != null]' "$T/out")" \
	'[true,2,0,1,true,true]'
load shop --status
check 'and for people' grep -q '^1 records behind' "$T/out"
before=$(sqlite3 "$D/shop.db" .dump | sha256sum)
put_one '{"type":"track","event":"Signed Up","messageId":"s1","userId":"u-1","properties":{"plan":"pro","seats":3}}'
load shop --dry-run
is 'a dry run names what it would make' "$CODE $(grep -c 'CREATE TABLE "hs_signed_up" (.*"plan" text, "seats" number' "$T/out")" '0 1'
check 'and counts the rows' grep -q ' 2 records, 4 rows, 1 tables' "$T/err"
is 'but writes nothing' "$(sqlite3 "$D/shop.db" .dump | sha256sum)" "$before"
load --to "sqlite:$D/none.db" --dry-run
is 'not even the file' "$CODE $(ls "$D" | grep -c none)" '0 0'
load --to "sqlite:$D/none.db" --status --json
is 'nor does the status' "$(jq -c '[.begun, .records]' "$T/out") $(ls "$D" | grep -c none)" '[false,4] 0'
load shop --once
is 'the real run makes what was named' "$CODE $(sqlite3 "$D/shop.db" 'SELECT plan, seats FROM hs_signed_up')" '0 pro|3'
load shop --status --dry-run
is 'the two together' $CODE 2

### hookspool check #####################################################
# try_settings LINE...: check's findings about [load] with these lines, in T/out.
try_settings() {
	sed '/^\[load\]/,$d' "$S/hookspool.conf" >"$S/try.conf"
	printf '%s\n' '[load]' "$@" >>"$S/try.conf"
	chmod 600 "$S/try.conf" && own "$S/try.conf"
	hs check --config "$S/try.conf" --json >"$T/all" 2>"$T/err"
	jq -r '.[] | select(.check == "load") | [.verdict, .text, .remedy] | join("|")' "$T/all" >"$T/out"
}
before=$(sqlite3 "$D/shop.db" .dump | sha256sum)
try_settings "shop = sqlite:$D/shop.db prefix=hs_"
check 'a database that works' grep -q '^ok|shop: can make tables and write rows; ' "$T/out"
is 'is as it was' "$(sqlite3 "$D/shop.db" .dump | sha256sum)" "$before"
(echo '.timeout 20000'; echo 'BEGIN IMMEDIATE;'; wait_for 30 test -e "$T/tried"; echo 'ROLLBACK;') | sqlite3 "$D/shop.db" &
holder=$!
wait_for 10 eval '! sqlite3 "$D/shop.db" "BEGIN IMMEDIATE" 2>/dev/null'
try_settings "shop = sqlite:$D/shop.db prefix=hs_"
check 'one that a loader is writing to' grep -q '^warn|shop: the position: not tried' "$T/out"
touch "$T/tried"
wait $holder
try_settings 'deep = sqlite:/proc/x.db'
check 'one that cannot be made, with what mends it' grep -q '^fail|deep: connecting: permission denied: .*|chown' "$T/out"
sqlite3 "$D/bad.db" 'CREATE TABLE tracks (id TEXT)'
own "$D/bad.db"
try_settings "bad = sqlite:$D/bad.db"
check 'a table without a unique id' grep -q '^fail|bad: tracks has no unique index on id .*|run: CREATE UNIQUE INDEX "tracks_id" ON "tracks"' "$T/out"
for unfit in 'TABLE tracks (id TEXT PRIMARY KEY, _rest)' 'TABLE identifies (id INTEGER NOT NULL UNIQUE)' 'VIEW groups AS SELECT 1 AS id' \
	'TABLE pages (id TEXT PRIMARY KEY, user_id INTEGER)' 'TABLE users (id TEXT PRIMARY KEY COLLATE NOCASE)'; do
	rm "$D/bad.db"
	sqlite3 "$D/bad.db" "CREATE $unfit"
	own "$D/bad.db"
	try_settings "bad = sqlite:$D/bad.db"
	is "check fails where load would: $unfit" "$(grep -c '^fail|bad: .*|.*; or another prefix=' "$T/out")" 1
done
try_settings "a = postgresql://loader@127.0.0.1:1/x"
check 'a server that is not there, or a driver that is not built in' grep -q '^fail|a: ' "$T/out"
mv "$S/bin/hookspool-load" "$S/kept" && mv "$S/lib/hookspool/hookspool-load" "$S/kept2"
try_settings "shop = sqlite:$D/shop.db"
check 'without the program' grep -q '^fail|hookspool-load is not installed|apt-get install hookspool-load' "$T/out"
mv "$S/kept" "$S/bin/hookspool-load"

### The page ############################################################
awk '/^```ini/ { inside = 1; next } /^```/ { inside = 0 } inside && !/^\[/' "$ROOT/docs/warehouse.md" >"$T/lines"
{ sed '/^\[load\]/,$d' "$S/hookspool.conf"; echo '[load]'; cat "$T/lines"; } >"$S/try.conf"
chmod 600 "$S/try.conf" && own "$S/try.conf"
hs load --config "$S/try.conf" nothing >"$T/out" 2>"$T/err"
is 'the settings of docs/warehouse.md are read' "$(wc -l <"$T/lines") $(cat "$T/err")" \
	'2 hookspool load: nothing: [load] of the settings has no such label'

server_stop
done_testing
