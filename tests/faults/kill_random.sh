#!/bin/bash
# kill_random.sh: kill -9 at random times, in every mount, while senders send and send again.
# KILLS=N sets their number. Real web servers start a killed program again at their own
# pace, so they get a few dozen; the rest is shared by plain CGI processes and a
# FastCGI program that is started again at once.
. "$(dirname "$0")/lib.sh"

KILLS=${KILLS:-$(size 300 3000)}
mount_kills=$(size 5 60)
third=$(((KILLS - 2 * mount_kills) / 3))
SMALL='rotate_size = 64K'
all=0

# after: nothing lost, nothing twice; and one more request leaves whole lines only.
after() {
	bodies_make 1
	one 1
	is "$1: service continues" "$STATUS" 200
	count_check "$1: every acknowledged event once, whole lines" "$S/run/ledger"
	check "$1: hookspool verify finds nothing" tool verify
	all=$((all + $(number kills "$DRIVEN")))
	figure "$1: $(number kills "$DRIVEN") kills, $(number acknowledged "$DRIVEN") acknowledged, lost $(number lost "$COUNTED"), twice $(number twice "$COUNTED")"
}

direct() { # NAME TARGET...; @ stands for the server's directory
	local name=$1
	shift
	place_make "$SMALL"
	# shellcheck disable=SC2068
	drive_check "$name: all acknowledged" -k "$third" -b 20 -d 10 -t 900 ${@//@/$S}
	after "$name"
}

mounted() { # MOUNT
	SETTINGS=$(printf '%s\n' "$SMALL" 'min_free = 0' 'compress = none')
	server_start "$1"
	SPOOL_DIR=$S/spool
	cp "$DRIVER" "$S/bin/driver"
	drive_check "$1: all acknowledged" -k "$mount_kills" -b 20 -d 10 -t 400 -m 300 \
		"http=4:${HTTP##*:}:/hookspool:$S/bin/hookspool.fcgi"
	server_stop
	after "$1"
}

direct cgi "cgi=4:@/bin/hookspool.fcgi"
direct fastcgi "listen=4:@/bin/hookspool.fcgi:@/run/a.sock"
direct both "cgi=4:@/bin/hookspool.fcgi" "listen=4:@/bin/hookspool.fcgi:@/run/a.sock"
mounted lighttpd-fcgi
mounted apache-fcgid
figure "kills in all: $all"
done_testing
