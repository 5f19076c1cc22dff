#!/bin/bash
# kill_syscall.sh: SIGKILL before every system call of the acknowledging path, whatever the
# spool was like; then the same request again, as Segment sends it. (The entry of the next
# call is "after" the one before.)
. "$(dirname "$0")/sweep.sh"

sweep_setup
calls=0 survived=0
for condition in ${ONLY-$CONDITIONS}; do
	bad=0
	path_calls "$condition" >"$T/calls"
	while read -r call n; do
		meet "$condition" "$call" "$n" signal=SIGKILL || bad=$((bad + 1))
		calls=$((calls + 1))
		[ "$FIRST" = 000 ] || { survived=$((survived + 1)); echo "# $condition: $call $n did not hit: $FIRST"; }
	done <"$T/calls"
	is "$condition: killed before each of $(wc -l <"$T/calls") calls: none lost, none twice, service continues" "$bad" 0
done
is "there were calls to be killed at" "$((calls > 100))" 1
# the answer is complete before the last call returns; the rest must have hit
is "the kills hit" "$((survived <= calls / 50))" 1
figure "killed before $calls system calls of the acknowledging path"
done_testing
