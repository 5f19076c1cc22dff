#!/bin/bash
# hookspool load through pgbouncer in transaction mode, which gives each transaction another session: the same values as in
# SQLite, each row once, while pgbouncer or the server behind it restarts.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

SETTINGS='auth = none'
PINS=(--type '*.total=number' --type '*.paid=boolean' --type '*.note=text' --type '*.at=timestamp' --type '*._timestamp=text'
	--type '*.long_*=number' --type '*.rare_*=text')

if ! command -v pgbouncer >/dev/null; then
	ok 'load through pgbouncer # SKIP pgbouncer is not installed'
	done_testing
fi
if ! postgresql_start -c timezone=Asia/Tokyo -c datestyle=German -c extra_float_digits=0 -c default_transaction_isolation=serializable; then
	ok 'load through pgbouncer # SKIP PostgreSQL is not installed'
	done_testing
fi
pg 'CREATE ROLE loader LOGIN' && pg 'GRANT CREATE ON DATABASE hookspool TO loader'

mkdir "$T/bouncer"
echo '"loader" ""' >"$T/bouncer/users"
cat >"$T/bouncer/ini" <<END
[databases]
hookspool = host=$PGHOST
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = $T/bouncer
auth_type = trust
auth_file = $T/bouncer/users
pool_mode = transaction
default_pool_size = 3
min_pool_size = 3
server_round_robin = 1
server_login_retry = 1
query_wait_timeout = 5
END
own "$T/bouncer"
bouncer_answers() { psql -XAtq "host=$T/bouncer port=6432 user=loader dbname=hookspool" -c 'SELECT 1'; }
bouncer_run() {
	(cd / && as_server_user pgbouncer "$T/bouncer/ini") >>"$T/bouncer.log" 2>&1 &
	BOUNCER=$!
	wait_for 30 bouncer_answers
}
bouncer_stop() { # SIGNAL
	kill "-$1" "$BOUNCER" && wait "$BOUNCER" 2>/dev/null
	rm -f "$T"/bouncer/.s.PGSQL* # a killed one leaves its socket
}
bouncer_run
check 'pgbouncer is at work' bouncer_answers
TO="postgresql://loader@/hookspool?host=${T//\//%2F}%2Fbouncer&port=6432"
are_loaded() { [ "$(pg "SELECT records FROM segment.hookspool_load WHERE name = '$1'")" = "$TOTAL" ]; }
take() { # N SEED: imports N events
	load_events "$@" >"$T/events.jsonl"
	chmod 644 "$T/events.jsonl"
	hs import "$T/events.jsonl"
	TOTAL=$((${TOTAL:-0} + $1))
}
# as_in_sqlite NAME: the server has what SQLite has of the same spool.
as_in_sqlite() {
	rm -f "$S/run/w.db"*
	load "${PINS[@]}" --to "sqlite:$S/run/w.db" --name lite
	sqlite_dump "$S/run/w.db" >"$T/expected"
	hs cursors remove lite >/dev/null
	is "$1" "$(postgresql_dump | diff "$T/expected" - | head -n 6)" ''
}

directory_make
settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0'
cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
take 600 1
load_behind "${PINS[@]}" --to "$TO" --name one --once --batch 20
load "${PINS[@]}" --to "$TO" --name two --batch 30
wait "$LOADER"
is 'two loaders at once' "$? $CODE" '0 0'
as_in_sqlite 'each row is there once, with the values of SQLite'
check 'by several sessions' [ "$(pg "SELECT count(*) FROM pg_stat_activity WHERE usename = 'loader'")" -ge 2 ]
is 'and no session keeps a table' "$(pg "SELECT count(*) FROM pg_class WHERE relname = 'hookspool_rows'")" 0

load_behind "${PINS[@]}" --to "$TO" --name one --every 10 --batch 5
take 200 2
wait_for 30 eval '[ "$(pg "SELECT records FROM segment.hookspool_load WHERE name = '"'one'"'")" -gt 620 ]'
bouncer_stop KILL
take 50 3
check 'the loader tells that pgbouncer is away' wait_for 30 grep -q 'the database is away' "$T/behind.err"
bouncer_run
check 'pgbouncer is there again' bouncer_answers
check 'and the loader goes on' wait_for 60 are_loaded one
postgresql_crash
take 50 4
postgresql_run
check 'the server behind it is there again' pg 'SELECT 1'
check 'and the loader goes on' wait_for 60 are_loaded one
end_process "$LOADER"
as_in_sqlite 'nothing is lost or doubled'

pg "DELETE FROM segment.users WHERE id > 'u-2'"
load --to "$TO" --rebuild users
as_in_sqlite '--rebuild users'
load --to "$TO" --retype order_completed.paid=text
load --to "$TO" --retype order_completed.paid=boolean
is '--retype' "$CODE" 0
as_in_sqlite 'there and back'
hs erase --user u-1
load "${PINS[@]}" --to "$TO" --name one
is 'an erase' "$CODE $(pg "SELECT count(*) FROM segment.users WHERE id = 'u-1'")" '0 0'
as_in_sqlite 'takes no row of another'
bouncer_stop TERM
postgresql_stop
done_testing
