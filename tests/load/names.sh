#!/bin/bash
# hookspool load and names: a loader keeps to the tables of its prefix, and no name that a sender chooses stops it.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

spool_make() {
	directory_make
	settings_write 'min_free = 0' 'rotate_min_gap = 0' 'auth = key' '[keys]' 'acme = 0123456789-of-acme' 'globex = 0123456789-of-globex'
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
}
# take TENANT EVENT...
take() {
	local tenant=$1
	shift
	printf '%s\n' "$@" >"$T/events.jsonl"
	chmod 644 "$T/events.jsonl"
	hs import --tenant "$tenant" "$T/events.jsonl"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
}
acme() { load --to "$TO" --name "acme-$KIND" --tenant acme "$@"; }
globex() { load --to "$TO" --name "globex-$KIND" --tenant globex --prefix globex_ "$@"; }
identify() { # ID USER DAY TRAITS
	printf '{"type":"identify","messageId":"%s","userId":"%s","timestamp":"2026-11-%sT00:00:00Z","traits":%s}' "$KIND-$1" "$2" "$3" "$4"
}
track() { # ID NAME PROPERTIES
	printf '{"type":"track","messageId":"%s","userId":"u-2","event":"%s","properties":%s}' "$KIND-$1" "$2" "$3"
}
emails() { $ASK "SELECT email FROM $1 ORDER BY email" | xargs; }

### Prefixes ############################################################
prefixes() {
	take acme "$(identify a1 u-1 01 '{"email":"u1@acme"}')"
	take globex "$(identify g1 u-1 01 '{"email":"u1@globex"}')" "$(identify g2 u-2 03 '{"email":"u2@globex"}')"
	acme
	globex
	is "$KIND: each loader has tables of its own" "$(emails identifies) $(emails globex_identifies)" 'u1@acme u1@globex u2@globex'
	take acme "{\"type\":\"delete\",\"messageId\":\"$KIND-d1\",\"userId\":\"u-1\"}" \
		"$(track evil 'Globex Identifies' '{"email":"chosen-by-acme"}')" "$(track evil2 'Globex Users' '{"email":"chosen-by-acme"}')"
	acme
	is "$KIND: a delete of one customer leaves another's rows" "$CODE $(emails identifies) $(emails globex_identifies)" '0  u1@globex u2@globex'
	is "$KIND: an event whose name is that of another's table is in tracks, whole" \
		"$($ASK "SELECT count(*) FROM tracks WHERE _rest LIKE '%chosen-by-acme%'") $(emails globex_users)" '2 u1@globex u2@globex'
	take globex "$(identify g3 u-2 02 '{"city":"Ulm"}')"
	globex
	is "$KIND: a row that is made anew has nothing of it" "$CODE $(emails globex_users)" '0 u1@globex u2@globex'
	acme --rebuild users
	is "$KIND: --rebuild leaves another's users" "$CODE $(emails globex_users)" '0 u1@globex u2@globex'
}

### Names of senders ####################################################
EVENTS=('🎉 Party' '𝒜lpha' 'É' select sqlite_sequence 'SQLite Master' pg_class __proto__ id '#sql-1' '日本語' hookspool_load 'Globex Hookspool Load'
	identifies_user_id 'identifies user_id' tracks_pkey _tracks 'a/b' "a'b" 'a`b' a%b '$x' 1 _ 'Cut \ud83d' '\udc00' Order ORDER users _users int4 Daily Weekly Monthly)
FIELDS=(rowid oid _rowid_ xmin xmax cmin cmax ctid tableoid db_row_id db_trx_id row_start row_end primary _retype _rest id ID select
	É é 𝒜 🎉 x.y x_y uuid_ts _id user_id __proto__ ſ s ı i FTS_DOC_ID '\ud800' '\ud801' 'cut\udfff')
names() {
	local i events=()
	for i in "${!EVENTS[@]}"; do events+=("$(track "n$i" "${EVENTS[i]}" '{"v":1}')"); done
	for i in "${!FIELDS[@]}"; do
		events+=("$(track "p$i" Fields "{\"${FIELDS[i]}\":1}")" "$(identify "t$i" "t$i" 01 "{\"${FIELDS[i]}\":\"x\"}")")
	done
	take acme "${events[@]}"
	acme
	is "$KIND: a view, an index, a type and names that the database keeps to itself stop nothing" \
		"$CODE $(grep -c ' 0 failed' "$T/load.err") $($ASK 'SELECT count(*) FROM tracks') $($ASK 'SELECT count(*) FROM fields') $($ASK "SELECT count(*) FROM users WHERE id LIKE 't%'")" \
		"0 1 $((2 + ${#EVENTS[@]} + ${#FIELDS[@]})) ${#FIELDS[@]} ${#FIELDS[@]}"
	is "$KIND: halves of a surrogate pair are two columns, and their whole names are texts" \
		"$($ASK "SELECT count(*) FROM hookspool_names WHERE table_name = 'fields' AND path = '�' AND name LIKE '_%'")" 2
	is "$KIND: what has no table of its own is in tracks, whole" "$($ASK "SELECT event, _rest FROM tracks WHERE event = 'daily'")" 'daily|{"v":"1"}'
}
# taken: a view has the name of a table that every loader needs.
taken() {
	$ASK 'DROP VIEW weekly'
	$ASK 'CREATE VIEW screens AS SELECT 1 AS id'
	take acme "{\"type\":\"screen\",\"messageId\":\"$KIND-s1\",\"userId\":\"u-2\",\"name\":\"Home\"}"
	acme
	is "$KIND: a view in the place of a table of the loader: 77, with the remedy" \
		"$CODE $(grep -c 'screens is there, but is no table: rename it, or choose another --prefix' "$T/load.err")" '77 1'
	$ASK 'DROP VIEW screens'
	acme
	is "$KIND: … and then goes on" "$CODE $($ASK 'SELECT count(*) FROM screens')" '0 1'
}

all() {
	spool_make
	prefixes
	$ASK 'CREATE VIEW daily AS SELECT 1 AS id'
	$ASK 'CREATE VIEW weekly AS SELECT 1 AS id'
	names
	taken
}
mkdir "$T/w"
own "$T/w"
KIND=SQLite TO=sqlite:$T/w/w.db ASK=ask_sqlite
ask_sqlite() { (as_server_user sqlite3 "$T/w/w.db" "$1"); }
all
KIND=PostgreSQL ASK=ask_postgresql
ask_postgresql() { pg "SET search_path = segment; $(sed "s/_rest LIKE/_rest::text LIKE/; s/event, _rest/event, replace(_rest::text, ' ', '')/" <<<"$1")"; }
if postgresql_start; then
	TO=$PG
	all
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
KIND=MariaDB ASK=ask_mariadb
ask_mariadb() { sql "$1" | tr '\t' '|'; }
if mariadb_start; then
	TO=$MARIADB
	all
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
