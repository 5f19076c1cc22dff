#!/bin/bash
# hookspool load and each kind of error that a database reports: what it does then, and what it says.
#
#	the database is away        here, by error, by ending the session, and for minutes; servers.sh: stops; crashes.sh: crashes
#	a lock is taken             here, by error and by a lock that is held; sqlite.sh: a lock in the file
#	no room, no memory          here, by error, and of the disk of SQLite; servers.sh: until there is room
#	permission, password, …     here: each of them while it follows, and the mend; servers.sh: a lost right, TLS;
#	                            postgresql.sh, mariadb.sh, sqlite.sh: others
#	value, row, constraint      here, by error; postgresql.sh, mariadb.sh, sqlite.sh: the whole ladder
#	the spool                   here: segments that are gone, and a damaged line; a table of an earlier build, which counts neither
#	memory                      memory.sh, large.sh
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

SETTINGS='auth = none'
# HURRY: what `env` needs for a process whose clocks go twenty times as fast, waits included: a minute is three seconds. Empty:
# faketime is not installed. It has to come after a change of the user, who owns the library's shared memory.
HURRY=()
hurry=$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
[ -z "$hurry" ] || HURRY=(LD_PRELOAD="$hurry" FAKETIME='+0 x20')

spool_make() {
	rm -rf "$S"
	directory_make
	settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0' 'compress = none'
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
	EVENTS=0 TURN=0
}
# parcels N: takes N events more.
parcels() {
	TURN=$((TURN + 1))
	seq "$1" | sed "s/.*/{\"type\":\"track\",\"messageId\":\"$TURN-&\",\"userId\":\"u\",\"event\":\"Parcel\",\"properties\":{\"weight\":&}}/" \
		>"$T/parcels.jsonl"
	chmod 644 "$T/parcels.jsonl"
	hs import "$T/parcels.jsonl"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
	EVENTS=$((EVENTS + $1))
}
follows() { # [VARIABLE=VALUE]...
	{ (as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$@" "$S/bin/hookspool-load" --to "$TO" --every 10) & } \
		>"$T/behind.out" 2>"$T/behind.err"
	LOADER=$!
}
says() { grep -q "$1" "$T/behind.err"; }
rows() { "query_$KIND" "SELECT count(*), count(DISTINCT id) FROM ${1:-parcel}" | tr '\t' '|'; }
is_loaded() { [ "$(rows)" = "$EVENTS|$EVENTS" ]; }
whole() { echo "$(rows tracks) $(rows)"; }
all() { echo "$EVENTS|$EVENTS $EVENTS|$EVENTS"; }

# once CODE WORDS: the first row of the next batch fails with this error, and no other.
once() {
	"fail_$KIND" "$1"
	parcels 3
	load --to "$TO"
	is "$KIND: $1 once: $2" "$CODE $(grep -c "$2" "$T/load.err") $(whole)" "0 1 $(all)"
	check "$KIND: $1: it tells of the return" grep -q 'takes records again, after' "$T/load.err"
}
# refused CODE: the same, of an error that is the row's own.
refused() {
	"fail_$KIND" "$1"
	parcels 1
	load --to "$TO"
	EVENTS=$((EVENTS - 1))
	is "$KIND: $1: the row is a dead letter" "$CODE $(rows) $(tail -n 1 "$S/spool/failed.jsonl" | grep -c 'made up')" "1 $EVENTS|$EVENTS 1"
	pass "$(tail -n 1 "$S/spool/failed.jsonl" | sed 's/.*"message_id":"\([^"]*\)".*/\1/')"
}
# pass ID: the row of that record in tracks, which was not refused, goes.
pass() { "query_$KIND" "DELETE FROM tracks WHERE id = '$1'"; }

# ended COMMAND: a loader that follows goes on after the command has ended its session.
ended() {
	follows
	parcels 3
	check "$KIND: it follows" wait_for 30 is_loaded
	"$1"
	parcels 3
	check "$KIND: its session was ended: it goes on" wait_for 30 is_loaded
	check "$KIND: and says that the database was away" says 'the database is away'
	end_process "$LOADER"
	is "$KIND: every row is there once" "$(whole)" "$(all)"
}
# held COMMAND: holds a lock of the table until T/w/held is gone.
held() {
	parcels 3
	"$1" >/dev/null &
	HOLDER=$!
	check "$KIND: a lock is held" wait_for 30 test -e "$T/w/held"
	follows
	check "$KIND: a lock is held: it tells" wait_for 30 says 'a lock is taken'
	is "$KIND: a lock is held: it waits" "$(alive "$LOADER" && echo waits)" waits
	rm "$T/w/held"
	wait "$HOLDER"
	check "$KIND: the lock is free: it goes on" wait_for 30 is_loaded
	end_process "$LOADER"
	is "$KIND: every row is there once" "$(whole)" "$(all)"
}
# password REQUIRE FREE: commands; the loader has no password, which is told at once, and waited for while it follows.
password() {
	"$1"
	parcels 3
	load --to "$TO"
	is "$KIND: a password that it lacks" "$CODE $(grep -c 'permission denied.*password' "$T/load.err")" '77 1'
	follows
	check "$KIND: it follows without a password: it tells" wait_for 30 says 'permission denied.*password'
	is "$KIND: and waits" "$(alive "$LOADER" && echo waits)" waits
	end_process "$LOADER"
	"$2"
	load --to "$TO"
	is "$KIND: with its right again" "$CODE $(whole)" "0 $(all)"
}

# mended NAME BREAK WORDS MEND: --once ends at once, for a wait would have a second line. A loader that follows tells what is
# refused, waits a minute, and goes on by itself after it was mended: MEND gets the statement of the message, if that has one.
mended() {
	"$2"
	parcels 3
	load --to "$TO"
	is "$KIND: $1: --once ends at once" "$CODE $(grep -c "permission denied.*$3" "$T/load.err")" '77 1'
	[ ${#HURRY[@]} -gt 0 ] || { "$4" "$(statement "$T/load.err")"; ok "$KIND: $1 is mended # SKIP faketime is not installed"; return; }
	follows "${HURRY[@]}"
	check "$KIND: $1: it tells" wait_for 30 says "permission denied.*$3"
	check "$KIND: $1: and again a minute later" wait_for 30 eval '[ "$(grep -c "permission denied" "$T/behind.err")" -ge 2 ]'
	is "$KIND: $1: nothing is half done" "$(alive "$LOADER" && echo waits)" waits
	"$4" "$(statement "$T/behind.err")"
	check "$KIND: $1: it is mended: the loader goes on" wait_for 60 is_loaded
	check "$KIND: $1: and tells of that, after minutes" wait_for 10 says 'takes records again, after [0-9][0-9][0-9]*\.'
	end_process "$LOADER"
	is "$KIND: $1: every row is there once" "$(whole)" "$(all)"
}
# statement FILE: what mends it, as the first message of the file has it.
statement() { sed -n '/permission/{s/.*\(GRANT [^;]*\|CREATE DATABASE [^;]*\).*/\1/p;q}' "$1"; }
# minutes END RUN: commands. While the server is away the log has a line a minute: no less, and no flood.
minutes() {
	local lines seconds
	[ ${#HURRY[@]} -gt 0 ] || { ok "$KIND: a line a minute # SKIP faketime is not installed"; return; }
	follows "${HURRY[@]}"
	parcels 3
	check "$KIND: it follows" wait_for 30 is_loaded
	"$1"
	parcels 3
	check "$KIND: the server is away for minutes: it tells, again and again" \
		wait_for 60 eval '[ "$(grep -c "is away" "$T/behind.err")" -ge 4 ]'
	"$2"
	check "$KIND: the server is back: the loader goes on" wait_for 60 is_loaded
	check "$KIND: and says for how long it was away" wait_for 10 says 'takes records again'
	lines=$(grep -c 'is away' "$T/behind.err")
	seconds=$(sed -n 's/.*takes records again, after \([0-9]*\).*/\1/p' "$T/behind.err" | tail -n 1)
	check "$KIND: $lines lines in $seconds seconds: no more than one a minute" [ $(((lines - 1) * 60)) -le "$seconds" ]
	check "$KIND: and no fewer, but for a wait between two tries" in_time "$seconds" $((lines * 95 + 1))
	end_process "$LOADER"
}
# repeated: an identify whose id is there already, of this batch or an earlier one, has no row, so it is not in users either.
repeated() {
	local age text=''
	settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0' 'compress = none' 'dedup_window = 0'
	for age in 1 2 3; do
		printf '{"type":"identify","messageId":"again","userId":"again","timestamp":"2026-10-0%sT00:00:00Z","traits":{"age":%s,"a%s":1}}\n' \
			$age $age $age >"$T/again.jsonl"
		chmod 644 "$T/again.jsonl"
		hs import "$T/again.jsonl"
		[ $age = 1 ] || load --to "$TO"
	done
	text=$("query_$KIND" "SELECT age, a1, a2, a3, (SELECT count(*) FROM identifies WHERE id = 'again') FROM users WHERE id = 'again'" | tr '\t' '|')
	is "$KIND: a repeated id, in a batch and in the next one, does not change users" "$CODE ${text//NULL/}" '0 1|1|||1'
	settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0' 'compress = none'
}

# The loader of the pieces below, which has tables of its own.
LOST=(--name lost --prefix lost_)
counted() { "query_$KIND" "SELECT segments_gone, lines_damaged FROM lost_hookspool_load WHERE name = '${1:-lost}'" | tr '\t' '|'; }
show_status() { # [OPTION]...
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" --status --to "$TO" "${LOST[@]}" "$@") \
		>"$T/status.out" 2>"$T/status.err"
	CODE=$?
}
# lost: segments that are gone and damaged lines are told, passed, and counted once, with the position.
lost() {
	local sealed n
	spool_make
	for n in 1 2 3 4 5; do
		parcels 3
		hs rotate
	done
	sealed=("$S"/spool/events-*)
	is "$KIND: five segments" "${#sealed[@]}" 5
	rm "${sealed[1]}" "${sealed[2]}"
	sed -i '2s/^{/(/' "${sealed[3]}"
	load --to "$TO" "${LOST[@]}"
	is "$KIND: segments that are gone are told, a damaged line is passed" \
		"$CODE $(grep -c 'segments 2 to 3 are gone' "$T/load.err") $(grep -c 'passed over: 1; .hookspool verify. tells' "$T/load.err") $(rows lost_parcel)" '0 1 1 8|8'
	check "$KIND: the summary counts them" grep -q '0 failed, 2 segments gone, 1 damaged lines, ' "$T/load.err"
	is "$KIND: so does the row of the position" "$(counted)" '2|1'
	show_status
	is "$KIND: and --status" "$CODE $(grep -c '^not loaded: 2 segments that were gone, 1 damaged lines$' "$T/status.out")" '0 1'
	show_status --json
	is "$KIND: and its JSON" "$CODE $(grep -c '"segments_gone":2,"lines_damaged":1,' "$T/status.out")" '0 1'
	parcels 3
	hs rotate
	parcels 3
	sealed=("$S"/spool/events-*)
	rm "${sealed[3]}"
	load --to "$TO" "${LOST[@]}"
	is "$KIND: a gap right after the position is counted, too" "$CODE $(counted) $(rows lost_parcel)" '0 3|1 11|11'
	load --to "$TO" "${LOST[@]}"
	is "$KIND: and only once" "$CODE $(counted) $(grep -c gone "$T/load.err")" '0 3|1 0'
}

# downgrade [COLUMN]...: the table of the position as an earlier build has made it, or lacking one column.
downgrade() {
	local column
	[ $# -gt 0 ] || set -- segments_gone lines_damaged newest_ms
	for column; do
		! has "$column" || "query_$KIND" "ALTER TABLE lost_hookspool_load DROP COLUMN $column" || exit 2
	done
}
has() { "query_$KIND" "SELECT $1 FROM lost_hookspool_load" >/dev/null 2>&1; }
# upgraded: such a table gets the columns, whoever is killed, and keeps its positions.
upgraded() {
	local n other killed=0 half=0 before
	before=$("query_$KIND" 'SELECT records FROM lost_hookspool_load')
	downgrade
	show_status --json
	is "$KIND: a table of an earlier build: --status" "$CODE $(grep -c "\"loaded\":$before,.*\"segments_gone\":0,\"lines_damaged\":0," "$T/status.out")" '0 1'
	is "$KIND: which changes nothing" "$(has segments_gone && echo changed)" ''
	parcels 3
	load --to "$TO" "${LOST[@]}"
	is "$KIND: a load adds the columns" "$CODE $(counted) $("query_$KIND" 'SELECT records FROM lost_hookspool_load')" "0 0|0 $((before + 3))"
	downgrade lines_damaged
	parcels 3
	load --to "$TO" "${LOST[@]}"
	is "$KIND: and one that is missing" "$CODE $(counted) $("query_$KIND" 'SELECT records FROM lost_hookspool_load')" "0 0|0 $((before + 6))"
	if command -v strace >/dev/null; then
		downgrade
		parcels 3
		for n in $(seq "$1" "$2"); do
			(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" strace -f -qq -o /dev/null -e trace="$3" \
				-e inject="$3":signal=KILL:when="$n" "$S/bin/hookspool-load" --once --to "$TO" "${LOST[@]}") >/dev/null 2>&1
			[ $? = 0 ] || killed=$((killed + 1))
			! has segments_gone || has newest_ms || half=$((half + 1))
			[ $((n % 3)) = 0 ] || downgrade # or the next one finds what this one has done
		done
		check "$KIND: loaders were killed while they add them: $killed, $half between two of them" [ "$half" -ge 1 ]
		load --to "$TO" "${LOST[@]}"
		is "$KIND: after which each record is there once" "$CODE $("query_$KIND" 'SELECT records FROM lost_hookspool_load') $(rows lost_parcel)" \
			"0 $((before + 9)) $((before + 8))|$((before + 8))"
	else
		ok "$KIND: loaders that are killed # SKIP strace is not installed"
	fi
	downgrade
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" --once --to "$TO" "${LOST[@]}" --name other) >/dev/null 2>&1 &
	other=$!
	load --to "$TO" "${LOST[@]}"
	wait "$other"
	is "$KIND: two loaders at once" "$? $CODE $(counted other)" '0 0 3|1'
	downgrade
	"unowned_$KIND"
	load --to "$TO" "${LOST[@]}"
	is "$KIND: an account that may not alter it" "$CODE $(grep -c "permission denied.*$4" "$T/load.err")" '77 1'
	"owned_$KIND" "$(sed -n '/permission/{s/.*\(GRANT [^;]*\|ALTER TABLE .* OWNER TO .*\).*/\1/p;q}' "$T/load.err")"
	parcels 3
	load --to "$TO" "${LOST[@]}"
	is "$KIND: with the right" "$CODE $(counted)" '0 0|0'
	for n in parcel tracks hookspool_load hookspool_names; do "query_$KIND" "DROP TABLE lost_$n"; done
}

chmod 755 "$T"
mkdir "$T/w" && own "$T/w"
export HOME=$T # libpq and libmariadb look for files there
certificates
chmod 600 "$T/tls/key.pem" && own "$T/tls/key.pem"

### PostgreSQL ##########################################################
KIND=PostgreSQL
query_PostgreSQL() { PGOPTIONS='-c search_path=segment' psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }
fail_PostgreSQL() {
	query_PostgreSQL "DROP TRIGGER IF EXISTS fails ON parcel; ALTER SEQUENCE public.hits RESTART;
		CREATE TRIGGER fails BEFORE INSERT ON parcel FOR EACH ROW EXECUTE FUNCTION public.fails('$1')" 2>/dev/null
}
end_PostgreSQL() { pg "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loader'" >/dev/null; }
hold_PostgreSQL() {
	pg "BEGIN; LOCK TABLE segment.parcel; COPY (SELECT 1) TO PROGRAM 'touch $T/w/held; while test -e $T/w/held; do sleep 0.05; done'"
}
hba() { # METHOD
	printf '%s\n' "local all loader $1" 'local all all trust' >"$PGHOST/data/pg_hba.conf"
	pg 'SELECT pg_reload_conf()' >/dev/null
	wait_for 30 eval "! psql -wXAtq -U loader -c 'SELECT 1' >/dev/null 2>&1 || [ $1 = trust ]"
}
locked_PostgreSQL() { hba scram-sha-256; }
open_PostgreSQL() { hba trust; }
revoke_PostgreSQL() { query_PostgreSQL 'REVOKE INSERT ON parcel FROM loader'; }
grant_PostgreSQL() { pg "$1"; }
unowned_PostgreSQL() {
	query_PostgreSQL 'ALTER TABLE lost_hookspool_load OWNER TO owner; GRANT ALL ON lost_hookspool_load TO loader'
}
owned_PostgreSQL() { pg "$1"; }
lose_PostgreSQL() { PGDATABASE=postgres pg 'ALTER DATABASE hookspool RENAME TO elsewhere'; }
find_PostgreSQL() { PGDATABASE=postgres pg 'ALTER DATABASE elsewhere RENAME TO hookspool'; }
wrong_PostgreSQL() {
	echo '*:*:*:loader:wrong' >"$T/.pgpass"
	chmod 600 "$T/.pgpass" && own "$T/.pgpass"
	locked_PostgreSQL
}
right_PostgreSQL() { pg "ALTER ROLE loader PASSWORD 'wrong'"; }
# A server that ends between its answer that it has TLS and the handshake.
HANGS_UP='
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
open(sys.argv[2], "w").close()
while True:
    session, _ = server.accept()
    session.recv(8)
    session.sendall(b"S")
    session.recv(10000)
    session.close()
'
# without_tls: a server on TCP, since libpq asks for no TLS on a socket.
without_tls_PostgreSQL() {
	printf '%s\n' 'local all all trust' 'host all all 127.0.0.1/32 trust' >"$PGHOST/data/pg_hba.conf"
	export PGPORT
	PGPORT=$(port_random)
	postgresql_run -c listen_addresses=127.0.0.1 -c "port=$PGPORT" -c "ssl_cert_file=$T/tls/cert.pem" -c "ssl_key_file=$T/tls/key.pem"
}
tls_PostgreSQL() { pg 'ALTER SYSTEM SET ssl = on' && pg 'SELECT pg_reload_conf()' >/dev/null; }
if postgresql_start; then
	pg "CREATE ROLE loader LOGIN PASSWORD 'p'" && pg 'GRANT CREATE ON DATABASE hookspool TO loader'
	pg "CREATE SEQUENCE hits"
	pg "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \$\$ BEGIN
		IF nextval('public.hits') = 1 OR TG_ARGV[0] LIKE '2%' THEN RAISE EXCEPTION 'made up' USING ERRCODE = TG_ARGV[0]; END IF;
		RETURN NEW; END \$\$"
	TO=postgresql://loader@/hookspool
	lost
	upgraded 2 31 %network 'run: ALTER TABLE "segment"."lost_hookspool_load" OWNER TO "loader"'
	spool_make
	parcels 3
	load --to "$TO"
	for code in 57P01 57P02 57P03 08006; do once $code 'the database is away: made up'; done
	for code in 40001 40P01 55P03; do once $code 'a lock is taken: made up'; done
	for code in 53100 53200 53300; do once $code 'the database has no room: made up; make room'; done
	for code in 23514 22001; do refused $code; done
	query_PostgreSQL 'DROP TRIGGER fails ON parcel'
	ended end_PostgreSQL
	held hold_PostgreSQL
	password locked_PostgreSQL open_PostgreSQL
	repeated
	mended 'a password that it lacks' locked_PostgreSQL password open_PostgreSQL
	mended 'a wrong password' wrong_PostgreSQL 'password authentication failed.*; the password belongs in ~/.pgpass' right_PostgreSQL
	rm "$T/.pgpass"
	open_PostgreSQL
	mended 'a right that it lacks' revoke_PostgreSQL 'GRANT .*INSERT' grant_PostgreSQL
	mended 'a database that is not there' lose_PostgreSQL 'does not exist; run: CREATE DATABASE' find_PostgreSQL
	minutes postgresql_stop postgresql_run
	postgresql_stop
	if without_tls_PostgreSQL; then
		TO="postgresql://loader@localhost:$PGPORT/hookspool?hostaddr=127.0.0.1&sslmode=require"
		load --to "$TO"
		is "$KIND: sslmode=require, and a server without TLS" "$CODE $(grep -c 'permission denied.*SSL' "$T/load.err")" '77 1'
		TO="${TO/require/verify-full}&sslrootcert=$T/tls/ca.pem"
		mended 'TLS that the server lacks' true 'SSL' tls_PostgreSQL
	else
		not_ok "$KIND: the server starts with TCP" "$(tail -n 5 "$T/postgresql.log")"
	fi
	postgresql_stop
	python3 -c "$HANGS_UP" "$PGPORT" "$T/listens" &
	HANGING=$!
	wait_for 20 test -e "$T/listens" # else the loader tells of a refused connection, and of this one a minute later
	TO="postgresql://loader@127.0.0.1:$PGPORT/hookspool?sslmode=require"
	follows
	check "$KIND: a server that hangs up during the handshake of TLS is away" wait_for 30 says 'the database is away.*SSL SYSCALL'
	is "$KIND: and refuses nothing" "$(grep -c 'permission denied' "$T/behind.err")" 0
	end_process "$LOADER"
	kill "$HANGING"
	unset PGPORT
else
	ok 'PostgreSQL # SKIP it is not installed'
fi

### MariaDB #############################################################
KIND=MariaDB
query_MariaDB() { sql "$1"; }
fail_MariaDB() {
	mariadb_client segment <<-SQL
		CREATE OR REPLACE SEQUENCE hits;
		DELIMITER //
		CREATE OR REPLACE TRIGGER fails BEFORE INSERT ON parcel FOR EACH ROW BEGIN
			IF NEXTVAL(hits) = 1 OR $1 = 4025 THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = $1, MESSAGE_TEXT = 'made up'; END IF;
		END //
	SQL
}
end_MariaDB() { sql 'KILL USER loader'; }
hold_MariaDB() {
	echo "touch $T/w/held; while test -e $T/w/held; do sleep 0.05; done" >"$T/hold.sh"
	printf '%s\n' 'LOCK TABLES parcel WRITE;' "\\! sh $T/hold.sh" | mariadb_client segment
}
locked_MariaDB() { sql "ALTER USER loader@localhost IDENTIFIED BY 'p'"; }
open_MariaDB() { sql "ALTER USER loader@localhost IDENTIFIED BY ''"; }
revoke_MariaDB() { sql 'REVOKE INSERT ON segment.* FROM loader@localhost'; }
grant_MariaDB() { sql "$1"; }
unowned_MariaDB() { sql 'REVOKE ALTER ON segment.* FROM loader@localhost'; }
owned_MariaDB() { sql "$1"; }
tls_MariaDB() { sql 'ALTER USER loader@localhost REQUIRE SSL'; }
plain_MariaDB() { sql 'ALTER USER loader@localhost REQUIRE NONE'; }
wrong_MariaDB() {
	printf '[client]\npassword=wrong\n' >"$T/.my.cnf"
	locked_MariaDB
}
right_MariaDB() { sql "ALTER USER loader@localhost IDENTIFIED BY 'wrong'"; }
lose_MariaDB() { sql 'DROP DATABASE segment'; }
find_MariaDB() { mariadb_client -e "$1"; }
encrypt_MariaDB() {
	mariadb_stop
	mariadb_run "--ssl-cert=$T/tls/cert.pem" "--ssl-key=$T/tls/key.pem"
}
# read_slowly [STRACE OPTION]...: one load, with its calls of recvfrom in the trace.
read_slowly() {
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" strace -f -qq -o "$T/w/trace" -e trace=recvfrom "$@" \
		"$S/bin/hookspool-load" --once --to "$TO") >"$T/load.out" 2>"$T/load.err"
}
# slow_reader: the loader stops for three seconds while it reads the identifies of a user whose row is made anew.
# A first late identify shows which call is in the midst of them; two are slow, since every other one may find nothing yet.
slow_reader() {
	local middle
	for i in 9 8 7 6 5 4 3 2 1; do
		printf '{"type":"identify","messageId":"slow-%s","userId":"slow","timestamp":"2026-10-0%sT00:00:00Z","traits":{"text":"%0850000d"}}\n' "$i" "$i" "$i"
	done >"$T/slow.jsonl"
	for i in 1 2; do
		tail -n 1 "$T/slow.jsonl" >"$T/late.$i.jsonl"
		sed -i '$d' "$T/slow.jsonl"
	done
	chmod 644 "$T"/slow.jsonl "$T"/late.?.jsonl
	hs import "$T/slow.jsonl"
	load --to "$TO"
	hs import "$T/late.2.jsonl"
	read_slowly
	middle=$(grep -n '00000' "$T/w/trace" | awk -F : '{ line[NR] = $1 } END { print line[int(NR / 2) + 1] }')
	hs import "$T/late.1.jsonl"
	read_slowly -e "inject=recvfrom:delay_enter=3000000:when=$middle..$((middle + 1))"
	CODE=$?
	is "$KIND: the loader is slow: the server waits for it" \
		"$CODE $(grep -c 'is away' "$T/load.err") $(sql "SELECT length(text), right(text, 1) FROM users WHERE id = 'slow'")" $'0 0 850000\t9'
	check "$KIND: it was slow in the midst of them" grep -q '00000.* = [0-9]* (DELAYED)' "$T/w/trace"
}
if mariadb_start; then
	sql "CREATE USER loader@localhost; GRANT ALL ON segment.* TO loader@localhost"
	TO=${MARIADB/root/loader}
	lost
	upgraded 2 31 %network 'GRANT CREATE, ALTER, '
	spool_make
	parcels 3
	load --to "$TO"
	for code in 1053 1927; do once $code 'the database is away: made up'; done
	for code in 1205 1213 1020; do once $code 'a lock is taken: made up'; done
	for code in 1021 1114 1037; do once $code 'the database has no room: made up; make room'; done
	refused 4025
	sql 'DROP TRIGGER fails'
	ended end_MariaDB
	held hold_MariaDB
	password locked_MariaDB open_MariaDB
	repeated
	mended 'a password that it lacks' locked_MariaDB password open_MariaDB
	mended 'a wrong password' wrong_MariaDB 'Access denied.*my\.cnf' right_MariaDB
	rm "$T/.my.cnf"
	open_MariaDB
	mended 'a right that it lacks' revoke_MariaDB 'GRANT .*INSERT' grant_MariaDB
	mended 'a connection without TLS' tls_MariaDB 'Access denied' plain_MariaDB
	minutes mariadb_stop mariadb_run
	spool_make # what is read anew has no row that was refused
	mended 'a database that is not there' lose_MariaDB 'CREATE DATABASE' find_MariaDB
	mariadb_stop
	if mariadb_run --skip-ssl; then
		TO="$TO&tls=require"
		mended 'TLS that the server lacks' true 'tls=require' encrypt_MariaDB
		mariadb_stop
	else
		not_ok "$KIND: the server starts without TLS" "$(tail -n 5 "$T/mariadb.log")"
	fi
	TO=${TO%&tls=require}
	if command -v strace >/dev/null && mariadb_run --net-write-timeout=1; then
		slow_reader
		mariadb_stop
	else
		ok 'MariaDB: the loader is slow # SKIP strace is not installed'
	fi
else
	ok 'MariaDB # SKIP it is not installed'
fi

### SQLite: writing fails ###############################################
KIND=SQLite
unowned_SQLite() { chmod a=r "${TO#sqlite:}" && chown 0:0 "${TO#sqlite:}"; }
fail_SQLite() {
	query_SQLite "DROP TRIGGER IF EXISTS fails; CREATE TRIGGER fails BEFORE INSERT ON parcel BEGIN SELECT RAISE($1, 'made up'); END"
}
hold_SQLite() {
	sqlite3 "${TO#sqlite:}" 'BEGIN IMMEDIATE' ".shell touch $T/w/held; while test -e $T/w/held; do sleep 0.05; done"
}
nowhere_SQLite() { TO=sqlite:$T/w/later/w.db; }
somewhere_SQLite() { mkdir "$T/w/later" && own "$T/w/later"; }
writable_SQLite() { own "${TO#sqlite:}"* && chmod u+w "${TO#sqlite:}"*; }
owned_SQLite() { own "${TO#sqlite:}" && chmod u+w "${TO#sqlite:}" && rm -f "${TO#sqlite:}"-*; } # those are as read-only as the file was
query_SQLite() { [ ! -e "${TO#sqlite:}" ] || sqlite3 "${TO#sqlite:}" "$1"; } # which would make the file
spool_make
TO=sqlite:$T/w/w.db
parcels 3
load --to "$TO"
is 'SQLite: the first rows' "$CODE $(whole)" "0 $(all)"
if command -v strace >/dev/null; then
	for error in EIO ENOSPC; do
		parcels 3
		(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" strace -f -qq -o /dev/null -e trace=pwrite64 -P "$T/w/w.db-wal" \
			-e inject=pwrite64:error=$error:when=2 "$S/bin/hookspool-load" --once --to "$TO") >"$T/load.out" 2>"$T/load.err"
		CODE=$?
		is "SQLite: a write fails with $error" "$CODE $(grep -c 'the database has no room' "$T/load.err") $(whole)" "0 1 $(all)"
	done
else
	ok 'SQLite: a write fails # SKIP strace is not installed'
fi

held hold_SQLite
refused ABORT
query_SQLite 'DROP TRIGGER fails'
repeated
mended 'a file that it may not write' unowned_SQLite readonly writable_SQLite
spool_make
mended 'a folder that is not there' nowhere_SQLite 'unable to open' somewhere_SQLite
TO=sqlite:$T/w/w.db
lost
upgraded 1 40 pwrite64 'readonly'
done_testing
