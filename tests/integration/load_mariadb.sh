#!/bin/bash
# hookspool load into a MariaDB server of its own: the same values as in SQLite; kills of either side; rights; tables,
# indexes and triggers that somebody else made; names and values that MariaDB takes for others.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"
. "$(dirname "$0")/../lib/databases.sh"

if why=$(mariadb_missing); then
	ok "load into MariaDB # SKIP $why"
	done_testing
fi

# load_exec [OPTION]...: the loader, as the owner of the spool, up to its end; replaces the shell.
load_exec() {
	HOOKSPOOL_CONF=$S/hookspool.conf HOME=$T
	export HOOKSPOOL_CONF HOME
	as_server_user "$S/bin/hookspool-load" --once "$@"
}
# load [OPTION]...: SAID has what it said, CODE its exit code.
load() {
	SAID=$( (load_exec --to "$TO" "$@") 2>&1)
	CODE=$?
}
in_mariadb() { python3 "$ROOT/tests/lib/dump_database.py" mariadb mariadb_client_segment; }
dump_mariadb() {
	python3 "$ROOT/tests/lib/dump_database.py" mariadb mariadb --no-defaults --default-character-set=utf8mb4 \
		--socket="$MARIADB_SOCKET" --user=root --batch --skip-column-names "${1:-segment}"
}
dump_sqlite() { python3 "$ROOT/tests/lib/dump_database.py" sqlite "$S/run/w.db"; }
anew() { mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment' && hs cursors remove load >/dev/null 2>&1; }

spool_start 'rotate_min_gap = 0' 'compress = none'
cp "$HS_BUILD/hookspool-load" "$S/bin/hookspool-load"
mariadb_start --max-allowed-packet=2M
TO="mysql://root@localhost/segment?socket=${MARIADB_SOCKET//\//%2F}"

### The same values #####################################################
cat >"$T/events" <<'END'
{"type":"track","messageId":"t1","userId":"u","event":"Order Completed","properties":{"total":39.95,"paid":true,"at":"2026-11-23T10:15:00.123456+01:00","items":[1,"a"],"note":"ça","order":{"id":"o1"}}}
{"type":"track","messageId":"t2","userId":"U","event":"Order Completed","properties":{"total":"free","paid":"yes","at":"2026-11-23","note":"a\u0000b","order":{"id":7}}}
{"type":"track","messageId":"t3","userId":"u ","event":"Order Completed","properties":{"total":12345678901234567890123,"paid":false,"at":"9999-12-31T23:59:59.999999Z","note":"\ud800"}}
{"type":"track","messageId":"t3 ","userId":"u","event":"Order Completed","properties":{"total":1e-7,"at":"0001-01-01T00:00:00Z","note":"'\\\"; -- \u0007 😀"}}
{"type":"track","messageId":"T3","userId":"u","event":"Order Completed","properties":{"total":-0,"at":"0000-12-31T23:59:59Z","note":""}}
{"type":"track","messageId":"t4","userId":"u","event":"Names","properties":{"É":"capital","é":"small","😀":"face","select":"reserved","a`b":"quote","x":1e300}}
{"type":"track","messageId":"t5","userId":"u","event":"É","properties":{"x":1}}
{"type":"track","messageId":"t6","userId":"u","event":"é","properties":{"x":2}}
{"type":"identify","messageId":"i1","userId":"u","timestamp":"2026-11-01T00:00:00Z","traits":{"email":"a@example.com","age":3,"seen":"2026-11-01T00:00:00Z","É":1,"é":2}}
{"type":"identify","messageId":"i2","userId":"U","timestamp":"2026-11-01T00:00:00Z","traits":{"email":"b@example.com"}}
{"type":"identify","messageId":"i3","userId":"u ","timestamp":"2026-11-01T00:00:00Z","traits":{"email":"c@example.com","vip":true}}
{"type":"identify","messageId":"i4","userId":"u","timestamp":"2026-11-02T00:00:00.5Z","traits":{"email":"d@example.com","age":"old"}}
{"type":"group","messageId":"g1","userId":"u","groupId":"g","traits":{"plan":"free","seats":4}}
{"type":"page","messageId":"p1","userId":"u","name":"Home","properties":{"path":"/","name":"Home"}}
{"type":"alias","messageId":"a1","userId":"u","previousId":"anon"}
END
python3 -c 'import sys; print("[" + ",".join(open(sys.argv[1]).read().splitlines()) + "]")' "$T/events" >"$T/put"
signed "$T/put"
is 'the events are taken' "$STATUS" 200
load
echo "$CODE $SAID"
(load_exec --name lite --to "sqlite:$S/run/w.db" ) ; echo $?
dump_mariadb > /tmp/dm; dump_sqlite >/tmp/ds; diff /tmp/ds /tmp/dm
sql 'select * from hookspool_load'
done_testing
