#!/bin/bash
# hookspool load and servers of PostgreSQL and MariaDB: kills in --retype, no room, a right or a position that is lost and a stop
# while it follows, and TLS. SQLite has a disk that is full here.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

KILLS=${KILLS:-10}
ROWS=1500
SETTINGS='auth = none'

spool_make() {
	directory_make
	settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0'
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
	EVENTS=0
}
# parcels PREFIX N: takes N events with a weight, each tenth of them in words.
parcels() {
	seq "$2" | sed "s/.*/{\"type\":\"track\",\"messageId\":\"$1-&\",\"userId\":\"u\",\"event\":\"Parcel\",\"properties\":{\"weight\":&.5}}/
		/0.5}}\$/ s/:[0-9.]*}}\$/:\"heavy\"}}/" >"$T/parcels.jsonl"
	chmod 644 "$T/parcels.jsonl"
	hs import "$T/parcels.jsonl"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
	EVENTS=$((EVENTS + $2))
}
says() { grep -q "$1" "$T/behind.err"; }
loads() { load --to "$TO" --type parcel.weight=number "$@"; }
follows() { load_behind --to "$TO" --type parcel.weight=number --every 10; }
# ROWS_OF TABLE [WHERE]: a command that counts rows. Each record has one in tracks and one in parcel.
whole() { echo "$("$ROWS_OF" tracks) $("$ROWS_OF" parcel)"; }
is_loaded() { [ "$("$ROWS_OF" tracks)" = "$EVENTS" ]; }

### --retype is killed ##################################################
kills_of_retype() { # DUMP: the command that prints all values
	local kill type
	loads
	"$1" >"$T/before"
	KILLED=0
	for type in text number; do
		KILL_WITHIN=400
		for ((kill = 0; kill < KILLS / 2; kill++)); do
			load_behind --to "$TO" --retype parcel.weight=$type
			kill_midway "$LOADER"
		done
		load --to "$TO" --retype parcel.weight=$type
		is "$KIND: --retype to $type is finished by another run" "$CODE $(whole)" "0 $EVENTS $EVENTS"
		is "$KIND: $type: every value is in its column or in _rest" \
			"$("$ROWS_OF" parcel 'weight IS NULL') $("$ROWS_OF" parcel '_rest IS NOT NULL')" \
			"$([ $type = text ] && echo '0 0' || echo "$((EVENTS / 10)) $((EVENTS / 10))")"
	done
	check "$KIND: $KILLED of $KILLS kills of --retype hit" [ "$KILLED" -gt 0 ]
	is "$KIND: all is as before" "$("$1" | diff "$T/before" - | head -n 4)" ''
	parcels more 20
	loads
	is "$KIND: and is loaded into as before" "$CODE $(whole)" "0 $EVENTS $EVENTS"
}

### No room #############################################################
no_room() { # FULL ROOM: commands
	"$1"
	parcels full 30
	follows
	check "$KIND: no room" wait_for 30 says 'the database has no room'
	stopped 'without room'
	follows
	check "$KIND: no room: it tells, with the remedy" wait_for 30 says 'the database has no room: .*; make room, or raise its limit: the records wait in the spool$'
	is "$KIND: it waits, and nothing is half done" "$(alive "$LOADER" && echo waits) $(whole)" "waits $((EVENTS - 30)) $((EVENTS - 30))"
	"$2"
	check "$KIND: when there is room it goes on" wait_for 60 is_loaded
	check "$KIND: and tells of that" wait_for 10 says 'takes records again'
	end_process "$LOADER"
	is "$KIND: every row is there once" "$(whole)" "$EVENTS $EVENTS"
}

### A right is lost #####################################################
lost_right() { # REVOKE GRANT: commands
	follows
	parcels before 10
	check "$KIND: it follows" wait_for 30 is_loaded
	"$1"
	parcels lost 10
	check "$KIND: a right is lost: it tells, with the statement that gives it back" wait_for 30 says 'permission denied.*GRANT '
	is "$KIND: it stays, and nothing is half done" "$(alive "$LOADER" && echo stays) $(whole)" "stays $((EVENTS - 10)) $((EVENTS - 10))"
	stopped 'without the right'
	loads
	is "$KIND: --once ends" "$CODE" 77
	"$2" "$(sed -n 's/.*\(GRANT .*\)$/\1/p' "$T/load.err")"
	loads
	is "$KIND: after the statement of the message all is there once" "$CODE $(whole)" "0 $EVENTS $EVENTS"
}

### The database is made anew ##########################################
# lost_position REMOVE: a command that removes the loader's position and all rows.
lost_position() {
	local code
	follows
	parcels held 10
	check "$KIND: it follows" wait_for 30 is_loaded
	"$1"
	parcels anew 10
	check "$KIND: the position is gone: it ends" wait_for 30 gone "$LOADER"
	wait "$LOADER"
	code=$?
	is "$KIND: with the reason, and what to do" "$code $(grep -c 'the position has gone from the database, .*: start this loader again' "$T/behind.err")" '75 1'
	loads
	is "$KIND: started again it loads every row once" "$CODE $(whole)" "0 $EVENTS $EVENTS"
}

### A stop while the database is away #################################
# stopped NAME: SIGTERM ends the loader with 0: what it has not written waits in the spool.
stopped() {
	local code
	kill "$LOADER"
	check "$KIND: $1: SIGTERM ends it" wait_for 20 gone "$LOADER"
	wait "$LOADER"
	code=$?
	is "$KIND: $1: the exit code is that of a stop" "$code" 0
}
# stops END RUN: commands that end the server and start it.
stops() {
	follows
	parcels there 10
	check "$KIND: it follows" wait_for 30 is_loaded
	"$1"
	parcels away 10
	check "$KIND: the server is away" wait_for 30 says 'the database is away'
	stopped 'while it waits with a batch'
	follows
	check "$KIND: the server is away at the start" wait_for 30 says 'the database is away'
	stopped 'before its first connection'
	load_behind --once --to "$TO" --type parcel.weight=number
	check "$KIND: and for --once" wait_for 30 says 'the database is away'
	stopped 'with --once'
	"$2"
	loads
	is "$KIND: every row is there once" "$CODE $(whole)" "0 $EVENTS $EVENTS"
}

### TLS #################################################################
# certificate_of NAME: other.pem, signed by the same CA; and ca2.pem, which has signed nothing.
certificate_of() {
	(cd "$T/tls" && printf 'subjectAltName = DNS:%s\n' "$1" >ext &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout other.key -out request.pem &&
		openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -days 2 -extfile ext -out other.pem &&
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=another CA' -keyout ca2.key -out ca2.pem) \
		>"$T/tls/log" 2>&1 || { cat "$T/tls/log" >&2; exit 2; }
	chmod 644 "$T"/tls/*.pem
	chmod 600 "$T"/tls/*.key "$T/tls/key.pem"
	own "$T"/tls/*.key "$T/tls/key.pem"
}
tls_says() { # NAME URL CODE WORDS: what the loader makes of the server
	parcels "tls-$((++turns))" 1
	loads --to "$2"
	is "$KIND: TLS: $1" "$CODE $(grep -ciE "$4" "$T/load.err" || head -c 300 "$T/load.err")" "$3 1"
	[ "$3" = 0 ] || is "$KIND: TLS: $1: no row" "$(("$("$ROWS_OF" tracks)" < EVENTS))" 1
}

### The databases #######################################################
chmod 755 "$T"
export HOME=$T # libpq and libmariadb look for files there
certificates
certificate_of other.example
turns=0
: >"$T/none"

KIND=PostgreSQL ROWS_OF=rows_postgresql
rows_postgresql() { pg "SELECT count(*) FROM segment.$1 WHERE ${2-true}"; }
full_postgresql() {
	pg "CREATE FUNCTION segment.fails() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END \$\$;
		CREATE TRIGGER fails BEFORE INSERT ON segment.parcel FOR EACH ROW EXECUTE FUNCTION segment.fails()"
}
room_postgresql() { pg 'DROP TRIGGER fails ON segment.parcel'; }
revoke_postgresql() { pg 'REVOKE INSERT ON segment.parcel FROM loader'; }
empty_postgresql() { pg 'TRUNCATE segment.hookspool_load, segment.parcel, segment.tracks'; }
if postgresql_start; then
	pg 'CREATE ROLE loader LOGIN' && pg 'GRANT CREATE ON DATABASE hookspool TO loader'
	spool_make
	TO=postgresql://loader@/hookspool
	parcels a $ROWS
	kills_of_retype postgresql_dump
	no_room full_postgresql room_postgresql
	lost_right revoke_postgresql pg
	lost_position empty_postgresql
	stops postgresql_stop postgresql_run
	postgresql_stop
	printf '%s\n' 'local all all trust' 'hostssl all all 127.0.0.1/32 trust' >"$PGHOST/data/pg_hba.conf"
	export PGPORT
	PGPORT=$(port_random)
	if postgresql_run -c listen_addresses=127.0.0.1 -c "port=$PGPORT" -c ssl=on -c "ssl_cert_file=$T/tls/cert.pem" -c "ssl_key_file=$T/tls/key.pem"; then
		unset PGSSLROOTCERT
		over="postgresql://loader@localhost:$PGPORT/hookspool?hostaddr=127.0.0.1"
		wrong="postgresql://loader@wrong.example:$PGPORT/hookspool?hostaddr=127.0.0.1"
		tls_says 'a certificate of another authority' "$over&sslmode=verify-full&sslrootcert=$T/tls/ca2.pem" 77 'certificate verify failed'
		tls_says 'no authority' "$over&sslmode=verify-full&sslrootcert=$T/none" 77 'root certificate|certificate verify failed|no certificate'
		tls_says 'a wrong name' "$wrong&sslmode=verify-full&sslrootcert=$T/tls/ca.pem" 77 'does not match host name'
		tls_says 'none at all' "$over&sslmode=disable" 77 'no encryption'
		tls_says 'the right name' "$over&sslmode=verify-full&sslrootcert=$T/tls/ca.pem" 0 ' records, '
		is "$KIND: TLS: every row is there once" "$(whole)" "$EVENTS $EVENTS"
	else
		not_ok "$KIND: the server starts with TLS" "$(tail -n 5 "$T/postgresql.log")"
	fi
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi

KIND=MariaDB ROWS_OF=rows_mariadb
rows_mariadb() { sql "SELECT count(*) FROM $1 WHERE ${2-true}"; }
full_mariadb() { sql "CREATE TRIGGER fails BEFORE INSERT ON parcel FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'"; }
room_mariadb() { sql 'DROP TRIGGER fails'; }
revoke_mariadb() { sql "REVOKE INSERT ON segment.* FROM loader@localhost; KILL USER loader"; } # it counts for new connections
empty_mariadb() { sql 'DELETE FROM parcel; DELETE FROM tracks; DELETE FROM hookspool_load'; }
if mariadb_start; then
	sql "CREATE USER loader@localhost; GRANT ALL ON segment.* TO loader@localhost"
	spool_make
	TO=${MARIADB/root/loader}
	parcels a $ROWS
	kills_of_retype mariadb_dump
	no_room full_mariadb room_mariadb
	lost_right revoke_mariadb sql
	lost_position empty_mariadb
	stops mariadb_stop mariadb_run
	sql "GRANT ALL ON segment.* TO loader@localhost; ALTER USER loader@localhost REQUIRE SSL"
	mariadb_stop
	port=$(port_random)
	tls_run() { mariadb_run --skip-networking=0 --bind-address=127.0.0.1 --port="$port" --ssl-cert="$T/tls/$1.pem" --ssl-key="$T/tls/$2"; }
	for ca in ca ca2; do printf '[client]\nssl-ca=%s\n' "$T/tls/$ca.pem" >"$T/$ca.cnf"; done
	over="mysql://loader@127.0.0.1:$port/segment?tls"
	if tls_run cert key.pem; then
		tls_says 'a certificate of another authority' "$over=verify&defaults_file=$T/ca2.cnf" 77 'TLS|SSL'
		tls_says 'no authority' "$over=verify&defaults_file=$T/none" 77 'TLS|SSL'
		tls_says 'none at all' "$over=off&defaults_file=$T/none" 77 'Access denied'
		tls_says 'the right name' "$over=verify&defaults_file=$T/ca.cnf" 0 ' records, '
		mariadb_stop
	else
		not_ok "$KIND: the server starts with TLS" "$(tail -n 5 "$T/mariadb.log")"
	fi
	if tls_run other other.key; then
		tls_says 'a wrong name' "$over=verify&defaults_file=$T/ca.cnf" 77 'TLS|SSL'
		loads --to "$over=require&defaults_file=$T/ca.cnf"
		is "$KIND: TLS: without its name, every row is there once" "$CODE $(whole)" "0 $EVENTS $EVENTS"
		mariadb_stop
	fi
else
	ok 'MariaDB # SKIP it is not installed'
fi

### SQLite: a small disk ################################################
KIND=SQLite ROWS_OF=rows_sqlite
rows_sqlite() { # of a copy, because a reader, too, needs room
	rm -f "$T/copy"*
	for end in '' -wal; do cp "$W/w.db$end" "$T/copy$end" 2>/dev/null; done
	sqlite3 "$T/copy" "SELECT count(*) FROM $1 WHERE ${2-true}"
}
fill_disk() { head -c 64M /dev/zero >"$W/ballast" 2>/dev/null; }
empty_disk() { rm "$W/ballast"; }
spool_make
W=$S/small
mkdir "$W"
if mount -t tmpfs -o size=4M,mode=700 hookspool "$W" 2>/dev/null; then
	own "$W"
	TO=sqlite:$W/w.db
	parcels a 200
	loads
	no_room fill_disk empty_disk
	umount "$W"
else
	ok 'SQLite: a small disk # SKIP mount is not allowed'
fi
done_testing
