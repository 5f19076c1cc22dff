#!/bin/bash
# side.sh HANDLER@MOUNT [LOAD OPTION]...: one measurement. Starts the handler under the mount,
# in a fresh directory, lets load go at it, checks that every acknowledged event was kept,
# and prints load's JSON object with shares of a core and resident memory added.
#
# Handlers: hookspool, hookspool-static, empty, empty-cgi, keep, keep-cgi (the empty ones that
# append the body and sync), node, php.
# Mounts: those of tests/lib/server.sh, and "alone". The configuration is the shipped one: an
# empty responder is put where the program would be; for the peers, the part that names the
# program is exchanged.
#
#	EVENT=FILE      the event; tests/bench/event.json
#	COMPRESS=gzip   sealed segments are compressed meanwhile
#	MORE=LINES      settings of hookspool beside the defaults
#	BIG=DIRECTORY   a spool of 10,000 segments and 10 million ids: made if it is not there,
#	                used, and left there
#	NODE_WORKERS=N, PHP_CHILDREN=N   processes of the peer: 1 and 32
#	BACKLOG=N       count the sealed segments that wait to be compressed, each second after the
#	                first N: the most of them, and their mean bytes, in each third of that time
#	OWN=1           ask now and then for the memory that is the handler's own, not a file's
#	CONSOLES=1      three consoles and a monitor ask each second meanwhile (consoles.py)
#	CONSOLES=0      the same settings without them
#	METRICS=off     the program counts no figures
#	BESIDE=COMMAND  runs beside the load; $http_port is the server's
#	PERF=FILE       record with perf(1) what the handlers do under load
#	BENCH_BIN=…     where load and the empty responders are

HANDLER=${1%@*} MOUNT=${1#*@}
shift
HERE=$(cd "$(dirname "$0")" && pwd)
BENCH_BIN=$(cd "$BENCH_BIN" && pwd) || exit 2
PROGRAMS=$(cd "$HS_BUILD" && pwd) || exit 2
case $HANDLER in
empty | empty-cgi | keep | keep-cgi) HS_BUILD=$BENCH_BIN/$HANDLER ;;
hookspool-static) HS_BUILD=$PROGRAMS/static ;;
esac
# shellcheck source=tests/lib/server.sh
. "$HERE/../lib/server.sh"
BIG=${BIG:-} EVENT=${EVENT:-$HERE/event.json}
PEER_PID=

# Nothing is compressed, as a rule: the peers do not compress either.
SETTINGS="compress = ${COMPRESS:-none}
${MORE:-}"
if [ -n "${CONSOLES-}" ]; then
	PASSWORD='correct horse battery staple' TOKEN=0123456789-token-of-a-monitor
	SETTINGS="console_http = yes
metrics_token = $TOKEN
$(printf '%s\n' "$PASSWORD" | "$PROGRAMS/hookspool" passwd)
$SETTINGS"
fi
as_peer() { (cd "$T/peer" && as_server_user "$@") </dev/null >"$T/peer/log" 2>&1 & }

# The shipped lighttpd configuration with another backend in the mount: "MODULE" of
# lighttpd, and its socket.
other_backend() {
	CONF_EDIT="s|^server.modules \+= \( \"mod_fastcgi\" \)|server.modules += ( \"mod_$1\" )|
		s|^\tfastcgi.server|\t$1.server|
		s|^(\t\t\"socket\" +=>).*|\1 \"$2\",|
		/^\t\t\"(bin-path|bin-environment|max-procs|kill-signal)\"/d"
}

peer_directory() {
	mkdir "$T/peer"
	cp -r "$HERE/peers/." "$T/peer"
	chmod -R a+rX "$T/peer"
	own "$T/peer"
	KEPT=$T/peer/events.jsonl
}

node_start() {
	peer_directory
	as_peer env SECRET="$SECRET" FILE="$KEPT" WORKERS="${NODE_WORKERS:-1}" \
		node node.mjs "$1"
	PEER_PID=$!
}

# Debian's program has its version in its name.
php_fpm() { printf '%s\n' /usr/sbin/php-fpm[0-9]* | tail -n 1; }

php_start() {
	local as=
	peer_directory
	[ "$(id -u)" -ne 0 ] || as="user = $SERVER_USER
group = $SERVER_GROUP
listen.owner = $SERVER_USER"
	cat >"$T/peer/fpm.conf" <<-END
		[global]
		error_log = $T/peer/fpm.log
		[bench]
		$as
		listen = $T/peer/php.sock
		listen.backlog = 1024
		pm = static
		pm.max_children = ${PHP_CHILDREN:-32}
		security.limit_extensions =
		env[SECRET] = "$SECRET"
		env[FILE] = "$KEPT"
	END
	mv "$T/peer/php" "$T/peer/www"
	mv "$T/peer/www/index.php" "$T/peer/www/hookspool"
	"$(php_fpm)" -F -y "$T/peer/fpm.conf" </dev/null >"$T/peer/log" 2>&1 &
	PEER_PID=$!
}

# The index is trusted only as its last writer left it: so the server's user fills the spool.
# What is there already gets one more event, which makes the index anew if the machine was
# started since, or the program has changed: a request would not wait for that.
big_make() {
	[ -d "$BIG" ] || {
		echo "  filling a spool with 10 million ids" >&2
		rm -rf "$BIG.new"
		mkdir -m 700 "$BIG.new"
		own "$BIG.new"
		big_fill "$BIG.new" "${BIG_SEGMENTS:-10000}" 1000
		mv "$BIG.new" "$BIG"
	}
	big_fill "$BIG" 1 1
}
big_fill() { (as_server_user "$BENCH_BIN/fill" "$@") || give_up "$1 cannot be filled"; }

# Makes the program count no figures, by a folder in the place of their file: it has no setting for that.
metrics_off() {
	local figures=$S/spool/.hookspool/run/metrics
	rm -f "$figures" && mkdir "$figures" && : >"$figures/in-the-way" &&
		wait_for 20 grep -rqF 'are not counted' "$S/log" || give_up 'the program goes on counting'
}

# consoles_start: returns after the log-in, which takes longer than all that they ask. Sets CONSOLES_PID.
consoles_start() {
	python3 "$HERE/consoles.py" "$http_port" "$PASSWORD" "$TOKEN" >"$T/consoles" &
	CONSOLES_PID=$!
	wait_for 20 grep -q ready "$T/consoles" || give_up 'the consoles do not log in'
}
# consoles_stop: false if an answer was not 200, or if they have not asked.
consoles_stop() {
	kill "$CONSOLES_PID" && wait "$CONSOLES_PID" && jq -e '.polls > 3 and .scrapes > 1' <(sed 1d "$T/consoles") >/dev/null ||
		{ echo "the consoles: $(cat "$T/consoles")" >&2; return 1; }
}

start() {
	[ -z "$BIG" ] || big_make
	case $HANDLER@$MOUNT in
	node@alone)
		directory_make
		http_port=$(port_random) URL=http://127.0.0.1:$http_port/hookspool
		node_start "$http_port"
		wait_for 10 healthy || give_up "node does not answer"
		;;
	node@lighttpd-fcgi)
		node_start "$T/peer/node.sock"
		wait_for 10 test -S "$T/peer/node.sock" || give_up "node does not listen"
		other_backend proxy "$T/peer/node.sock"
		server_start lighttpd-fcgi
		;;
	php@lighttpd-fcgi)
		php_start
		wait_for 10 test -S "$T/peer/php.sock" || give_up "php-fpm does not listen"
		other_backend fastcgi "$T/peer/php.sock"
		CONF_EDIT="$CONF_EDIT
			s|^(server.document-root +=).*|\1 \"$T/peer/www\"|"
		server_start lighttpd-fcgi
		;;
	*)
		[ -z "$BIG" ] || CONF_EDIT="s|(\"HOOKSPOOL_CONF\" => [^ ]+)|\1, \"HOOKSPOOL_SPOOL_DIR\" => \"$BIG\"|"
		server_start "$MOUNT"
		KEPT=$SPOOL
		;;
	esac
	[ "${METRICS-}" != off ] || metrics_off
	[ "${CONSOLES-0}" -eq 0 ] || consoles_start
}

# family PID...: these processes and their children.
family() {
	local pid
	for pid; do echo "$pid"; pgrep -P "$pid"; done
}

handlers() {
	if [ -n "$PEER_PID" ]; then family "$PEER_PID"; else workers; fi
}

# ticks FIELD PID...: processor time used so far, in clock ticks: from field 14 of
# proc_pid_stat(5) the process's own, from 16 that of its children that have ended.
ticks() {
	local field=$1 pid sum=0
	shift
	for pid; do
		sum=$((sum + $(sed 's/.*) /x x /' "/proc/$pid/stat" | cut -d ' ' -f "$field,$((field + 1))" --output-delimiter +)))
	done 2>/dev/null
	echo "$sum"
}

# Microseconds of processor time that the handlers have used. Linux counts those of each thread in nanoseconds
# (sched-stats.rst); a clock tick would be a hundredth of what a measurement uses. Those of CGI programs that have ended
# come in ticks, and from lighttpd alone: Apache does not wait for its CGI programs, so theirs are 0.
handler_us() {
	case $MOUNT in
	*-cgi) echo $(($(ticks 16 $(family "$SERVER_PID")) * 1000000 / $(getconf CLK_TCK))) ;;
	*) handlers | while read -r pid; do cat "/proc/$pid/task/"[0-9]*/schedstat; done | awk '{ ns += $1 } END { printf "%.0f\n", ns / 1000 }' ;;
	esac
}
server_ticks() {
	[ -z "$SERVER_PID" ] || ticks 14 $(comm -23 <(family "$SERVER_PID" | sort) <(handlers | sort))
}

# Peak of resident memory of the largest handler, in KiB.
peak() {
	local pid
	for pid in $(handlers); do
		awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status"
	done 2>/dev/null | sort -n | tail -n 1
}

# own_watch: every 0.1 s the handlers' resident memory without pages of files, in KiB: what the
# system could not take back (RssAnon of proc_pid_status(5)).
own_watch() {
	local status
	mapfile -t status < <(handlers | sed 's|.*|/proc/&/status|')
	while sleep 0.1; do
		awk '/^RssAnon:/ { print $2 }' "${status[@]}"
	done >"$T/own" 2>/dev/null
}

# backlog_watch SECONDS: after these, every second how many plain sealed segments there are, and their bytes.
backlog_watch() {
	sleep "$1"
	while sleep 1; do
		find "$S/spool" -maxdepth 1 -name 'events-*.jsonl' -printf '%s\n' |
			awk '{ n++; bytes += $1 } END { printf "%d %.0f\n", n, bytes }'
	done >"$T/backlog" 2>/dev/null
}

# all_kept ACKNOWLEDGED: what was answered 200 is in the file.
all_kept() {
	local kept
	case $HANDLER in empty*) return 0 ;; esac
	[ -z "$BIG" ] || return 0
	case $HANDLER in
	hookspool* | keep*) kept=$(zcat -f "$S"/spool/events*.jsonl* | wc -l) ;;
	*) kept=$(cat "$KEPT" | wc -l) ;;
	esac 2>/dev/null
	[ "$kept" -ge "$1" ] || { echo "acknowledged $1, kept $kept" >&2; return 1; }
}

measure() {
	local handler server begin=${EPOCHREALTIME/./} result watch= beside=
	: >"$T/own"
	: >"$T/backlog"
	if [ -n "${BACKLOG-}" ]; then
		backlog_watch "$BACKLOG" &
		watch=$!
	fi
	if [ -n "${OWN-}" ]; then
		own_watch &
		watch=$!
	fi
	handler=$(handler_us) server=$(server_ticks)
	if [ -n "${PERF-}" ]; then
		perf record -q -e cpu-clock -F 2000 --call-graph fp -o "$PERF" \
			-p "$(handlers | paste -sd ,)" -- sleep 3 >&2 &
		disown # not one of those that are ended with the script: it ends by itself
	fi
	if [ -n "${BESIDE-}" ]; then
		http_port=$http_port bash -c "$BESIDE" &
		beside=$!
	fi
	"$BENCH_BIN/load" --port "$http_port" --secret "$SECRET" "$@" "$EVENT" >"$T/result"
	result=$?
	[ -z "$beside" ] || wait "$beside"
	[ "${CONSOLES-0}" -eq 0 ] || consoles_stop || result=1
	[ -z "$watch" ] || { kill "$watch" && wait "$watch"; } 2>/dev/null
	handler=$(($(handler_us) - handler)) server=$(($(server_ticks) - server))
	jq -c --arg side "$HANDLER@$MOUNT" --argjson peak "$(peak | grep . || echo 0)" \
		--argjson backlog "$(jq -nRc '[inputs | split(" ") | map(tonumber)] | length as $n |
			[range(3) as $i | .[$n * $i / 3 | floor:$n * ($i + 1) / 3 | floor] |
				{segments: (map(.[0]) | max), bytes: (if length == 0 then null else (map(.[1]) | add / length | floor) end)}]' "$T/backlog")" \
		--argjson own "$(sort -n "$T/own" | tail -n 1 | grep . || echo 0)" \
		--argjson handler "$handler" --argjson server "$server" \
		--argjson us $((${EPOCHREALTIME/./} - begin)) --argjson hertz "$(getconf CLK_TCK)" \
		'{side: $side} + . + {
			handler_cpu_share: ($handler / $us),
			handler_us_event: ($handler / .acknowledged_events),
			server_cpu_share: ($server * 1000000 / $hertz / $us), peak_rss_kb: $peak, own_rss_kb: $own}
			+ if $backlog[0].bytes then {backlog: $backlog} else {} end' "$T/result"
	return "$result"
}

start
status=0
measure "$@" || status=1
all_kept "$(jq .acknowledged_events "$T/result")" || status=1
server_stop >&2
[ -z "$PEER_PID" ] || end_process "$PEER_PID"
[ "$status" -eq 0 ] || failures=1
exit "$status"
