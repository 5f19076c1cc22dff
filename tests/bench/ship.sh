#!/bin/bash
# hookspool ship beside the least publisher (publish.c) to the same servers, in pairs: records per second, and the ratio
# of each pair. ROUNDS, RECORDS; records of some 860 bytes, 512 in flight, one replica and three. Then the events that the
# receiver takes in SECONDS with ship at work and without: ship as its unit runs it, and a scripted server in the place of
# others' machines, so with the time that is left.
. "$(dirname "$0")/../ship/lib.sh"
need_ship

ROUNDS=${ROUNDS:-5}
RECORDS=${RECORDS:-50000}
SECONDS_EACH=${SECONDS_EACH:-5}
WINDOW=512

# events: RECORDS more, which are lines of some 860 bytes in the spool.
events_add() {
	awk -v from="$EVENTS" -v n="$RECORDS" 'BEGIN { x = sprintf("%600s", ""); gsub(/ /, "x", x); for (i = from + 1; i <= from + n; i++)
		printf "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u-%d\",\"messageId\":\"e-%d\",\"timestamp\":\"2026-11-23T10:15:00.000Z\",\"properties\":{\"total\":%d,\"text\":\"%s\"}}\n",
			i % 97, i, i, x }' >"$T/add.jsonl"
	chmod 644 "$T/add.jsonl"
	EVENTS=$((EVENTS + RECORDS))
	hs import "$T/add.jsonl"
	[ "$CODE" = 0 ] || give_up "$(cat "$T/err")"
}

# limit_make REPLICAS: the stream of the publisher.
limit_make() {
	python3 - "$ROOT/tests/ship" "${NATS_URL[a]}" "$1" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from subjects import request
		made = request(sys.argv[2], "$JS.API.STREAM.CREATE.limit", {"name": "limit", "subjects": ["limit.>"], "storage": "file",
		    "num_replicas": int(sys.argv[3]), "discard": "new", "duplicate_window": 120 * 10**9})
		sys.exit("error" in made)
	END
}

# pair N: one after the other, in alternating order.
pair() {
	local ship limit start
	events_add
	lines_of_spool | tail -n "$RECORDS" >"$T/lines"
	for who in $([ $(($1 % 2)) = 0 ] && echo ship limit || echo limit ship); do
		if [ "$who" = limit ]; then
			limit=$("$HS_BUILD/bench/publish" "${NATS_URL[a]##*:}" limit.acme.track $WINDOW "$1" <"$T/lines") || give_up 'the publisher ends'
		else
			start=$EPOCHREALTIME
			ship --once --quiet --in-flight $WINDOW
			[ "$CODE" = 0 ] || give_up "$(cat "$T/ship.err")"
			ship=$((RECORDS * 1000 / $(since "$start")))
		fi
	done
	show "$ship" "$limit"
}

# show A B: a row. median: that of the ratios, of all rows since `begin HEADING`.
begin() {
	echo "$1"
	: >"$T/pairs"
}
show() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%8d %8d  %.2f\n", a, b, a / b }' | tee -a "$T/pairs"; }
median() { printf 'median ratio, %s: %s (least %s)\n' "$1" "$(ratio $(((ROUNDS + 1) / 2)))" "$(ratio 1)"; }
ratio() { awk '{ print $3 }' "$T/pairs" | sort -n | sed -n "$1p"; }

# taken: events that the receiver has answered 200, a second.
taken() { "$HS_BUILD/bench/load" --port "$http_port" --secret "$SECRET" --seconds "$SECONDS_EACH" "$ROOT/tests/bench/event.json" | jq .events_per_second; }

# intake N: without ship and with it, in alternating order.
intake() {
	local alone beside
	[ $(($1 % 2)) = 0 ] || alone=$(taken)
	ship_start --quiet
	renice -n 10 "$SHIP" >/dev/null
	beside=$(taken)
	kill -KILL "$SHIP"
	wait "$SHIP" 2>/dev/null
	[ $(($1 % 2)) = 1 ] || alone=$(taken)
	show "$beside" "$alone"
}

for replicas in 1 3; do
	nats_cluster "${NODES[@]}" || give_up 'the cluster starts'
	spool_make
	wait_for 30 limit_make $replicas || give_up 'the stream limit is made'
	wait_for 60 ships_all --create --replicas $replicas || give_up "$(cat "$T/ship.err")"
	begin "    ship    limit  ratio   (R$replicas, records/s)"
	for ((round = 1; round <= ROUNDS; round++)); do pair "$round"; done
	median "R$replicas"
	nodes_end KILL
	rm -rf "$T"/nats-*
done

SETTINGS='compress = none'
server_start lighttpd-fcgi
cp "$SHIP_PROGRAM" "$HS_BUILD/hookspool" "$S/bin"
fake_nats || give_up "$(cat "$T/fake.log")"
renice -n 19 "$FAKE_PID" >/dev/null
NATS_URL=([fake]=$FAKE_URL)
begin '    with    alone  ratio   (events/s that the receiver takes)'
for ((round = 1; round <= ROUNDS; round++)); do intake "$round"; done
median 'intake'
hs stats --json
printf 'ship has sent all but %s of %s records\n' "$(jq '.cursors[] | select(.name == "ship") | .records' <<<"$OUT")" "$(cat "$S"/spool/events*.jsonl | wc -l)"
