#!/bin/bash
# erase.sh: an erase is cut, by SIGKILL, a full disk or a write error, at each of its calls that
# change anything. After the next run nothing of the person is left in any file below the spool
# folder, no other person has lost anything, and verify finds nothing.
. "$(dirname "$0")/lib.sh"
need strace jq

CALLS=${CALLS:-$(size 'renameat pwrite64 unlinkat fdatasync fsync' \
	'renameat pwrite64 unlinkat fdatasync fsync openat ftruncate flock mmap')}
ACTIONS='signal=SIGKILL error=ENOSPC error=EIO'
STEP=${STEP:-$(size 3 1)} # each call is killed; one error in STEP is tried, another one in each mode
MODES=${MODES:-'aliases suppress deletes'}

place_make 'rotate_min_gap = 0' 'validate = spec'
tool help >/dev/null 2>&1 # copies the program

arguments() {
	case $1 in
	aliases) echo --user anna-u --aliases ;;
	suppress) echo --user anna-u --aliases --suppress ;;
	deletes) echo --from-deletes --aliases ;;
	esac
}

event_of() { printf '{"type":"%s","event":"E","messageId":"%s",%s}\n' "$1" "$2" "$3"; }
fill() {
	cat >"$T/fill.jsonl"
	chmod 644 "$T/fill.jsonl"
	tool import "$T/fill.jsonl" >/dev/null 2>&1
}

# All ids of anna-u begin with anna-. She has two devices, and bert uses one of them, too.
template_make() {
	spool_clear
	{
		event_of identify anna-1 '"userId":"anna-u","anonymousId":"anna-d"'
		event_of identify anna-2 '"userId":"anna-u","anonymousId":"tablet"'
		event_of track keep-1 '"userId":"bert","anonymousId":"tablet"'
	} | fill
	tool rotate >/dev/null
	{
		event_of track anna-3 '"anonymousId":"anna-d"'
		event_of track keep-2 '"anonymousId":"tablet"'
		event_of track anna-4 '"userId":"anna-u"'
		event_of track rejected '"userId":"anna-u","context":7'
		event_of track rejected '"userId":"bert","context":7'
	} | fill
	tool rotate >/dev/null
	{
		event_of alias anna-5 '"userId":"anna-u","previousId":"anna-p"'
		event_of track anna-6 '"anonymousId":"anna-p"'
		event_of track keep-3 '"userId":"bert","anonymousId":"x"'
		[ "$1" != deletes ] || event_of delete anna-7 '"userId":"anna-u"'
		[ "$1" != deletes ] || event_of track new-1 '"userId":"anna-u"'
		event_of track keep-4 '"userId":"cleo"'
	} | fill
	tool verify >/dev/null || echo "# the template is not in order" # which follows all
	printf '%s\n' '{"record":{"type":"track","message_id":"anna-8","user_id":"anna-u","spooled_at":"2026-11-23T10:15:00.123Z"}}' \
		'{"record":{"type":"track","message_id":"keep-5","user_id":"bert","spooled_at":"2026-11-23T10:15:00.123Z"}}' >"$SPOOL_DIR/failed.jsonl"
	own "$SPOOL_DIR/failed.jsonl"
	rm -rf "$SPOOL_DIR/.hookspool/run/state" "$SPOOL_DIR/.hookspool/imports" "$T/template"
	cp -a "$SPOOL_DIR" "$T/template"
}

restore() {
	rm -rf "$SPOOL_DIR"
	cp -a "$T/template" "$SPOOL_DIR"
}

# left: what there is of her, in plain bytes or in the hexadecimal of a plan.
left() {
	grep -raoE 'anna-[a-z0-9]+|616e6e612d[0-9a-f]+' "$SPOOL_DIR" |
		if [ "$1" = deletes ]; then grep -vx "$SPOOL_DIR/events.*:anna-u"; else cat; fi
	# one record after the delete event is hers again
	[ "$1" != deletes ] || [ "$(cat "$SPOOL_DIR"/events* | grep -c anna-u)" = 1 ] ||
		echo "not one record after the delete"
}

plans() { find "$SPOOL_DIR/.hookspool" -name 'erase-plan*' | wc -l; }
others() { tool cat --fields message_id 2>/dev/null | grep -v '^anna-' | xargs; }

# inject CALL WHEN ACTION MODE: the erase, cut; CODE.
inject() {
	( # two shells: the death of the inner one goes to the log
		# shellcheck disable=SC2046
		(as_server_user strace -qq -o "$S/run/trace" -e trace="$1" -e inject="$1:$3:when=$2" \
			"$S/bin/hookspool" erase --config "$S/hookspool.conf" $(arguments "$4"))
		exit $?
	) >"$T/out" 2>>"$S/log/program.log"
	CODE=$?
}

# complain TEXT...: adds to PROBLEM.
complain() { PROBLEM="$PROBLEM; $*"; }

# finished MODE: is everything as it is to be?
finished() {
	local found
	found=$(left "$1" | head -3 | xargs)
	[ -z "$found" ] || complain "left: $found"
	[ "$(plans)" = 0 ] || complain 'a plan is left'
	found=$(others)
	[ "$found" = "$WANT" ] || complain "others: $found"
	[ "$(jq -r .record.message_id "$SPOOL_DIR/failed.jsonl")" = keep-5 ] || complain 'failed.jsonl'
	[ "$(cat "$SPOOL_DIR"/rejected* | jq -r '.body | fromjson | .userId')" = bert ] || complain 'rejected'
	found=$(tool verify 2>&1) || complain "verify: $(head -n 2 <<<"$found" | xargs)"
	found=$(jq -r '"\(.kind)\(.id) \(.state)"' "$SPOOL_DIR/erased.jsonl" |
		awk '{ state[$1] = $2 } END { for (who in state) if (state[who] != "done") print who }')
	[ -z "$found" ] || complain "receipts: $found"
	[ "$1" != suppress ] || {
		event_of track anna-9 '"userId":"anna-u"' | fill
		rm -rf "$SPOOL_DIR/.hookspool/imports"
		[ -z "$(left "$1")" ] || complain 'not suppressed'
	}
}

# meet MODE CALL WHEN ACTION
meet() {
	local again
	PROBLEM=
	restore
	inject "$2" "$3" "$4" "$1"
	if [ "$CODE" = 0 ]; then # it says that all is done
		finished "$1"
	else
		[ "$CODE" -lt 128 ] || [ "$CODE" = 137 ] || complain "exit $CODE"
		again=$(arguments "$1")
		if compgen -G "$SPOOL_DIR/.hookspool/erase-plan-[0-9]*" >/dev/null; then
			tool verify >/dev/null 2>&1 && complain 'verify does not tell'
			[ $(($3 % 2)) = 0 ] || again='--user somebody-else' # any erase finishes it
		fi
		# shellcheck disable=SC2086
		tool erase $again >"$T/out2" 2>&1 || complain "again: exit $?: $(tail -n 1 "$T/out2")"
		finished "$1"
	fi
	[ -z "$PROBLEM" ] || printf '# %s, %s %s when=%s: %s\n' "$1" "$2" "$4" "$3" "${PROBLEM#; }"
	[ -z "$PROBLEM" ]
}

touch "$S/run/trace"
chmod 666 "$S/run/trace"
turn=0
for mode in $MODES; do
	template_make "$mode"
	WANT='keep-1 keep-2 keep-3 keep-4'
	[ "$mode" != deletes ] || WANT='keep-1 keep-2 keep-3 new-1 keep-4'
	restore
	# shellcheck disable=SC2046
	(as_server_user strace -qq -o "$S/run/trace" -e trace="${CALLS// /,}" "$S/bin/hookspool" erase \
		--config "$S/hookspool.conf" $(arguments "$mode")) >"$T/out" 2>&1
	is "$mode: without a fault" "$?" 0
	cp "$S/run/trace" "$T/calls"
	PROBLEM=
	finished "$mode"
	is "$mode: all of it is done" "$PROBLEM" ''
	points=0 bad=0 turn=$((turn + 1))
	for call in $CALLS; do
		count=$(grep -c "^$call(" "$T/calls")
		for action in $ACTIONS; do
			for ((when = 1; when <= count; when++)); do
				[ "$action" = signal=SIGKILL ] || [ $(((when + turn) % STEP)) = 0 ] || continue
				points=$((points + 1))
				meet "$mode" "$call" "$when" "$action" || bad=$((bad + 1))
			done
		done
	done
	is "$mode: cut at any of $points points, the next run finishes it" "$bad" 0
	figure "erase $mode: $points cuts, $bad not finished by the next run"
done
done_testing
