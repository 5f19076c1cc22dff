#!/bin/bash
# hookspool adopt: a standby takes over from a mirror, an older copy comes back, .hookspool is
# lost in each of its parts: what is lost is told, and nothing is followed that does not fit.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='auth = none
rotate_min_gap = 0'

# take ID...: an event each, by plain CGI; what is answered.
take() {
	local id
	for id; do cgi_post "{\"type\":\"page\",\"messageId\":\"$id\",\"userId\":\"u-$id\"}" | status_and_body; done
}
health() { cgi REQUEST_METHOD=GET PATH_INFO=/health </dev/null | sed -n '1s/Status: \([0-9]*\).*/\1/p' | tr -d '\r'; }
messages() { hs cat && ids_of <<<"$OUT" | xargs; }
said() { cat "$T/err"; }
# fresh: a spool of its own that nobody has open.
fresh() {
	directory_make
	cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
}
P=.hookspool

### A standby that takes over ###########################################
fresh
take m1 m2 >/dev/null
hs rotate
take m3 >/dev/null
hs rotate
take m4 >/dev/null # not mirrored: it is in the open segment
hs tail --cursor etl
primary=$S
fresh
cp -p "$primary"/spool/events-*.jsonl "$S/spool/" # the mirror of docs/recipes.md: sealed segments alone
own "$S"/spool/*
hs adopt
is 'a mirror is adopted' "$CODE $(sed -n '2,4p' <<<"$OUT" | xargs)" \
	'0 its id was lost, or an adoption interrupted 2 sealed segments the open one is 3, with 0 B'
is 'its events are duplicates, others are new' "$(take m1 m3 m5 | xargs)" \
	'200 {accepted:0,duplicate:1,rejected:0} 200 {accepted:0,duplicate:1,rejected:0} 200 {accepted:1,duplicate:0,rejected:0}'
hs rotate
is 'numbers continue after it' "$(find "$S/spool" -name 'events-*-000003.jsonl' | wc -l) $(messages)" '1 m1 m2 m3 m5'
mkdir "$S/spool/$P/cursors"
cp "$primary/spool/$P/cursors/etl" "$S/spool/$P/cursors/"
own "$S/spool/$P/cursors" "$S/spool/$P/cursors/etl"
hs tail --cursor etl
is 'a cursor that was further ahead there is rejected' "$CODE $OUT" '74 '
is '… and the message names the remedy' "$(said | grep -c 'run hookspool adopt')" 1
hs adopt
is 'adopt reports it, too' "$CODE $(sed -n 2p <<<"$OUT" | sed 's/:.*//')" '1   does not fit'
hs adopt --from now
is '… and sets it with --from' "$CODE $(sed -n 2p <<<"$OUT" | sed 's/:.*//')" '0   did not fit'
take m6 >/dev/null
hs tail --cursor etl
is 'then it continues from there' "$CODE $(grep -o '"m[0-9]"' <<<"$OUT" | xargs)" '0 m6'
hs verify
is 'verify finds nothing' "$CODE" 0

### An older copy comes back ############################################
fresh
take a1 a2 >/dev/null
cp -a "$S/spool" "$S/older"
take a3 a4 >/dev/null
hs tail --cursor etl
cp "$S/spool/$P/cursors/etl" "$T/etl"
rm -rf "$S/spool"
mv "$S/older" "$S/spool"
rm -rf "$S/spool/$P/run"
take b3 b4 >/dev/null # under the numbers, and at the places, of a3 and a4
mkdir -p "$S/spool/$P/cursors"
cp "$T/etl" "$S/spool/$P/cursors/etl"
own "$S/spool/$P/cursors" "$S/spool/$P/cursors/etl"
hs tail --cursor etl
is 'other lines at its position: the cursor is rejected' "$CODE $OUT" '74 '
hs each --once --cursor etl --on '*=cat'
is '… nor by each' "$CODE $OUT" '74 '
hs adopt --from oldest
hs tail --cursor etl
is '… until it is set' "$CODE $(grep -o '"[ab][0-9]"' <<<"$OUT" | xargs)" '0 a1 a2 b3 b4'

### A mirror that was interrupted between sealed and open segments ######
# interrupted FIRST SECOND [ERASED]: the open segment is copied with the events FIRST, and later the sealed one, with
# SECOND, too, compressed; in between ERASED is erased. .hookspool stays as it was, unless NEW is 1.
interrupted() {
	fresh
	take $1 >/dev/null
	cp -a "$S/spool" "$S/mirror"
	take $2 >/dev/null
	if [ -n "${3:-}" ]; then hs erase --user "u-$3" --suppress; else hs rotate; fi
	hs maintain
	cp -a "$S"/spool/events-*.gz "$S/mirror/"
	[ ! -f "$S/spool/erased.jsonl" ] || cp -a "$S/spool/erased.jsonl" "$S/mirror/"
	[ "${NEW:-0}" = 0 ] || cp -a "$S/spool/$P/." "$S/mirror/$P/"
	rm -rf "$S/spool" "$S/mirror/$P/run"
	mv "$S/mirror" "$S/spool"
}
interrupted 'e1 e2 e3' 'e4'
hs adopt
is 'the older copy of a compressed segment is removed' "$CODE $(grep -c '^  3 lines of older copies' <<<"$OUT") $(messages)" \
	'0 1 e1 e2 e3 e4'
hs verify
is '… and verify finds nothing' "$CODE" 0
NEW=1 interrupted 'e1 e2 e3' 'e4' e3
hs adopt
is 'an erased event does not come back with it' "$CODE $(messages)" '0 e1 e2 e4'
interrupted 'e1 e2 e3' 'e4' e2
hs adopt --accept-loss
is '… nor without the ids of erased events' "$CODE $(messages)" '0 e1 e3 e4'
interrupted 'e1 e2 e3' 'e4' e3
hs adopt
is 'an event that may have been erased: nothing is done' "$CODE$OUT $(said | grep -c 'copy the spool again')" '65 1'
hs adopt --accept-loss
is '… but on request it is kept' "$CODE $(messages)" '0 e1 e2 e4 e3'

# The dead letters come from an earlier time than the rest.
fresh
take e1 e2 e3 >/dev/null
hs each --cursor crm --once --on '*=exit 65'
letters=$S/spool/failed.jsonl
cp -a "$letters" "$T/letters"
hs erase --user u-e1
hs erase --user u-e2 --suppress
cp -a "$T/letters" "$letters"
{
	sed -n 's/"message_id":"e2"/"message_id":"e9"/p' "$T/letters" # nothing but its user tells of this one
	sed -n '/"e1"/s/"spooled_at":"20../"spooled_at":"2099/p' "$T/letters" # the id came again, after dedup_window
	echo '{"failed_at":"'
} >>"$letters"
hs adopt
is 'dead letters of erased events and suppressed people go, others stay' \
	"$CODE $(grep -c '^  3 dead letters of people' <<<"$OUT") $(ids_of <"$letters" | xargs) $(wc -l <"$letters")" '0 1 e3 e1 3'
hs adopt
is '… once' "$CODE $(grep -c 'dead letters of people' <<<"$OUT") $(wc -l <"$letters")" '0 0 3'

### A new cursor ########################################################
hs tail --cursor new
is 'a new cursor reports where it begins' "$CODE $(said)" \
	'0 hookspool tail: cursor new is new: it begins at the oldest event (--from now: with what comes next)'
hs tail --cursor new
is '… once' "$CODE$OUT$(said)" 0
hs tail --cursor new1 --from now
is '--from now' "$CODE$OUT $(said)" '0 hookspool tail: cursor new1 is new: it begins with what comes next'
sleep 0.01
now=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
take c1 c2 >/dev/null
hs tail --cursor new2 --from "$now"
is '--from a time' "$CODE $(grep -o '"c[0-9]"' <<<"$OUT" | xargs)" '0 c1 c2'
hs each --once --cursor new3 --from 0s --on '*=cat'
is '--from, each' "$CODE$OUT" 0
take c3 >/dev/null
hs tail --cursor new2 --from now
is 'an existing cursor ignores --from' "$(grep -o '"c[0-9]"' <<<"$OUT" | xargs)" c3
hs tail --cursor new4 --from soon
is 'usage: --from soon' "$CODE" 2
hs tail --from now
is 'usage: --from without a cursor' "$CODE" 2

### .hookspool is lost, in each of its parts ############################
fresh
take d1 d2 d3 >/dev/null
hs erase --user u-d1 --suppress
hs erase --user u-d2
hs tail --cursor etl
cp -a "$S/spool" "$S/good"
is 'events of suppressed users are not kept' "$(take d1) $(messages)" '200 {accepted:1,duplicate:0,rejected:0} d3'

# lose FILE...: beside a spool as it was before.
lose() {
	rm -rf "$S/spool"
	cp -a "$S/good" "$S/spool"
	(cd "$S/spool" && rm -rf "$@" $P/run)
	: >"$S/log/program.log"
}
# tells WHAT: check and verify report it; verify exits with 1, and check with 0, as it only warns.
tells() {
	hs check
	is "$1: check reports it" "$(grep -c "lost .*$1" <<<"$OUT")" 1
	hs verify
	is "$1: verify reports it" "$CODE $(grep -c "$1: lost" <<<"$OUT")" '1 1'
}
lose $P/suppressed
is 'a lost suppression list: 503' "$(take d4 | cut -c 1-3) $(health)" '503 503'
check 'the log names the remedy' grep -q 'adopt --accept-loss' "$S/log/program.log"
tells $P/suppressed
hs adopt
is 'adopt does not give up the list by itself' "$CODE $(take d4 | cut -c 1-3)" '1 503'
hs erase --user u-d3 --suppress
is 'erase --suppress does not begin another list' "$CODE $(find "$S/spool/$P" -name suppressed | wc -l)" '74 0'
hs adopt --accept-loss
is '… unless --accept-loss asks for it' "$CODE $(take d4 | cut -c 1-3) $(health)" '0 200 200'
hs check
is '… for good' "$(grep -c lost <<<"$OUT")" 0
lose $P/salt
is 'a lost salt: 503, because the list needs it' "$(take d4 | cut -c 1-3) $(find "$S/spool/$P" -name salt | wc -l)" '503 0'
tells $P/salt
lose $P/salt $P/suppressed erased.jsonl
hs erase --user u-d3
is 'without receipts, a new salt is made' "$CODE $(find "$S/spool/$P" -name salt | wc -l)" '0 1'
lose $P/erased-ids
is 'lost erased ids: service continues' "$(take d4)" '200 {accepted:1,duplicate:0,rejected:0}'
tells $P/erased-ids
lose
: >"$S/spool/$P/erased-ids" # as of a mirror that was cut off before it came to .hookspool
is 'an older list of erased ids: service continues' "$(take d4)" '200 {accepted:1,duplicate:0,rejected:0}'
tells $P/erased-ids
hs adopt
is 'adopt: lines of events.jsonl may have been erased' "$CODE $(said | grep -c 'erased-ids, is lost, damaged or older')" '65 1'
hs adopt --accept-loss
is '… unless they are to be kept' "$CODE $(hs verify; echo $CODE)" '0 0'
lose $P/spool
is 'a lost id: service continues' "$(take d4)" '200 {accepted:1,duplicate:0,rejected:0}'
tells $P/spool
hs tail --cursor etl
is 'a cursor whose line is still there continues' "$CODE $(grep -o '"d[0-9]"' <<<"$OUT" | xargs)" '0 d4'
hs adopt
hs verify
is 'adopt repairs it' "$CODE" 0
lose $P/cursors
hs tail --cursor etl
is 'lost cursors: the message says where they begin' "$CODE $(said | grep -c 'is new: it begins')" '0 1'
lose $P/run
is 'a lost run folder loses nothing' "$(take d3 | tail -n 1) $(hs verify; echo $CODE)" '200 {accepted:0,duplicate:1,rejected:0} 0'
lose $P
is 'a lost .hookspool: suppressed people could be kept, so 503' "$(take d4 | cut -c 1-3)" 503
hs adopt --accept-loss
is 'adopt' "$CODE $(grep -c 'started afresh' <<<"$OUT")" '0 3'
is 'service continues' "$(take d5)" '200 {accepted:1,duplicate:0,rejected:0}'

### While it is in use ##################################################
listener_start
hs adopt
is 'a handler without requests does not block it' "$CODE" 0
as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" tail -f >"$T/followed" 2>/dev/null &
follower=$!
wait_for 10 test -s "$T/followed"
hs adopt
is 'not while another process uses the spool' "$CODE" 75
end_process "$follower"
server_stop
done_testing
