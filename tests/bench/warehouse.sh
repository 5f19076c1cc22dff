#!/bin/bash
# Processor time of hookspool load into SQLite, beside the recipe that imports JSON lines: warehouse.sh [EVENTS] [ROUNDS].
. "$(dirname "$0")/../lib/server.sh"
EVENTS=${1:-30000}
ROUNDS=${2:-3}

python3 - "$EVENTS" >"$T/events.jsonl" <<'END'
import json, random, sys
r = random.Random(1)
for i in range(int(sys.argv[1])):
    print(json.dumps({"type": "track", "messageId": "m-%08d" % i, "userId": "u-%d" % r.randint(1, 5000), "event": "Order Completed",
        "timestamp": "2026-11-%02dT10:15:00.%03dZ" % (1 + i % 28, i % 1000), "context": {"ip": "192.0.2.1", "locale": "de-DE",
        "library": {"name": "analytics.js", "version": "2.1"}, "page": {"url": "https://shop.example.org/thanks", "path": "/thanks"},
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64)"}, "properties": {"order_id": "o-%d" % i, "total": r.randint(100, 99999) / 100,
        "currency": "EUR", "coupon": None, "items": r.randint(1, 9), "paid": True, "note": "x" * 60}}))
END
directory_make
settings_write 'auth = none' 'min_free = 0'
cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
chmod 644 "$T/events.jsonl"
hs import "$T/events.jsonl"
export HOOKSPOOL_CONF=$S/hookspool.conf
cd "$S/run" || exit 2

OWNER=(setpriv --reuid="$SERVER_USER" --regid="$SERVER_GROUP" --clear-groups)

# cost NAME COMMAND...: microseconds of processor time a record.
cost() {
	local name=$1
	shift
	/usr/bin/time -f '%U %S' -o "$T/time" "$@" >/dev/null 2>"$T/bench.err" || { cat "$T/bench.err" >&2; exit 1; }
	awk -v name="$name" -v n="$EVENTS" '{ printf "%-28s %6.1f µs a record\n", name, ($1 + $2) * 1e6 / n }' "$T/time"
}
recipe() {
	sqlite3 -bail "$1" <<'END'
CREATE TABLE IF NOT EXISTS order_completed (id TEXT PRIMARY KEY, timestamp TEXT, user_id TEXT, order_id TEXT, total NUMERIC);
CREATE TEMP TABLE line (json TEXT);
.mode ascii
.separator "\037" "\n"
.import "|$HOOKSPOOL cat --event 'Order Completed'" line
INSERT OR IGNORE INTO order_completed SELECT json_extract(json, '$.message_id'), json_extract(json, '$.timestamp'),
  json_extract(json, '$.user_id'), json_extract(json, '$.properties_order_id'), json_extract(json, '$.properties_total') FROM line;
END
}
export -f recipe
export HOOKSPOOL=$S/bin/hookspool
for ((round = 1; round <= ROUNDS; round++)); do
	rm -f ./*.db*
	cost 'load, batches of 5000' "${OWNER[@]}" "$S/bin/hookspool-load" --once --to "sqlite:$S/run/a.db" --name "a$round"
	cost 'load, batches of 1000' "${OWNER[@]}" "$S/bin/hookspool-load" --once --batch 1000 --to "sqlite:$S/run/b.db" --name "b$round"
	cost 'load, batches of 100' "${OWNER[@]}" "$S/bin/hookspool-load" --once --batch 100 --to "sqlite:$S/run/c.db" --name "c$round"
	cost 'the recipe, 5 columns' bash -c "recipe $S/run/d.db"
done
