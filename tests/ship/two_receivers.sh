#!/bin/bash
# The same events at two receivers, as when a balancer repeats a request: the stream has each once within its duplicate
# window, and twice beyond it, once for each receiver. Neither ship loses or doubles anything of its own.
. "$(dirname "$0")/lib.sh"
need_ship

# both NODE WINDOW PAUSE: 50 events at either receiver, shipped one after the other; what the node's stream has, in T/stream.
both() {
	nats_start "$1" || give_up "$(cat "$T/nats-$1/log")"
	NATS_URL=([$1]=${NATS_URL[$1]})
	for receiver in 1 2; do
		spool_make
		add 50
		all_shipped "window $2: receiver $receiver" --create --replicas 1 --window "$2"
		sleep "$3"
		all_shipped "window $2: receiver $receiver again"
	done
	nats_end "$1"
	python3 - "$ROOT/tests/ship" "$T/nats-$1/store" >"$T/stream" <<-'END'
		import collections, sys
		sys.path.insert(0, sys.argv[1])
		import judge
		ids = collections.Counter(judge.id_of(m.data) for m in judge.replica(sys.argv[2]) if judge.is_record(m))
		own = collections.Counter((m.subject, judge.id_of(m.data)) for m in judge.replica(sys.argv[2]) if judge.is_record(m))
		print(len(ids), "ids,", sum(ids.values()), "messages, at most", max(own.values()), "of a receiver")
	END
}

both within 2m 0
is 'within the window each event is there once' "$(cat "$T/stream")" '50 ids, 50 messages, at most 1 of a receiver'
both beyond 1s 3
is 'beyond it once for each receiver' "$(cat "$T/stream")" '50 ids, 100 messages, at most 1 of a receiver'
done_testing
