#!/bin/sh
# Checks the model of the commit protocol: the protocol holds, and each defect is found.
# Speaks TAP. Needs spin and a C compiler, and at most 1 GB.
here=$(cd "$(dirname "$0")" && pwd) || exit 2
command -v spin >/dev/null || { echo "1..0 # SKIP spin is not installed"; exit 0; }
work=$(mktemp -d "${TMPDIR:-/tmp}/hookspool-model.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
test=0 failed=0

# Every state that the model can reach, or up to the first error. Prints the verifier's words.
explore() { # -D...
	spin -a "$@" "$here/commit.pml" > pan.log 2>&1 &&
		${CC:-cc} -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=1000 -DVECTORSZ=256 -o pan pan.c >> pan.log 2>&1 &&
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

echo 1..11
holds 'three processes, two killed, two failed write-backs, a rotation, a lost state'
holds 'four appends, two failed write-backs, a rotation' -DAPPENDS=4 -DCRASHES=0
finds 'something is acknowledged at all' assertion -DNEVER_200
finds 'defect: no mark while a sync is under way' assertion -DNO_MARK
finds 'defect: a failed sync is forgotten' assertion -DNO_POISON
finds 'defect: synced is published before the sync' assertion -DEARLY_MARK
finds 'defect: a file that was found is synced without a mark' assertion -DNO_ADOPT_MARK
finds 'defect: the poison goes before the name does' assertion -DLATE_POISON
finds 'defect: a segment ends while a leader is at work on it' assertion -DNO_QUIESCE
finds 'defect: locks of a dead process stay taken' 'invalid end state' -DNOT_ROBUST
finds 'defect: no mark, without any rotation or lost state' assertion -DNO_MARK -DROTATIONS=0 -DLOSSES=0
exit $failed
