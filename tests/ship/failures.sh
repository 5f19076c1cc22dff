#!/bin/bash
# hookspool ship without memory of its own (libnats hangs or crashes without its), and with calls of libnats that fail: after the next run every record is in the stream once.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/lib/allocations.sh"
need_ship

# spool first|whole: the spool with the first records, or with all
spool() { rm -rf "$S/spool" && cp -a "$T/$1.spool" "$S/spool"; }
# another: no stream, and a spool that has never been sent
another() {
	local to=${NATS_URL[a]#nats://} answer
	exec 3<>"/dev/tcp/${to/:/\/}"
	printf 'CONNECT {"verbose":false}\r\nSUB answer 1\r\nPUB $JS.API.STREAM.DELETE.events answer 0\r\n\r\n' >&3
	while read -r -t 20 answer <&3 && [[ $answer != MSG* ]]; do :; done
	exec 3>&-
	spool "${1-whole}"
}
# begun: a stream with the first records
begun() {
	another first
	made
	cp -a "$T/whole.spool/." "$S/spool/"
}
made() { runs -- --once --create --replicas 1; }
sent() { another && made; }
verified() { runs -- --verify; sed 's/[0-9.]* s$//' "$T/run.out"; }
report() { sed -E "s/[0-9]+ bytes//" "$T/run.out"; }

spool_make 'rotate_min_gap = 0'
add 25
hs rotate
cp -a "$S/spool" "$T/first.spool"
add 15
cp -a "$S/spool" "$T/whole.spool"
nats_start a || give_up 'nats-server'
trap 'nats_end a KILL; clean_up' EXIT
allocations_of hookspool-ship --old-server --to "${NATS_URL[a]}" --quiet
of() { # WHOSE
	BEFORE=another AFTER=verified
	sweep "$1" 'a new stream' --once --create --replicas 1
	BEFORE=begun
	sweep "$1" 'records come' --once
	BEFORE=sent AFTER=report
	sweep "$1" '--verify' --verify
	sweep "$1" '--check' --check
	sweep "$1" '--dry-run' --dry-run
}
of program
CALLS=FAIL_IO
of libnats
done_testing
