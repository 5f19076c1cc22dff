#!/bin/bash
# hookspool load into tables that others change while it follows: another loader, one with a prefix of its own, a person.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

# spool_make: a spool of the tenants acme and globex in S.
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
identify() { # ID USER DAY TRAITS
	printf '{"type":"identify","messageId":"%s","userId":"%s","timestamp":"2026-11-%sT00:00:00Z","traits":%s}' "$1" "$2" "$3" "$4"
}
track() { # ID USER NAME PROPERTIES
	printf '{"type":"track","messageId":"%s","userId":"%s","event":"%s","properties":%s}' "$1" "$2" "$3" "$4"
}
delete() { printf '{"type":"delete","messageId":"%s","userId":"%s"}' "$1" "$2"; }
follow() {
	load_behind --to "$TO" --name "follower-$KIND" --tenant acme
	FOLLOWERS+=("$LOADER")
}
once() { load --to "$TO" --name "second-$KIND" "$@"; }
# answers VALUE QUERY
answers() { [ "$($ASK "$2" 2>/dev/null | xargs)" = "$1" ]; }
# becomes NAME VALUE QUERY: within a minute.
becomes() {
	wait_for 60 answers "$2" "$3"
	is "$1" "$($ASK "$3" | xargs)" "$2"
}
count() { $ASK "SELECT count(*) FROM $1 WHERE $2 = '$3'"; }

# two_spools: the follower loads FIRST, another loader SECOND into the same tables.
two_spools() {
	spool_make
	FIRST=$S
	take acme "$(identify a1 u-1 02 '{"name":"Ann"}')" "$(identify a2 u-2 02 '{"name":"Bob"}')" "$(identify a3 u-3 02 '{"name":"Cat"}')" \
		"$(identify a4 u-4 02 '{"name":"Dan"}')"
	follow
	becomes "$KIND: the first loader follows" 4 'SELECT count(*) FROM users'
	spool_make
	SECOND=$S
	take acme "$(identify b1 u-1 03 '{"email":"ann@b"}')" "$(identify b2 u-2 03 '{"email":"bob@b"}')" "$(track b3 u-2 'Illness Reported' '{"of":"gout"}')" \
		"$(track b4 u-3 'Illness Reported' '{"of":"flu"}')" "$(track b5 u-4 'Illness Reported' '{"of":"cold"}')"
	once --tenant acme
	is "$KIND: the second one brings a column and a table" "$CODE $(count illness_reported user_id u-2) $($ASK "SELECT email FROM users WHERE id = 'u-1'")" '0 1 ann@b'
	S=$FIRST
	take acme "$(identify a5 u-1 01 '{"name":"Annie"}')"
	becomes "$KIND: a late identify comes" 1 "SELECT count(*) FROM identifies WHERE id = 'a5'"
	is "$KIND: a person's row that is made anew keeps what another loader has brought" \
		"$($ASK "SELECT email FROM users WHERE id = 'u-1'") $($ASK "SELECT name FROM users WHERE id = 'u-1'")" 'ann@b Ann'
	take acme "$(delete a6 u-2)"
	becomes "$KIND: a delete comes" 0 "SELECT count(*) FROM users WHERE id = 'u-2'"
	is "$KIND: a delete reaches the tables of another loader" \
		"$(count illness_reported user_id u-2) $(count tracks user_id u-2) $(count illness_reported user_id u-3)" '0 0 1'
	S=$SECOND
	take acme "$(track b6 u-3 'Recovery Reported' '{}')"
	once --tenant acme
	S=$FIRST
	hs erase --tenant acme --user u-3
	becomes "$KIND: an erase comes" 0 "SELECT count(*) FROM users WHERE id = 'u-3'"
	is "$KIND: it reaches a table that has come since" "$(count recovery_reported user_id u-3) $(count illness_reported user_id u-3)" '0 0'
}

# by_hand: a table that a person makes, and whose columns come later.
by_hand() {
	$ASK 'CREATE TABLE by_hand (id varchar(200) PRIMARY KEY, note varchar(200))'
	$ASK "INSERT INTO by_hand (id, note) VALUES ('h1', 'of u-4'), ('h2', 'of u-5')"
	take acme "$(identify a7 u-5 02 '{"name":"Eve"}')"
	becomes "$KIND: the loader has seen the table" 1 "SELECT count(*) FROM users WHERE id = 'u-5'"
	$ASK 'ALTER TABLE by_hand ADD COLUMN user_id varchar(200)'
	$ASK "ALTER TABLE by_hand ADD COLUMN uuid_ts $TIME"
	$ASK "UPDATE by_hand SET uuid_ts = '2026-01-01T00:00:00', user_id = CASE id WHEN 'h1' THEN 'u-4' ELSE 'u-5' END"
	take acme "$(delete a8 u-4)"
	becomes "$KIND: another delete comes" 0 "SELECT count(*) FROM users WHERE id = 'u-4'"
	is "$KIND: it reaches a table that a person has made and altered" "$($ASK 'SELECT id FROM by_hand')" h2
}

# prefixes: a loader with a prefix begins when one without has long begun.
prefixes() {
	take acme "$(track a11 u-5 Seen '{}')"
	becomes "$KIND: the loader without a prefix has tables of events" 1 'SELECT count(*) FROM seen'
	take globex "$(identify g1 u-5 02 '{"name":"Globex"}')"
	once --tenant globex --prefix globex_
	take acme "$(track a9 u-5 'Globex Order Completed' '{"total":666}')"
	becomes "$KIND: an event that is called like another's table comes" 1 "SELECT count(*) FROM tracks WHERE id = 'a9'"
	take globex "$(track g2 u-5 'Order Completed' '{"total":10}')"
	once --tenant globex --prefix globex_
	is "$KIND: it is not in the table of the loader with that prefix" "$CODE $($ASK 'SELECT id FROM globex_order_completed')" '0 g2'
	take acme "$(delete a10 u-5)"
	becomes "$KIND: a third delete comes" 0 "SELECT count(*) FROM users WHERE id = 'u-5'"
	is "$KIND: it leaves the rows of the loader with that prefix" "$($ASK 'SELECT id FROM globex_order_completed') $(count globex_users id u-5)" 'g2 1'
}

all() {
	FOLLOWERS=()
	two_spools
	by_hand
	prefixes
	kill "${FOLLOWERS[@]}"
	wait "${FOLLOWERS[@]}"
	is "$KIND: the follower ends" "$?" 0
}
mkdir "$T/w"
own "$T/w"
KIND=SQLite TO=sqlite:$T/w/w.db ASK=ask_sqlite TIME='TIMESTAMP TEXT'
ask_sqlite() { (as_server_user sqlite3 -cmd '.timeout 10000' "$T/w/w.db" "$1"); }
all
KIND=PostgreSQL ASK=ask_postgresql TIME=timestamptz
ask_postgresql() { pg "SET search_path = segment; $1"; }
if postgresql_start; then
	TO=$PG
	all
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
KIND=MariaDB ASK=ask_mariadb TIME='DATETIME(6)'
ask_mariadb() { sql "$1" | tr '\t' '|'; }
if mariadb_start; then
	TO=$MARIADB
	all
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
