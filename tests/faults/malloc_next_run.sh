#!/bin/bash
# malloc_next_run.sh: allocations of the commands that change or acknowledge something fail, once and from then on for
# good, in a build with the address sanitizer (HS_MALLOC: its directory). A command may fail, but not crash, hang or leak;
# one that ends with 0 has done all of it, and after the next run nothing is lost or doubled.
. "$(dirname "$0")/lib.sh"

HS_MALLOC=${HS_MALLOC:-$HS_BUILD/malloc}
[ -e "$HS_MALLOC/hookspool" ] || give_up "no sanitized build in $HS_MALLOC"
POINTS=${POINTS:-$(size 12 100000)} # of each command, spread over its allocations

place_make 'rotate_min_gap = 0'
sed -i 's/^compress = none/compress = gzip/' "$S/hookspool.conf"
tool help >/dev/null 2>&1 # copies the program
cp "$HS_MALLOC/hookspool" "$S/bin/sanitized"
chmod 755 "$S/bin/sanitized"
touch "$S/run/count" "$S/handled"
chmod 666 "$S/run/count" "$S/handled"
cat >"$S/bin/handler" <<-END
	#!/bin/sh
	exec sed 's/.*"message_id":"\\([^"]*\\)".*/\\1/' >>"$S/handled"
END
cat >"$S/bin/stream" <<-END
	#!/bin/sh
	while read -r line; do printf '%s\\n' "\$line" | "$S/bin/handler" && echo 0; done
END
chmod 755 "$S/bin/handler" "$S/bin/stream"

# What forward posts to; its requests are in posted.
: >"$T/script"
: >"$T/posted"
PORT=$(port_random)
python3 "$ROOT/tests/lib/destination.py" "$PORT" "$T/posted" "$T/script" 2>"$T/destination.err" &
DESTINATION=$!
trap 'kill "$DESTINATION" 2>/dev/null; clean_up' EXIT
wait_for 20 listens "$DESTINATION" "$PORT"
printf 'the shared secret\n' >"$S/secret"
chmod 644 "$S/secret"
COMMANDS='tail each each_stream forward forward_batch import erase repair rotate maintain backup'
"$HS_BUILD/hookspool" forward --to http://127.0.0.1:1/ --config /nowhere 2>&1 | grep -q libcurl && COMMANDS=${COMMANDS//forward*batch /}

arguments() {
	case $1 in
	each) echo "each --once --cursor c --batch 10 --on *=$S/bin/handler" ;;
	each_stream) echo "each --once --cursor c --stream --on *=$S/bin/stream" ;;
	forward) echo "forward --once --cursor c --to http://127.0.0.1:$PORT/in --secret @$S/secret" ;;
	forward_batch) echo "forward --once --cursor c --batch 10 --to http://127.0.0.1:$PORT/in --as segment" ;;
	tail) echo 'tail --cursor c' ;;
	import) echo "import $T/archive" ;;
	erase) echo 'erase --user gone' ;;
	backup) echo "backup $S/run/copy" ;;
	*) echo "$1" ;;
	esac
}

archive() {
	seq "$2" "$3" | sed "s/.*/{\"type\":\"track\",\"event\":\"e\",\"userId\":\"$4\",\"messageId\":\"$5-&\"}/" >"$T/$1"
	chmod 644 "$T/$1"
}
fill() { archive fill "$@" && tool import --again "$T/fill" >/dev/null 2>&1; }

# What each command finds: c-1 to c-30 of a person who stays, in two sealed segments and the open one; beside them
# those of `gone`, for erase.
template_make() {
	spool_clear
	fill 1 10 stays c
	[ "$1" != erase ] || fill 1 5 gone g
	tool rotate >/dev/null
	fill 11 20 stays c
	tool rotate >/dev/null
	fill 21 30 stays c
	[ "$1" != erase ] || fill 6 8 gone g
	seq -f 'c-%.0f' 1 30 | sort >"$T/ledger"
	archive archive 25 40 stays c
	if [ "$1" = import ]; then seq -f 'c-%.0f' 1 40 | sort >"$T/ledger"; fi
	rm -rf "$SPOOL_DIR/.hookspool/run/state" "$T/template"
	cp -a "$SPOOL_DIR" "$T/template"
}
restore() {
	rm -rf "$SPOOL_DIR" "$S/run/copy"
	cp -a "$T/template" "$SPOOL_DIR"
	: >"$S/handled"
	: >"$T/shown"
	: >"$T/posted"
}

# run PROGRAM COMMAND [ENVIRONMENT]...: CODE; what it shows is appended to shown.
run() {
	local program=$1 command=$2
	shift 2
	# shellcheck disable=SC2046
	(set -f; as_server_user env "$@" ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99 timeout -k 2 60 "$S/bin/$program" \
		$(arguments "$command" | sed "s|^[a-z]*|& --config $S/hookspool.conf|")) >"$T/out" 2>"$T/said"
	CODE=$?
	cat "$T/out" >>"$T/shown"
}
complain() { PROBLEM="$PROBLEM; $*"; }

# lacking FILE: the events of the ledger that are in no whole line of it.
lacking() { grep -o 'c-[0-9]*' "$1" | sort -u | comm -13 - "$T/ledger" | xargs; }

# finished COMMAND: what holds after a run that ended with 0.
finished() {
	local said spool=$SPOOL_DIR
	[ "$1" != backup ] || spool=$S/run/copy
	said=$("$COUNT" "$spool" "$T/ledger") || complain "$said"
	case $1 in
	each*) said=$(lacking "$S/handled"); [ -z "$said" ] || complain "never handled: $said" ;;
	forward*) said=$(lacking "$T/posted"); [ -z "$said" ] || complain "never posted: $said" ;;
	tail) said=$(lacking "$T/shown"); [ -z "$said" ] || complain "never shown: $said" ;;
	erase) said=$(tool cat --user gone | wc -l); [ "$said" = 0 ] || complain "not erased: $said" ;;
	maintain) said=$(compgen -G "$SPOOL_DIR/events-*.jsonl") && complain "not compressed: $said" ;;
	esac
}

# fail COMMAND N ON
fail() {
	PROBLEM=
	restore
	run sanitized "$1" FAIL_AT="$2" FAIL_ON="$3"
	case $CODE in
	0) finished "$1" ;;
	99 | 124 | 13[0-9]) complain "exit $CODE: $(grep -m 3 -E 'ERROR|SUMMARY|runtime error' "$T/said" | xargs)" ;;
	*)
		failed=$((failed + 1))
		[ "$(grep -c '^hookspool .*memory' "$T/said")" -le 1 ] || complain "told more than once: $(grep memory "$T/said" | xargs -d '\n')"
		;;
	esac
	run hookspool "$1"
	[ "$CODE" = 0 ] || complain "again: exit $CODE: $(tail -n 1 "$T/said")"
	finished "$1"
	[ -z "$PROBLEM" ] || printf '# %s, allocation %d, for good %d: %s\n' "$1" "$2" "$3" "${PROBLEM#; }"
	[ -z "$PROBLEM" ]
}

for command in ${ONLY-$COMMANDS}; do
	template_make "$command"
	restore
	PROBLEM=
	run sanitized "$command" FAIL_COUNT="$S/run/count"
	finished "$command"
	is "$command: without a fault" "$CODE$PROBLEM" 0
	count=$(<"$S/run/count") bad=0 failed=0 points=0
	for ((n = 1; n <= count; n += count / POINTS + 1)); do
		for on in 0 1; do
			points=$((points + 1))
			fail "$command" "$n" "$on" || bad=$((bad + 1))
		done
	done
	is "$command: $points failing allocations, nothing is lost or doubled, and the next run succeeds" "$bad" 0
	check "$command: failures are felt" [ "$failed" -gt 0 ]
	figure "$command: $points of $count allocations, once and for good: $bad with a problem"
done
done_testing
