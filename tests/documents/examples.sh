# docs/examples: each handler, by the command that docs/recipes.md shows, on a real spool. A language
# that is not installed is skipped.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"
. "$(dirname "$0")/../lib/documents.sh"

PATH=/usr/bin:$PATH # a python3 in somebody's home is not for the user of the tests
spool_start 'rotate_min_gap = 0'
WORK=$S/work
mkdir -p "$WORK/docs"
cp -R "$ROOT/docs/examples" "$WORK/docs/examples"
chmod -R a+rX "$WORK/docs"
own "$WORK"

# handler EXAMPLE: the command of docs/recipes.md that has it. What it says is in T/said.
handler() {
	blocks docs/recipes.md sh | grep "docs/examples/$1" | sed "s|http://127.0.0.1:8080|http://127.0.0.1:${PORT:-8080}|" >"$T/command"
	[ "$(wc -l <"$T/command")" -eq 1 ] || not_ok "docs/recipes.md has one command with $1"
	chmod 644 "$T/command"
	(
		cd "$WORK" || exit
		export PATH=$S/bin:$PATH HOOKSPOOL_CONF=$S/hookspool.conf
		as_server_user bash "$T/command"
	) >"$T/out" 2>"$T/said" </dev/null
	STATUS=$?
}
summary() { sed -n 's/^hookspool each: \([0-9].*\)/\1/p' "$T/said"; }
# has_language COMMAND...: for the user who runs handlers.
has_language() { (as_server_user "$@") >/dev/null 2>&1 </dev/null; }
again() { rm -f "$S/spool/.hookspool/cursors/$1"; } # as after a kill: everything once more

put_one '{"type":"identify","messageId":"i1","userId":"u-1","timestamp":"2026-11-21T10:00:00Z","traits":{"email":"old@example.com"}}'
put_one '{"type":"identify","messageId":"i2","userId":"u-1","timestamp":"2026-11-22T10:00:00Z","traits":{"email":"new@example.com"}}'
put_one '{"type":"identify","messageId":"i3","userId":"u-2","timestamp":"2026-11-22T10:00:00Z","traits":{"plan":"free"}}'
put_one '{"type":"identify","messageId":"i4","anonymousId":"a-1","timestamp":"2026-11-22T10:00:00Z","traits":{"email":"nobody@example.com"}}'
put_one '{"type":"track","event":"Order Completed","messageId":"t1","userId":"u-1","timestamp":"2026-11-23T10:00:00Z","properties":{"total":39.950}}'
put_one '{"type":"track","event":"Order Completed","messageId":"t\n2","userId":"u $(id)","timestamp":"2026-11-23T11:00:00Z","properties":{"total":7,"n":12345678901234567890}}'

### Shell ###############################################################
handler append.sh
is 'shell: two orders, and the others without a handler' "$STATUS $(summary)" '0 2 done, 0 set aside, 0 tried again, 4 without a handler'
orders="t1	2026-11-23T10:00:00Z	u-1	39.95
t\\n2	2026-11-23T11:00:00Z	u \$(id)	7"
is 'shell: a line each' "$(cut -f 1,2,3 "$WORK/orders.txt")" "$(cut -f 1,2,3 <<<"$orders")"
again orders
handler append.sh
is 'shell: once more, and no line is there twice' "$STATUS $(wc -l <"$WORK/orders.txt")" '0 2'

### Python ##############################################################
if has_language python3 -c 'import sqlite3'; then
	handler contacts.py
	is 'Python: what it cannot use is set aside' "$STATUS $(summary)" '0 3 done, 1 set aside, 0 tried again, 2 without a handler'
	is 'Python: with its reason' "$(jq -r '"\(.record.message_id): \(.message)"' "$S/spool/failed.jsonl")" 'i4: no user_id'
	is 'Python: the latest address' "$(sqlite3 "$WORK/contacts.db" 'SELECT user, email FROM contact')" 'u-1|new@example.com'
	again contacts
	handler contacts.py
	is 'Python: once more, and nothing has changed' "$STATUS $(sqlite3 "$WORK/contacts.db" 'SELECT user, email FROM contact')" \
		'0 u-1|new@example.com'
else
	ok 'Python # SKIP the user of the tests has no python3'
fi

### Node ################################################################
# An API: answers 503 at first, then 200, and writes down what it is sent.
if has_language node --version; then
	cat >"$T/api.js" <<-'END'
		let calls = 0;
		require('http').createServer((request, response) => {
			let body = '';
			request.on('data', (part) => { body += part; });
			request.on('end', () => {
				response.statusCode = calls++ ? 200 : 503;
				if (response.statusCode === 200) require('fs').appendFileSync(process.argv[3], body + '\n');
				response.end();
			});
		}).listen(Number(process.argv[2]), '127.0.0.1');
	END
	PORT=$(port_random)
	node "$T/api.js" "$PORT" "$T/sent" &
	API=$!
	wait_for 10 eval 'exec 3<>"/dev/tcp/127.0.0.1/$PORT"'
	handler forward.js
	is 'Node: all records, at the second try' "$STATUS $(summary)" '0 6 done, 0 set aside, 6 tried again, 0 without a handler'
	hs cat >"$T/all"
	check 'Node: arrays' jq -e 'type == "array"' "$T/sent"
	is 'Node: the records in them are the bytes of the spool' "$(sed 's/^\[//; s/\]$//; s/},{/}\n{/g' "$T/sent" | sort)" "$(sort "$T/all")"
	end_process "$API"
else
	ok 'Node # SKIP it is not installed'
fi
server_stop
done_testing
