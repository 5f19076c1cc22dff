#!/bin/bash
# hookspool load into MariaDB without memory, and with calls of its library that fail.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"
. "$(dirname "$0")/../lib/load_failures.sh"

if mariadb_start; then
	of_kind mariadb "$MARIADB" libmariadb
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi
done_testing
