#!/bin/bash
# index.sh: the index of ids is deleted, cut or written over at random, while nothing and while
# a server has it open. It must be rebuilt, and the same requests get the same answers.
. "$(dirname "$0")/lib.sh"

TIMES=${TIMES:-$(size 20 100)}
place_make 'rotate_size = 64K'
batch_body old 1 600   # 4 sealed segments, and an open one, after the next
batch_body next 601 1000
batch_body both 500 1000
one old
one next
INDEX=$SPOOL_DIR/.hookspool/run/index

random_at() { echo $(((RANDOM << 15 | RANDOM) % $1)); }

# harm: prints what was done to the file.
harm() {
	local size at n
	size=$(stat -c %s "$INDEX")
	at=$(random_at "$size") n=$(((RANDOM % 4 + 1) * 1000))
	case $((RANDOM % 5)) in
	0) rm "$INDEX"; echo deleted ;;
	1) truncate -s "$at" "$INDEX"; echo "cut to $at of $size" ;;
	2) dd if=/dev/urandom of="$INDEX" bs=1 seek="$at" count="$n" conv=notrunc 2>/dev/null
		echo "$n bytes of noise at $at of $size" ;;
	3) dd if=/dev/zero of="$INDEX" bs=4096 seek="$((at / 4096))" count=1 conv=notrunc 2>/dev/null
		echo "a page of zeros at $at of $size" ;;
	4) head -c "$size" /dev/urandom >"$INDEX"; echo "all of it noise" ;;
	esac
}

same() { [ "$STATUS" = 200 ] && grep -q '"accepted":0,"duplicate":501,' "$T/answer"; }

bad=0
for ((i = 0; i < TIMES; i++)); do
	[ -e "$INDEX" ] || one both
	what=$(harm)
	one both
	same && continue
	bad=$((bad + 1))
	printf '# %s: %s %s\n' "$what" "$STATUS" "$(tail -n 1 "$T/answer")"
done
is "$TIMES times rebuilt: nothing is taken twice" "$bad" 0
check 'hookspool verify: spool and index agree' tool verify
count_check 'each id once'

# A server has it open, and others are sending.
listener_start
is 'a server starts' "$?" 0
bad=0
drive -p during -e 400000 -d 20 -b 10 -t "$(size 6 20)" "cgi=2:$S/bin/hookspool.fcgi" >"$T/driven" &
driver_pid=$!
for ((i = 0; i < TIMES; i++)); do
	alive "$driver_pid" || break
	[ ! -e "$INDEX" ] || what=$(harm)
	one both
	same && continue
	# a page that was read is trusted for an instant; refusing is right, too
	[ "$STATUS" = 503 ] && continue
	bad=$((bad + 1))
	printf '# at work, %s: %s %s\n' "$what" "$STATUS" "$(tail -n 1 "$T/answer")"
done
wait "$driver_pid"
end_process "$PROGRAM_PID"
PROGRAM_PID=
is "$i times under load: nothing is taken twice" "$bad" 0
count_check 'under load: each id once'
figure "index deleted, cut or overwritten: $TIMES of $TIMES rebuilt, $bad different answers"
done_testing
