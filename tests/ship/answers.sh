#!/bin/bash
# Each answer that a server can give, through the whole program, from a scripted server that refuses no duplicates: what
# passes is sent again and stored once; what does not ends the run with its remedy, and skips nothing.
. "$(dirname "$0")/lib.sh"
need_ship

# serve ACTION...: a spool of 40 records, and a server that answers so.
serve() {
	spool_make
	add 40
	rm -f "$T/dump"
	fake_nats --expired --dump "$T/dump" "$@" || give_up "$(cat "$T/fake.log")"
	NATS_URL=([fake]=$FAKE_URL)
}

# stored_once NAME [LACKING]: each record is stored once, but for so many. An empty line of the dump is a mark.
stored_once() {
	is "$1: lost, doubled" "$(lines_of_spool | sort | comm -23 - <(sort -u "$T/dump") | wc -l) $(grep . "$T/dump" | sort | uniq -d | wc -l)" "${2:-0} 0"
}

# passes NAME ACTION...
passes() {
	serve "${@:2}"
	all_shipped "$1" --ack-wait 500ms
	end_process "$FAKE_PID"
	stored_once "$1"
}

# stops NAME ACTION WORDS: the eighth record gets this answer, and none after it is stored before it is.
stops() {
	serve 'ok*7' "$2"
	ship --once --in-flight 1
	is "$1: 78, and the remedy" "$CODE $(grep -c -- "$3" "$T/ship.err")" '78 1'
	is "$1: nothing is skipped" "$(grep . "$T/dump" | sort -u | cmp - <(lines_of_spool | head -n 7 | sort) && echo the first seven)" 'the first seven'
	all_shipped "$1: corrected"
	end_process "$FAKE_PID"
	stored_once "$1"
}

passes 'an answer that comes twice' 'ok*7' 'twice*5'
passes 'answers out of order' 'ok*7' late ok late ok
passes 'no responders' 'ok*7' '503*5'
passes 'maximum bytes or messages, 10077' 'ok*7' '10077*5'
passes 'insufficient resources, 10023' 'ok*7' '10023*5'
passes 'insufficient storage, 10047' 'ok*7' '10047*5'
passes 'too many requests, 10167' 'ok*7' '10167*5'
passes 'JetStream is away, 10008' 'ok*7' '10008*5'
passes 'no leader, 10009' 'ok*7' '10009*5'
passes 'another sequence, 10063' 'ok*7' '10063*5'
passes 'another failure of 5xx, 10051' 'ok*7' '10051*5'
passes 'an answer that is no JSON' 'ok*7' 'garbage*5'
passes 'an error that closes the connection' 'ok*7' err ok err
passes 'a server that answers nothing any more' 'ok*7' stuck
stops 'another stream, 10060' 10060 'expected stream does not match: correct the stream.*hookspool check'
stops 'another error of 4xx, 10059' 10059 'stream not found: correct the stream.*hookspool check'
stops 'a message that is too long, 10054' 10054 'at byte [0-9]* has [0-9]* bytes.*message size exceeds maximum allowed. Raise max_msg_size of the stream.*--oversize aside'

serve 'ok*7' 10054
ship --once --oversize aside
is 'a message that is too long is set aside, if that is wanted' "$CODE $(cmp "$S/spool/failed.jsonl" <(:) >/dev/null 2>&1 || jq -c .record "$S/spool/failed.jsonl" | cmp - <(lines_of_spool | sed -n 8p) && echo 'the eighth')" '0 the eighth'
stored_once 'and the others are stored' 1
end_process "$FAKE_PID"
done_testing
