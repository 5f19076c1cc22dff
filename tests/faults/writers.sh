#!/bin/bash
# writers.sh: 16 senders of all kinds at one spool: plain CGI processes beside the threads of
# two FastCGI programs; one event in twenty is a duplicate of any other, which may be on its
# way just now. Each id must stand in the spool once, in whole lines.
. "$(dirname "$0")/lib.sh"

EVENTS=${EVENTS:-$(size 20000 1000000)}
place_make "rotate_size = $(size 1M 16M)" 'threads = 4'
drive_check "16 senders, $EVENTS events" -e "$EVENTS" -b "$(size 50 200)" -d 5 -t "${SECONDS_MOST:-1500}" \
	"cgi=8:$S/bin/hookspool.fcgi" "listen=4:$S/bin/hookspool.fcgi:$S/run/a.sock" \
	"listen=4:$S/bin/hookspool.fcgi:$S/run/b.sock"
count_check 'each id once, no broken line' "$S/run/ledger"
is 'every event is there' "$(number lines "$COUNTED")" "$(number events "$DRIVEN")"
check 'hookspool verify finds nothing' tool verify
figure "16 mixed senders, $(number events "$DRIVEN") events, $(number purpose "$DRIVEN") sent twice: lost $(number lost "$COUNTED"), twice $(number twice "$COUNTED"), broken lines $(number broken "$COUNTED")"
done_testing
