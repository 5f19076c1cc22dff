#!/bin/bash
# selftest.sh: a harness must be able to fail. Builds of the program with one deliberate defect
# each (common/base/defect.h; HS_DEFECTS/1, HS_DEFECTS/2 … are their directories) must be
# caught by the harness that claims to watch for it, and for that reason.
. "$(dirname "$0")/lib.sh"

HS_DEFECTS=${HS_DEFECTS:-$HS_BUILD/defect}
caught=0 expected=0

# catches NUMBER DEFECT REASON HARNESS [NAME=VALUE]...: the harness fails, and says the reason.
catches() {
	local number=$1 defect=$2 reason=$3 harness=$4
	shift 4
	expected=$((expected + 1))
	env HS_BUILD="$HS_DEFECTS/$number" "$@" bash "$ROOT/tests/faults/$harness.sh" >"$T/said" 2>&1
	if grep -q '^not ok' "$T/said" && grep -qE -- "$reason" "$T/said"; then
		ok "$defect: caught by $harness.sh"
		grep -E -- "$reason" "$T/said" | head -n 1 | cut -c 1-200 | sed 's/^#*/# /'
		caught=$((caught + 1))
	else
		not_ok "$defect: caught by $harness.sh" "$(grep -vE '^#  ' "$T/said" | tail -n 20)"
	fi
}

catches 1 'no sync' 'not on stable storage' errno_syscall ONLY=next CALL=pwrite64
catches 1 'no sync' 'leader is not answered 200' sync
catches 2 'index before sync' 'lost [1-9]' sync
catches 3 'no lock' 'twice [1-9]|lost [1-9]|broken [1-9]|torn [1-9]' writers EVENTS=20000 SECONDS_MOST=20
catches 4 'poison ignored' 'leader is not answered 200' sync
catches 4 'poison ignored' 'not on stable storage' errno_syscall ONLY=next CALL=fdatasync LIMIT=6
if [ "$(id -u)" = 0 ] && command -v qemu-storage-daemon mkfs.ext4 >/dev/null; then
	catches 1 'no sync' 'that no handler had' power_commands ONLY=ext4 SECOND=1 TORN=5
fi
if [ "$(id -u)" = 0 ] && command -v nbdkit nbdfuse mkfs.ext4 >/dev/null; then
	catches 5 'a blind sync believed' 'lost: id: m-2' writeback ONLY=ext4 ROLES=foreign
fi
figure "$caught of $expected: each deliberate defect is caught"
done_testing
