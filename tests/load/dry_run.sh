#!/bin/bash
# hookspool load --dry-run, --status and hookspool check with servers of PostgreSQL and MariaDB.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"
. "$(dirname "$0")/../lib/databases.sh"

spool_start 'rotate_min_gap = 0'
# load ARGUMENT...: the command's answer in T/out and T/err, its exit code in CODE.
load() {
	hs load "$@" >"$T/out" 2>"$T/err" </dev/null
	CODE=$?
}
# try_settings LINE...: check's findings about [load] with these lines, in T/out.
try_settings() {
	sed '/^\[load\]/,$d' "$S/hookspool.conf" >"$S/try.conf"
	printf '%s\n' '[load]' "$@" >>"$S/try.conf"
	chmod 600 "$S/try.conf" && own "$S/try.conf"
	hs check --config "$S/try.conf" --json >"$T/all" 2>"$T/err"
	jq -r '.[] | select(.check == "load") | [.verdict, .text, .remedy] | join("|")' "$T/all" >"$T/out"
}
put_one '{"type":"track","event":"Order Completed","messageId":"o1","userId":"u-1","properties":{"total":39.95}}'

# a_server NAME URL EXISTS: EXISTS counts the tables that are there.
a_server() {
	local name=$1 url=$2 exists=$3
	load --to "$url" --dry-run
	is "$name: a dry run makes nothing" "$CODE $(grep -c '^CREATE TABLE' "$T/out" | sed 's/[1-9].*/some/') $($exists)" '0 some 0'
	load --to "$url" --status --json
	is "$name: nor does the status" "$CODE $(jq .begun "$T/out") $($exists)" '0 false 0'
	load --to "$url" --once
	load --to "$url" --status --json
	is "$name: the status of what is loaded" "$CODE $(jq -c '[.begun, .records]' "$T/out")" '0 [true,0]'
	try_settings "server = $url"
	check "$name: a server that works" grep -q '^ok|server: can write rows; ' "$T/out"
}
if postgresql_start; then
	pg_tables() { pg "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'segment' AND relkind = 'r'"; }
	a_server PostgreSQL "$PG" pg_tables
	is 'PostgreSQL: the trial leaves no row' "$(pg "SELECT count(*) FROM segment.tracks WHERE id LIKE 'hookspool%'")" 0
	pg 'CREATE ROLE poor LOGIN; GRANT USAGE ON SCHEMA segment TO poor; GRANT SELECT ON ALL TABLES IN SCHEMA segment TO poor'
	(PGUSER=poor try_settings "poor = postgresql:///hookspool")
	check 'PostgreSQL: a missing right, with the GRANT' grep -q '^fail|poor: .*|GRANT .* ON ALL TABLES IN SCHEMA "segment"' "$T/out"
	try_settings "gone = postgresql:///nothing?host=$T/pg"
	check 'PostgreSQL: a database that is not there, with what makes it' grep -q '^fail|gone: connecting: .*; run: CREATE DATABASE "nothing"|$' "$T/out"
	try_settings "invalid = postgresql:///hookspool?host=$T/invalid"
	check 'PostgreSQL: the name of a host is no reason' grep -q '^fail|invalid: connecting: the database is away: .*|start the server' "$T/out"
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
if mariadb_start; then
	mariadb_tables() { sql "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'segment'"; }
	a_server MariaDB "$MARIADB" mariadb_tables
	is 'MariaDB: the trial leaves no row' "$(sql "SELECT count(*) FROM segment.tracks WHERE id LIKE 'hookspool%'")" 0
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
server_stop
done_testing
