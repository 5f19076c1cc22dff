#!/bin/bash
# clock.sh: the clock jumps, forwards and back, by seconds to decades. The names of the sealed
# segments still sort in the order of sealing, numbers go up, nothing is lost or deleted by it,
# and what was sent again within the window is a duplicate whatever the clock says.
. "$(dirname "$0")/lib.sh"

need faketime
place_make 'rotate_size = 4K' 'rotate_min_gap = 0'
lib=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
: >"$T/ledger"
n=0 bad=0
for jump in +0 +3600 -3600 +86400 -10 +1 -86400 +31536000 -31536000 +0 -5 +5; do
	batch_body "j$((++n))" $((n * 20)) $((n * 20 + 19)) # over 4K: each seals the one before
	seq -f 'b-%.0f' $((n * 20)) $((n * 20 + 19)) >>"$T/ledger"
	for round in 1 2; do
		one "j$n" env LD_PRELOAD="$lib" FAKETIME="$jump" FAKETIME_DONT_FAKE_MONOTONIC=1
		[ "$STATUS" = 200 ] || { bad=$((bad + 1)); echo "# $jump: $STATUS $(tail -n 1 "$T/answer")"; }
	done
	grep -q '"duplicate":20' "$T/answer" || { bad=$((bad + 1)); echo "# $jump: sent again: $(tail -n 1 "$T/answer")"; }
done
is "$n jumps of the clock: taken once, then duplicates" "$bad" 0

# Decades off: nothing is taken, and nothing is deleted by such a clock.
settings_write 'retain_days = 1' 'rotate_min_gap = 0'
ls "$SPOOL_DIR" >"$T/before"
cp "$HS_BUILD/hookspool" "$S/bin/hookspool" && chmod 755 "$S/bin/hookspool"
for year in 1970 2101; do
	env_clock=(env LD_PRELOAD="$lib" FAKETIME="$year-06-01 00:00:00" FAKETIME_DONT_FAKE_MONOTONIC=1)
	batch_body "y$year" 900000 900001
	one "y$year" "${env_clock[@]}"
	is "the year $year: 503" "$STATUS $(grep -c 'the clock is wrong' "$T/answer")" '503 1'
	check 'the log names the remedy' eval 'tail -n 1 "$S/log/program.log" | grep -q set-ntp'
	said=$( (as_server_user "${env_clock[@]}" "$S/bin/hookspool" check --config "$S/hookspool.conf") )
	check 'and so does check' grep -q "^FAIL clock .*$year-" <<<"$said"
	(as_server_user "${env_clock[@]}" "$S/bin/hookspool" maintain --config "$S/hookspool.conf") \
		>>"$S/log/program.log" 2>&1
	is 'maintain deletes nothing' "$(ls "$SPOOL_DIR" | diff - "$T/before")" ''
done

# Ten and forty years ahead are possible, so events are taken; but a jump deletes nothing.
hs_at() { # YEAR COMMAND ARGUMENT...
	local at=(LD_PRELOAD="$lib" FAKETIME="@$1-06-01 00:00:00" FAKETIME_DONT_FAKE_MONOTONIC=1)
	shift
	(as_server_user env "${at[@]}" "$S/bin/hookspool" "$1" --config "$S/hookspool.conf" "${@:2}") 2>&1
}
settings_write 'min_free = 0' 'retain_days = 1' 'rotate_size = 4K' 'rotate_min_gap = 0' 'compress = none'
for year in 2036 2066; do
	ls "$SPOOL_DIR" >"$T/before"
	batch_body "y$year" "${year}000" "${year}019"
	seq -f 'b-%.0f' "${year}000" "${year}019" >>"$T/ledger"
	one "y$year" env LD_PRELOAD="$lib" FAKETIME="@$year-06-01 00:00:00" FAKETIME_DONT_FAKE_MONOTONIC=1
	is "the year $year: taken" "$STATUS" 200
	hs_at "$year" rotate >"$T/said"
	hs_at "$year" maintain >"$T/said"
	is "the year $year: maintain deletes nothing" "$(ls "$SPOOL_DIR" | comm -13 - "$T/before")" ''
	is 'no name is from the future' "$(ls "$SPOOL_DIR" | grep -c "events-$year")" 0
	hs_at "$year" check >"$T/said"
	check 'check reports the clock' grep -q '^warn clock .*hours ahead of the trusted time' "$T/said"
done
is 'the log names the remedy, a line for each jump' \
	"$(cat "$S/log/program.log" "$T/said" | grep -c 'has jumped [0-9]\{5,\} hours ahead.*--trust-clock')" 2
one y2066
is 'the clock is right again: the same events are duplicates' "$STATUS $(grep -c '"duplicate":20' "$T/answer")" '200 1'

# Files from the future are reported, and are not a fault.
future=events-20660601T000000.000Z-000999.jsonl
printf '{"type":"page","spooled_at":"2066-06-01T00:00:00.000Z"}\n' >"$SPOOL_DIR/$future"
chown --reference="$SPOOL_DIR" "$SPOOL_DIR/$future"
said=$( (as_server_user "$S/bin/hookspool" verify --config "$S/hookspool.conf") )
check 'verify reports a stamp from the future' grep -q "^$future: stamp is from the future" <<<"$said"
check 'and their number' grep -q ', 1 stamps from the future' <<<"$said"
rm "$SPOOL_DIR/$future"

numbers=$(cd "$SPOOL_DIR" && printf '%s\n' events-*.jsonl | LC_ALL=C sort | sed 's/.*-0*\([0-9]*\)\.jsonl/\1/')
is 'names sort in the order of sealing' "$numbers" "$(sort -n <<<"$numbers")"
is 'something was sealed' "$(($(wc -l <<<"$numbers") > 5))" 1
count_check 'each event once' "$T/ledger"

# With --trust-clock the clock counts, and files that are old by it are deleted.
hs_at 2066 maintain --trust-clock >"$T/said"
check 'a trusted clock deletes old files' grep -q ' [1-9][0-9]* deleted' "$T/said"
figure "$n jumps of the clock, $(number sealed "$COUNTED") segments: lost $(number lost "$COUNTED"), twice $(number twice "$COUNTED")"
done_testing
