#!/bin/bash
# hookspool load into PostgreSQL without memory, and with calls of its library that fail.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"
. "$(dirname "$0")/../lib/load_failures.sh"

if postgresql_start; then
	of_kind postgresql "$PG?host=$PGHOST&user=$PGUSER" libpq
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
done_testing
