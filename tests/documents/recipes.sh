# docs/recipes.md: each recipe, as it is there, on a spool with a few orders.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

WORK= # where a recipe runs: beside the spool, as the page has it
POSTGRES= # the process id of a server of our own

# recipe WORDS: the block below the line that begins with **WORDS**.
recipe() {
	awk -v want="**$1**" '
		index($0, want) == 1 { found = 1; next }
		found && $0 == "```sh" { inside = 1; next }
		inside && /^```/ { exit }
		inside' "$ROOT/docs/recipes.md"
}

# run WORDS: runs it; what it says is in T/out and T/err.
run() {
	recipe "$1" >"$T/recipe"
	chmod 644 "$T/recipe"
	[ -s "$T/recipe" ] || not_ok "docs/recipes.md has a recipe to $1"
	(
		cd "$WORK" || exit
		PATH=$S/bin:$PATH HOME=$WORK HOOKSPOOL_CONF=$S/hookspool.conf
		export PATH HOME HOOKSPOOL_CONF
		as_server_user bash -eo pipefail "$T/recipe"
	) >"$T/out" 2>"$T/err" </dev/null || not_ok "$1" "exit $?" "$(cat "$T/err")"
}

# fails WORDS: the recipe fails when "hookspool cat" dies in the middle of its work.
fails() {
	recipe "$1" >"$T/recipe"
	(
		cd "$WORK" || exit
		PATH=$S/cut:$S/bin:$PATH HOME=$WORK HOOKSPOOL_CONF=$S/hookspool.conf
		export PATH HOME HOOKSPOOL_CONF
		as_server_user bash "$T/recipe"
	) >"$T/out" 2>"$T/err" </dev/null
	check "$1: a failing cat is an error" [ $? -ne 0 ]
}

# works WORDS WANT: what it printed, blanks at the left aside.
works() {
	run "$1"
	is "$1" "$(sed 's/^ *//' "$T/out")" "$2"
}

# order ID USER TIMESTAMP TOTAL PRODUCT
order() {
	put_one "{\"type\":\"track\",\"event\":\"Order Completed\",\"messageId\":\"$1\",\"userId\":\"$2\",\"timestamp\":\"$3\",\"properties\":{\"orderId\":\"o-$1\",\"total\":$4,\"products\":[{\"name\":\"$5\"},{\"name\":\"Tea\"}]}}"
}

spool_start 'rotate_min_gap = 0' 'compress = gzip'
WORK=$S/work
mkdir "$WORK"
ln -s ../spool "$WORK/spool"
own "$WORK"
put_one '{"type":"track","event":"Order Completed","messageId":"m0","anonymousId":"a","timestamp":"2025-01-20T12:00:00Z"}'
today=$(date -u +%Y-%m-%d)
order m1 u-1 2025-01-20T10:00:00Z 39.950 'A \"tea\"\tpot'
order m2 'u \"\\2' 2025-01-20T23:59:59.999Z 10 Cup
hs rotate && maintain
order m3 u-1 "${today}T00:00:00Z" 0.05 Cup
put_one "{\"type\":\"track\",\"event\":\"Signed Up\",\"messageId\":\"m4\",\"userId\":\"u-1\",\"timestamp\":\"${today}T00:00:01Z\"}"
put_one '{"type":"page","name":"Home","messageId":"m5","userId":"u-1","timestamp":"2025-01-21T10:00:00Z","context":{"page":{"url":"https://a.example/"}}}'
orders="m0|2025-01-20|||
m1|2025-01-20|u-1|o-m1|39.95
m2|2025-01-20|u \"\\2|o-m2|10
m3|$today|u-1|o-m3|0.05
m8�a|2025-01-23|n�a|\u0000	|
m8�b|2025-01-23|n*b|x�|"
query="id, substr(timestamp, 1, 10), replace(user_id, '�b', '*b'), order_id, total FROM order_completed WHERE id LIKE 'm%' ORDER BY id"
made_query="SELECT count(*) FROM order_completed WHERE id LIKE 'hs-%'"
mkdir "$S/cut"
printf '#!/bin/sh\n"%s" "$@" | head -n 2\nexit 74\n' "$S/bin/hookspool" >"$S/cut/hookspool"
chmod 755 "$S/cut/hookspool"
own "$S/cut"

run 'see the top events'
is 'see the top events' "$(tail -n 2 "$T/out" | sed 's/^ *//') $(grep -c '^Order Completed *4 ' "$T/out")" '1 Signed Up
1 Order Completed 1'
works "see one user's history" "2025-01-20T10:00:00Z	track	Order Completed		
${today}T00:00:00Z	track	Order Completed		
${today}T00:00:01Z	track	Signed Up		
2025-01-21T10:00:00Z	page		Home	https://a.example/"
works 'know the revenue by day' "2025-01-20 49.95
$today 0.05"
works 'know the top products' '3 Tea
2 Cup
1 A "tea"	pot'

### Tables ##############################################################
# two without an id; and two that differ only after a NUL
put_one '{"type":"track","event":"Order Completed","anonymousId":"b","timestamp":"2025-01-22T12:00:00Z","properties":{"orderId":"o-m6","total":0}}'
put_one '{"type":"track","event":"Order Completed","anonymousId":"b","properties":{"orderId":"o-m7"},"timestamp":null}'
put_one '{"type":"track","event":"Order Completed","messageId":"m8\u0000a","userId":"n\u0000a","timestamp":"2025-01-23T12:00:00Z","properties":{"orderId":"\\u0000\t"}}'
put_one '{"type":"track","event":"Order Completed","messageId":"m8\u0000b","userId":"n\ud800b","timestamp":"2025-01-23T12:00:00Z","properties":{"orderId":"x\u0000"}}'
made=$(hs cat --event 'Order Completed' | grep -c '"message_id":"hs-')
is 'two have an id that was made' "$made" 2
for again in '' ' again'; do
	run 'load SQLite'
	# SQLite keeps the three bytes of a lone surrogate, which are no text
	is "load SQLite$again" "$(sqlite3 "$WORK/warehouse.db" "SELECT $query" | LC_ALL=C sed 's/n[^|]*b|/n*b|/')" "$orders"
	is "load SQLite$again: without an id" "$(sqlite3 "$WORK/warehouse.db" "$made_query")" 2
done
rm "$WORK/warehouse.db"
fails 'load SQLite'
is 'load SQLite: and nothing was loaded' "$(sqlite3 "$WORK/warehouse.db" 'SELECT count(*) FROM order_completed')" 0

# postgres_start: a server of our own, on a socket in T. False if it is not installed.
postgres_start() {
	local bin
	bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
	[ -x "$bin/initdb" ] && command -v psql >/dev/null || return
	export PGHOST=$T/postgres PGUSER=hookspool PGDATABASE=postgres
	mkdir "$PGHOST"
	own "$PGHOST"
	(cd / && as_server_user "$bin/initdb" -D "$PGHOST/data" -U "$PGUSER" -A trust -E UTF8 --no-sync) \
		>"$S/log/postgres.log" 2>&1 || return
	(cd / && as_server_user "$bin/postgres" -D "$PGHOST/data" -k "$PGHOST" -c listen_addresses= -c fsync=off) \
		>>"$S/log/postgres.log" 2>&1 &
	POSTGRES=$!
	wait_for 20 psql -c 'SELECT 1'
}

if postgres_start; then
	for again in '' ' again'; do
		run 'load PostgreSQL'
		is "load PostgreSQL$again" "$(psql -At -c "SET timezone = 'UTC'" -c "SELECT ${query/timestamp/timestamp::text}" | tail -n 6)" \
			"$(sed 's/39.95$/39.950/' <<<"$orders")"
		is "load PostgreSQL$again: without an id" "$(psql -At -c "$made_query")" 2
	done
	psql -q -c 'DROP TABLE order_completed'
	fails 'load PostgreSQL'
	is 'load PostgreSQL: and nothing was loaded' "$(psql -At -c 'SELECT count(*) FROM order_completed')" 0
elif [ -n "$POSTGRES" ]; then
	not_ok 'PostgreSQL starts' "$(cat "$S/log/postgres.log")"
else
	ok 'load PostgreSQL # SKIP it is not installed'
fi
[ -z "$POSTGRES" ] || end_process "$POSTGRES"

### What a handler refused ############################################
# the manual's way to the records of failed.jsonl: every digit stays, and it is not led astray
printf '%s\n' '{"failed_at":"x","stderr":"\"record\":{","record":{"type":"page","n":12345678901234567890,"record":"}"}}' >"$T/failed.jsonl"
sed -n 's/^\.Dl \(grep -o .*\) | \.\/handler$/\1/p' "$ROOT/tools/packaging/man/hookspool-spool.5.in" |
	sed "s/\\\\(dq/\"/g; s,spool/failed.jsonl,$T/failed.jsonl," >"$T/recipe"
is 'hand failed records to another handler' "$(bash "$T/recipe")" '{"type":"page","n":12345678901234567890,"record":"}"}'

### Another host ########################################################
mkdir "$S/other"
printf '#!/bin/sh\nshift\ncd "%s" && exec sh -c "$*"\n' "$S/other" >"$S/bin/other" # as ssh does: HOST COMMAND...
chmod 755 "$S/bin/other"
own "$S/other"
export RSYNC_RSH=$S/bin/other
sealed() { (cd "$1" && ls events-* && zcat -f events-* | ids_of); }
server_stop # its own maintenance would compress a segment between the copy and the comparison
touch "$S/other/events-of-old"
for again in '' ', and again when a segment was compressed and a user erased'; do
	run 'mirror the spool to another host'
	is "mirror the spool to another host$again" "$(sealed "$S/other/spool")" "$(sealed "$S/spool")"
	maintain
	hs erase --user u-1 >/dev/null
done
is 'the rest of the spool is not mirrored' "$(ls -A "$S/other/spool" | grep -cv ^events-)" 0
done_testing
