#!/bin/bash
# hookspool ship into a cluster: kills of ship, of a node, of a majority; a duplicate window that is shorter than the
# pauses between two ships; a stream that forgets. Each replica must have each record once.
#
# KILLS, NODE_KILLS and GAPS (pauses of 3 s among the kills) set how much of that there is. NATS_SERVER=/path takes
# another server.
. "$(dirname "$0")/lib.sh"
need_ship

KILLS=${KILLS:-20}
NODE_KILLS=${NODE_KILLS:-5}
GAPS=${GAPS:-$((KILLS < 3 ? KILLS : 3))}
BATCH=${BATCH:-1000} # records between two kills

# due N OF I: true N times while I goes from 1 to OF.
due() { [ $(($3 * $1 / $2)) -gt $((($3 - 1) * $1 / $2)) ]; }

at_end() { (hs stats --json; jq -e '[.cursors[] | select(.name == "ship") | .records] == [0]' <<<"$OUT"); }

# node_kill: a node dies while ship is at work, and starts again when ship has come to the end without it.
node_kills=0
node_kill() {
	local node=${NODES[RANDOM % 3]} sequence
	sequence=$(stored)
	add "$BATCH"
	ship_start --quiet --ack-wait 1s
	wait_for 60 has_stored "$sequence" || not_ok 'ship sends'
	nats_end "$node" KILL
	add "$BATCH"
	wait_for 120 at_end || not_ok "ship comes to the end without node $node" "$(tail -n 5 "$T/follow.err")"
	kill -9 "$SHIP"
	wait "$SHIP" 2>/dev/null
	# a server of 2.10 may take its time to catch up without new messages
	nats_launch "$node" && nats_learn "$node" && wait_for 120 nats_healthy "$node" || not_ok "node $node comes back" "$(tail -n 5 "$T/nats-$node/log")"
	node_kills=$((node_kills + 1))
}
has_stored() { [ "$(stored)" -gt $(($1 + 1)) ]; }

# stored: the last sequence, as far as a node tells.
stored() {
	local node
	for node in "${NODES[@]}"; do last_sequence "$node"; done | sort -n | tail -n 1
}

# ship_kill: kills ship at a random time: every other time from its start on, and otherwise when it has asked the stream.
struck=0 # kills after something was stored
ship_kill() {
	local sequence
	sequence=$(stored)
	ship_start --quiet --ack-wait 1s
	[ $((KILLED % 2)) -eq 0 ] || wait_for 20 has_stored $((sequence - 1))
	sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
	kill -9 "$SHIP" && KILLED=$((KILLED + 1))
	wait "$SHIP" 2>/dev/null
	! has_stored "$sequence" || struck=$((struck + 1))
}

# kills: with a window of one second.
kills() {
	for ((KILLED = 0; KILLED < KILLS; )); do
		add "$BATCH"
		ship_kill
		! due "$NODE_KILLS" "$KILLS" "$KILLED" || node_kill
		! due "$GAPS" "$KILLS" "$KILLED" || sleep 3
	done
	check 'ship was killed at work' [ "$struck" -gt 0 ]
	all_shipped 'and comes to the end' --ack-wait 1s
	printf '# figure: %s kills of ship, %s of them at work, %s of nodes, %s records\n' "$KILLED" "$struck" "$node_kills" "$EVENTS"
}

# quorum: two nodes are away for three seconds, while ship is connected to the cluster.
quorum() {
	ship_start --ack-wait 1s
	wait_for 60 at_end
	nats_end a KILL
	nats_end b KILL
	for _ in 1 2 3; do
		add "$BATCH"
		sleep 1
	done
	check 'ship waits while there is no quorum' alive "$SHIP"
	nats_launch a && nats_launch b && nats_learn a && nats_learn b || give_up 'the nodes start again'
	check 'and goes on when there is one' wait_for 120 at_end
	end_process "$SHIP" || not_ok 'ship ends'
}

# forget: the nodes get the disks of earlier.
forget() {
	local node
	for node in "${NODES[@]}"; do cp -a "$T/nats-$node/store" "$T/nats-$node/earlier"; done
	nodes_start || give_up 'the nodes start again'
	add "$BATCH"
	all_shipped 'more records'
	nodes_end KILL
	for node in "${NODES[@]}"; do
		rm -rf "$T/nats-$node/store"
		mv "$T/nats-$node/earlier" "$T/nats-$node/store"
	done
	nodes_start || give_up 'the nodes start with the disks of earlier'
	add "$BATCH"
	all_shipped 'ship comes to the end'
	check 'and says that the stream forgot' grep -q 'the stream forgot what it had acknowledged' "$T/ships.err"
}

# judged WHAT: the judge can find fault.
judged() {
	python3 "$ROOT/tests/ship/judge.py" "$T/other" "$T/nats-a/store" >"$T/verdict"
	is "the judge finds what is $1" "$(grep -c "$1 1\b" "$T/verdict")" 1
}

nats_cluster "${NODES[@]}" || give_up 'the cluster starts'
spool_make
add 1000
all_shipped 'a stream with a window of one second' --create --window 1s
kills
quorum
judge 'after kills and without a quorum'
forget
judge 'a stream that forgot'
sed '2d' "$T/lines" >"$T/other"
judged altered
{ cat "$T/lines"; echo '{"message_id":"e-0"}'; } >"$T/other"
judged lost
done_testing
