#!/bin/bash
# hookspool load where a server does not allow what it needs only now and then: temporary tables, for an id that is there
# already; statements of some length. It says which statement mends it, and afterwards each row is there once.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

directory_make
settings_write 'auth = none' 'min_free = 0' 'rotate_min_gap = 0'
cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
load_events 60 3 | grep -v '"type": "delete"' >"$T/events.jsonl"
chmod 644 "$T/events.jsonl"
hs import "$T/events.jsonl"

if postgresql_start; then
	pg 'CREATE ROLE loader LOGIN' && pg 'GRANT CREATE ON DATABASE hookspool TO loader' &&
		pg 'REVOKE TEMPORARY ON DATABASE hookspool FROM PUBLIC'
	TO=postgresql://loader@/hookspool
	load --to "$TO" --name first
	is 'PostgreSQL: no temporary table: what it needs, by its statement' \
		"$CODE $(grep -c 'permission denied.*run: GRANT TEMPORARY ON DATABASE "hookspool" TO "loader"' "$T/load.err")" '77 1'
	pg 'GRANT TEMPORARY ON DATABASE "hookspool" TO "loader"'
	load --to "$TO" --name first
	is 'PostgreSQL: after this statement each row is there' "$CODE $(pg 'SELECT count(*) = count(DISTINCT id), count(*) > 0 FROM segment.tracks')" '0 t|t'
	postgresql_dump >"$T/once"
	pg 'REVOKE TEMPORARY ON DATABASE hookspool FROM loader'
	load --to "$TO" --name second
	is 'PostgreSQL: ids that are there already: the statement again' "$CODE $(grep -c 'run: GRANT TEMPORARY ON DATABASE' "$T/load.err")" '77 1'
	is 'PostgreSQL: and nothing is changed' "$(postgresql_dump | diff "$T/once" - | head -n 4)" ''
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
if mariadb_start; then
	mariadb_client -e 'SET GLOBAL max_allowed_packet = 1024'
	load --to "$MARIADB"
	is 'MariaDB: a statement is longer than the server takes: the variable, and its value' \
		"$CODE $(grep -c 'max_allowed_packet of the server, 1024 bytes, .*SET GLOBAL max_allowed_packet = 16777216' "$T/load.err")" '77 1'
	mariadb_client -e 'SET GLOBAL max_allowed_packet = 16777216'
	load --to "$MARIADB"
	is 'MariaDB: after this statement each row is there once' "$CODE $(sql 'SELECT COUNT(*) = COUNT(DISTINCT id), COUNT(*) > 0 FROM tracks' | tr '\t' ' ')" '0 1 1'
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
