# shellcheck shell=bash
# databases.sh: real database servers for the integration scripts. Source it after server.sh.
#
#	mariadb_start [OPTION]...   # a server of its own in T, reached by a socket alone; MARIADB_SOCKET, MARIADB_PID
#	sql 'SELECT …'              # as its administrator, in the database `segment`; one line a row
#	mariadb_stop                # orderly; mariadb_kill: kill -9
#
# The data stay, so that a start after a stop goes on with them.

MARIADB_PID= MARIADB_SOCKET=
MARIADB_USER=$SERVER_USER
trap 'mariadb_end' EXIT

# mariadb_missing: why there can be no test; fails if there can be one.
mariadb_missing() {
	if ! command -v mariadbd mariadb mariadb-install-db >/dev/null; then
		echo 'mariadb-server is not installed'
	elif "$HS_BUILD/hookspool-load" --to mysql:// 2>&1 | grep -q 'has no such database'; then
		echo 'hookspool-load was built without mariadb'
	else
		return 1
	fi
}

mariadb_install() {
	mkdir "$T/mariadb"
	chown "$MARIADB_USER" "$T/mariadb"
	(as_server_user mariadb-install-db --no-defaults --datadir="$T/mariadb/data" --auth-root-authentication-method=normal \
		--skip-test-db --skip-name-resolve) >"$T/mariadb.install" 2>&1 || cat "$T/mariadb.install"
}

mariadb_start() {
	[ -e "$T/mariadb" ] || mariadb_install
	MARIADB_SOCKET=$T/mariadb/socket
	(as_server_user mariadbd --no-defaults --datadir="$T/mariadb/data" --skip-networking \
		--socket="$MARIADB_SOCKET" --pid-file="$T/mariadb/pid" --innodb-buffer-pool-size=32M \
		--innodb-flush-log-at-trx-commit=0 "$@") >>"$T/mariadb.log" 2>&1 &
	MARIADB_PID=$!
	wait_for 30 mariadb_client -e 'SELECT 1' || cat "$T/mariadb.log"
	mariadb_client -e 'CREATE DATABASE IF NOT EXISTS segment'
}

mariadb_client() {
	mariadb --no-defaults --default-character-set=utf8mb4 --socket="$MARIADB_SOCKET" --user=root --batch \
		--skip-column-names "$@"
}

sql() { mariadb_client segment -e "$1"; }

mariadb_stop() {
	[ -z "$MARIADB_PID" ] || end_process "$MARIADB_PID"
	MARIADB_PID=
}

mariadb_kill() {
	kill -9 "$MARIADB_PID"
	wait "$MARIADB_PID" 2>/dev/null
	MARIADB_PID=
}

mariadb_end() {
	local status=$?
	mariadb_stop
	(exit $status)
	clean_up
}
