# What a newcomer sees: an empty spool, events to try it with, and sizes.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

spool_start 'rotate_min_gap = 0'

### Events to try it with: marked, left out, erased ########################

put own 1 3
put_one '{"type":"track","event":"Mine","userId":"a hookspool-suite fan","messageId":"fan"}'
hs send --url "$URL" --secret "$SECRET" >"$T/out"
is 'all but one are taken' "$(hs cat | wc -l)" 30
check 'send says how they are told and removed' grep -q 'no-test.*hookspool erase --test' "$T/out"
is 'all are marked' "$(hs cat | jq -r 'select(.user_id != "hookspool-suite" and .anonymous_id != "hookspool-suite") | .message_id' | tr '\n' ' ')" \
	'own1 own2 own3 fan '
is 'cat --no-test' "$(hs cat --no-test | wc -l)" 4
is 'tail --no-test' "$(hs tail -n 2 --no-test | ids_of | tr '\n' ' ')" 'own3 fan '
is 'with another filter' "$(hs cat --no-test --event Mine | wc -l) $(hs cat --no-test --event Casing | wc -l)" '1 0'
is 'stats --no-test, and what was refused of them' "$(hs stats --json --no-test | jq -c '[.records, .rejected.records]')" '[4,0]'
is 'stats counts them' "$(hs stats --json | jq -c '[.records, .rejected.records]')" '[30,1]'
hs each --cursor e --once --no-test --on "*=cat >>$OUT/handled; echo >>$OUT/handled" 2>/dev/null
is 'each --no-test' "$(ids_of <"$OUT/handled" | sort | tr '\n' ' ')" 'fan own1 own2 own3 '
hs cat --rejected --no-test >/dev/null 2>&1
is 'cat --rejected does not know them' "$?" 2
# Somebody sends the mark beside the id of a person: erase finds that person all the same.
put_one '{"type":"track","event":"e","userId":"victim","anonymousId":"hookspool-suite","messageId":"hidden"}'
is 'the mark hides nobody from erase' "$(hs erase --user victim | cut -d, -f1)" 'erased 1 events'
is 'erase --test --dry-run' "$(hs erase --test --dry-run --json | jq -c '[.events, .rejected]')" '[26,1]'
is 'erase --test' "$(hs erase --test --json | jq -c '[.events, .rejected]')" '[26,1]'
is 'leaves the others' "$(hs cat | ids_of | sort | tr '\n' ' ')$(hs cat --rejected)" 'fan own1 own2 own3 '
is 'with a receipt of each' "$(tail -n 2 "$S/spool/erased.jsonl" | jq -s 'map(select(.events > 0)) | length')" 2
hs send --url "$URL" --secret "$SECRET" --new-ids >/dev/null
is 'and they can be sent again' "$(hs cat | wc -l)" 30
printf '{"type":"track","event":"F","userId":"f","messageId":"f1"}\n' >"$T/events"
chmod 644 "$T/events"
hs send --url "$URL" --secret "$SECRET" --file "$T/events" >"$T/out"
check 'events of a file are not marked, and nothing is said of them' eval '! grep -q no-test "$T/out"'
done_testing
