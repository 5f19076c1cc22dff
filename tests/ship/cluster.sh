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
BATCH=${BATCH:-400} # records between two kills

# due N OF I: true N times while I goes from 1 to OF.
due() { [ $(($3 * $1 / $2)) -gt $((($3 - 1) * $1 / $2)) ]; }

# node_kill: another node than the last one, which is started again first.
down='' node_kills=0
node_up() {
	[ -n "$down" ] || return 0
	nats_run "$down" || not_ok "node $down comes back" "$(tail -n 5 "$T/nats-$down/log")"
	down=
}
node_kill() {
	node_up
	down=${NODES[RANDOM % 3]}
	nats_end "$down" KILL
	node_kills=$((node_kills + 1))
}

nats_cluster "${NODES[@]}" || give_up 'the cluster starts'

### Kills, with a window of one second ####################################
spool_make
add 1000
all_shipped 'a stream with a window of one second' --create --window 1s
SHIPS=(--once --quiet --ack-wait 1s)
for ((rounds = 0; KILLED < KILLS && rounds < 20 * KILLS; rounds++)); do
	before=$KILLED
	[ $((rounds % 4)) -ne 0 ] || add "$BATCH"
	ship_start "${SHIPS[@]}"
	kill_midway "$SHIP"
	[ "$KILLED" -gt "$before" ] || continue
	add "$BATCH"
	! due "$NODE_KILLS" "$KILLS" "$KILLED" || node_kill
	! due "$GAPS" "$KILLS" "$KILLED" || sleep 3
done
is 'ship was killed' "$KILLED" "$KILLS"
node_up
all_shipped 'and comes to the end' --ack-wait 1s
printf '# figure: %s kills of ship, %s of nodes, %s records\n' "$KILLED" "$node_kills" "$EVENTS"

### No quorum #############################################################
add "$BATCH"
ship_start --ack-wait 1s
nats_end a KILL
nats_end b KILL
for _ in 1 2 3; do
	add "$BATCH"
	sleep 1
done
check 'ship waits while there is no quorum' alive "$SHIP"
nats_launch a && nats_launch b && nats_learn a && nats_learn b
at_end() { (hs stats --json; jq -e '[.cursors[] | select(.name == "ship") | .records] == [0]' <<<"$OUT"); }
check 'and goes on when there is one' wait_for 120 at_end
end_process "$SHIP" || not_ok 'ship ends'
judge 'after kills and without a quorum'

### A stream that forgets #################################################
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
judge 'a stream that forgot'

### The judge #############################################################
sed '2d' "$T/lines" >"$T/other"
python3 "$ROOT/tests/ship/judge.py" "$T/other" "$T"/nats-{a,b,c}/store >"$T/verdict"
is 'the judge finds what is there and was not sent' "$(grep -c 'altered 1$' "$T/verdict")" 3
{ cat "$T/lines"; echo '{"message_id":"e-0"}'; } >"$T/other"
python3 "$ROOT/tests/ship/judge.py" "$T/other" "$T"/nats-{a,b,c}/store >"$T/verdict"
is 'and what is lost' "$(grep -c 'lost 1,' "$T/verdict")" 3
done_testing
