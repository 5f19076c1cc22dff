# A newcomer's first day: an empty spool, events to try it with, and sizes.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

spool_start 'rotate_min_gap = 0' 'compress = none' # sizes are compared with files that stay as they are

### Before the first event ##################################################

for command in cat 'tail -n 3' 'cat --type track'; do
	# shellcheck disable=SC2086
	hs $command >"$T/out" 2>"$T/err"
	is "an empty spool: $command: exit 0, nothing to read" "$? $(wc -c <"$T/out") $(wc -l <"$T/err")" '0 0 1'
	check 'it says so, with the folder and the next step' \
		grep -q "no event has come to $S/spool yet: .*hookspool send .*hookspool check" "$T/err"
done
hs stats >"$T/out" 2>"$T/err"
is 'stats: exit 0' "$? $(wc -c <"$T/err")" '0 0'
check 'stats says so on standard output' grep -q "^no event has come to $S/spool yet" "$T/out"
hs stats --json >"$T/out" 2>"$T/err"
is 'stats --json stays JSON' "$? $(jq .records "$T/out") $(wc -c <"$T/err")" '0 0 0'
put first 1 1
hs cat --type alias >"$T/out" 2>"$T/err"
is 'a filter without matches prints nothing' "$? $(cat "$T/out" "$T/err")" '0 '
hs tail -n 0 >"$T/out" 2>&1
is 'and so does tail -n 0' "$? $(cat "$T/out")" '0 '
check 'stats does not mention it' eval '! hs stats --type alias | grep -q "has come"'
sed "s|^spool_dir.*|spool_dir = $S/nowhere|" "$S/hookspool.conf" >"$S/nowhere.conf"
chmod 600 "$S/nowhere.conf"
own "$S/nowhere.conf"
for command in cat stats tail; do
	hs $command --config "$S/nowhere.conf" >"$T/out" 2>"$T/err"
	is "no such folder: $command" "$? $(wc -c <"$T/out") $(wc -l <"$T/err")" '74 0 1'
	check 'it says so, and what to do' grep -q "$S/nowhere is not there: the first event makes it .*spool_dir.*hookspool check" "$T/err"
done
check 'and nothing is created' test ! -e "$S/nowhere"
hs erase --user u1 >/dev/null

### Events to try it with: marked, left out, erased ########################

put own 1 3
put_one '{"type":"track","event":"Mine","userId":"a hookspool-suite fan","messageId":"fan"}'
hs send --url "$URL" --secret "$SECRET" >"$T/out"
is 'all but one event are taken' "$(hs cat | wc -l)" 30
check 'send says how to filter and remove them' grep -q 'no-test.*hookspool erase --test' "$T/out"
is 'all are marked' "$(hs cat | jq -r 'select(.user_id != "hookspool-suite" and .anonymous_id != "hookspool-suite") | .message_id' | tr '\n' ' ')" \
	'own1 own2 own3 fan '
is 'cat --no-test' "$(hs cat --no-test | wc -l)" 4
is 'tail --no-test' "$(hs tail -n 2 --no-test | ids_of | tr '\n' ' ')" 'own3 fan '
is 'with another filter' "$(hs cat --no-test --event Mine | wc -l) $(hs cat --no-test --event Casing | wc -l)" '1 0'
is 'stats --no-test leaves out their refusals, too' "$(hs stats --json --no-test | jq -c '[.records, .rejected.records]')" '[4,0]'
is 'stats counts them' "$(hs stats --json | jq -c '[.records, .rejected.records]')" '[30,1]'
hs each --cursor e --once --no-test --on "*=cat >>$OUT/handled; echo >>$OUT/handled" 2>/dev/null
is 'each --no-test' "$(ids_of <"$OUT/handled" | sort | tr '\n' ' ')" 'fan own1 own2 own3 '
hs cat --rejected --no-test >/dev/null 2>&1
is 'cat --rejected has no --no-test' "$?" 2
# The mark beside the id of a person does not keep erase from finding that person.
put_one '{"type":"track","event":"e","userId":"victim","anonymousId":"hookspool-suite","messageId":"hidden"}'
is 'the mark hides no user from erase' "$(hs erase --user victim | cut -d, -f1)" 'erased 1 events'
is 'erase --test --dry-run' "$(hs erase --test --dry-run --json | jq -c '[.events, .rejected]')" '[26,1]'
is 'erase --test' "$(hs erase --test --json | jq -c '[.events, .rejected]')" '[26,1]'
is 'the others stay' "$(hs cat | ids_of | sort | tr '\n' ' ')$(hs cat --rejected)" 'fan own1 own2 own3 '
is 'with a receipt for each' "$(tail -n 2 "$S/spool/erased.jsonl" | jq -s 'map(select(.events > 0)) | length')" 2
hs send --url "$URL" --secret "$SECRET" --new-ids >/dev/null
is 'and they can be sent again' "$(hs cat | wc -l)" 30
printf '{"type":"track","event":"F","userId":"f","messageId":"f1"}\n' >"$T/events"
chmod 644 "$T/events"
hs send --url "$URL" --secret "$SECRET" --file "$T/events" >"$T/out"
check 'events from a file are not marked, and send does not mention them' eval '! grep -q no-test "$T/out"'

### Sizes ###################################################################

# Commands print a size as a number, with one decimal from 1024 on, a blank and a unit.
head -c 3000 /dev/zero | tr '\0' x >"$T/x"
for i in 1 2 3 4; do put_one "{\"type\":\"track\",\"event\":\"big\",\"userId\":\"b\",\"messageId\":\"b$i\",\"x\":\"$(cat "$T/x")\"}"; done
hs rotate
segment=$(ls "$S/spool"/events-*.jsonl* | tail -n 1)
bytes=$(hs stats --json --event big | jq .bytes)
text=$(awk -v n="$bytes" 'BEGIN { printf "%.1f KB", n / 1024 }')
is 'stats' "$(hs stats --event big | sed -n 's/^4 records, \([^,]*\),.*/\1/p')" "$text"
bytes=$(hs stats --json | jq .bytes)
text=$(awk -v n="$bytes" 'BEGIN { printf "%.1f KB", n / 1024 }')
position 1 0 >"$S/spool/.hookspool/cursors/behind"
own "$S/spool/.hookspool/cursors/behind"
is 'stats, of a cursor' "$(hs stats | awk '$1 == "behind" && $3 != "bytes" { print $3, $4 }')" "$text"
is 'cursors' "$(hs cursors | awk '$1 == "behind" { print $3, $4 }')" "$text"
sed -i 's/"saved_at":"20../"saved_at":"2020/' "$S/spool/.hookspool/cursors/behind"
sealed=$(cat "$S/spool"/events-* | wc -c)
is 'check, of what that cursor keeps' "$(hs check | sed -n 's/.*behind has not moved.* segments, \([^,]*\),.*/\1/p')" \
	"$(awk -v n="$sealed" 'BEGIN { printf "%.1f KB", n / 1024 }')"
is 'backup, of the open segments' "$(back_up "$S/run/backup" | sed -n 's/^  \(.*\) of the open segments/\1/p')" \
	"$(cat "$SPOOL" "$S/spool/rejected.jsonl" | wc -c | awk '{ print $1 < 1024 ? $1 " B" : sprintf("%.1f KB", $1 / 1024) }')"
is 'check, of free space' "$(hs check | grep -cE ' space +[0-9]+\.[0-9] [KMGTPE]B free')" 1
is 'no page uses other units' "$(cd "$ROOT" && grep -nE '[0-9] ?[KMGT]iB|[0-9] kB' *.md docs/*.md tools/packaging/man/*.in)" ''
is 'no command converts sizes by itself' "$(cd "$ROOT" && grep -nE '>> (10|20|30)[^0-9]' tools/*.c | grep -v max-request-size)" ''
for size in 64M 64MB '64 MB' 67108864 65536K '65536 KB'; do
	sed "1i min_free = $size" "$S/hookspool.conf" >"$S/size.conf"
	chmod 600 "$S/size.conf"
	own "$S/size.conf"
	check "settings take $size" hs stats --config "$S/size.conf"
done
done_testing
