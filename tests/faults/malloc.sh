#!/bin/bash
# malloc.sh: every allocation of a request with 70 events fails, once and from then on for good:
# no crash, no leak, no false 200, and the same request is taken afterwards. The program's own
# allocations fail in a build with the address sanitizer (HS_MALLOC: its directory); with
# FULL=1 those of the libraries fail, too, which are a hundred times as many.
. "$(dirname "$0")/lib.sh"

HS_MALLOC=${HS_MALLOC:-$HS_BUILD/malloc}
[ -e "$HS_MALLOC/hookspool.fcgi" ] || give_up "no sanitized build in $HS_MALLOC"
place_make 'rotate_size = 8K'
batch_body many 1 70
seq -f 'b-%.0f' 1 70 >"$T/ledger"
touch "$S/run/count"
chmod 666 "$S/run/count"

# fail N ON ENVIRONMENT...: one case; PROBLEM says what is wrong, if anything is.
fail() {
	local n=$1 on=$2 first exit said
	shift 2
	PROBLEM=
	spool_clear
	one many env "$@" FAIL_AT="$n" FAIL_ON="$on"
	first=$STATUS exit=$EXIT
	# 71 (EX_OSERR) without an answer is all that can be done before there is any memory
	case $exit in 0 | 71 | 78) ;; *) PROBLEM="exit $exit" ;; esac
	case $first in
	200)
		said=$("$COUNT" "$SPOOL_DIR" "$T/ledger") || PROBLEM="$PROBLEM; false 200: $said"
		taken=$((taken + 1))
		;;
	000 | 500 | 503) ;;
	*) PROBLEM="$PROBLEM; answered $first" ;;
	esac
	one many
	[ "$STATUS" = 200 ] || PROBLEM="$PROBLEM; then $STATUS"
	said=$("$COUNT" "$SPOOL_DIR" "$T/ledger") || PROBLEM="$PROBLEM; $said"
	[ -z "$PROBLEM" ]
}

# sweep NAME ENVIRONMENT...
sweep() {
	local name=$1 n on count bad=0
	shift
	taken=0
	spool_clear
	one many env "$@" FAIL_COUNT="$S/run/count"
	count=$(<"$S/run/count")
	is "$name: a request makes allocations" "$((count > 20)) $STATUS" '1 200'
	for ((n = 1; n <= count; n++)); do
		for on in 0 1; do
			fail "$n" "$on" "$@" && continue
			bad=$((bad + 1))
			[ "$bad" -gt 20 ] ||
				printf '# %s: allocation %d, for good %d: %s\n' "$name" "$n" "$on" "$PROBLEM"
		done
	done
	is "$name: $count allocations fail, once and for good" "$bad" 0
	is "$name: failures are felt" "$((taken < 2 * count))" 1
	figure "$name: $count allocations × once and for good: $bad crashes, leaks or false 200s"
}

if [ -n "${FULL-}" ]; then
	cp "$HS_BUILD/failmalloc.so" "$S/bin/failmalloc.so"
	chmod 755 "$S/bin/failmalloc.so"
	sweep 'with the libraries' LD_PRELOAD="$S/bin/failmalloc.so"
fi
rm "$S/bin/hookspool.fcgi"
cp "$HS_MALLOC/hookspool.fcgi" "$S/bin/hookspool.fcgi"
chmod 755 "$S/bin/hookspool.fcgi"
sweep 'its own, sanitized' ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99
done_testing
