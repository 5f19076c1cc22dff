#!/bin/sh
# Checks the models of the commit protocol and of ship: each protocol holds, and its model finds each defect.
# Speaks TAP. Needs spin and a C compiler, and at most 1.5 GB.
here=$(cd "$(dirname "$0")" && pwd) || exit 2
command -v spin >/dev/null || { echo "1..0 # SKIP spin is not installed"; exit 0; }
model=commit
work=$(mktemp -d "${TMPDIR:-/tmp}/hookspool-model.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
test=0 failed=0

# explore -D...: visits every state that the model can reach, or up to the first error; pan.log has the output.
explore() { # -D...
	spin -a "$@" "$here/$model.pml" > pan.log 2>&1 &&
		${CC:-cc} -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=1500 -DVECTORSZ=256 -o pan pan.c >> pan.log 2>&1 &&
		./pan -m100000 > pan.log 2>&1
}

result() { # WHETHER WHAT
	test=$((test + 1))
	if [ "$1" = 0 ]; then
		echo "ok $test - $2"
	else
		echo "not ok $test - $2"
		sed 's/^/# /' pan.log
		failed=1
	fi
}

figures() {
	awk '/states, stored/ { s = $1 } /elapsed time/ { t = $4 } /total actual memory/ { m = $1 }
	     END { printf "# %s states, %s s, %s MB\n", s, t, m }' pan.log
}

holds() { # WHAT -D...
	what=$1
	shift
	explore "$@" && grep -q 'errors: 0$' pan.log && ! grep -qE 'truncated|max search depth|out of memory|Reached the memory' pan.log
	result $? "$what"
	figures
}

finds() { # WHAT ERROR -D...
	what=$1 error=$2
	shift 2
	explore "$@"
	grep -q 'errors: 1$' pan.log && grep -q "pan:1: $error" pan.log
	result $? "$what"
}

echo 1..35
holds 'three processes, two killed, a failed write-back' -DFAULTS=1 -DROTATIONS=0 -DLOSSES=0
holds 'one killed, a failed write-back, a rotation, a lost state' -DFAULTS=1 -DCRASHES=1
holds 'no kill, two failed write-backs, a rotation' -DFAULTS=2 -DCRASHES=0 -DLOSSES=0
holds 'a kernel that tells one caller alone' -DTOLD_ONCE -DFAULTS=1 -DROTATIONS=0 -DLOSSES=0
finds 'something is acknowledged at all' assertion -DNEVER_200 -DFAULTS=1
finds 'defect: a sync counts for what was written before the file was opened' assertion -DNO_BLIND -DROTATIONS=0 -DLOSSES=0 -DFAULTS=1
finds 'defect: lines that are written again are not checked' assertion -DNO_CHECK -DROTATIONS=0 -DLOSSES=0 -DFAULTS=1
finds 'defect: a file that is found without a state is synced and believed' assertion -DNO_DOUBT -DROTATIONS=0 -DFAULTS=1
finds 'defect: no mark while a sync is under way' assertion -DNO_MARK -DTOLD_ONCE -DFAULTS=1
finds 'defect: a failed sync is forgotten' assertion -DNO_POISON -DFAULTS=1
finds 'defect: synced is published before the sync' assertion -DEARLY_MARK -DFAULTS=1
finds 'defect: the poison goes before the name does' assertion -DLATE_POISON -DNO_DOUBT -DLOSSES=0 -DFAULTS=1
finds 'defect: a segment ends while a leader is at work on it' assertion -DNO_QUIESCE -DFAULTS=1
finds 'defect: locks of a dead process stay taken' 'invalid end state' -DNOT_ROBUST -DFAULTS=1
finds 'defect: no mark, without any rotation or lost state' assertion -DNO_MARK -DTOLD_ONCE -DROTATIONS=0 -DLOSSES=0 -DFAULTS=1

# budget NAME=N...: what may happen in the model of ship, and how often; nothing else does.
budget() {
	for name in KILLS TIMEOUTS CHANGES LOSSES UNSEEN EXPIRIES COPIES FILLS; do
		n=0
		for given; do [ "${given%=*}" != $name ] || n=${given#*=}; done
		printf ' -D%s=%s' $name "$n"
	done
}

# ship_holds WHAT -D… NAME=N..., ship_finds WHAT ERROR -D… NAME=N...
ship_holds() {
	what=$1 records=$2
	shift 2
	# shellcheck disable=SC2046
	holds "ship: $what" "$records" $(budget "$@")
}
ship_finds() {
	what=$1 error=$2 defect=$3
	shift 3
	# shellcheck disable=SC2046
	finds "ship: $what" "assertion violated .*$error" "$defect" $(budget "$@")
}

model=ship
lost=whole doubled='message\[i\]' # words of the two assertions
ship_holds 'a kill, an answer that is late, another leader, a window that ends' -DRECORDS=3 KILLS=1 TIMEOUTS=1 CHANGES=1 EXPIRIES=1
ship_holds 'two kills, and the stream forgets' -DRECORDS=2 KILLS=2 LOSSES=1 EXPIRIES=1
ship_holds 'the stream forgets twice, and others fill it up' -DRECORDS=2 LOSSES=2 FILLS=1 TIMEOUTS=1
ship_holds 'another receiver sends the same event, and the leader changes' -DRECORDS=2 CHANGES=1 COPIES=1 EXPIRIES=1 TIMEOUTS=1
# shellcheck disable=SC2046
holds 'ship: the stream forgets, and the connection does not show it' -DWINDOW=1 -DRECORDS=3 $(budget KILLS=2 LOSSES=1 UNSEEN=1)
ship_holds 'bytes of a dead connection are late, within the window' -DLATE_BYTES KILLS=1
ship_finds 'it comes to the end' base -DNEVER_DONE KILLS=1
ship_finds 'defect: after a kill all from the cursor on is sent' "$doubled" -DNO_ASK KILLS=1 EXPIRIES=1
ship_finds 'defect: what has no answer is sent again' "$doubled" -DNO_ASK TIMEOUTS=1 EXPIRIES=1
ship_finds 'defect: the stream is asked without a barrier' "$doubled" -DNO_BARRIER KILLS=1 EXPIRIES=1
ship_finds 'defect: an answer with sequence 0 is trusted' "$lost" -DZERO_TRUSTED CHANGES=1 COPIES=1
ship_finds 'defect: the cursor passes a record before its answer' "$lost" -DCURSOR_FIRST KILLS=1
ship_finds 'defect: an answer from before the stream forgot counts' "$lost" -DSTALE_ANSWER LOSSES=1 TIMEOUTS=1
ship_finds 'defect: it is not noticed that the stream forgot' "$lost" -DNO_REWIND LOSSES=1
ship_finds 'defect: the cursor goes back in memory alone' "$lost" -DLATE_REWIND LOSSES=1 KILLS=1
ship_finds 'defect: the last sequence alone tells that the stream forgot' "$lost" -DLAST_ALONE LOSSES=1 FILLS=1
# shellcheck disable=SC2046
finds 'ship: defect: the last message is believed' "assertion violated .*$lost" -DNO_WALK -DWINDOW=1 $(budget KILLS=1 LOSSES=1 UNSEEN=1)
# shellcheck disable=SC2046
finds 'ship: what is left: that, and others fill the end' "assertion violated .*$lost" -DWINDOW=1 $(budget KILLS=1 LOSSES=1 UNSEEN=1 FILLS=1)
ship_finds 'what is left: that, and as much is stored before a kill as was forgotten' "$lost" -DRECORDS=2 KILLS=1 LOSSES=1 UNSEEN=1
ship_finds 'what is left: bytes of a dead connection are late, beyond the window' "$doubled" -DLATE_BYTES KILLS=1 EXPIRIES=1
exit $failed
