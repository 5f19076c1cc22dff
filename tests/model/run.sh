#!/bin/sh
# Checks the model of the commit protocol: the protocol holds, and the model finds each defect.
# Speaks TAP. Needs spin and a C compiler, and at most 1.5 GB.
here=$(cd "$(dirname "$0")" && pwd) || exit 2
command -v spin >/dev/null || { echo "1..0 # SKIP spin is not installed"; exit 0; }
work=$(mktemp -d "${TMPDIR:-/tmp}/hookspool-model.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
test=0 failed=0

# explore -D...: visits every state that the model can reach, or up to the first error; pan.log has the output.
explore() { # -D...
	spin -a "$@" "$here/commit.pml" > pan.log 2>&1 &&
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
	explore "$@" -DFAULTS=1
	grep -q 'errors: 1$' pan.log && grep -q "pan:1: $error" pan.log
	result $? "$what"
}

echo 1..15
holds 'three processes, two killed, a failed write-back' -DFAULTS=1 -DROTATIONS=0 -DLOSSES=0
holds 'one killed, a failed write-back, a rotation, a lost state' -DFAULTS=1 -DCRASHES=1
holds 'no kill, two failed write-backs, a rotation' -DFAULTS=2 -DCRASHES=0 -DLOSSES=0
holds 'a kernel that tells one caller alone' -DTOLD_ONCE -DFAULTS=1 -DROTATIONS=0 -DLOSSES=0
finds 'something is acknowledged at all' assertion -DNEVER_200
finds 'defect: a sync counts for what was written before the file was opened' assertion -DNO_BLIND -DROTATIONS=0 -DLOSSES=0
finds 'defect: lines that are written again are not checked' assertion -DNO_CHECK -DROTATIONS=0 -DLOSSES=0
finds 'defect: a file that is found without a state is synced and believed' assertion -DNO_DOUBT -DROTATIONS=0
finds 'defect: no mark while a sync is under way' assertion -DNO_MARK -DTOLD_ONCE
finds 'defect: a failed sync is forgotten' assertion -DNO_POISON
finds 'defect: synced is published before the sync' assertion -DEARLY_MARK
finds 'defect: the poison goes before the name does' assertion -DLATE_POISON -DNO_DOUBT -DLOSSES=0
finds 'defect: a segment ends while a leader is at work on it' assertion -DNO_QUIESCE
finds 'defect: locks of a dead process stay taken' 'invalid end state' -DNOT_ROBUST
finds 'defect: no mark, without any rotation or lost state' assertion -DNO_MARK -DTOLD_ONCE -DROTATIONS=0 -DLOSSES=0
exit $failed
