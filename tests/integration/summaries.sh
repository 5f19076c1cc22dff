# Summaries of sealed segments: every question has the same answer with them, without them and with
# damaged ones; segments that cannot hold the answer are not read.
. "$(dirname "$0")/../lib/server.sh"

# questions FILE: asks all questions of a file of words, a line each, and prints question and answer.
cat >"$T/ask" <<'END'
while IFS= read -r question; do
	eval "set -- $question"
	printf '### %s\n' "$question"
	"$HS" "$@"
	printf 'exit %s\n' $?
done <"$1"
END
chmod 755 "$T/ask"
roomless() { sed -E '/^room for /d; s/"room":(\{[^}]*\}|null),?//'; }
ask() { # FILE -> $T/said, what is told in $T/told; the room on the disk changes meanwhile
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" HS="$S/bin/hookspool" bash "$T/ask" "$1") 2>"$T/told" | roomless >"$T/said"
}
# same NAME FILE [WANT]: asks, and compares with what was said without summaries.
same() {
	ask "$2"
	check "$1" cmp "$T/said" "${3:-$2.said}"
}
# told NAME PATTERN: in one line.
told() { is "$1" "$(grep -c "$2" "$T/told") $(wc -l <"$T/told")" '1 1'; }

# events USER FIRST LAST JSON...: of a day; each JSON has the members of one event.
lines() { # DAY then a member list a line
	local n=0 members
	while IFS= read -r members; do
		n=$((n + 1))
		printf '{"messageId":"%s-%d","timestamp":"%sT10:15:%02d.000Z",%s}\n' "$1" "$n" "$1" "$n" "$members"
	done
}
load() { # TENANT: a sealed segment of the events on standard input
	cat >"$T/load"
	chmod 644 "$T/load"
	hs import --tenant "$1" "$T/load"
	[ "$CODE" = 0 ] || not_ok "events are taken" "$OUT" "$(cat "$T/err")"
	hs rotate
}
segment() { (cd "$S/spool" && ls -d events-*-*"$1".jsonl*); } # NUMBER
summary() { echo "$S/spool/.hookspool/run/summary/events-$1"; }
keep_summaries() { rm -rf "$T/kept" && cp -a "$S/spool/.hookspool/run/summary" "$T/kept"; }
flip() { # FILE OFFSET
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	# shellcheck disable=SC2059
	printf "$(printf '\\%03o' $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
number_at() { od -An -tu8 -j "$2" -N 8 "$1" | tr -d ' '; } # FILE OFFSET
kind_at() { od -An -tu4 -j $((200 + 24 * $2)) -N 4 "$1" | tr -d ' '; } # FILE PLACE
part_at() { # FILE KIND: the offset of the part
	local i=0
	while [ "$(kind_at "$1" $i)" != "$2" ]; do i=$((i + 1)); done
	number_at "$1" $((200 + 24 * i + 8))
}

SETTINGS='auth = either
rotate_min_gap = 0
min_free = 0
compress = gzip
[keys]
acme = one
globex = two'
spool_start
server_stop # nobody tends the spool but this script
load acme <<END
$(lines 2026-11-20 <<'L'
"type":"track","event":"Order \u0043ompleted","userId":7.0
"type":"track","event":"Order Completed","userId":"7.0"
"type":"track","event":"Order Completed","userId":70e-1,"anonymousId":"a\"1\\"
L
)
END
load - <<END
$(lines 2026-11-21 <<'L'
"type":"page","userId":"\u00e9ric"
"type":"page","anonymousId":"\u0061non 2"
"type":"screen","userId":"éric","name":"\ud83d\ude00"
L
)
END
load globex <<END
$(lines 2026-11-22 <<'L'
"type":"identify","userId":"u3"
"type":"group","userId":"u3","groupId":"g3"
"type":"alias","userId":"u3","previousId":"old3"
L
)
END
load - <<END
$(lines 2026-11-22T <<'L' | sed 's/TT/T/'
"type":"delete","userId":12345678901234567890
"type":"track","event":"null","userId":"12345"
"type":"track","event":"test","userId":"hookspool\u002dsuite"
L
)
END
load - <<END
$(lines 2026-11-23 <<'L'
"type":"track","event":"Rare","userId":"u5"
"type":"track","event":"7.0","userId":"u7"
L
)
END
printf '{"messageId":"open-1","timestamp":"2026-11-24","type":"track","event":"Rare","userId":"u3"}\n' >"$T/load"
hs import --tenant - "$T/load"
hs tail --cursor kept >/dev/null
hs cursors reset kept --from 2026-11-28
hs cursors reset kept --from oldest
is 'five sealed segments and an open one' "$(ls "$S"/spool/events-* | wc -l) $(wc -l <"$SPOOL")" '5 1'

cat >"$T/some" <<'END'
cat --user u3
cat --type identify
cat --event Rare
cat --tenant globex
tail -n 2 --type group
stats --json
END
: >"$T/all"
while IFS= read -r filter; do
	printf 'cat %s\ntail -n 2 %s\ntail -n 100 %s\nstats --json %s\n' "$filter" "$filter" "$filter" "$filter" >>"$T/all"
done <<'END'

--user 7
--user 7.0
--user 'a"1\'
--user éric
--user 'anon 2'
--user u3 --user u5
--user 12345678901234567890
--user nobody
--type delete
--type nothing
--type page --type group
--event 'Order Completed'
--event Rare
--event null
--event 7.0
--tenant acme
--tenant acme --tenant nobody
--tenant nobody
--tenant -
--tenant '*' --type page
--since 2026-11-22
--until 2026-11-21
--since 2026-11-21 --until 2026-11-22
--since 2026-11-22T10:15:03Z
--since 2026-11-22T10:15:03.001Z
--until 2026-11-22T10:15:01Z
--until 2026-11-22T10:15:01.001Z
--user u3 --type alias --since 2026-11-22
--user u3 --type page
--no-test
END
cat >>"$T/all" <<'END'
each --once --cursor all --on '*=cat' --from oldest
cursors remove all
each --once --cursor one --on delete=cat --on page=cat --from oldest
cursors remove one
each --once --cursor event --on track:Rare=cat --from oldest
cursors remove event
each --once --cursor none --on group:Nothing=cat --from oldest
cursors remove none
cat --aliases --user u3 --tenant globex
cat --aliases --user u3 --tenant globex --type alias
cat --aliases --user 7 --tenant acme --event 'Order Completed'
tail --cursor tailed --type delete
cursors remove tailed
stats --type delete
END
own "$T/all" "$T/some"
chmod 644 "$T/all" "$T/some"

### Without and with ####################################################
ask "$T/all"
cp "$T/said" "$T/all.said"
is 'no question fails' "$(grep -c '^exit' "$T/said") $(grep -c '^exit [^0]' "$T/said")" "$(wc -l <"$T/all") 0"
check 'they have answers' [ "$(grep -c '"message_id"' "$T/said")" -gt 150 ]
is 'there are no summaries yet' "$(ls "$S/spool/.hookspool/run/summary" 2>/dev/null | wc -l)" 0
ask "$T/some"
cp "$T/said" "$T/some.said"
hs maintain
is 'maintenance compresses and summarizes' "$(ls "$S"/spool/events-*.gz | wc -l) $(cd "$(dirname "$(summary 1)")" && echo *)" \
	'5 events-1 events-2 events-3 events-4 events-5'
same 'with summaries all answers are the same' "$T/all"
rm "$(summary 1)" "$(summary 3)" "$(summary 4)"
hs maintain
rm "$(summary 2)" "$(summary 5)"
same 'and with some' "$T/all"
hs maintain
keep_summaries
rm "$(dirname "$(summary 1)")"/*
hs maintain
check 'maintenance makes them anew, byte for byte' diff -r "$T/kept" "$S/spool/.hookspool/run/summary"

### What is not read ####################################################
# blind NUMBER...: those segments are unreadable from now on, but for their names, sizes and times.
blind() {
	local number file
	for number; do
		file=$S/spool/$(segment "$number")
		cp -p "$file" "$T/before"
		head -c "$(stat -c %s "$file")" /dev/zero | dd of="$file" conv=notrunc status=none
		touch -r "$T/before" "$file"
		cp -p "$T/before" "$T/sound-$number"
	done
}
sight() {
	local number file
	for number in 1 2 3 4 5; do
		[ -e "$T/sound-$number" ] || continue
		file=$S/spool/$(segment "$number")
		dd if="$T/sound-$number" of="$file" conv=notrunc status=none
		touch -r "$T/sound-$number" "$file"
		rm "$T/sound-$number"
	done
}
# only NAME NUMBERS QUESTION...: reads these segments of the five, and no others.
only() {
	local name=$1 numbers=$2 number want
	shift 2
	hs "$@"
	want=$(roomless <<<"$OUT")
	for number in 1 2 3 4 5; do
		case " $numbers " in *" $number "*) ;; *) blind "$number" ;; esac
	done
	hs "$@"
	is "$name: no other segment is read" "$CODE $(roomless <<<"$OUT")" "0 $want"
	sight
	for number in $numbers; do
		blind "$number"
		hs "$@"
		check "$name: segment $number is" [ "$CODE" -ne 0 ]
		sight
	done
}
only 'a user' 3 cat --user u3
only 'a number' 1 cat --user 7
only 'an anonymous id, escaped' 2 cat --user 'anon 2'
only 'nobody' '' cat --user nobody
only 'a user and the ids linked to it' 3 cat --aliases --user u3 --tenant globex
only 'of nobody' '' cat --aliases --user nobody --tenant globex
only 'a type' 4 cat --type delete
only 'an event' 5 cat --event Rare
only 'a tenant' 1 cat --tenant acme
only 'a time' '3 4' cat --since 2026-11-22 --until 2026-11-23
only 'the last of a type' 4 tail -n 1 --type delete
only 'the last of nobody' '' tail -n 5 --user nobody
only 'stats, but for the segment of the oldest cursor,' 1 stats --json
only 'stats without test events, but for these' '1 4' stats --json --no-test
only 'stats of a type' '1 4' stats --json --type delete
blind 1 2 4 5
hs each --once --cursor e --from oldest --on 'group=cat'
is 'each, of a type' "$CODE $(grep -c '"type":"group"' <<<"$OUT")" '0 1'
hs tail --cursor t --type delete --user nobody
is 'tail with a cursor' "$CODE $OUT" '0 '
sight

### Cursors #############################################################
load - <<END
$(lines 2026-11-25 <<'L'
"type":"page","userId":"u8"
"type":"delete","userId":"nobody"
"type":"group","userId":"u8","groupId":"g"
L
)
END
load - <<<'{"type":"page","userId":"u9","messageId":"last"}'
hs maintain
hs tail --cursor t --type delete --user nobody
is 'a cursor that passed segments over misses nothing after them' "$(grep -o '2026-11-25-2' <<<"$OUT")" '2026-11-25-2'
hs each --once --cursor e --on 'group=cat'
is 'each, too' "$(grep -o '"message_id":"[^"]*"' <<<"$OUT")" '"message_id":"2026-11-25-3"'
is 'both are at the end' "$(hs stats --json && jq -c '.cursors | map([.name, .records, .usable])' <<<"$OUT")" \
	'[["e",0,true],["kept",19,true],["t",0,true]]'
before=$(cat "$S/spool/.hookspool/cursors/t")
blind 1 2 3 4 5
hs tail --cursor t --type delete --user nobody
is 'and stay there' "$CODE $OUT$(cut -d , -f 1-4 <<<"$before")" "0 $(cut -d , -f 1-4 "$S/spool/.hookspool/cursors/t")"
sight
hs cursors reset e --from oldest
hs each --once --cursor e --on 'delete=cat' --from oldest
is 'from the start on again' "$(grep -c '"type":"delete"' <<<"$OUT")" 2
hs cursors remove e
hs cursors remove t
rm "$(dirname "$(summary 1)")"/*
hs maintain
keep_summaries

# The ids: whoever makes the index anew reads the segment.
flip "$(summary 3)" $(($(part_at "$(summary 3)" 0) + 5))
rm -f "$S/spool/.hookspool/run/index"
lines 2026-11-22 >"$T/load" <<'L'
"type":"identify","userId":"u3"
"type":"group","userId":"u3","groupId":"g3"
L
hs import --again --tenant globex --json "$T/load"
is 'ids: duplicates are known' "$(jq -c '[.accepted, .duplicate]' <<<"$OUT")" '[0,2]'
is 'ids: told once' "$(grep -c 'run/summary/events-3 is damaged' "$T/err")" 1
hs maintain
check 'ids: maintenance mends them' diff -r "$T/kept" "$S/spool/.hookspool/run/summary"

for file in all some; do
	ask "$T/$file"
	cp "$T/said" "$T/$file.said"
done
mv "$S/spool/.hookspool/run/summary" "$T/aside"
same 'these answers are those without summaries, too' "$T/all"
mv "$T/aside" "$S/spool/.hookspool/run/summary"

### Damage ##############################################################
# mended NAME: after maintenance all is as before, and nothing is told.
mended() {
	hs maintain
	check "$1: maintenance mends it" diff -r "$T/kept" "$S/spool/.hookspool/run/summary"
	same "$1: then nothing is told" "$T/some"
	is "$1: nothing" "$(cat "$T/told")" ''
}
head=$(($(od -An -tu4 -j 12 -N 4 "$(summary 3)")))
harm() { # KIND FILE
	case $1 in
	'a cut head') truncate -s 100 "$2" ;;
	'a cut end') truncate -s -20 "$2" ;;
	'nothing in it') : >"$2" ;;
	'a byte of the head') flip "$2" 150 ;;
	'a byte of the table') flip "$2" $((head - 3)) ;;
	'another version') printf 'SUMMARY9' | dd of="$2" conv=notrunc status=none ;;
	"another segment's") cp "$(summary 4)" "$2" ;;
	"another spool's") cp "$T/foreign" "$2" ;;
	esac
}
# Another spool's, of the same number: its segment is not this one's either.
mkdir "$T/other"
own "$T/other"
cat >"$T/other.conf" <<END
auth = none
spool_dir = $T/other/spool
rotate_min_gap = 0
END
chmod 644 "$T/other.conf"
other() { (as_server_user env HOOKSPOOL_CONF="$T/other.conf" "$S/bin/hookspool" "$@") >/dev/null 2>&1; }
for i in 1 2 3; do
	printf '{"type":"page","userId":"x%d","messageId":"x%d"}\n' $i $i >"$T/load"
	other import "$T/load"
	other rotate
done
other maintain
cp "$T/other/spool/.hookspool/run/summary/events-3" "$T/foreign"
chmod 644 "$T/foreign"
echo 'cat --user u3' >"$T/one"
echo 'tail -n 50 --user u3' >>"$T/twice" # it walks back, then forward
chmod 644 "$T/one" "$T/twice"
ask "$T/one"
cp "$T/said" "$T/one.said"
ask "$T/twice"
cp "$T/said" "$T/twice.said"
for kind in 'a cut head' 'a cut end' 'nothing in it' 'a byte of the head' 'a byte of the table' 'another version' \
	"another segment's" "another spool's"; do
	harm "$kind" "$(summary 3)"
	same "$kind: the answer" "$T/one"
	told "$kind: told once" 'run/summary/events-3 is .*: the segment is read instead; hookspool maintain makes it anew'
	harm "$kind" "$(summary 3)" 2>/dev/null
	same "$kind: the answers" "$T/some"
	mended "$kind"
done
question() { # PART
	case $1 in
	1) echo 'cat --user u3' ;;
	2) echo 'cat --type identify' ;;
	3) echo 'cat --event Rare' ;;
	4) echo 'cat --tenant globex' ;;
	5) echo 'stats --json' ;;
	esac
}
for part in 1 2 3 4 5; do
	question $part >"$T/part"
	chmod 644 "$T/part"
	ask "$T/part"
	cp "$T/said" "$T/part.said"
	flip "$(summary 3)" "$(part_at "$(summary 3)" $part)"
	same "part $part: the answer" "$T/part"
	told "part $part: told once" 'run/summary/events-3 is damaged: the segment is read instead'
	mended "part $part"
done

# A segment that somebody replaced: its summary is another file's.
file=$S/spool/$(segment 3)
cp -p "$file" "$T/sound"
gzip -dc "$file" | sed 's/"u3"/"u33"/' | gzip >"$T/replaced"
own "$T/replaced"
mv "$T/replaced" "$file"
hs cat --user u33
is 'a segment replaced by hand: the answer' "$(grep -c '"user_id":"u33"' <<<"$OUT")" 3
is 'told once' "$(grep -c 'run/summary/events-3 is of another file' "$T/err") $(wc -l <"$T/err")" '1 1'
hs tail -n 10 --user u33
is 'once, too, where it is asked twice' "$(grep -c '"user_id":"u33"' <<<"$OUT") $(wc -l <"$T/err")" '3 1'
hs maintain
hs cat --user u33
is 'maintenance mends it' "$(grep -c '"user_id":"u33"' <<<"$OUT") $(wc -l <"$T/err")" '3 0'
mv "$T/sound" "$file"
hs maintain

### No place for them ###################################################
rm -rf "$S/spool/.hookspool/run/summary"
mkdir -m 500 "$S/spool/.hookspool/run/summary"
own "$S/spool/.hookspool/run/summary"
hs maintain
is 'where summaries cannot be written that is told, and no more' "$CODE $(grep -c summary "$T/err") $(wc -l <"$T/err")" '0 1 1'
same 'a folder that may not be written: the answers' "$T/some"
is 'nothing is told by those' "$(cat "$T/told")" ''
rmdir "$S/spool/.hookspool/run/summary"
ln -s /dev/null "$S/spool/.hookspool/run/summary"
same 'no folder at all: the answers' "$T/some"
rm "$S/spool/.hookspool/run/summary"
hs maintain
same 'and again with summaries' "$T/some"

### Lines of others ####################################################
# Not as hookspool writes them: no summary can speak for them, so they are always read.
stamp=$(segment 7)
stamp=${stamp#events-}
stamp=${stamp%%-0*}
cat >"$S/spool/events-$stamp-000008.jsonl" <<'L'
{"message_id":"odd1","user_id":"odd","type":"track","event":"Odd","timestamp":"2020-01-01"}
{"properties_a":1,"user_id":"odd","type":"delete","spooled_at":"2020-01-01T00:00:00.000Z","tenant":"odd"}
L
own "$S/spool/events-$stamp-000008.jsonl"
chmod 600 "$S/spool/events-$stamp-000008.jsonl"
odd() {
	for filter in '--user odd' '--type delete' '--event Odd' '--tenant odd' '--until 2021-01-01'; do
		# shellcheck disable=SC2086
		hs cat $filter
		grep -c '"user_id":"odd"' <<<"$OUT"
	done | xargs
}
before=$(odd)
hs maintain
is "lines that are not hookspool's are found before they have a summary, and after" "$before, $(odd)" '2 1 1 0 2, 2 1 1 0 2'
check 'which says that they are odd' [ "$(number_at "$(summary 8)" 128)" -gt 0 ]
hs tail -n 1 --user odd
is 'and by tail' "$(grep -c '"properties_a":1' <<<"$OUT")" 1

### A group of readers ##################################################
if [ "$(id -u)" -eq 0 ] && getent passwd games >/dev/null; then
	group=$(id -g man)
	sed -i '1i spool_mode = 0640' "$S/hookspool.conf"
	chmod 711 "$S" "$S/bin"
	chgrp -R "$group" "$S/spool"
	find "$S/spool" -type d -exec chmod 2750 {} +
	hs maintain
	reader() {
		OUT=$(setpriv --reuid games --regid "$(id -g games)" --groups "$group" env -i HOOKSPOOL_SPOOL_DIR="$S/spool" \
			HOOKSPOOL_AUTH=none PATH="$PATH" "$S/bin/hookspool" "$@" 2>"$T/err")
		CODE=$?
	}
	hs cat --user u3
	want=$OUT
	blind 1 2 4 5
	reader cat --user u3
	is 'readers of the group use summaries' "$CODE $OUT" "0 $want"
	sight
	flip "$(summary 3)" "$(part_at "$(summary 3)" 1)"
	reader cat --user u3
	is 'they go without a damaged one' "$CODE $OUT" "0 $want"
	check 'and are told what to do' grep -q 'delete it, and hookspool maintain makes it anew' "$T/err"
	check 'but change nothing' test -e "$(summary 3)"
else
	ok 'readers of the group use summaries # SKIP needs root, and the user games'
fi

done_testing
