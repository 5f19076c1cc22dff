#!/bin/bash
# errno_syscall.sh: every system call of the acknowledging path fails, with each plausible
# errno, once and from then on for good. An answer 200 must be true (judge.awk), and with the
# fault gone the same request must be taken. Compactly: every call, one errno each in turn.
# ONLY=CONDITION and CALL=NAME look at less.
. "$(dirname "$0")/sweep.sh"

# plausible CALL: its errnos. EINTR for good is none: a call that is interrupted is made again.
plausible() {
	case $1 in
	openat) echo EIO ENOSPC EDQUOT ENOMEM EMFILE ENFILE EACCES EROFS EINTR ;;
	mkdirat) echo EIO ENOSPC EDQUOT EACCES EROFS ;;
	newfstatat) echo EIO ENOMEM EACCES ;;
	fstatfs | statfs) echo EIO ENOSYS EINTR ;;
	flock) echo ENOLCK EAGAIN EIO EINTR ;;
	mmap) echo ENOMEM EAGAIN ENODEV EACCES ;;
	fallocate) echo ENOSPC EDQUOT EIO EOPNOTSUPP ENOSYS EFBIG EINTR ;;
	pwrite64 | pwritev) echo EIO ENOSPC EDQUOT EFBIG EINTR ;;
	fdatasync | fsync) echo EIO ENOSPC EDQUOT EROFS EINTR ;;
	renameat | unlinkat | linkat) echo EIO ENOSPC EACCES EROFS ;;
	read | pread64 | getdents64) echo EIO ENOMEM EINTR ;;
	ftruncate) echo EIO EROFS EINTR ;;
	fchmod) echo EIO EPERM EROFS ;;
	lseek | fcntl | munmap) echo EINVAL ;;
	close) echo EIO EINTR ;;
	brk) ;; # fails by answering the old end, which strace cannot; malloc.sh has what follows
	poll) echo EINTR ENOMEM ;;
	write | writev) echo EPIPE EIO EINTR ;;
	getrandom) echo ENOSYS EINTR ;;
	futex) ;; # glibc aborts on errors that it calls impossible
	madvise | mprotect) echo ENOMEM ;;
	esac
}

# some WORD...: all of them, or one in turn.
turn=0
some() {
	if [ -n "${FULL-}" ]; then echo "$@"; else shift $((turn % $#)); echo "$1"; fi
}

sweep_setup
cases=0 refused=0 acknowledged=0
for condition in ${ONLY-$(size 'fresh next rotate failed' "$CONDITIONS")}; do
	bad=0
	path_calls "$condition" >"$T/calls"
	while read -r call n; do
		errnos=$(plausible "$call")
		[ -n "$errnos" ] && [ "${CALL-$call}" = "$call" ] || continue
		for errno in $(some $errnos); do
			for when in $(some "$n" "$n+"); do
				[ "$errno $when" != "EINTR $n+" ] || continue
				meet "$condition" "$call" "$when" "error=$errno" || bad=$((bad + 1))
				cases=$((cases + 1))
				case $FIRST in 200) acknowledged=$((acknowledged + 1)) ;; *) refused=$((refused + 1)) ;; esac
			done
		done
		turn=$((turn + 1))
	done <"$T/calls"
	is "$condition: $(wc -l <"$T/calls") calls fail: no false 200, service returns" "$bad" 0
done
is 'faults were felt' "$((refused > 0))" 1
figure "$cases failing calls: $refused refused, $acknowledged acknowledged all the same, and durable"
done_testing
