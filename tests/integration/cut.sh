# Files of the spool are cut or emptied under a running server with load and under `tail -f`:
# service continues within two seconds, every 200 is in the spool once, and the log reports it.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

spool_start 'rotate_min_gap = 0' 'min_free = 0' 'auth = none'
RUN=$S/spool/.hookspool/run

# load PREFIX: four senders, each event again until it is answered 200, as Segment does; T/PREFIX.times
# gets "MS ID" for each, the time that it took. Ends when T/stop is there.
load() {
	local sender
	rm -f "$T/stop"
	for sender in 1 2 3 4; do
		(
			for ((i = 1; ; i++)); do
				[ ! -e "$T/stop" ] || exit
				id=$1-$sender-$i began=${EPOCHREALTIME/./}
				until [ "$(curl -s --max-time 20 -o /dev/null -w '%{http_code}' --cacert "$T/tls/ca.pem" \
					-H 'Content-Type: application/json' -d "$(event "$id")" "$URL")" = 200 ]; do
					sleep 0.05
				done
				echo "$(((${EPOCHREALTIME/./} - began) / 1000)) $id"
			done
		) >"$T/$1.times.$sender" 2>/dev/null &
	done
	LOAD=$(jobs -p | tail -n 4)
}

times() { cat "$T/$1".times.*; }
answered() { [ "$(times "$1" | wc -l)" -ge "$2" ]; }
acknowledged() { times "$1" | cut -d ' ' -f 2 | sort; }
told() { grep -cE "$1" "$S/log/hookspool.log"; }

# under_load PREFIX COMMAND...: runs the command under load and beside a follower, and checks everything.
under_load() {
	local prefix=$1 before follower most
	shift
	(hs_exec tail -f -n 0 >"$T/$prefix.tail" 2>>"$T/said") &
	follower=$!
	wait_for 10 watches "$follower"
	worker=$(workers)
	load "$prefix"
	check "$prefix: the load runs" wait_for 10 answered "$prefix" 12
	"$@"
	before=$(times "$prefix" | wc -l)
	check "$prefix: service continues" wait_for 10 answered "$prefix" $((before + 24))
	: >"$T/stop"
	wait $LOAD
	most=$(times "$prefix" | sort -n | tail -n 1 | cut -d ' ' -f 1)
	check "$prefix: within two seconds ($most ms)" in_time "$most" 2000
	is "$prefix: in the same process" "$(workers)" "$worker"
	is "$prefix: no 200 is lost" "$(comm -23 <(acknowledged "$prefix") <(ids))" ''
	is "$prefix: none is there twice" "$(ids | grep "^$prefix-" | uniq -d)" ''
	check "$prefix: tail -f continues" wait_for 30 eval \
		'[ -z "$(comm -23 <(acknowledged '"$prefix"') <(ids_of <"$T/'"$prefix"'.tail" | sort))" ]'
	is "$prefix: and shows nothing twice" "$(ids_of <"$T/$prefix.tail" | sort | uniq -d)" ''
	kill "$follower"
	wait "$follower" 2>/dev/null
	hs verify >"$T/verified" 2>&1
	is "$prefix: verify finds nothing" $? 0
}

# tells_of NAME BEFORE: each request that meets the loss is refused, with a line in the log: one to four, as there are four senders.
tells_of() {
	local lines=$(($(told 'run/state was cut') - $2))
	check "$1: the log reports it ($lines)" [ "$lines" -ge 1 -a "$lines" -le 4 ]
}

cut_state() { truncate -s "$1" "$RUN/state"; }
cut_index() { truncate -s "$1" "$RUN/index"; }

for size in 0 100 2048; do
	was=$(told 'run/state was cut')
	under_load "state$size" cut_state $size
	tells_of "state$size" "$was"
done
was=$(told 'run/state was cut')
under_load removed rm "$RUN/state"
tells_of removed "$was"
was=$(told 'run/state was cut')
hs rotate
under_load index cut_index 0
under_load half cut_index 8192
is 'the loss of the index does not touch the state' "$(told 'run/state was cut')" "$was"

# Without any request, an idle server and an idle follower let go all the same.
(hs_exec tail -f -n 0 >"$T/idle" 2>>"$T/said") &
TAIL=$!
wait_for 10 watches "$TAIL"
cut_state 0
check 'an idle server creates it again' wait_for 30 eval '[ "$(stat -c %s "$RUN/state")" -gt 4096 ]'
is 'plain CGI works beside it' "$(event idle-1 | cgi REQUEST_METHOD=POST CONTENT_TYPE=application/json \
	CONTENT_LENGTH="$(event idle-1 | wc -c)" | head -n 1 | tr -d '\r')" 'Status: 200 OK'
check 'and tail -f shows the event' wait_for 30 has 1 "$T/idle"
kill $TAIL

# The suppression list is emptied in place: the entries that the server has read still apply.
hs erase --user u-gone --suppress >"$T/out" 2>&1
put_one "$(event gone-1 | sed 's/u-1/u-gone/')"
: >"$S/spool/.hookspool/suppressed"
put_one "$(event gone-2 | sed 's/u-1/u-gone/')"
is 'an emptied suppression list causes no SIGBUS, and the entries read before still apply' "$(ids | grep -c '^gone-')" 0

# The open segment is emptied: its lines are gone, and service continues in a new one.
worker=$(workers)
put before 1 3
: >"$SPOOL"
put after 1 3
is 'events.jsonl emptied: the next batch is taken' "$(ids | grep -c '^after')" 3
is 'in the same process' "$(workers)" "$worker"
check 'and the log reports it' [ "$(told 'was cut by somebody else: it is set aside')" = 1 ]

# A disk error in the state: an answer and the remedy, no signal.
if command -v strace >/dev/null && [ "$(id -u)" -eq 0 ]; then
	server_stop
	event eio-1 >"$T/body"
	# what the program has open is for root to see: strace -P must find the file
	as_cgi() {
		(env GATEWAY_INTERFACE=CGI/1.1 HOOKSPOOL_CONF="$S/hookspool.conf" REQUEST_METHOD=POST \
			CONTENT_TYPE=application/json CONTENT_LENGTH="$(stat -c %s "$T/body")" \
			strace -u "$SERVER_USER" -qq -o /dev/null -P "$RUN/state" -e inject=pread64:error=EIO "$S/bin/hookspool.fcgi") \
			<"$T/body" 2>"$T/said.cgi"
	}
	is 'EIO when the state is read: plain CGI answers 503' "$(as_cgi | head -n 1 | tr -d '\r')" \
		'Status: 503 Service Unavailable'
	check 'and the log names the remedy' grep -q 'remove .hookspool/run' "$T/said.cgi" "$S/log/hookspool.log"
fi
done_testing
