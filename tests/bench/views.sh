#!/bin/bash
# views.sh: how long each first view of the console takes with many segments, in two mounts. `make bench-views` runs it.
#
#	EVENTS=7500000   in the spool, in segments of 2 MB: 10 GB in 5,000 of them
#	ROUNDS=5         views, each by a program that has just started; the slowest counts
#	VIEWS_DIR        where the spool is made, and kept for the next time: /var/tmp/hookspool-views
#
# Prints a row for each view with its bound, and exits with 1 if one is over it.
set -u
. "$(dirname "$0")/../lib/server.sh"
EVENTS=${EVENTS:-7500000} ROUNDS=${ROUNDS:-5} KEPT=${VIEWS_DIR:-/var/tmp/hookspool-views}
PASSWORD='a password of the bench' BOUND=200
missed=0

# The server's settings name the spool that is kept.
settings_write() {
	printf '%s\n' "spool_dir = $KEPT/spool" "secret = $SECRET" 'min_free = 0' 'rotate_size = 1M' 'rotate_min_gap = 0' "$HASH" >"$S/hookspool.conf.new"
	chmod 600 "$S/hookspool.conf.new"
	own "$S/hookspool.conf.new"
	mv "$S/hookspool.conf.new" "$S/hookspool.conf"
}

make_spool() {
	[ ! -e "$KEPT/made-$EVENTS" ] || return 0
	rm -rf "$KEPT"
	mkdir -p "$KEPT" && own "$KEPT" && directory_make && cp "$HS_BUILD/hookspool" "$S/bin/hookspool" || exit 2
	echo "views.sh: making a spool of $EVENTS events in $KEPT; it is kept for the next time" >&2
	"$HS_BUILD/bench/make_events" "$EVENTS" | # a commit is never parted, so each segment is an import
		HOOKSPOOL_CONF=$S/hookspool.conf as_server_user split -l 1500 --filter="'$S/bin/hookspool' import - >/dev/null 2>&1" || exit 2
	hs rotate && hs maintain && hs schema >/dev/null && touch "$KEPT/made-$EVENTS" || exit 2
}

# ask PATH [CURL OPTION]...: below the console, as who is logged in. MS: from the request to the end of the answer.
ask() {
	local path=$1 took
	shift
	took=$(curl -s --cacert "$T/tls/ca.pem" -D "$T/answer.head" -o "$T/answer.body" \
		-w '%{time_total} %{time_pretransfer} %{http_code}' ${COOKIE:+-H "Cookie: $COOKIE"} "$@" "$HTTPS/hookspool/console$path")
	[ "${took##* }" = 200 ] || { echo "views.sh: $path was answered ${took##* }" >&2; exit 1; }
	MS=$(awk '{ print int(($1 - $2) * 1000 + 0.999) }' <<<"$took")
}

log_in() {
	COOKIE=
	ask /login -H "Origin: $HTTPS" --data-urlencode "password=$PASSWORD"
	COOKIE=$(header Set-Cookie)
	COOKIE=${COOKIE%%;*}
}

# view PATH: each by a new program, so none has anything in memory.
view() {
	local most=0 i
	for ((i = 0; i < ROUNDS; i++)); do
		START_UNHEALTHY=1 server_start "$mount"
		ask "$1"
		server_stop
		[ "$MS" -le "$most" ] || most=$MS
	done
	if [ "$most" -le $BOUND ]; then verdict=ok; else verdict='over its bound' missed=1; fi
	printf '%-14s %-34s %5d ms  bound %d  %s\n' "$mount" "$1" "$most" $BOUND "$verdict"
}

HASH=$(printf '%s\n' "$PASSWORD" | "$HS_BUILD/hookspool" passwd)
make_spool
START_UNHEALTHY=1 server_start lighttpd-fcgi
log_in
server_stop
echo "$(find "$KEPT/spool" -maxdepth 1 -name 'events-*' | wc -l) segments, $(du -sh --apparent-size "$KEPT/spool" | cut -f 1) on the disk"
for mount in lighttpd-fcgi apache-cgi; do
	for path in '' /overview /feed '/feed?user=nobody' '/feed?type=delete' /rejected /schema; do
		view "$path"
	done
done
exit $missed
