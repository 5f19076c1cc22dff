#!/bin/bash
# A judge must be able to fail: ship with one deliberate defect (defects.c) is caught by the test that claims to watch
# for it, and for that reason.
. "$(dirname "$0")/lib.sh"
need_ship

# catches DEFECT CASE REASON: the case of false_answers.sh fails, and names how many it has lost and doubled.
catches() {
	local defect=$1 case=$2 reason=$3
	SHIP_DEFECT=$defect SHIP_PROGRAM=$HS_BUILD/ship_defects bash "$ROOT/tests/ship/false_answers.sh" >"$T/said" 2>&1
	if grep -A 1 "^not ok .* - $case: lost, doubled" "$T/said" | grep -qE "got: *$reason$"; then
		ok "$defect: caught"
		sed -n "/^not ok .* - $case: lost/{n;s/^#* */# /p}" "$T/said"
	else
		not_ok "$defect: caught" "$(tail -n 30 "$T/said")"
	fi
}

catches no-asking 'no answer, stored or not' '0 [1-9][0-9]*'
catches zero-trusted 'sequence 0 for what is never stored' '[1-9][0-9]* 0'
catches cursor-first 'no answer, stored or not' '[1-9][0-9]* 0'
done_testing
