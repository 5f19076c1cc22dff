#!/bin/bash
# hookspool import: archives are taken like deliveries; imports are killed and run again, each event once.
. "$(dirname "$0")/../lib/server.sh"

KILLS=${KILLS:-10} # how many imports are killed in mid-work
LINES_EACH=9000    # of an archive: three commits
LIVELY='auth = none
rotate_size = 256K
rotate_min_gap = 0
min_free = 0'
SETTINGS=$LIVELY

# archive NAME LINES: a third of the events has an id, a third only a time, a third neither.
archive() {
	awk -v name="$1" -v n="$2" 'BEGIN {
		for (i = 1; i <= n; i++) {
			printf "{\"type\":\"page\",\"userId\":\"u-%d\",", i % 50
			if (i % 3 == 0) printf "\"messageId\":\"%s-%d\",", name, i
			if (i % 3 == 1) printf "\"timestamp\":\"2026-11-23T10:15:00.000Z\","
			printf "\"properties\":{\"n\":\"%s-%d\"}}\n", name, i
		}
	}'
}

# marks PREFIX: the n of every record of that archive, sorted.
marks() { spooled | grep -o "\"properties_n\":\"$1[^\"]*" | cut -d '"' -f 4 | sort; }

# sum JQ: of the last --json summary.
sum() { jq -c "$1" <<<"$OUT"; }

### Archives ####################################################
spool_start
{
	event a-1 track; echo
	event a-2 identify; printf '\r\n\n'
	event a-1 track; echo
	echo '{"type":"track","userId":"u"}'
	echo 'not JSON'
	event a-3 delete
} >"$T/a.jsonl"
gzip -c "$T/a.jsonl" >"$T/renamed"
chmod 644 "$T/a.jsonl" "$T/renamed"

hs import --dry-run --json "$T/a.jsonl"
is 'a dry run counts' "$(sum '[.accepted, .duplicate, .rejected, .deletes]')" '[3,1,2,1]'
is 'and writes nothing' "$(spooled | wc -l)$(spooled rejected | wc -l)" 00

hs import "$T/a.jsonl"
is 'the summary' "$OUT" "7 lines: 3 accepted, 1 duplicate, 2 rejected, 0 left out
1 are delete events, and count as newer than all that the spool had: erase --from-deletes, and load, remove all events of \
their users; to leave them out, import the other types by --type
what was rejected, and why, is in rejected.jsonl"
is 'rejected lines are a problem found' $CODE 1
is 'the events are in the spool' "$(spooled | ids_of | sort | xargs)" 'a-1 a-2 a-3'
is 'flattened like a delivery' "$(record a-1 '.properties_order_id == "o-1" and .properties_total == 39.95')" true
is 'the rejected file says where and why' "$(spooled rejected | jq -r .message | sed "s|$T|T|")" \
	'import T/a.jsonl, line 5: event required, a non-empty string
import T/a.jsonl, line 6: not JSON'

hs import --json "$T/a.jsonl"
is 'an archive is done once' "$(sum '[.lines, .done_before, .deletes]')$CODE" '[0,1,0]1'
hs import --json "$T/renamed"
is 'gzip is known by its first bytes; every event is there already' "$(sum '[.accepted, .duplicate, .rejected]')" '[0,4,2]'
hs import --json --again "$T/a.jsonl"
is '--again reads it again' "$(sum '[.accepted, .duplicate]')" '[0,4]'
hs import --json < <(event b-1; echo; event a-1)
is 'a pipe, its last line without an end' "$(sum '[.accepted, .duplicate]')$CODE" '[1,1]0'
hs import --json - < <(event b-2 | gzip)
is 'a pipe with gzip in it' "$(sum .accepted)" 1

head -c 60 "$T/renamed" >"$T/cut"
chmod 644 "$T/cut"
hs import "$T/cut" "$T/none" "$T" "$T/a.jsonl"
is 'damage, a missing file and a directory do not stop the others' "$CODE $(grep -c . "$T/err")" '65 3'
check 'and have messages of their own' grep -q 'cut: damaged or cut' "$T/err"

printf '{"type":"page","userId":"%01100000d"}\n' 1 >"$T/long"
event b-3 >>"$T/long"
chmod 644 "$T/long"
OUT=$(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" HOOKSPOOL_MAX_BODY=1M "$S/bin/hookspool" import --json "$T/long")
is 'a line longer than max_body is skipped' "$(sum '[.accepted, .rejected]')" '[1,1]'

# interrupted while it waits for a pipe: the spool has all that came so far
mkfifo "$T/fifo"
(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" import --json) \
	<"$T/fifo" >"$T/out" 2>"$T/err" &
pid=$!
exec 9>"$T/fifo"
for k in $(seq 1000); do event "c-$k"; echo; done >&9 # more than a pipe holds: it has been read
wait_for 10 eval "kill -INT $pid; gone $pid"
wait $pid
is 'SIGINT ends it as the shell expects' $? 130
exec 9>&-
OUT=$(cat "$T/out")
check 'with a sum of what is in the spool' test "$(sum .accepted)" -gt 0 -a "$(sum .stopped)" = true
is 'and they are there' "$(spooled | grep -c '"message_id":"c-')" "$(sum .accepted)"

# what waits in a pipe is new when it comes into the spool, and not when the import began to wait for it
(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" import) <"$T/fifo" >"$T/out" 2>"$T/err" &
pid=$!
exec 9>"$T/fifo"
{ for k in $(seq 1000); do event "p-$k"; echo; done; echo '{"type":"bogus","messageId":"p-0"}'; } >&9
now=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
exec 9>&-
wait $pid
is 'events of a pipe that is slow have the time at which they came' \
	"$({ spooled | grep '"message_id":"p-'; spooled rejected | grep p-0; } | jq -r .spooled_at | awk -v now="$now" '$0 >= now' | wc -l)" 1001

### Other files ###############################################
# foreign NAME WORD: import recognises the file, writes nothing and names the remedy.
foreign() {
	local before
	before=$(spooled | wc -l)+$(spooled rejected | wc -l)
	chmod 644 "$T/$1"
	hs import "$T/$1"
	is "$1: nothing is written" "$(spooled | wc -l)+$(spooled rejected | wc -l)" "$before"
	is "$1: exit code and counts" "$CODE $OUT" '65 0 lines: 0 accepted, 0 duplicate, 0 rejected, 0 left out'
	check "$1: the message names its type" grep -q "$1: $2: ." "$T/err"
	hs import --json - <"$T/$1"
	is "$1: by a pipe" "$CODE $(sum '[.lines, .rejected, .failed]')" '65 [0,0,1]'
}
noise() { seq 40000 | sed 's/^/{broken &/'; }
{ printf 'PK\3\4'; noise; } >"$T/events.zip"
{ printf '\50\265\57\375'; noise; } >"$T/events.zst"
{ printf 'PAR1'; noise; } >"$T/events.parquet"
{ printf '\211PNG\r\n'; noise; } >"$T/picture.png"
{ printf '\177ELF'; noise; } >"$T/program"
{ printf '{"a":\0'; noise; } >"$T/zeros"
printf '{"type":"page","userId":"u"}\n' | iconv -t UTF-16 >"$T/utf16"
noise >"$T/rubbish"
printf '{\n"type":"page",\n"userId":"u"\n}\n' >"$T/pretty"
{ head -c 257 /dev/zero; printf 'ustar'; printf '\n{"type":"page","userId":"u"}\n'; } >"$T/events.tar"
gzip -c "$T/events.tar" >"$T/events.tgz"
printf 'type,userId\npage,u\n' >"$T/events.csv"
foreign events.zip 'a zip archive'
foreign events.zst 'compressed by zstd'
foreign events.parquet 'a Parquet file'
foreign picture.png 'an image'
foreign program 'a program'
foreign zeros binary
foreign utf16 'UTF-16 text'
foreign rubbish 'no JSON lines'
foreign pretty 'no JSON lines'
foreign events.tar 'a tar archive'
foreign events.tgz 'a tar archive'
foreign events.csv 'no JSON lines'

{ printf '{"type":"page","userId":"turns"}\n'; noise; } >"$T/turns"
chmod 644 "$T/turns"
hs import --json "$T/turns"
is 'import gives up a file that turns into rubbish' "$CODE $(sum '[.accepted, .rejected, .failed]')" '65 [1,1000,1]'

### Filters ####################################################
for day in 21 22 23; do
	echo "{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u\",\"messageId\":\"d-$day\",\"timestamp\":\"2026-11-${day}T12:00:00Z\"}"
done >"$T/days.jsonl"
echo '{"type":"page","userId":"u","messageId":"d-none"}' >>"$T/days.jsonl"
chmod 644 "$T/days.jsonl"
hs import --json --since 2026-11-22 --until 2026-11-23 "$T/days.jsonl"
is 'by time; events without one are left out' "$(sum '[.accepted, .left_out]')" '[1,3]'
# times as other programs write them; import reports unreadable ones, with a line number
n=0
for stamp in '"2026-11-22 10:15:00 UTC"' 1795342500 1795342500123 '"1795342500.5"' '"last Sunday"' '"22/11/2026"'; do
	echo "{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u\",\"messageId\":\"s-$((n += 1))\",\"timestamp\":$stamp}"
done >"$T/stamps.jsonl"
chmod 644 "$T/stamps.jsonl"
hs import --json --since 2026-11-22 --until 2026-11-23 "$T/stamps.jsonl"
is 'by time: a blank and UTC, seconds and milliseconds since 1970' "$(sum '[.accepted, .left_out, .undated]')" '[4,2,2]'
hs import --again --since 2026-11-22 --until 2026-11-23 "$T/stamps.jsonl"
is 'unreadable times are reported' "$(grep -c "2 of those left out have a timestamp that cannot be read, such as line 5" <<<"$OUT")" 1
printf '{"type":"track","event":"e","userId":"u","messageId":"%s","timestamp":"%s"}\n' \
	x-1 '2026-11-22T23:30:00\u002B01:00' x-2 '2026-11-23T00:30:00\u002B01:00' x-3 '2026-11-22T00:30:00\u002B01:00' \
	x-4 '\u0031795342500' >"$T/escaped.jsonl"
chmod 644 "$T/escaped.jsonl"
hs import --json --since 2026-11-22 --until 2026-11-23 "$T/escaped.jsonl"
is 'escapes in times are decoded' "$(sum '[.accepted, .left_out, .undated]')" '[3,1,0]'
hs import --json --type page --type group "$T/days.jsonl"
is 'by type' "$(sum '[.accepted, .left_out]')" '[1,3]'
hs import --json "$T/days.jsonl"
is 'another choice is another import' "$(sum '[.accepted, .duplicate, .done_before]')" '[2,2,0]'
hs import --since soon "$T/days.jsonl"
is 'an invalid time' $CODE 2
hs import --tenant acme "$T/days.jsonl"
is 'an unknown tenant' $CODE 2
server_stop

### Tenants ######################################################
SETTINGS='auth = either
[keys]
acme = one
globex = two'
spool_start
event a-1 >"$T/one.jsonl"
chmod 644 "$T/one.jsonl"
hs import "$T/one.jsonl"
is 'with [keys] the tenant must be said' "$CODE $(grep -c -e '--tenant' "$T/err")" '2 1'
hs import --tenant globex --tenant acme "$T/one.jsonl"
is 'and one alone' "$CODE $(grep -c 'is given twice' "$T/err")" '2 1'
hs import --json --tenant acme "$T/one.jsonl"
is 'events of a tenant' "$(sum .accepted)$(record a-1 .tenant)" 1acme
hs import --json --tenant globex "$T/one.jsonl"
is 'the same id of another tenant is another event' "$(sum .accepted)" 1
hs import --json --tenant - "$T/one.jsonl"
is 'and so is the same id without a tenant' "$(sum .accepted)" 1
server_stop

### Files of other programs #######################################################
SETTINGS=$LIVELY
spool_start
{ printf '\357\273\277'; event m-1; echo; event m-2; echo; } >"$T/mark.jsonl"
chmod 644 "$T/mark.jsonl"
hs import --json "$T/mark.jsonl"
is 'a byte order mark costs no line' "$CODE $(sum .accepted) $(sum .rejected)" '0 2 0'
{ { event z-1; echo; event z-2; echo; } | gzip; head -c 200000 /dev/zero; } >"$T/padded.gz"
chmod 644 "$T/padded.gz"
hs import --json "$T/padded.gz"
is 'zeros after a .gz are not damage' "$CODE $(sum .accepted) $(sum .failed)" '0 2 0'
{ event y-1; echo | gzip; head -c 512 /dev/zero; printf 'rubbish'; } >"$T/rubbish.gz"
chmod 644 "$T/rubbish.gz"
hs import --json "$T/rubbish.gz"
is 'anything else is damage' "$CODE $(sum .failed)" '65 1'
{ event r-1; echo; echo '{"type":'; } >"$T/refused.jsonl"
chmod 644 "$T/refused.jsonl"
hs import --json "$T/refused.jsonl"
is 'a refused line is an exit code' "$CODE $(sum .rejected)" '1 1'
hs import --json "$T/refused.jsonl"
is 'of the second run, too' "$CODE $(sum .done_before) $(sum .rejected_before)" '1 1 1'
server_stop

### Several events on a line ##################################################
SETTINGS=$LIVELY
spool_start

# imports WHAT JQ WANTED <TEXT: the sum of an archive of this text, and its exit code.
imports() {
	cat >"$T/several"
	chmod 644 "$T/several"
	hs import --json "$T/several"
	is "$1" "$CODE $(sum "$2")" "$3"
}
# refused: the newest rejected lines' places and reasons.
refused() { spooled rejected | tail -n "$1" | jq -r .message | sed 's/.*several, //'; }
plain() { printf '{"type":"page","userId":"u","properties":{"n":"%s"}}' "$1"; } # with neither id nor time

imports 'nothing between events' '[.lines, .events, .accepted]' '0 [1,2,2]' < <(event n-1; event n-2)
imports 'a blank between events' '[.lines, .events, .accepted]' '0 [1,3,3]' < <(event n-3; printf ' '; event n-4; printf ' \t'; event n-5; echo)
imports 'arrays' '[.lines, .events, .accepted]' '0 [2,5,5]' \
	< <(printf '[%s, %s]\n[] [%s][%s]%s' "$(event n-6)" "$(event n-7)" "$(event n-8)" "$(event n-9)" "$(event n-10)")
imports 'arrays of wrapped events, as a delivery has them' '[.accepted, .rejected]' '0 [2,0]' \
	< <(printf '[{"json":%s},{"json":%s}]\n' "$(event n-11)" "$(event n-12)")
is 'each once, as it was' "$(spooled | jq -r 'select(.message_id | startswith("n-")) | .message_id' | sort -V | xargs)" \
	"$(seq -f 'n-%.0f' 12 | xargs)"
imports 'gzip members whose last line has no end' '[.accepted, .failed]' '0 [4,0]' \
	< <({ event g-1; echo; event g-2; } | gzip; { event g-3; echo; event g-4; } | gzip)
imports 'without ids they stay as many as they are' '[.accepted, .duplicate]' '0 [5,0]' \
	< <(plain w-1; plain w-1; echo; printf '[%s,%s,%s]' "$(plain w-1)" "$(plain w-1)" "$(plain w-1)")
is 'each with an id of its own' "$(spooled | grep '"properties_n":"w-1"' | jq -r .message_id | sort -u | wc -l)" 5
hs import --json "$T/several"
is 'and are done once' "$CODE $(sum '[.done_before, .accepted]')" '0 [1,0]'
imports 'an event twice on a line is one event' '[.accepted, .duplicate]' '0 [1,1]' < <(event n-13; event n-13)

nameless='{"type":"track","userId":"u"}'
imports 'one event of a line is refused' '[.accepted, .rejected]' '1 [3,1]' < <(event o-1; echo "$nameless$(event o-3)"; event o-4)
is '… with its place, and its own text' "$(refused 1) $(spooled rejected | tail -n 1 | jq -r .body)" \
	"line 1, event 2: event required, a non-empty string $nameless"
imports 'damage in the middle' '[.accepted, .rejected]' '1 [2,1]' < <(event p-1; printf '{"type":"tra'; event p-2; echo; event p-3)
is '… costs what follows in its line' "$(refused 1)" 'line 1, event 2: not JSON'
hs import --json "$T/several"
is '… and the exit code of the second run' "$CODE $(sum .rejected_before)" '1 1'
imports 'an event is taken only if valid text follows' '[.accepted, .rejected]' '1 [1,3]' \
	< <(event q-1; echo garbage; event q-2; echo ','; event q-3; echo; event q-4; echo 12)
is '… otherwise the whole line is refused' "$(refused 3)" "line 1: text after the JSON
line 2: text after the JSON
line 4: text after the JSON"
imports 'an array that is cut' '[.accepted, .rejected]' '1 [1,1]' < <(printf '[%s,%s' "$(event r-5)" "$(event r-6)")
is '… is refused from there' "$(refused 1)" 'line 1, event 2: JSON ends too early'
imports 'an array with elements that are not events' '[.accepted, .rejected]' '1 [1,3]' < <(printf '[12,%s,[%s],null]' "$(event r-7)" "$(event r-8)")
imports 'a batch under a key is not an event' '[.accepted, .rejected]' '1 [0,1]' < <(printf '{"batch":[%s]}' "$(event r-9)")

# one line of many events, longer than max_body and than a commit, as Kinesis Firehose writes it
for k in $(seq 9000); do plain "f-$k"; done >"$T/firehose"
{ printf '['; for k in $(seq 9000); do [ "$k" = 1 ] || printf ','; plain "e-$k"; done; printf ']'; } >"$T/array"
chmod 644 "$T/firehose" "$T/array"
for file in firehose array; do
	OUT=$(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" HOOKSPOOL_MAX_BODY=64K "$S/bin/hookspool" import --json "$T/$file")
	is "$file: a line longer than max_body" "$(sum '[.lines, .events, .accepted, .rejected]')" '[1,9000,9000,0]'
done
is '… and each is there once' "$(marks '[ef]-' | uniq | wc -l) $(marks '[ef]-' | uniq -d | wc -l)" '18000 0'
{ event l-1; printf '{"type":"page","userId":"%070000d"}' 1; event l-2; echo; event l-3; } >"$T/long"
chmod 644 "$T/long"
OUT=$(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" HOOKSPOOL_MAX_BODY=64K "$S/bin/hookspool" import --json "$T/long")
is 'an event longer than max_body costs what follows in its line' "$(sum '[.accepted, .rejected]')" '[2,1]'
is '… and is reported' "$(spooled rejected | tail -n 1 | jq -r .message | sed 's/.*long, //')" 'line 1, event 2: body too large'
server_stop

### A dry run ###########################################################
# dry WHAT JQ WANTED [COMMAND...]: a dry run counts, changes nothing in the spool and does not create one.
dry() {
	local what=$1 jq=$2 wanted=$3 before
	shift 3
	before=$(find "$S/above/dry" -printf '%p %i %s %T@\n' 2>&1 | sort)
	OUT=$("$@" env HOOKSPOOL_CONF="$S/hookspool.conf" HOOKSPOOL_SPOOL_DIR="$S/above/dry" "$S/bin/hookspool" import --json --dry-run "$T/dry.jsonl" 2>"$T/err")
	is "$what" "$? $(sum "$jq")" "0 $wanted"
	is "$what: the spool is as it was" "$(find "$S/above/dry" -printf '%p %i %s %T@\n' 2>&1 | sort)" "$before"
}
SETTINGS=$LIVELY
spool_start
for k in 1 2 3; do event "d-$k"; echo; done >"$T/dry.jsonl"
chmod 644 "$T/dry.jsonl"
sed "s|^spool_dir.*|spool_dir = $S/above/dry|" "$S/hookspool.conf" >"$T/dry.conf"
cat "$T/dry.conf" >"$S/hookspool.conf"
mkdir "$S/above" # where its user may make one
own "$S/above"
dry 'no spool yet' '[.accepted, .duplicate]' '[3,0]' as_server_user
for command in verify 'erase --dry-run --user u' stats cat cursors "backup $T/copy"; do
	# shellcheck disable=SC2086
	hs $command
	is "$command: does not make a spool either" "$(find "$S/above/dry" 2>/dev/null)" ''
done
mkdir -m 700 "$S/above/dry"
own "$S/above/dry"
dry 'an empty folder' '[.accepted, .duplicate]' '[3,0]' as_server_user
head -n 1 "$T/dry.jsonl" >"$T/first"
sed -n 2p "$T/dry.jsonl" >"$T/second"
chmod 644 "$T/first" "$T/second"
hs import "$T/first"
hs rotate
hs maintain
hs import "$T/second"
find "$S/above/dry" | sort >"$T/before"
hs import --json --dry-run "$T/dry.jsonl"
is 'a spool at work' "$CODE $(sum '[.accepted, .duplicate]')" '0 [1,2]'
is 'a spool at work: nothing is made in it' "$(find "$S/above/dry" | sort | diff - "$T/before")" ''
rm -rf "$S/above/dry/.hookspool"
dry 'a spool that has not been opened yet, such as a restored one' '[.accepted, .duplicate]' '[1,2]' as_server_user
if [ "$(id -u)" = 0 ]; then # somebody who may read it, and not write
	hs import "$T/second" # makes what only its owner may write
	chmod 755 "$S" "$S/above" "$S/above/dry" && chmod -R a+rX "$S/above/dry"
	chown 65533 "$S/hookspool.conf"
	dry 'without permission to write' '[.accepted, .duplicate]' '[1,2]' setpriv --reuid=65533 --regid=65533 --clear-groups
fi
server_stop

### Summaries ###################################################
SETTINGS="$LIVELY
compress = none"
spool_start
archive sum 14000 >"$T/summed.jsonl"
chmod 644 "$T/summed.jsonl"
# summarized: the numbers of the sealed segments, and of those that have a summary.
summarized() {
	ls "$S"/spool/events-*.jsonl | sed -E 's/.*-0*([0-9]+)\.jsonl/\1/' | sort -n | xargs
	ls "$S/spool/.hookspool/run/summary" | sed 's/events-//' | sort -n | xargs
}
hs import "$T/summed.jsonl"
check 'an import seals segments' [ "$(ls "$S"/spool/events-*.jsonl | wc -l)" -gt 2 ]
is 'and each has its summary at once' "$(summarized | uniq | wc -l)" 1
hs cat --user u-7
is 'which answers as the lines do' "$CODE $(wc -l <<<"$OUT")" "0 $((14000 / 50))"
cp -a "$S/spool/.hookspool/run/summary" "$T/by-import"
rm -rf "$S/spool/.hookspool/run/summary"
hs maintain
check 'maintenance would have made the same' \
	[ -z "$(diff -r "$T/by-import" "$S/spool/.hookspool/run/summary" | grep -v "^Only in $S")" ]
server_stop
spool_start
archive pipe 14000 >"$T/piped.jsonl"
hs import - <"$T/piped.jsonl"
is 'an import from a pipe makes them, too' "$(ls "$S/spool/.hookspool/run/summary" | wc -l) $(summarized | uniq | wc -l)" \
	"$(ls "$S"/spool/events-*.jsonl | wc -l) 1"
server_stop

### Kills ###############################################################
SETTINGS=$LIVELY
spool_start

# deliver: the program takes events as fast as one client sends them; acknowledged ones to T/sent.
deliver() {
	local n=0 body
	while [ ! -e "$T/enough" ]; do
		body="{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"n\":\"sent-$((++n))\"}}"
		printf %s "$body" | cgi REQUEST_METHOD=POST CONTENT_TYPE=application/json \
			CONTENT_LENGTH=${#body} | grep -q '^Status: 200' && echo "sent-$n" >>"$T/sent"
	done
}

: >"$T/sent"
deliver &
delivering=$!
for k in $(seq "$KILLS"); do
	archive "k$k" $LINES_EACH >"$T/k.jsonl"
	case $((k % 4)) in # as lines, as one line, as one array
	2) tr -d '\n' <"$T/k.jsonl" >"$T/one" && mv "$T/one" "$T/k.jsonl" ;;
	3) { printf '['; paste -sd , "$T/k.jsonl"; printf ']'; } | tr -d '\n' >"$T/one" && mv "$T/one" "$T/k.jsonl" ;;
	esac
	printf '\n{"refused":"k%d"}\n' "$k" >>"$T/k.jsonl"
	[ $((k % 2)) = 0 ] || { gzip -1 -f "$T/k.jsonl"; mv "$T/k.jsonl.gz" "$T/k.jsonl"; }
	chmod 644 "$T/k.jsonl"
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" import "$T/k.jsonl") \
		>/dev/null 2>&1 &
	kill_midway $!
	hs import "$T/k.jsonl"
	[ $CODE = 1 ] || not_ok "run again after kill $k" "exit $CODE" "$(cat "$T/err")"
done
touch "$T/enough"
wait $delivering
check "some of $KILLS kills hit ($KILLED)" test "$KILLED" -gt 0
server_stop
spool_reopen
for k in $(seq "$KILLS"); do seq -f "k$k-%.0f" $LINES_EACH; done | sort >"$T/want"
marks k >"$T/got"
is 'nothing is lost' "$(comm -23 "$T/want" "$T/got" | head -3)" ''
is 'nothing is there twice, with an id or without' "$(comm -13 "$T/want" "$T/got" | head -3)" ''
is 'refused lines are there once' "$(spooled rejected | jq -r .body | sort -V)" "$(for k in $(seq "$KILLS"); do echo "{\"refused\":\"k$k\"}"; done)"
is 'events that the server acknowledged meanwhile are there' "$(comm -23 <(sort "$T/sent") <(marks sent) | head -3)" ''
hs verify
is 'the spool is in order' "$CODE" 0
### Events that came before dedup_window ######################
spool_start
# A FIFO to which nobody writes yet.
mkfifo -m 644 "$T/unwritten"
for signal in INT TERM; do
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" import "$T/unwritten") >"$T/out" 2>&1 &
	pid=$!
	wait_for 10 settled "$pid"
	kill -s $signal "$pid"
	check "SIG$signal ends an import that waits for a FIFO" wait_for 10 gone "$pid"
	kill -9 "$pid" 2>/dev/null
	wait "$pid"
	is '… as a shell expects' $? $((128 + $(kill -l $signal)))
done

event old-1 >"$T/old.jsonl"
chmod 644 "$T/old.jsonl"
hs import "$T/old.jsonl"
hs rotate
sed -i 's/"spooled_at":"....-/"spooled_at":"2025-/' "$S"/spool/events-*.jsonl
rm -rf "$S/spool/.hookspool/run"
OUT=$(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" HOOKSPOOL_DEDUP_WINDOW=3650d \
	"$S/bin/hookspool" import --again --json "$T/old.jsonl")
is 'are found with a longer window' "$(sum '[.accepted, .duplicate]')" '[0,1]'
hs import --again --json "$T/old.jsonl"
is '… and are new without' "$(sum '[.accepted, .duplicate]')" '[1,0]'
done_testing
