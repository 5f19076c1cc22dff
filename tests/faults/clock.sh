#!/bin/bash
# clock.sh: the clock jumps, forwards and back, by seconds to years. The names of the sealed
# segments still sort in the order of sealing, numbers go up, nothing is lost, and what was
# sent again within the window is a duplicate whatever the clock says.
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

numbers=$(cd "$SPOOL_DIR" && printf '%s\n' events-*.jsonl | LC_ALL=C sort | sed 's/.*-0*\([0-9]*\)\.jsonl/\1/')
is 'names sort in the order of sealing' "$numbers" "$(sort -n <<<"$numbers")"
is 'something was sealed' "$(($(wc -l <<<"$numbers") > 5))" 1
count_check 'each event once' "$T/ledger"
figure "$n jumps of the clock, $(number sealed "$COUNTED") segments: lost $(number lost "$COUNTED"), twice $(number twice "$COUNTED")"
done_testing
