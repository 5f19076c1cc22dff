#!/bin/bash
# Answers that are no acknowledgements, from a scripted server that refuses no duplicates: ship sends again what they were
# for, and each record is stored once. SHIP_PROGRAM takes another program.
. "$(dirname "$0")/lib.sh"
need_ship

# answered NAME ACTION...: 40 records, to which the server answers so. An empty line of the dump is a mark.
answered() {
	local name=$1
	shift
	spool_make
	add 40
	rm -f "$T/dump"
	fake_nats --expired --dump "$T/dump" "$@" || give_up "$(cat "$T/fake.log")"
	NATS_URL=([fake]=$FAKE_URL)
	all_shipped "$name" --ack-wait 500ms
	end_process "$FAKE_PID"
	is "$name: lost, doubled" "$(lines_of_spool | sort | comm -23 - <(sort -u "$T/dump") | wc -l) $(grep . "$T/dump" | sort | uniq -d | wc -l)" '0 0'
}

answered 'sequence 0 for what is never stored' 'ok*7' 'seq0*5'
answered 'the id is in process' 'ok*7' '10158*5'
answered 'no answer, stored or not' 'ok*7' none silent none silent
answered 'half an answer, and then none from that connection' 'ok*7' half close
done_testing
