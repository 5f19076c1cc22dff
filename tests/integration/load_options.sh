#!/bin/bash
# hookspool load into SQLite: what it tells at the end and while it follows, --retype, --rebuild, refusals.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

SETTINGS='auth = none'
if ! command -v sqlite3 >/dev/null; then
	ok 'load: options # SKIP no sqlite3'
	done_testing
fi
spool_start
cp "$HS_BUILD/hookspool-load" "$S/bin/"
mkdir "$T/w"
own "$T/w"
DB=$T/w/w.db

# put JSON...: events for the spool.
put() {
	printf '%s\n' "$@" >"$T/put.jsonl"
	chmod 644 "$T/put.jsonl"
	hs import --again "$T/put.jsonl"
}

# track ID EVENT PROPERTIES
track() { printf '{"type":"track","messageId":"%s","userId":"u-1","event":"%s","timestamp":"2026-11-23T10:15:00.123Z","properties":%s}' "$@"; }
query() { sqlite3 "$DB" "$1"; }

### The summary ################################################
put "$(track o-1 Order '{"total":40,"paid":true}')" "$(track o-2 Order '{"total":"free"}')" >/dev/null
load --to "sqlite:$DB" --batch 1
is 'the summary names the columns whose values did not fit' "$CODE $(sed -n 's/^hookspool load: \(.* records, .* rows\).*new, \(.*\)$/\1, \2/p' "$T/load.err")" \
	'0 2 records, 4 rows, 1 values in _rest (order.total: 1 text), 0 failed, 0.0 s behind'
check 'and the --retype that takes them' grep -qF -e '--retype order.total=text takes them' "$T/load.err"

### While it follows ###########################################
(exec setpriv --reuid="$SERVER_USER" --regid="$SERVER_GROUP" --clear-groups env HOOKSPOOL_CONF="$S/hookspool.conf" \
	"$S/bin/hookspool-load" --to "sqlite:$DB" --every 1) >"$T/follow.out" 2>"$T/follow.err" &
LOADER=$!
put "$(track p-1 Parcel '{"weight":1}')" >/dev/null
check 'it tells of a new table' wait_for 10 grep -qE 'new: table parcel \([0-9]+ columns\)' "$T/follow.err"
put "$(track p-2 Parcel '{"weight":"heavy","height":2}')" >/dev/null
check 'of a new column' wait_for 10 grep -qF 'new: parcel (1 column)' "$T/follow.err"
check 'of the first value that does not fit' wait_for 10 grep -qF 'parcel.weight: values of the type text are in _rest' "$T/follow.err"
put "$(track p-3 Parcel '{"weight":"light"}')" >/dev/null
has_third() { [ "$(query "SELECT count(*) FROM parcel WHERE id = 'p-3'")" = 1 ]; }
check 'the next one comes' wait_for 10 has_third
is 'without another line' "$(grep -c 'parcel.weight' "$T/follow.err")" 1
end_process "$LOADER"

done_testing
