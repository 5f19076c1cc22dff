#!/bin/bash
# tail.sh: tail -F follows the open segment through many rotations, which come as fast as
# rotate_min_gap lets them. It must print every line once.
. "$(dirname "$0")/lib.sh"

ROTATIONS=${ROTATIONS:-$(size 30 300)}
place_make 'rotate_size = 4K' 'rotate_min_gap = 100ms' 'threads = 4'
bodies_make 1
one 1 # the file is there before tail looks

sealed() { find "$SPOOL_DIR" -name 'events-*.jsonl' | wc -l; }
rotated() { [ "$(sealed)" -ge "$ROTATIONS" ]; }
printed_all() { [ "$(wc -l <"$T/printed")" -ge "$((events + 1))" ]; }

tail -n +1 -F "$SPOOL" >"$T/printed" 2>"$T/tail.log" &
tail_pid=$!
wait_for 10 test -s "$T/printed"

# senders for as long as it takes; the driver ends when it has sent enough, so in rounds
events=0 round=0
until rotated || [ $((++round)) -gt "$ROTATIONS" ]; do
	drive -p "r$round" -e 4000 -b 10 -t 60 "listen=4:$S/bin/hookspool.fcgi:$S/run/a.sock" >"$T/driven" ||
		{ not_ok "round $round" "$(<"$T/driven")"; break; }
	events=$((events + $(number events "$(tail -n 1 "$T/driven")")))
done
wait_for 10 printed_all
kill "$tail_pid"
wait "$tail_pid" 2>/dev/null
is "$ROTATIONS rotations" "$(rotated && echo yes)" yes
count_check 'the spool holds each event once'
cat "$SPOOL_DIR"/events-*.jsonl "$SPOOL" >"$T/spooled"
is 'tail -F printed every line once, in order' "$(cmp "$T/printed" "$T/spooled" && echo same)" same
sort "$T/printed" >"$T/a"
sort "$T/spooled" >"$T/b"
figure "tail -F through $(sealed) rotations: lost $(comm -13 "$T/a" "$T/b" | wc -l), twice $(comm -23 "$T/a" "$T/b" | wc -l) of $((events + 1)) lines"
done_testing
