#!/bin/bash
# hookspool load into SQLite without memory, and with calls of its library that fail.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"
. "$(dirname "$0")/../lib/load_failures.sh"

of_kind sqlite "sqlite:$W/w.db" libsqlite3
done_testing
