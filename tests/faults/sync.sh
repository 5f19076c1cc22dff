#!/bin/bash
# sync.sh: a sync fails, or its process is killed in it, and no process that needs it answers
# 200: the leader, a follower that waits for the leader's sync, and the next process that opens
# the spool. The failure is made by strace; writeback.sh, which needs root, makes a real one.
. "$(dirname "$0")/lib.sh"

need strace
need_root # strace -P
DELAY_US=1500000 # long enough for the others to come, and shorter than the four seconds that they wait
[ "$(slowness)" -eq 1 ] || DELAY_US=3000000
LIMIT=12 # a program in an endless loop shall not take long
place_make
bodies_make 4
batch_body many 1 70

written() { grep -q '"message_id":"b-70"' "$SPOOL"; }
joined() { grep -q '"message_id":"m-3"' "$SPOOL"; }

# kill_leader PID: kills it once there is a follower. (strace does not kill after a delay.)
kill_leader() { wait_for 5 joined && kill -9 "$1"; }

# fail_sync NAME FAULT: the fault of the leader's sync, '': it is killed. 70 events by the leader, one by a follower; then all of them again.
fail_sync() {
	local name=$1 fault=$2
	spool_clear
	one 1
	(
		ANSWER=$T/leader
		one many strace -qq -o /dev/null -e inject="fdatasync:delay_enter=$DELAY_US$fault"
		echo "$STATUS" >"$T/leader.status"
	) &
	wait_for 5 written || not_ok "$name: the leader writes"
	[ -n "$fault" ] || kill_leader "$(workers)" &
	one 3
	wait
	is "$name: the leader is not answered 200" "$(grep -c 200 "$T/leader.status")" 0
	is "$name: the follower is answered 503" "$STATUS" 503
	one 4
	is "$name: the next is served" "$STATUS" 200
	one many
	is "$name: the same again" "$STATUS" 200
	one 3
	is "$name: the follower's again" "$STATUS" 200
	{ seq -f 'b-%.0f' 1 70; printf 'm-%d\n' 1 3 4; } >"$T/ledger"
	count_check "$name: each event once" "$T/ledger"
	check "$name: hookspool verify finds nothing" tool verify
	figure "$name: false 200s $(grep -c 200 "$T/leader.status"), lost $(number lost "$COUNTED"), twice $(number twice "$COUNTED")"
}

fail_sync 'sync fails' :error=EIO:when=1
fail_sync 'sync fails for good' :error=EIO:when=1+
fail_sync 'leader killed in its sync' ''

held() { # the process that strace holds in its write
	local pid
	for pid in $(workers); do
		grep -q '^TracerPid:.0$' "/proc/$pid/status" || echo "$pid"
	done 2>/dev/null
}

in_spool() { grep -q "\"message_id\":\"$1\"" "$SPOOL"; }

# A storm of writers that are killed when they have written and not synced: processes that wait for the
# lock meanwhile, and those after them, all answer 200. (A killed process exists until the end of the
# delay.)
ROUNDS=$(size 6 40)
bodies_make $((3 * ROUNDS))
spool_clear
: >"$T/ledger"
for ((round = 0; round < ROUNDS; round++)); do
	dies=$((3 * round + 1))
	(ANSWER=$T/dies one $dies strace -qq -o /dev/null -P "$SPOOL" -e inject=pwrite64:delay_exit=1500000) &
	wait_for 5 in_spool "m-$dies" || not_ok "round $round: the line is written"
	for other in $((dies + 1)) $((dies + 2)); do
		(ANSWER=$T/answer.$other one $other; echo "$STATUS m-$other" >>"$T/storm") &
	done
	sleep 0.2 # for the others to come: what is asserted holds without them, too
	kill -9 $(held)
	wait
	one $dies
	echo "$STATUS m-$dies" >>"$T/storm"
done
refused=$(grep -vc '^200 ' "$T/storm")
is "killed before their syncs: no other writer is refused" "$refused" 0
sed -n 's/^200 //p' "$T/storm" >"$T/ledger"
count_check 'killed before their syncs: each event once' "$T/ledger"
is 'killed before their syncs: no segment is set aside' "$(ls "$SPOOL_DIR" | grep -c '^events-')" 0
figure "writers killed before their sync: $ROUNDS, others refused: $refused"
done_testing
