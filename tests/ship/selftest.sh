#!/bin/bash
# A judge must be able to fail: ship with one deliberate defect (defects.c) is caught by the test that claims to watch
# for it, and for that reason.
. "$(dirname "$0")/lib.sh"
need_ship

# catches DEFECT REASON TEST [NAME=VALUE]...: the test fails, and says the reason.
catches() {
	local defect=$1 reason=$2 test=$3
	shift 3
	env SHIP_DEFECT="$defect" SHIP_PROGRAM="$HS_BUILD/ship_defects" "$@" bash "$ROOT/tests/ship/$test.sh" >"$T/said" 2>&1
	if grep -q '^not ok' "$T/said" && grep -qE -- "$reason" "$T/said"; then
		ok "$defect: caught by $test.sh"
		grep -E -- "$reason" "$T/said" | head -n 1 | sed 's/^#* */# /'
	else
		not_ok "$defect: caught by $test.sh" "$(tail -n 30 "$T/said")"
	fi
}

catches no-asking 'doubled [1-9]' cluster ONLY=kills KILLS=4 NODE_KILLS=0 GAPS=4 BATCH=10000
catches zero-trusted '^not ok .*sequence 0 for what is never stored: lost' false_answers
catches cursor-first '^not ok .*no answer, stored or not: lost' false_answers
done_testing
