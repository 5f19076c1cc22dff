#!/bin/bash
# commands.sh: rotate, maintain, import, each and repair are cut, by SIGKILL, a full disk or a write
# error, at each of their calls that change anything or ask for something. Whatever they say, they
# do not crash; the next run without a fault succeeds, no event is lost or doubled, and verify finds
# nothing. For erase see erase.sh, for a request kill_syscall.sh and errno_syscall.sh.
. "$(dirname "$0")/lib.sh"
need strace

CALLS=${CALLS:-'openat pwrite64 write fdatasync fsync renameat renameat2 unlinkat linkat mkdirat ftruncate flock mmap fstat getdents64 pread64 read'}
ACTIONS=${ACTIONS:-'signal=SIGKILL error=ENOSPC error=EIO error=ENOMEM error=EINTR'}
STEP=${STEP:-$(size 25 1)} # one cut in STEP is made, other ones for each command

place_make 'rotate_min_gap = 0'
sed -i 's/^compress = none/compress = gzip/' "$S/hookspool.conf"
tool help >/dev/null 2>&1 # copies the program
touch "$S/run/trace" "$S/handled"
chmod 666 "$S/run/trace" "$S/handled"
cat >"$S/bin/handler" <<-END
	#!/bin/sh
	exec sed 's/.*"message_id":"\\([^"]*\\)".*/\\1/' >>"$S/handled"
END
chmod 755 "$S/bin/handler"

# archive NAME FROM TO: original events in a file.
archive() {
	seq "$2" "$3" | sed 's/.*/{"type":"track","event":"e","userId":"u","messageId":"c-&"}/' >"$T/$1"
	chmod 644 "$T/$1"
}

fill() { archive fill "$1" "$2" && tool import --again "$T/fill" >/dev/null 2>&1; }

arguments() {
	case $1 in
	rotate | maintain | repair) echo "$1" ;;
	import) echo "import $T/archive" ;;
	each) echo "each --once --cursor c --batch 10 --on *=$S/bin/handler" ;;
	esac
}

# template_make COMMAND: what it finds; c-1 to c-30, sealed twice, and the open segment.
template_make() {
	spool_clear
	fill 1 10
	tool rotate >/dev/null
	fill 11 20
	tool rotate >/dev/null
	fill 21 30
	seq -f 'c-%.0f' 1 30 >"$T/ledger"
	case $1 in
	import) archive archive 25 40; seq -f 'c-%.0f' 31 40 >>"$T/ledger" ;;
	repair)
		sed -i 's/"c-15"/"c-15/' "$SPOOL_DIR"/events-*-000002.jsonl
		sed -i '/^c-15$/d' "$T/ledger"
		rm -rf "$SPOOL_DIR/.hookspool/run" ;;
	esac
	: >"$S/handled"
	rm -rf "$SPOOL_DIR/.hookspool/run/state" "$T/template" # a copy of it is not believed, but for chance
	cp -a "$SPOOL_DIR" "$T/template"
}

restore() {
	rm -rf "$SPOOL_DIR"
	cp -a "$T/template" "$SPOOL_DIR"
	: >"$S/handled"
}

# traced COMMAND [STRACE OPTION]...: CODE.
traced() {
	local command=$1
	shift
	( # two shells: the death of the inner one goes to the log
		# shellcheck disable=SC2046
		(set -f; as_server_user timeout -k 2 60 strace -f -b execve -qq -o "$S/run/trace" "$@" "$S/bin/hookspool" \
			$(arguments "$command" | sed "s|^[a-z]*|& --config $S/hookspool.conf|"))
		exit $?
	) >"$T/out" 2>&1
	CODE=$?
}

again() { (set -f; tool $(arguments "$1")) >"$T/out2" 2>&1; }
complain() { PROBLEM="$PROBLEM; $*"; }

# finished COMMAND: what must hold after a run that succeeded.
finished() {
	local said
	said=$("$COUNT" "$SPOOL_DIR" "$T/ledger") || complain "$said"
	said=$(tool verify 2>&1) || complain "verify: $(head -n 2 <<<"$said" | xargs)"
	case $1 in
	rotate | maintain) said=$(compgen -G "$SPOOL_DIR/events-*-000003.jsonl*") || [ "$1" = maintain ] || complain 'not sealed' ;;&
	maintain) said=$(compgen -G "$SPOOL_DIR/events-*.jsonl") && complain "not compressed: $said" ;;
	each) said=$(sort "$T/ledger" | comm -23 - <(sort -u "$S/handled") | xargs); [ -z "$said" ] || complain "never handled: $said" ;;
	esac
}

# meet COMMAND CALL WHEN ACTION
meet() {
	PROBLEM=
	restore
	traced "$1" -e trace="$2" -e inject="$2:$4:when=$3"
	[ "$CODE" -lt 124 ] || [ "$CODE" = 137 ] || complain "exit $CODE: $(tail -n 1 "$T/out")"
	again "$1" || [ "$1" = repair ] || complain "again: exit $?: $(tail -n 1 "$T/out2")"
	[ "$1" != repair ] || again repair || complain "again, twice: $(tail -n 1 "$T/out2")"
	finished "$1"
	[ -z "$PROBLEM" ] || printf '# %s, %s %s when=%s: %s\n' "$1" "$2" "$4" "$3" "${PROBLEM#; }"
	[ -z "$PROBLEM" ]
}

turn=0
for command in ${ONLY-rotate maintain import each repair}; do
	template_make "$command"
	restore
	traced "$command" -e trace="${CALLS// /,}"
	is "$command: without a fault" "$CODE" "$([ "$command" = repair ] && echo 1 || echo 0)"
	[ "$command" != repair ] || again repair
	PROBLEM=
	finished "$command"
	is "$command: all of it is done" "$PROBLEM" ''
	cp "$S/run/trace" "$T/calls"
	points=0 bad=0
	for call in $CALLS; do
		# from the first look at the settings on, of the thread that makes most of them: strace counts for each
		read -r first count < <(awk -v call="$call(" '
			/hookspool.conf/ && !begun { begun = 1; first = n[$1] + (call == "openat(") }
			index($2, call) == 1 { if (++n[$1] > most) most = n[$1] }
			END { print first + 1, most + 0 }' "$T/calls")
		for action in $ACTIONS; do
			for ((when = first; when <= count; when++)); do
				turn=$((turn + 1))
				[ $((turn % STEP)) = 0 ] || continue
				points=$((points + 1))
				meet "$command" "$call" "$when" "$action" || bad=$((bad + 1))
			done
		done
	done
	is "$command: cut at any of $points points, nothing is lost or doubled, and the next run succeeds" "$bad" 0
	figure "$command: $points cuts, $bad with a problem"
done

# --- a handler whose input is cut by an error of each itself: what it made of its part does not count
template_make each
cat >"$S/bin/stream" <<-END
	#!/bin/sh
	while read -r line; do printf '%s\n' "\$line" | "$S/bin/handler" && echo 0; done
END
chmod 755 "$S/bin/stream"
for error in ENOMEM EIO; do
	for way in "--batch 10 --on *=$S/bin/handler" "--stream --on *=$S/bin/stream"; do
		restore
		# shellcheck disable=SC2046
		(set -f; as_server_user strace -qq -o "$S/run/trace" -e trace=write -e inject=write:error=$error:when=2..3 "$S/bin/hookspool" \
			each --config "$S/hookspool.conf" --once --cursor c $way) >"$T/out" 2>&1
		is "each, ${way%% --on*}: $error, and its records are given again" "$? $(sort -u "$S/handled" | comm -3 - <(sort "$T/ledger") | wc -l)" '0 0'
		check "each, ${way%% --on*}: it says so" grep -q 'its input or its answers were cut: .*; it is killed, and gets its records again' "$T/out"
	done
done
done_testing
