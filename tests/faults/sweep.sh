# shellcheck shell=bash
# sweep.sh: one request, met by a fault at one of its system calls, in a spool that is in one
# of several conditions. For kill_syscall.sh and errno_syscall.sh.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

CONDITIONS='fresh next index rotate torn shared failed killed'
LOOK='openat,unlinkat,renameat,pwrite64,fdatasync,fsync,writev'
TRACE="strace -f -qq -y -s 200000"

sweep_setup() {
	need strace
	need_root # strace -y
	place_make 'rotate_size = 8K'
	bodies_make 4
	batch_body many 1 70
	batch_body few 1 3
	touch "$S/run/trace" "$S/run/trace2"
	chmod 666 "$S/run/trace" "$S/run/trace2"
}

# spool_prepare CONDITION: what the request finds.
spool_prepare() {
	exec 9<&-
	spool_clear
	case $1 in
	fresh) ;;
	next) one 1 ;;
	index) settings_write 'min_free = 0' 'compress = none' 'log_level = warn'; one many ;;
	rotate) one many ;;
	torn) one 1; printf '{"type":"tra' >>"$SPOOL" ;;
	shared) one 1; exec 9<"$SPOOL_DIR"; flock -s 9 ;;
	failed) one 1; one 3 strace -qq -o /dev/null -e inject=fdatasync:error=EIO:when=1+ ;;
	killed) one 1; one 3 strace -qq -o /dev/null -e inject=fdatasync:signal=SIGKILL ;;
	esac
}

# path_calls CONDITION: "CALL N" for each system call of the acknowledging path, from the first
# one that touches the spool to the end of the answer; it is the N-th CALL of its process.
path_calls() {
	spool_prepare "$1"
	one 2 strace -qq -y -s 10 -o "$S/run/trace"
	awk -v spool="$SPOOL_DIR" -F'[(]' '
		{ n[$1]++ }
		index($0, spool) && !begun { begun = 1 }
		begun && !ended && /^[a-z0-9_]+\(/ { print $1, n[$1] }
		/^writev\(1</ { ended = 1 }' "$S/run/trace"
}

# meet CONDITION CALL WHEN ACTION: the request with the fault (FIRST is its status), and again
# without (SECOND). PROBLEM says what is wrong, if anything is.
meet() {
	local status
	PROBLEM=
	spool_prepare "$1"
	: >"$S/run/trace"
	: >"$S/run/trace2"
	one 2 $TRACE -o "$S/run/trace" -e trace="$LOOK,$2" -e inject="$2:$4:when=$3"
	FIRST=$STATUS FIRST_EXIT=$EXIT
	one 2 $TRACE -o "$S/run/trace2" -e trace="$LOOK"
	SECOND=$STATUS
	exec 9<&-
	if [ "$FIRST_EXIT" -gt 128 ] && [ "$4" != signal=SIGKILL ]; then
		PROBLEM="crash or hang: exit $FIRST_EXIT"
	fi
	[ "$SECOND" = 200 ] || PROBLEM="$PROBLEM; service does not return: $SECOND"
	status=$({ echo '# request m-2'; cat "$S/run/trace"; echo '# request m-2'
		cat "$S/run/trace2"; } | awk -f "$ROOT/tests/faults/judge.awk") ||
		PROBLEM="$PROBLEM; $status"
	echo m-2 >"$T/ledger"
	status=$("$COUNT" "$SPOOL_DIR" "$T/ledger") || PROBLEM="$PROBLEM; $status"
	if [ -n "$PROBLEM" ]; then
		printf '# %s, %s %s when=%s: first %s, then %s: %s\n' "$1" "$2" "$4" "$3" "$FIRST" "$SECOND" "$PROBLEM"
		[ -z "${SHOW-}" ] || sed 's/^/#   /' "$S/run/trace" "$S/run/trace2"
	fi
	[ -z "$PROBLEM" ]
}
