#!/bin/bash
# Memory of hookspool ship when as much is in flight as may be: 512 records and 8 MB, which a scripted server stores and
# never answers. 16 MB and the window are the most.
. "$(dirname "$0")/lib.sh"
need_ship

MOST=$(((16 + 8) << 10)) # kB

spool_make
awk 'BEGIN { x = sprintf("%15900s", ""); gsub(/ /, "x", x); for (i = 1; i <= 1000; i++)
	printf "{\"type\":\"track\",\"event\":\"Long\",\"userId\":\"u-%d\",\"messageId\":\"e-%d\",\"properties\":{\"text\":\"%s\"}}\n", i, i, x }' >"$T/add.jsonl"
chmod 644 "$T/add.jsonl"
hs import "$T/add.jsonl"
[ "$CODE" = 0 ] || give_up "$(cat "$T/err")"
fake_nats --dump "$T/dump" 'silent*10000' || give_up "$(cat "$T/fake.log")"
NATS_URL=([fake]=$FAKE_URL)

# anonymous: kB of memory that ship has for itself, without the files of its program and libraries.
anonymous() { awk '/^RssAnon:/ { print $2 }' "/proc/$SHIP/status"; }
is_full() { [ "$(grep -c Long "$T/dump")" -ge 500 ]; }

ship_start --quiet --in-flight 512 --ack-wait 10m
check 'it sends until the window is full' wait_for 60 is_full
full=$(anonymous)
check "16 MB and the window hold it" [ "${full:-$MOST}" -lt "$MOST" ]
check 'and it holds the window' [ "${full:-0}" -gt $((7 << 10)) ]
printf '# figure: %s kB of anonymous memory with %s records in flight\n' "$full" "$(grep -c Long "$T/dump")"
kill -KILL "$SHIP" && wait "$SHIP" 2>/dev/null
end_process "$FAKE_PID"
done_testing
