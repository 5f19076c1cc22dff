#!/bin/bash
# run.sh: Segment's own libraries, from npm and in Chromium, send to every mount; the handler is killed
# meanwhile. Each event whose request was answered 200 must be in the spool once, with all its fields.
# EVENTS (2000): how many the Node library sends to each mount. SDK_MODULES: a folder with node_modules already.
. "$(dirname "$0")/../lib/server.sh"
EVENTS=${EVENTS:-2000}
KEY_SERVER=server-key-of-the-tests KEY_BROWSER=browser-key-of-the-tests KEY_LIMITED=limited-key-of-the-tests
DRIVERS=$HS_BUILD/sdk

drivers_install() {
	mkdir -p "$DRIVERS"
	cp "$ROOT/tests/sdk/"*.mjs "$ROOT/tests/sdk/package.json" "$DRIVERS"
	(cd "$DRIVERS" && npm install --no-audit --no-fund --no-package-lock --silent) >"$T/npm.log" 2>&1 || {
		cat "$T/npm.log" >&2
		echo 'run.sh: npm could not fetch the libraries: it needs the npm registry' >&2
		exit 2
	}
}

# settings_are [LINE]...: these, and the sources.
settings_are() {
	settings_write "public_url = $URL" "sdk_script = $S/analytics.min.js" 'address_rate = none' 'compress = none' "$@" '[sources]' \
		"shop = $KEY_SERVER server" "web = $KEY_BROWSER browser origin=* rate=none daily=none" \
		"limited = $KEY_LIMITED browser origin=* rate=1/s"
}

# mount_up MOUNT [LINE]...: the server with its sources, two of which may send as fast as they like, and its public URL.
mount_up() {
	local mount=$1
	shift
	SETTINGS='auth = signature'
	server_start "$mount"
	settings_are "$@"
	cp "$DRIVERS/node_modules/@segment/analytics-next/dist/umd/standalone.js" "$S/analytics.min.js"
	own "$S/analytics.min.js"
	program_restart
}

# program_restart: the handler reads the settings anew; a web server starts those that it has started.
program_restart() {
	local pid
	case ${PROGRAM_PID:+listener} in
	listener) kill -HUP "$PROGRAM_PID" ;;
	*) for pid in $(workers); do kill "$pid"; done ;;
	esac
	wait_for 10 healthy
}

# kill_handlers PID: kills every handler with SIGKILL now and then, for as long as that process runs; afterwards one is
# at work. A killed process is alive for a moment more, so the next listener waits until it is gone.
kill_handlers() {
	local pid
	while alive "$1"; do
		sleep "0.$((RANDOM % 8 + 2))"
		for pid in $(workers); do kill -9 "$pid" 2>/dev/null && KILLED=$((KILLED + 1)); done
		[ -z "${PROGRAM_PID:-}" ] || { wait_for 10 gone "$PROGRAM_PID" && listener_start; }
	done
	wait_for 10 healthy
}

all_lines() { cat "$S"/spool/events-*.jsonl "$S"/spool/events.jsonl 2>/dev/null; }

# compared NAME SENT...: the spool has what was sent.
compared() {
	local name=$1 said
	shift
	all_lines >"$T/spool.jsonl"
	if said=$(node "$DRIVERS/compare.mjs" "$T/spool.jsonl" "$@" 2>&1); then ok "$name: $said"; else not_ok "$name" "$said"; fi
}

drive() { timeout -k 5 240 node "$DRIVERS/$1.mjs" "${@:2}" >"$T/driver.log" 2>&1 || not_ok "$1 $2" "$(tail -n 20 "$T/driver.log")"; }

sent_by_node() { # MOUNT PACKAGE
	mount_up "$1"
	drive node "$2" "$HTTP" /hookspool/v1/batch $KEY_SERVER "$EVENTS" "$T/sent"
	compared "$1: $2" "$T/sent"
	server_stop
}

# Likewise, while handlers are killed.
sent_through_kills() { # MOUNT
	mount_up "$1"
	KILLED=0
	drive node @segment/analytics-node "$HTTP" /hookspool/v1/batch $KEY_SERVER "$EVENTS" "$T/sent" &
	local driver=$!
	kill_handlers "$driver"
	wait "$driver"
	check "$1: handlers were killed, $KILLED times" [ "$KILLED" -gt 0 ]
	compared "$1, handlers killed" "$T/sent"
	server_stop
}

seen_in_browser() { # MOUNT SCENARIO...
	local scenario mount=$1
	shift
	mount_up "$mount"
	: >"$T/all"
	for scenario; do
		drive browser "$scenario" "$HTTP" $KEY_BROWSER "$T/sent"
		cat "$T/sent" >>"$T/all"
		check "$mount, browser, $scenario: it sent something" test -s "$T/sent"
	done
	compared "$mount, browser: $*" "$T/all"
	server_stop
}

# done_when NAME STATUS [LINE]...: once the page asks for it (see meet in browser.mjs), the settings get these lines;
# the page is told when an event is answered with that status.
done_when() {
	local name=$1 status=$2
	shift 2
	until [ -e "$T/sent.$name" ]; do sleep 0.1; done
	settings_are "$@"
	# shellcheck disable=SC2046 # several processes
	kill -HUP $(workers)
	wait_for 20 eval '[ "$(curl -s -o /dev/null -w "%{http_code}" -u '"$KEY_SERVER"': -d "{}" "$URL/v1/t")" = '"$status"' ]'
	touch "$T/sent.$name.done"
}

# The mount answers 503 for a while: no disk has that much room.
seen_unavailable() { # MOUNT SCENARIO
	mount_up "$1"
	rm -f "$T"/sent.*
	{ done_when down 503 'min_free = 1048576G' && done_when up 400; } &
	drive browser "$2" "$HTTP" $KEY_BROWSER "$T/sent"
	kill $! 2>/dev/null
	compared "$1, browser: $2" "$T/sent"
	server_stop
}

seen_limited() { # MOUNT SCENARIO
	mount_up "$1"
	drive browser "$2" "$HTTP" $KEY_LIMITED "$T/sent"
	compared "$1, browser: $2" "$T/sent"
	server_stop
}

seen_through_kills() { # MOUNT
	local driver
	mount_up "$1"
	KILLED=0
	rm -f "$T"/sent.*
	drive browser killed "$HTTP" $KEY_BROWSER "$T/sent" &
	driver=$!
	wait_for 60 test -e "$T/sent.begun"
	touch "$T/sent.begun.done"
	(until [ -e "$T/sent.ended" ] || gone $driver; do sleep 0.1; done) &
	kill_handlers $!
	touch "$T/sent.ended.done"
	wait $driver
	check "$1, browser: handlers were killed, $KILLED times" [ "$KILLED" -gt 0 ]
	compared "$1, browser, handlers killed" "$T/sent"
	server_stop
}

drivers_install
sent_by_node lighttpd-fcgi @segment/analytics-node
sent_by_node lighttpd-fcgi analytics-node-2
for mount in lighttpd-fcgi nginx; do sent_through_kills "$mount"; done
for mount in apache-fcgid apache-proxy apache-cgi lighttpd-cgi; do EVENTS=$((EVENTS / 4)) sent_by_node "$mount" @segment/analytics-node; done
seen_in_browser lighttpd-fcgi same two same-1.83 two-1.83 batching leaving leaving-1.83 offline alone
for mount in apache-fcgid apache-cgi nginx; do seen_in_browser "$mount" same two; done
for scenario in unavailable unavailable-1.83 unavailable-batching; do seen_unavailable lighttpd-fcgi $scenario; done
seen_unavailable nginx unavailable
for scenario in limited limited-1.83; do seen_limited lighttpd-fcgi $scenario; done
seen_limited apache-fcgid limited
for mount in lighttpd-fcgi nginx; do seen_through_kills "$mount"; done
done_testing
