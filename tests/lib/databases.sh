# shellcheck shell=bash
# databases.sh: database servers of our own, for the integration scripts. Source it after server.sh.
#
#	postgresql_start || …       # PG has the URL; psql talks to it; false if it is not installed
#	postgresql_stop; postgresql_crash; postgresql_run
#	pg 'SELECT 1'               # as the superuser; rows without decoration
#	mariadb_start || …          # the same for MariaDB, with the database segment; MARIADB has the URL
#	mariadb_stop; mariadb_end KILL; mariadb_run
#	sql 'SELECT 1'
#
# Everything is in the temporary directory T; no server listens to TCP.

POSTGRESQL='' PG='' # its process, and the URL of its database `hookspool`

postgresql_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1; }

# postgresql_run: the server. No fsync: no test pulls the plug.
postgresql_run() {
	(cd / && exec setpriv --reuid="$SERVER_USER" --regid="$SERVER_GROUP" --clear-groups "$(postgresql_bin)/postgres" \
		-D "$PGHOST/data" -k "$PGHOST" -c listen_addresses= -c fsync=off "$@") >>"$T/postgresql.log" 2>&1 &
	POSTGRESQL=$!
	wait_for 30 pg 'SELECT 1'
}

# postgresql_start [SETTING]...: a new cluster with the database hookspool. False: it is not installed. One that does not start is a failure.
postgresql_start() {
	[ -x "$(postgresql_bin)/initdb" ] && command -v psql setpriv >/dev/null || return
	export PGHOST=$T/pg PGUSER=owner PGDATABASE=hookspool
	PG=postgresql:///hookspool
	mkdir "$PGHOST"
	own "$PGHOST"
	(cd / && as_server_user "$(postgresql_bin)/initdb" -D "$PGHOST/data" -U "$PGUSER" -A trust -E UTF8 --no-sync) \
		>"$T/postgresql.log" 2>&1 && PGDATABASE=postgres postgresql_run "$@" &&
		PGDATABASE=postgres pg 'CREATE DATABASE hookspool' && return
	not_ok 'PostgreSQL starts' "$(tail -n 20 "$T/postgresql.log")"
	return 1
}

# postgresql_stop [SIGNAL]: QUIT is a crash.
postgresql_stop() {
	kill "-${1:-INT}" "$POSTGRESQL" && wait "$POSTGRESQL" 2>/dev/null
	POSTGRESQL=
}

# postgresql_crash: kill -9 of the postmaster. Its children end by themselves; until then no server starts on their data.
postgresql_crash() {
	local children
	children=$(awk -v parent="$POSTGRESQL" '$4 == parent { print $1 }' /proc/[0-9]*/stat 2>/dev/null)
	postgresql_stop KILL
	for child in $children; do wait_for 30 eval "! kill -0 $child || grep -q '^State:.Z' /proc/$child/status"; done
}

pg() { PGOPTIONS='-c client_min_messages=warning' psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }

# postgresql_dump: what the schema segment holds, as warehouse_dump.py writes it, sorted.
postgresql_dump() {
	pg "SELECT string_agg(format('SELECT jsonb_build_object(''table'', %L, ''row'', to_jsonb(t.*)) FROM segment.%I t', relname, relname),
		' UNION ALL ') FROM pg_class WHERE relnamespace = 'segment'::regnamespace AND relkind = 'r' AND relname NOT LIKE 'hookspool_%'" |
		sed "1s/^/SET TimeZone = 'UTC';/" | psql -XAtq | python3 "$ROOT/tests/lib/warehouse_dump.py" lines | sort
}

# sqlite_dump PATH: the same for a file of SQLite.
sqlite_dump() { python3 "$ROOT/tests/lib/warehouse_dump.py" sqlite "$1" | sort; }

# load [OPTION]...: hookspool load --once, as the spool's owner; CODE and T/load.err are set.
load() {
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" --once "$@") >"$T/load.out" 2>"$T/load.err"
	CODE=$?
}

# load_start: a fresh spool with the listener at work on it, and DB, a file of SQLite in a folder for such. False: sqlite3 is
# not installed.
load_start() {
	command -v sqlite3 >/dev/null || return
	spool_start
	cp "$HS_BUILD/hookspool-load" "$S/bin/"
	mkdir "$T/w"
	own "$T/w"
	DB=$T/w/w.db
}

query() { sqlite3 "$DB" "$1"; }

# track ID EVENT PROPERTIES: an event of u-1, as import takes it.
track() { printf '{"type":"track","messageId":"%s","userId":"u-1","event":"%s","timestamp":"2026-11-23T10:15:00.123Z","properties":%s}\n' "$@"; }

# load_behind [OPTION]...: hookspool load in the background, as LOADER. T/behind.err is emptied before it starts, so that a wait
# for its words does not find those of the loader before it.
load_behind() {
	{ (as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" "$@") & } >"$T/behind.out" 2>"$T/behind.err"
	LOADER=$!
}

# load_events N [SEED]: N events of every kind, of 40 people and 6 groups, as import takes them.
load_events() { python3 "$ROOT/tests/lib/warehouse_events.py" "$@"; }

MARIADB='' MARIADB_PID='' # the URL of its database `segment`, and its process

# mariadb_run [OPTION]...: the server, on the data that are there. A commit is written to the file, so that a killed server
# has kept it; with 0 it loses a second of them, and a loader that follows ends with 75 at its next batch.
mariadb_run() {
	(cd / && as_server_user mariadbd --no-defaults --datadir="$T/mariadb/data" --tmpdir="$T/mariadb/tmp" --skip-networking \
		--socket="$T/mariadb/socket" --pid-file="$T/mariadb/pid" --innodb-buffer-pool-size=32M \
		--innodb-flush-log-at-trx-commit=2 --innodb-flush-method=nosync --sync-frm=0 --max-allowed-packet=2M "$@") >>"$T/mariadb.log" 2>&1 &
	MARIADB_PID=$!
	wait_for 30 mariadb_client -e 'SELECT 1'
}

# mariadb_start: a new server. False: it is not installed, or hookspool-load does not know it. One that does not start is a failure.
mariadb_start() {
	command -v mariadbd mariadb mariadb-install-db >/dev/null || return
	! "$HS_BUILD/hookspool-load" --to mysql:// 2>&1 | grep -q 'no such database' || return
	MARIADB="mysql://root@localhost/segment?socket=${T//\//%2F}%2Fmariadb%2Fsocket"
	mkdir "$T/mariadb" "$T/mariadb/tmp" # a server that starts removes the temporary tables of all others in its folder
	own "$T/mariadb" "$T/mariadb/tmp"
	(cd / && as_server_user mariadb-install-db --no-defaults --datadir="$T/mariadb/data" --tmpdir="$T/mariadb/tmp" \
		--auth-root-authentication-method=normal --skip-test-db --skip-name-resolve) >"$T/mariadb.log" 2>&1 &&
		mariadb_run && mariadb_client -e 'CREATE DATABASE segment' && return
	not_ok 'MariaDB starts' "$(tail -n 20 "$T/mariadb.log")"
	return 1
}

# mariadb_end SIGNAL: KILL is a crash.
mariadb_end() {
	kill "-$1" "$MARIADB_PID" && wait "$MARIADB_PID" 2>/dev/null
	MARIADB_PID=
}
mariadb_stop() { mariadb_end TERM; }

mariadb_client() {
	mariadb --no-defaults --default-character-set=utf8mb4 --socket="$T/mariadb/socket" --user=root --batch \
		--skip-column-names "$@"
}

sql() { mariadb_client segment -e "$1"; }

# mariadb_dump: what its database holds, as warehouse_dump.py writes it, sorted.
mariadb_dump() {
	sql "SET group_concat_max_len = 10000000;
		SELECT CONCAT('SELECT JSON_OBJECT(\"table\", ', QUOTE(TABLE_NAME), ', \"row\", JSON_OBJECT(', GROUP_CONCAT(QUOTE(COLUMN_NAME), ', ',
			REPLACE(CASE DATA_TYPE WHEN 'datetime' THEN 'DATE_FORMAT(?, \"%Y-%m-%dT%H:%i:%s.%fZ\")'
				WHEN 'tinyint' THEN 'IF(? IS NULL, NULL, JSON_EXTRACT(IF(?, \"true\", \"false\"), \"$\"))' ELSE '?' END,
				'?', CONCAT(CHAR(96), REPLACE(COLUMN_NAME, CHAR(96), CONCAT(CHAR(96), CHAR(96))), CHAR(96)))),
			')) FROM ', CHAR(96), TABLE_NAME, CHAR(96), ';')
		FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE 'hookspool%' GROUP BY BINARY TABLE_NAME" |
		sed 's/\\\\/\\/g' | mariadb_client --raw segment | python3 "$ROOT/tests/lib/warehouse_dump.py" lines | sort
}
