# shellcheck shell=bash
# lib.sh: a spool, hookspool ship and a cluster of three nats-servers, a, b and c. Source it first of all; it brings
# server.sh and nats.sh. SHIP_PROGRAM is the program, NATS_SERVER that of the nodes.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/server.sh"
. "$ROOT/tests/lib/nats.sh"

SHIP_PROGRAM=${SHIP_PROGRAM:-$HS_BUILD/hookspool-ship}
NODES=(a b c)
EVENTS=0 # events in the spool, e-1 and so on
SHIP=    # the process id of the one in the background

# need_ship: skips the script if a program is missing.
need_ship() {
	local program
	for program in "$SHIP_PROGRAM" "$NATS_SERVER" python3; do
		command -v "$program" >/dev/null && continue
		echo "ok 1 - # SKIP there is no $program"
		echo 1..1
		exit 0
	done
}

# spool_make [SETTING]...: an empty spool in S, and the commands.
spool_make() {
	directory_make
	settings_write 'auth = none' 'min_free = 0' 'compress = none' "$@"
	cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
	cp "$SHIP_PROGRAM" "$S/bin/hookspool-ship"
	EVENTS=0
}

# add N: that many more events.
add() {
	seq -f "%.0f" $((EVENTS + 1)) $((EVENTS + $1)) | awk '{
		printf "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u-%d\",\"messageId\":\"e-%d\",\"properties\":{\"total\":%d}}\n",
			$1 % 97, $1, $1 }' >"$T/add.jsonl"
	chmod 644 "$T/add.jsonl"
	EVENTS=$((EVENTS + $1))
	hs import "$T/add.jsonl"
	[ "$CODE" = 0 ] || give_up "$(cat "$T/err")"
}

# lines: the records of the spool, as they are.
lines_of_spool() { cat "$S"/spool/events*.jsonl; }

# servers: the nodes, as --to has them.
servers() { local IFS=,; echo "${NATS_URL[*]}"; }

# ship [OPTION]...: in the foreground; CODE, and T/ships.err has what all of them said. ship_start: in the background.
ship_command() { as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-ship" --old-server --to "$(servers)" "$@"; }
ship() {
	(ship_command "$@") >"$T/ship.out" 2>"$T/ship.err" </dev/null
	CODE=$?
	cat "$T/ship.err" >>"$T/ships.err"
}
ship_start() {
	(ship_command "$@") >>"$T/follow.out" 2>>"$T/follow.err" </dev/null &
	SHIP=$!
}
ships_all() { ship --once --quiet "$@" && [ "$CODE" = 0 ]; }

# all_shipped NAME [OPTION]...: tries until ship is at the end of the spool.
all_shipped() {
	local name=$1
	shift
	if wait_for 120 ships_all "$@"; then ok "$name"; else not_ok "$name" "exit $CODE" "$(tail -n 5 "$T/ship.err")"; fi
}

# last_sequence NODE: of its own replica.
last_sequence() { curl -s --max-time 5 "${NATS_HTTP[$1]}/jsz?streams=1" | jq '[.account_details[]?.stream_detail[]?.state.last_seq] | max'; }
are_level() {
	local a
	a=$(last_sequence a)
	[ -n "$a" ] && [ "$a" != null ] && [ "$(last_sequence b)" = "$a" ] && [ "$(last_sequence c)" = "$a" ]
}

nodes_end() { for node in "${NODES[@]}"; do nats_end "$node" "${1-TERM}"; done; }
nodes_start() {
	local node
	for node in "${NODES[@]}"; do nats_launch "$node"; done
	for node in "${NODES[@]}"; do nats_learn "$node" || return; done
	for node in "${NODES[@]}"; do wait_for 60 nats_healthy "$node" || return; done
}

# judge NAME: ends the nodes when their replicas are level, and reads what each has. T/verdict. The replicas of 2.9 may
# differ, because each judges duplicates by its own clock: there, what two of three nodes have is the stream.
judge() {
	local name=$1 node exact=0
	wait_for 60 are_level
	nodes_end
	lines_of_spool >"$T/lines"
	python3 "$ROOT/tests/ship/judge.py" "$T/lines" "$T"/nats-{a,b,c}/store >"$T/verdict" 2>&1
	if [[ $("$NATS_SERVER" --version) == *v2.9.* ]]; then
		exact=$(grep -c "^nats-.: records $EVENTS, lost 0, doubled 0, altered 0$" "$T/verdict")
		check "$name: what most nodes have" [ "$exact" -ge 2 ]
	else
		for node in "${NODES[@]}"; do
			is "$name: node $node" "$(grep "^nats-$node: " "$T/verdict")" "nats-$node: records $EVENTS, lost 0, doubled 0, altered 0"
		done
		is "$name: replicas" "$(tail -n 1 "$T/verdict")" 'replicas alike'
	fi
	sed 's/^/# /' "$T/verdict"
}
