#!/bin/bash
# hookspool load and tables that somebody else has made: columns and keys that ignore case, that are too short or of another type.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

SETTINGS='auth = none'

spool_make() {
	directory_make
	settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0'
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
}
take() {
	printf '%s\n' "$@" >"$T/events.jsonl"
	chmod 644 "$T/events.jsonl"
	hs import "$T/events.jsonl"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
}
loads() { load --to "$TO" --name "$NAME" "$@"; }
ask() { $ASK "$1" | xargs; }
# mend: runs the statement that the loader has said.
mend() { $ASK "$(sed -n 's/.*; run: \(.*\)$/\1/p' "$T/load.err" | tail -n 1)"; }
track() { # ID USER NAME [PROPERTIES]
	printf '{"type":"track","messageId":"%s","userId":"%s","event":"%s","properties":%s}' "$1" "$2" "$3" "${4-{\}}"
}

### Keys ################################################################
keys() { # TYPE: of a key that ignores case
	spool_make
	NAME=keys
	$ASK "CREATE TABLE loose (id $1 PRIMARY KEY)"
	take "$(track Key-1 u Loose)" "$(track key-1 u Loose)"
	loads
	is "$KIND: a key on id that ignores case is none" "$CODE $(grep -c 'loose has no unique index on id that compares bytes' "$T/load.err")" '77 1'
	mend
	loads
}

### What check foresees ################################################
# foresees DEFINITION EVENT: check fails where the loader ends with 77.
foresees() {
	$ASK "CREATE $1"
	{ sed '/^\[load\]/,$d' "$S/hookspool.conf"; printf '[load]\nforeseen = %s prefix=f_\n' "$TO"; } >"$T/try.conf"
	chmod 600 "$T/try.conf"
	cat "$T/try.conf" >"$S/hookspool.conf"
	hs check --json
	foreseen=$(jq -r '.[] | select(.check == "load" and .verdict == "fail") | .text' <<<"$OUT")
	take "$2"
	load foreseen
	is "$KIND: check foresees in the same words what load ends with: $1" \
		"$CODE $(grep -cF "${foreseen:+${foreseen#foreseen: }}" "$T/load.err") ${foreseen:+said}" '77 1 said'
	$ASK "DROP $(cut -d' ' -f1-2 <<<"$1")"
}
all_foreseen() {
	spool_make
	foresees "TABLE f_tracks (id $ID PRIMARY KEY, _rest $FOREIGN)" "$(track f1 u Foreseen)"
	foresees "TABLE f_identifies (id $NUMBER NOT NULL UNIQUE)" '{"type":"identify","messageId":"f2","userId":"u"}'
	foresees "TABLE f_screens (id $ID PRIMARY KEY, user_id $NUMBER)" '{"type":"screen","messageId":"f3","userId":"u"}'
	foresees 'VIEW f_pages AS SELECT 1 AS id' '{"type":"page","messageId":"f4","userId":"u"}'
}

### People #############################################################
people() { # TYPE: of a column that ignores case
	spool_make
	NAME=people
	$ASK "CREATE TABLE purchase (id $ID PRIMARY KEY, user_id $1, anonymous_id $1); CREATE TABLE identifies (id $ID PRIMARY KEY, user_id $1)"
	take "$(track p1 ann Purchase)" "$(track p2 Ann Purchase)" '{"type":"identify","messageId":"i1","userId":"ann","traits":{"email":"ann@a"}}' \
		'{"type":"identify","messageId":"i2","userId":"Ann","traits":{"email":"Ann@b"}}'
	loads
	is "$KIND: two people whose ids differ in case are two" "$CODE $(ask 'SELECT email FROM users ORDER BY id')" '0 Ann@b ann@a'
	$ASK "UPDATE users SET email = 'changed'"
	loads --rebuild users
	is "$KIND: --rebuild makes the rows of both" "$CODE $(ask 'SELECT email FROM users ORDER BY id')" '0 Ann@b ann@a'
	take '{"type":"delete","messageId":"d1","userId":"ann"}'
	loads
	is "$KIND: a delete takes the rows of its user alone" \
		"$CODE $(ask 'SELECT id FROM purchase') $(ask 'SELECT id FROM identifies') $(ask 'SELECT email FROM users')" '0 p2 i2 Ann@b'
	hs erase --user Ann
	loads
	is "$KIND: so does an erase" "$CODE $(ask "SELECT (SELECT count(*) FROM purchase) + (SELECT count(*) FROM users)")" '0 0'
}

# narrow: columns that do not take each id of a person.
narrow() {
	spool_make
	NAME=narrow
	$ASK "CREATE TABLE numbered (id $ID PRIMARY KEY, user_id $NUMBER, item $LONG)"
	take "$(track n1 ann.smith@example.com Numbered '{"item":"truss"}')"
	loads
	is "$KIND: a user_id of numbers is refused" \
		"$CODE $(grep -c 'numbered.user_id must be a text.*; run: hookspool load with --retype numbered.user_id=text' "$T/load.err")" '77 1'
	loads --retype numbered.user_id=text
	loads
	is "$KIND: and taken after the --retype that was said" "$CODE $(ask 'SELECT user_id, item FROM numbered')" '0 ann.smith@example.com|truss'
	hs erase --user ann.smith@example.com
	loads
	is "$KIND: then an erase finds it" "$CODE $(ask 'SELECT count(*) FROM numbered')" '0 0'
	for column in id _rest; do
		loads --retype numbered.$column=text
		is "$KIND: --retype of $column is refused" $CODE 2
	done
	loads --retype numbered.uuid_ts=text
	is "$KIND: so is another type than the loader needs" $CODE 2

	$ASK "CREATE TABLE dated (id $ID PRIMARY KEY, uuid_ts $FOREIGN)"
	take "$(track t1 u-3 Dated)"
	loads
	is "$KIND: a uuid_ts that takes no time is refused" \
		"$CODE $(grep -c 'dated.uuid_ts must be a timestamp.*; change its type by SQL' "$T/load.err")" '77 1'
	$ASK 'DROP TABLE dated'
	$ASK "CREATE TABLE past (id $ID PRIMARY KEY, user_id $NUMBER, uuid_ts $TIME, _rest $LONG)"
	hs erase --user ann.smith@example.com
	loads
	is "$KIND: an erase is not done while a table of ours may hide rows" "$CODE $(grep -c 'past.user_id must be a text' "$T/load.err")" '77 1'
	$ASK 'DROP TABLE past'
	loads
	is "$KIND: but then" $CODE 0
	[ "$KIND" != SQLite ] || return
	$ASK "CREATE TABLE short (id $ID PRIMARY KEY, user_id $SHORT, event $SHORT, item $LONG)"
	take "$(track s1 ann.smith@example.com Short '{"item":"truss"}')" "$(track s2 bob Short '{"item":"jar"}')"
	loads
	is "$KIND: a user id that is too long for its column is a dead letter" \
		"$CODE $(ask 'SELECT user_id, item FROM short') $(jq -r .record.message_id "$S/spool/failed.jsonl")" '1 bob|jar s1'
	loads --retype short.user_id=text
	is "$KIND: --retype makes it longer" "$CODE $(ask 'SELECT user_id, item FROM short')" '0 bob|jar'
	rm "$S"/spool/failed*
}

### What refers to a person ############################################
user() { # ID TIME TRAITS
	printf '{"type":"identify","messageId":"%s","userId":"u-ref","timestamp":"%s","traits":%s}' "$@"
}
references() {
	spool_make
	NAME=references
	take "$(user r1 2026-11-02T00:00:00Z '{"email":"a@example.com","plan":"x"}')"
	loads
	$ASK "CREATE TABLE notes (n INT, person $ID, FOREIGN KEY (person) REFERENCES users (id) ON DELETE CASCADE)"
	$ASK "ALTER TABLE users ADD mine $ID DEFAULT 'none' NOT NULL"
	$ASK "INSERT INTO notes VALUES (1, 'u-ref')"
	$ASK "UPDATE users SET mine = 'kept'"
	take "$(user r2 2026-11-01T00:00:00Z '{"email":"late@example.com","city":"Ulm"}')"
	loads
	is "$KIND: a late identify leaves what refers to its user, and a column of yours" \
		"$CODE $(ask 'SELECT count(*) FROM notes') $(ask "SELECT email, plan, city, mine FROM users WHERE id = 'u-ref'")" \
		'0 1 a@example.com|x|Ulm|kept'
	$ASK "DELETE FROM identifies WHERE id = 'r1'"
	loads --rebuild users
	is "$KIND: what no row says any more is gone" \
		"$CODE $(ask 'SELECT count(*) FROM notes') $(ask "SELECT email, coalesce(plan, 'null'), mine FROM users WHERE id = 'u-ref'")" \
		'0 1 late@example.com|null|kept'
	$ASK 'DROP TABLE notes'
	"keep_$KIND"
	take '{"type":"delete","messageId":"r3","userId":"u-ref"}'
	loads
	is "$KIND: a user who must go and may not: 77, and what mends it" \
		"$CODE $(grep -c 'permission denied: .*; rows of users have to go: drop the constraint' "$T/load.err") $(ask "SELECT count(*) FROM users WHERE id = 'u-ref'")" '77 1 1'
	"free_$KIND"
	loads
	is "$KIND: after that the user goes" "$CODE $(ask "SELECT count(*) FROM users WHERE id = 'u-ref'")" '0 0'
}
keep_PostgreSQL() {
	$ASK "CREATE TABLE notes (n INT, person $ID, FOREIGN KEY (person) REFERENCES users (id))"
	$ASK "INSERT INTO notes VALUES (1, 'u-ref')"
}
keep_MariaDB() { keep_PostgreSQL; }
free_PostgreSQL() { $ASK 'DROP TABLE notes'; }
free_MariaDB() { free_PostgreSQL; }
keep_SQLite() { $ASK "CREATE TRIGGER keeps BEFORE DELETE ON users BEGIN SELECT RAISE(ABORT, 'not this one'); END"; }
free_SQLite() { $ASK 'DROP TRIGGER keeps'; }

### A server that is careful for people ##############################
careful() {
	spool_make
	NAME=careful
	take "$(track c1 u-care Careful)" "$(track c2 u-care Careful)" \
		'{"type":"identify","messageId":"c3","userId":"u-care","timestamp":"2026-11-02T00:00:00Z","traits":{"email":"a@example.com"}}'
	loads
	mariadb_client -e 'SET GLOBAL sql_safe_updates = 1, GLOBAL sql_select_limit = 1'
	take '{"type":"identify","messageId":"c4","userId":"u-care","timestamp":"2026-11-01T00:00:00Z","traits":{"email":"b@example.com","city":"Ulm"}}'
	loads
	is "$KIND: a limit of the server for SELECT leaves out no row" "$CODE $(ask "SELECT email, city FROM users WHERE id = 'u-care'")" '0 a@example.com|Ulm'
	take '{"type":"delete","messageId":"c5","userId":"u-care"}'
	loads
	is "$KIND: nor do its safe updates keep one" "$CODE $(ask 'SELECT count(*) FROM careful')" '0 0'
	mariadb_client -e 'SET GLOBAL sql_safe_updates = DEFAULT, GLOBAL sql_select_limit = DEFAULT'
}

### Tables of extensions #############################################
extended() {
	spool_make
	NAME=extended
	take "$(track x1 u Extended)"
	loads
	python3 - "$T/w/w.db" <<-'END'
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		db.execute("PRAGMA writable_schema = ON")
		db.execute("INSERT INTO sqlite_master VALUES ('table', 'items', 'items', 0, 'CREATE VIRTUAL TABLE items USING nobody(x)')")
		db.commit()
	END
	take "$(track x2 u Extended)" "$(track x3 u Items '{"n":1}')"
	loads
	is "$KIND: a virtual table whose extension is not here is left alone" \
		"$CODE $(ask "SELECT id FROM extended ORDER BY id") $(ask "SELECT _rest FROM tracks WHERE id = 'x3'")" '0 x1 x2 {n:1}'
}

### Tables that keep their history ####################################
versioned() {
	spool_make
	NAME=versioned
	take "$(track h1 u-ver Versioned '{"n":1}')"
	loads
	$ASK 'ALTER TABLE versioned ADD SYSTEM VERSIONING'
	take "$(track h2 u-ver Versioned '{"n":2,"more":3}')"
	loads
	is "$KIND: a table with system versioning takes rows and columns" "$CODE $(ask 'SELECT n, more FROM versioned ORDER BY id')" '0 1|NULL 2|3'
	hs erase --user u-ver
	loads
	is "$KIND: and a person is erased from it" "$CODE $(ask 'SELECT count(*) FROM versioned')" '0 0'
}

all() {
	all_foreseen
	keys "$NOCASE"
	"keys_$KIND"
	people "$NOCASE"
	narrow
	references
	[ "$KIND" != MariaDB ] || versioned
	[ "$KIND" != MariaDB ] || careful
	[ "$KIND" != SQLite ] || values_SQLite
	[ "$KIND" != SQLite ] || extended # the last one: no other program opens the file any more
}
keys_SQLite() {
	is 'SQLite: after its statement, what the key refuses is a dead letter' \
		"$CODE $(ask 'SELECT id FROM loose') $(jq -r .record.message_id "$S/spool/failed.jsonl")" '1 Key-1 key-1'
	$ASK 'CREATE TABLE part (id TEXT); CREATE UNIQUE INDEX some ON part (id) WHERE id > 9'
	take "$(track part-1 u Part)"
	loads
	is 'SQLite: an index on some rows is none' "$CODE $(grep -c 'part has no unique index on id' "$T/load.err")" '77 1'
	mend
	loads
	is 'SQLite: and mended by its statement' "$(ask 'SELECT id FROM part')" part-1
}
# values_SQLite: columns that change a value, which then is in _rest as it was sent.
values_SQLite() {
	spool_make
	NAME=values
	$ASK 'CREATE TABLE shop (id TEXT PRIMARY KEY, "Zip" INTEGER, n REAL, f FLOAT, d "double precision", i INT, c NUMCHAR)'
	take "$(track v1 u Shop '{"zip":"01234","n":9007199254740993,"f":9007199254740993,"d":0.5,"i":9007199254740993,"c":"007"}')" \
		"$(track v2 u Shop '{"zip":1234,"n":7,"f":-9007199254740992}')"
	loads
	is 'SQLite: a column whose name differs in case is another; one of doubles rounds nothing' \
		"$CODE $($ASK 'SELECT id, zip, CAST(n AS INT), CAST(f AS INT), d, i, c, _rest FROM shop ORDER BY id')" \
		'0 v1||||0.5|9007199254740993|007|{"zip":"\"01234\"","n":"9007199254740993","f":"9007199254740993"}
v2||7|-9007199254740992||||{"zip":"1234"}'
	mark() { [ "$($ASK 'SELECT count(*) FROM shop')" = "$1" ]; }
	load_behind --to "$TO" --name "$NAME" --every 20
	take "$(track v3 u Shop)"
	check 'SQLite: a loader follows' wait_for 20 mark 3
	$ASK 'ALTER TABLE shop ADD COLUMN code NUMERIC'
	take "$(track v4 u Shop '{"code":"01067"}')"
	check 'SQLite: and goes on' wait_for 20 mark 4
	end_process "$LOADER"
	is 'SQLite: a column that another loader has made is used as it is' "$($ASK "SELECT code, _rest FROM shop WHERE id = 'v4'")" '|{"code":"\"01067\""}'
}
keys_MariaDB() { is "$KIND: and mended by its statement" "$CODE $(ask 'SELECT id FROM loose ORDER BY id')" '0 Key-1 key-1'; }
keys_PostgreSQL() { keys_MariaDB; }

mkdir "$T/w"
own "$T/w"
KIND=SQLite TO=sqlite:$T/w/w.db ASK=ask_sqlite ID=TEXT NUMBER=INTEGER LONG=TEXT FOREIGN=BLOB TIME='TIMESTAMP TEXT' NOCASE='TEXT COLLATE NOCASE'
ask_sqlite() { (as_server_user sqlite3 "$T/w/w.db" "$1"); }
all
KIND=PostgreSQL ASK=ask_postgresql ID=text NUMBER=bigint LONG=text FOREIGN=bytea TIME=timestamptz SHORT='varchar(8)' NOCASE='text COLLATE nocase'
ask_postgresql() { pg "SET search_path = segment; $1"; }
if postgresql_start; then
	TO=$PG
	pg 'CREATE SCHEMA segment'
	ask_postgresql "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
	all
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
KIND=MariaDB ASK=ask_mariadb ID='VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin'
NUMBER=BIGINT FOREIGN=BLOB TIME='DATETIME(6)' SHORT='VARCHAR(8) CHARACTER SET utf8mb4' LONG='LONGTEXT CHARACTER SET utf8mb4'
NOCASE='VARCHAR(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci'
ask_mariadb() { sql "$1" | tr '\t' '|'; }
if mariadb_start; then
	TO=$MARIADB
	all
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
