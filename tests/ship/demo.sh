#!/bin/bash
# demo.sh: what `make demo-cluster` starts: three nats-servers, two receivers, each lighttpd with a spool of its own and
# hookspool ship, and nginx as a balancer in front of them, all on loopback. Sends events to both, one of them twice,
# and shows what is in the stream. Exits 0 only if every event is there once; nothing is left.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/balancer.sh"

SECRET=$(openssl rand -hex 16)
SETTINGS='min_free = 0'
declare -A URL_OF=() FOLDER_OF=() SERVER_OF=() SHIP_OF=()

for program in "$SHIP_PROGRAM" "$NATS_SERVER" python3 nginx lighttpd; do
	command -v "$program" >/dev/null || { echo "demo-cluster needs $program: make deps" >&2; exit 1; }
done

# receiver N: lighttpd, a spool and ship.
receiver() {
	server_start lighttpd-fcgi
	cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
	cp "$SHIP_PROGRAM" "$S/bin/hookspool-ship"
	URL_OF[$1]=$URL FOLDER_OF[$1]=$S SERVER_OF[$1]=$SERVER_PID
	ship_start --create --quiet
	SHIP_OF[$1]=$SHIP
	wait_for 30 test -s "$S/spool/.hookspool/receiver" || give_up "receiver $1 has no name: $(cat "$T/follow.err")"
	echo "receiver $1     $URL, whose name is $(name_of "$1")"
}
name_of() { jq -r .receiver "${FOLDER_OF[$1]}/spool/.hookspool/receiver"; }

# send URL ID: a signed event.
send() {
	URL=$1
	event "$2" >"$T/event"
	signed "$T/event"
	[ "$STATUS" = 200 ] || give_up "$2 is answered $STATUS: $(cat "$T/answer.body")"
}

# records: those in the stream, of all receivers.
records() { python3 "$ROOT/tests/ship/subjects.py" "${NATS_URL[a]}" | awk '!/\.mark$/ { n += $1 } END { print n + 0 }'; }
has_records() { [ "$(records)" -eq "$1" ]; }
is_behind() { (S=${FOLDER_OF[$1]}; hs stats --json; jq -e '[.cursors[] | select(.name == "ship") | .records] == [0]' <<<"$OUT"); }

[ -d "$T/tls" ] || certificates
nats_cluster "${NODES[@]}" || give_up 'the cluster starts'
echo "stream         events, on $(servers)"
receiver 1
receiver 2
balancer_start "${URL_OF[1]}" "${URL_OF[2]}" || give_up "the balancer starts: $(cat "$T/balancer/log")"
echo "balancer       $BALANCER"
echo
echo 'Six events through the balancer, two to each receiver, and one to both, as when the first answer was lost:'
for i in 1 2 3 4 5 6; do send "$BALANCER" "balanced-$i"; done
for i in 1 2; do
	send "${URL_OF[$i]}" "direct-$i-1"
	send "${URL_OF[$i]}" "direct-$i-2"
	send "${URL_OF[$i]}" both
done
wait_for 60 has_records 11 && wait_for 60 is_behind 1 && wait_for 60 is_behind 2 || give_up "11 events were sent, and $(records) are in the stream"
has_records 11 || give_up "11 events were sent, and $(records) are in the stream"
python3 "$ROOT/tests/ship/subjects.py" "${NATS_URL[a]}" | awk '{ printf "%6d  %s\n", $1, $2 }'
echo
echo '11 events were sent, one of them twice: the stream has each of them once. (The messages .mark are ship'"'"'s questions.)'
for i in 1 2; do end_process "${SHIP_OF[$i]}"; done
for i in 1 2; do end_process "${SERVER_OF[$i]}"; done
SERVER_PID=
balancer_end
nodes_end
