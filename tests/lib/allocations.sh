# shellcheck shell=bash
# allocations.sh: each allocation of a command fails once, and a quarter of the program's own from then on for good. It
# does not crash or hang; it says so and ends with an error, or does all the same; and after the next run all is as it
# should be. Source it after server.sh.
#
#	allocations_of PROGRAM [OPTION]...    # the program, a copy in S/bin, and options that every run gets
#	BEFORE=… AFTER=…                      # commands: what makes what a run finds, and what prints what there is in the end
#	sweep WHOSE NAME [OPTION]...          # WHOSE: program, or also those of a library, whose file's name begins so
#	CALLS=FAIL_IO sweep …                 # not allocations, but calls that write or speak to a peer
#
# ALLOCATIONS: so many of each command. Only the first of each path of calls counts.
ALLOCATIONS=${ALLOCATIONS:-5}
PATIENCE_S=60 # without memory for good it may wait: it is asked to stop then

allocations_of() {
	ALLOCATES=("$S/bin/$1" "${@:2}")
	cp "$HS_BUILD/failmalloc.so" "$S/bin/"
	chmod 755 "$S/bin/failmalloc.so"
	touch "$S/run/count"
	chmod 666 "$S/run/count"
}

# runs [VARIABLE=VALUE]... -- [OPTION]...: CODE, and what it said in T/run.out and T/run.err.
runs() {
	local environment=()
	while [ "$1" != -- ]; do environment+=("$1"); shift; done
	shift
	( # two shells: the death of the inner one goes to the log
		(as_server_user timeout --preserve-status -k 5 "$PATIENCE_S" env HOOKSPOOL_CONF="$S/hookspool.conf" "${environment[@]}" \
			"${ALLOCATES[@]}" "$@")
		exit $?
	) >"$T/run.out" 2>"$T/run.err" </dev/null
	CODE=$?
}
complain() { printf '# %s, %s of %s: %s: %s\n' "$COMMAND" "$1" "$WHOSE" "$2" "$(tail -n 1 "$T/run.err")"; bad=$((bad + 1)); }

# point N ON [OPTION]...
point() {
	local n=$1 on=$2 place="$1 (for good: $2)"
	shift 2
	"$BEFORE"
	[ "$on" = 0 ] || PATIENCE_S=1
	runs FAIL_IN="$WHOSE" FAIL_PATHS=1 ${CALLS:+$CALLS=1} FAIL_AT="$n" FAIL_ON="$on" LD_PRELOAD="$S/bin/failmalloc.so" -- "$@"
	PATIENCE_S=60
	case $CODE in
	0) ;;
	143) [ "$on" = 1 ] || complain "$place" "exit $CODE: it hangs" ;;
	12[4-9] | 1[3-9]? | 2??) complain "$place" "exit $CODE: a crash, or it hangs" ;;
	*)
		failed=$((failed + 1))
		[ -s "$T/run.err" ] || [ -s "$T/run.out" ] || complain "$place" 'an error without a word'
		;;
	esac
	runs -- "$@"
	[ "$CODE" = 0 ] || complain "$place" "the next run: exit $CODE"
	"$AFTER" >"$T/there"
	cmp -s "$T/expected" "$T/there" ||
		complain "$place" "$(diff "$T/expected" "$T/there" | grep '^[<>]' | head -n 2 | cut -c 1-200 | xargs -0)"
}

sweep() {
	local count n on points=0 bad=0 failed=0
	WHOSE=$1 COMMAND=$2
	shift 2
	"$BEFORE"
	runs FAIL_IN="$WHOSE" FAIL_PATHS=1 ${CALLS:+$CALLS=1} FAIL_COUNT="$S/run/count" LD_PRELOAD="$S/bin/failmalloc.so" -- "$@"
	count=$(<"$S/run/count")
	[ "$CODE" = 0 ] || complain 0 "exit $CODE with enough memory"
	"$AFTER" >"$T/expected"
	for ((n = 1 + (count > ALLOCATIONS ? RANDOM % (count / ALLOCATIONS) : 0); n <= count; n += count / ALLOCATIONS + 1)); do
		for on in 0 1; do
			[ "$on" = 0 ] || { [ "$WHOSE" = program ] && [ $((n % 4)) = 0 ]; } || continue
			points=$((points + 1))
			point "$n" "$on" "$@"
		done
	done
	is "$COMMAND: $points of $count $([ -n "${CALLS-}" ] && echo calls || echo allocations) of $WHOSE fail: it says so, and after the next run all is there once" \
		"$bad $((points > 0))" '0 1'
	printf '# %s: %s failures were felt\n' "$COMMAND" "$failed"
}
