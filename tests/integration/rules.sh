#!/bin/bash
# [events] and [fields] of the settings, through a real server, direct intake and import: what is dropped or
# masked is in no file of the spool's folder and in no log, also after a reload and a kill.
. "$(dirname "$0")/../lib/server.sh"

HASH_KEY=00112233445566778899aabbccddeeff
RULES='[events]
drop = type:screen
keep = event:"Order *"
sample = 0% event:"Mouse Moved"
drop = context_user_agent:"*bot*"
drop = type:track tenant:acme
keep = type:*
[fields]
traits_email = hash
properties_card = last 4
context_ip = drop
context_page_url = no query
properties_note = cut 8'
SETTINGS="hash_key = $HASH_KEY
address_rate = none
[sources]
api = API-KEY-1 tenant=acme
page = PAGE-KEY-1 browser origin=*
$RULES"
server_start lighttpd-fcgi
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"

# send EVENT: posts a webhook; its answer is in T/answer, STATUS the code.
send() { printf %s "$1" >"$T/body" && signed "$T/body"; }
# direct KEY EVENT: the same as a library.
direct() { STATUS=$(curl -s -o "$T/answer" -w '%{http_code}' -u "$1:" --data-binary "$2" "$HTTP/hookspool/v1/batch"); }
counts() { jq -c '[.accepted, .duplicate, .rejected, .dropped // 0]' "$T/answer.body"; }
hash_of() { printf %s "$1" | openssl dgst -sha256 -mac HMAC -macopt key:"$HASH_KEY" -r | cut -c 1-64; }

# --- events
send '{"type":"screen","userId":"u","messageId":"s1"}'
is "a dropped event is answered 200, so that it does not come again" "$STATUS $(counts)" "200 [0,0,0,1]"
send '[{"type":"screen","userId":"u","messageId":"s2"},{"type":"track","event":"Order Done","userId":"u","messageId":"o1"},{"type":"track","event":"Mouse Moved","userId":"u","messageId":"m1"}]'
is "in a batch, each event by itself" "$STATUS $(counts) $(ids)" "200 [1,0,0,2] o1"
send '{"type":"screen","userId":"u","messageId":"s1"}'
is "its id is not remembered" "$STATUS $(counts)" "200 [0,0,0,1]"
send '{"type":"track","event":"Crawl","userId":"u","messageId":"c1","context":{"userAgent":"some bot/1"}}'
is "by a field of the record" "$STATUS $(counts)" "200 [0,0,0,1]"
direct API-KEY-1 '{"batch":[{"type":"track","event":"Other","userId":"u","messageId":"d1"},{"type":"page","userId":"u","messageId":"d2"}]}'
is "direct intake, by tenant" "$STATUS $(jq .success "$T/answer") $(tail -n 1 "$SPOOL" | jq -r .message_id)" "200 true d2"
hs stats --json
is "stats count them" "$(jq '.metrics.dropped // .dropped // ([.. | objects | .dropped? // empty] | first)' <<<"$OUT")" 6

# --- fields
send '{"type":"identify","userId":"u","messageId":"f1","traits":{"email":" Ann.Secret@Example.com","plan":"pro"},"properties":{"card":"4111111111111111","note":"a note of Zanzibar"},"context":{"ip":"203.0.113.77","page":{"url":"https://a.example/p?token=T0KEN#x"}}}'
is "hash" "$(record f1 .traits_email)" "$(hash_of ann.secret@example.com)"
is "last 4, cut and no query" "$(record f1 '"\(.properties_card) \(.properties_note) \(.context_page_url)"')" "************1111 a note o https://a.example/p"
is "drop, and what no line names" "$(record f1 '"\(has("context_ip")) \(.traits_plan)"')" "false pro"
direct PAGE-KEY-1 '{"batch":[{"type":"identify","userId":"v","messageId":"f2","traits":{"email":"ann.secret@example.com"}}]}'
is "direct intake hashes alike, and keeps no address" "$(record f2 '"\(.traits_email) \(has("context_ip"))"')" "$(hash_of ann.secret@example.com) false"
printf '%s\n' '{"type":"identify","userId":"w","messageId":"i1","traits":{"email":"ann.secret@example.com"},"context":{"ip":"203.0.113.77"}}' \
	'{"type":"screen","userId":"w","messageId":"i2"}' >"$T/archive"
chmod 644 "$T/archive"
hs import --tenant - --json "$T/archive"
is "import does the same" "$(jq -c '[.accepted, .dropped]' <<<"$OUT") $(record i1 '"\(.traits_email) \(has("context_ip"))"')" "[1,1] $(hash_of ann.secret@example.com) false"

# --- what is refused is not kept, either
send '{"type":"identify","messageId":"r1","traits":{"email":"ann.secret@example.com"}}'
is "an invalid event is rejected without its body" "$STATUS $(tail -n 1 "$S/spool/rejected.jsonl" | jq -c '[.body // "", has("body_sha256")]')" '400 ["",false]'
direct PAGE-KEY-1 '{"batch":[{"type":"identify","messageId":"r2","traits":{"email":"ann.secret@example.com"}}]}'
is "… and without the address of a browser" "$STATUS $(tail -n 1 "$S/spool/rejected.jsonl" | jq -c '.remote_addr // ""')" '400 ""'
check "… nor in the log" grep -qF ' 400 -: ' <(tail -n 1 "$S/log/hookspool.log")
send '{"type":"identify","messageId":"r3"}'
is "… nor is that of who sends webhooks" "$STATUS $(tail -n 1 "$S/spool/rejected.jsonl" | jq -c '.remote_addr // ""')" '400 ""'

# --- a reload
reload() { settings_write "$SETTINGS" && kill -HUP $(workers) && wait_for 20 eval "$1"; }
sealed_email() { send '{"type":"identify","userId":"u","messageId":"h'$((++tries))'","traits":{"email":"ann.secret@example.com"}}' && ! grep -q "\"message_id\":\"h$tries\".*traits_email" "$SPOOL"; }
tries=0
SETTINGS=${SETTINGS/traits_email = hash/traits_email = drop}
check "a reload brings the new rules" reload sealed_email
SETTINGS=${SETTINGS/traits_email = drop/user_id = hash}
settings_write "$SETTINGS"
kill -HUP $(workers)
check "bad rules are told, with line and remedy" wait_for 20 grep -q 'user_id = hash: it identifies an event or a person' "$S/log/hookspool.log"
check "… and the old ones stay" sealed_email
hs check
check "check tells it, too" grep -q 'user_id = hash: it identifies' <<<"$OUT$(cat "$T/err")"
SETTINGS=${SETTINGS/user_id = hash/traits_email = drop}
settings_write "$SETTINGS"

# --- a kill
for n in $(seq 5); do
	for k in $(seq 20); do
		printf '{"type":"identify","userId":"u","messageId":"k%d-%d","traits":{"email":"ann.secret@example.com"},"properties":{"card":"4111111111111111"}}' "$n" "$k" >"$T/k$k"
	done
	(for k in $(seq 20); do post "$T/k$k" -H "X-Signature: $(sign "$SECRET" "$T/k$k")" >/dev/null 2>&1; done) &
	sender=$!
	kill -9 $(workers | head -n 1) 2>/dev/null
	wait $sender 2>/dev/null
done
hs rotate
hs maintain
found() {
	find "$S/spool" "$S/log" -type f -print0 | xargs -0 -I{} sh -c 'zcat -f "$1" 2>/dev/null' sh {} |
		grep -acF -e "$1"
}
for secret in ann.secret Ann.Secret 4111111111111111 203.0.113.77 T0KEN Zanzibar; do
	is "$secret is in no file" "$(found "$secret")" 0
done

# --- unplanned events, with bodies that are kept
SETTINGS="rejected_body = 1K
[events]
keep = type:page
unplanned = reject"
settings_write "$SETTINGS"
kill -HUP $(workers)
planned() { send '{"type":"track","event":"Surprise","userId":"stranger","messageId":"p'$((++tries))'"}' && [ "$STATUS" = 400 ]; }
check "an unplanned event is refused" wait_for 20 planned
is "… and kept, with its body and the reason" "$(tail -n 1 "$S/spool/rejected.jsonl" | jq -r '"\(.message) \(.body | fromjson | .userId)"')" "event is not planned stranger"
hs erase --user gone --suppress
send '{"type":"track","event":"Surprise","userId":"gone","messageId":"p-gone","properties":{"note":"of somebody who is gone"}}'
is "but nothing of a suppressed person's: it is as if dropped" "$STATUS $(counts) $(found 'of somebody who is gone')" "200 [0,0,0,1] 0"

for event in '"type":"track","userId":"gone"' '"type":"surprise","userId":"gone"' '"type":"alias","previousId":"gone"' \
	'"type":"group","userId":"gone"'; do
	send "{$event,\"messageId\":\"invalid\",\"properties\":{\"note\":\"of somebody who is gone\"}}"
	is "nor an invalid event: $event" "$STATUS $(counts) $(found 'of somebody who is gone')" "200 [0,0,0,1] 0"
done
send '{"type":"track","userId":"stranger","messageId":"invalid","properties":{"note":"of nobody who is gone"}}'
is "that of another person is refused, and kept" "$STATUS $(found 'of nobody who is gone')" "400 1"

for i in 1 2 3; do
	printf '{"type":"track","event":"Surprise","userId":"%s","messageId":"a-%s","properties":{"note":"archive %s"}}\n' gone $i 'of her' \
		stranger $i 'of others' gone $i-again 'of her'
	printf '{"type":"track","userId":"%s","messageId":"i-%s","properties":{"note":"archive %s"}}\n' gone $i 'of her' stranger $i 'of others'
	printf '{"type":"track","userId":"gone","properties":{"note":"archive of her"\n'
done >"$T/archive"
chmod 644 "$T/archive"
hs import --json "$T/archive"
is "nor does an archive bring it" "$(jq -c '[.accepted, .suppressed, .rejected]' <<<"$OUT") $(found 'archive of her') $(found 'archive of others')" "[0,9,9] 0 6"

send '{"type":"page","userId":"leaver","messageId":"p-leaver","properties":{"note":"of somebody who leaves"}}'
send '{"type":"delete","userId":"leaver","messageId":"d-leaver"}'
is "a delete event is no event to plan" "$STATUS $(counts)" "200 [1,0,0,0]"
hs erase --from-deletes
is "… so that erase carries it out" "$CODE $(found 'of somebody who leaves')" "0 0"

# --- an event that is dropped, in a body that is refused
found_nowhere() { [ "$(found "$1")" = 0 ]; }
SETTINGS='address_rate = none
[sources]
page = PAGE-KEY-1 browser origin=*
[events]
drop = event:"Patient *"'
settings_write "$SETTINGS"
kill -HUP $(workers)
forgotten() { send '{"type":"track","event":"Patient None","userId":"u","messageId":"n'$((++tries))'"}' && [ "$STATUS" = 200 ]; }
check "a reload, to a line that drops" wait_for 20 forgotten
send '[{"type":"track","event":"Patient Seen","userId":"u","messageId":"b1","properties":{"diagnosis":"Xanthoma"}},{"type":"track",}]'
is "a dropped event is not kept with the batch that cannot be read" "$STATUS $(tail -n 1 "$S/spool/rejected.jsonl" | jq -c '[.status, .body // ""]')" '400 [400,""]'
send '{"type":"track","event":"Patient Seen","messageId":"b2","properties":{"diagnosis":"Xanthoma"}}'
is "… nor if it breaks the Spec" "$STATUS $(tail -n 1 "$S/spool/rejected.jsonl" | jq -c '[.status, .body // ""]')" '400 [400,""]'
direct PAGE-KEY-1 '{"batch":[{"type":"track","event":"Patient Seen","messageId":"b3","properties":{"diagnosis":"Xanthoma"}}]}'
check "… nor is it in any file" found_nowhere Xanthoma
hs check
check "check tells why" grep -q 'what is refused is not kept in rejected.jsonl, because \[events\] drops events' <<<"$OUT"
settings_write "rejected_body = 1K
$SETTINGS"
hs check
check "… and warns if it is" grep -q '\[events\] drops events, but what is refused is kept as it came' <<<"$OUT"

# --- a tenant whose records show no address
SETTINGS='address_rate = none
[sources]
page = PAGE-KEY-1 browser origin=* tenant=acme
[fields]
acme: context_ip = drop'
settings_write "$SETTINGS"
kill -HUP $(workers)
taken() { direct PAGE-KEY-1 '{"batch":[{"type":"page","userId":"u","messageId":"t'$((++tries))'"}]}' && grep "\"message_id\":\"t$tries\"" "$SPOOL" | grep -q acme; }
check "a reload, to a line of one tenant" wait_for 20 taken
direct PAGE-KEY-1 '{"batch":[{"type":"identify","messageId":"r4"}]}'
is "the address of its page is in no rejected line" "$(tail -n 1 "$S/spool/rejected.jsonl" | jq -c '[.tenant, .remote_addr // ""]')" '["acme",""]'
check "… nor in the log" grep -qF ' 400 -: ' <(tail -n 1 "$S/log/hookspool.log")

# --- delete events that a line drops
settings_write '[events]
keep = type:delete user_id:a*
drop = user_id:u
drop = type:d*
sample = 10% type:*'
hs check
check "check warns of the line that drops them" grep -q 'line 6 drops delete events, so erase --from-deletes misses them' <<<"$OUT"
is "… and of no other" "$(grep -c 'drops delete events' <<<"$OUT")" 1
hs rules --json
is "rules tells it" "$(jq -c '[.events[].drops_deletes]' <<<"$OUT")" '[false,false,true,false]'
hs rules
is "… to people" "$(grep -A 1 'drop = type:d' <<<"$OUT" | tail -n 1)" "        drops delete events, too: erase --from-deletes misses them"
check "… and what becomes of them otherwise" grep -q '^        delete events are kept, unless' <<<"$OUT"
printf '%s\n' '{"type":"delete","userId":"u"}' '{"type":"page","userId":"u"}' '{"type":"delete","userId":"a"}' >"$T/events"
chmod 644 "$T/events"
hs rules --events "$T/events" --json
is "a trial decides as the server does" "$(jq -c '[.kept, .dropped, [.events[].dropped]]' <<<"$OUT")" '[1,2,[0,1,1,0]]'
settings_write '[events]
keep = type:delete
drop = type:*'
hs check
is "no warning below a line that keeps them" "$(grep -c 'drops delete events' <<<"$OUT")" 0
settings_write '[events]
keep = event:Planned
unplanned = drop'
hs rules --events "$T/events" --json
is "nor does a plan drop them" "$(jq -c '[.kept, .dropped]' <<<"$OUT")" '[2,1]'

# --- the command
SETTINGS="hash_key = $HASH_KEY
[sources]
page = PAGE-KEY-1 browser origin=*
[keys]
acme = KEY-OF-ACME
$RULES"
settings_write "auth = either
$SETTINGS"
hs stats
check "stats tells people what was dropped" grep -q 'events dropped by the rules since the machine started' <<<"$OUT"
hs check
check "check tells that refused bodies are not kept" grep -q 'what is refused is not kept in rejected.jsonl' <<<"$OUT"
hs rules
check "the lines in the order in which they decide" grep -q 'keep = event:"Order \*"' <<<"$OUT"
hs rules --dry-run 1000 --json
is "a dry run counts the records of the spool" "$(jq '.records > 3 and .dropped == 0 and (.events | length) == 6' <<<"$OUT")" true
printf '%s\n' '{"type":"screen","userId":"u"}' '{"type":"page","userId":"u","properties":{"card":"4111111111111111"}}' '{"type":"track"}' >"$T/events"
chmod 644 "$T/events"
hs rules --events "$T/events" --tenant - --json
is "… or events of a file, with an example before and after" \
	"$(jq -c '[.records, .dropped, .invalid, (.fields[] | select(.changed > 0) | .before, .after)]' <<<"$OUT")" '[2,1,1,"\"4111111111111111\"","\"************1111\""]'
# for people
printf '%s\n' '{"type":"screen","userId":"u"}' \
	'{"type":"page","userId":"u","context":{"ip":"203.0.113.7"},"properties":{"card":"4111111111111111","c\u0061rd_2":"4222222222222222","note":"'"$(printf 'long %.0s' {1..60})"'"}}' \
	'{"type":"track"}' '{"type":' >"$T/events"
hs rules --events "$T/events" --tenant -
while IFS='|' read -r words name; do
	check "a trial for people: $name" grep -qE -e "$words" <<<"$OUT"
done <<'END'
^ *[0-9]+  drop = type:screen$|a line of [events]
^        matched 1, dropped 1$|what it decided
^        unplanned = keep$|what becomes of the others
^        values 1, changed 1$|what a line of [fields] changed
^        before  "4111111111111111"$|an example
^        after   "\*{12}1111"$|what becomes of it
^        before  "long .*…$|the beginning of a long value
^        after   \(left out\)$|a value that is dropped
^records 2: kept 1, dropped 1, rejected 0, flagged 0$|the sums
^events against the Spec, which are rejected before any rule: 2$|what comes to no rule
END
printf '{"type":"page","userId":"u","properties":{"card":"4111111111111111","c-ard":1,"card_2":"4222222222222222"}}' >"$T/events"
hs rules --events "$T/events" --tenant - --json
is "a second value of a name is masked as the first" "$(jq -c '.fields[] | select(.rule | startswith("properties_card")) | [.values, .changed]' <<<"$OUT")" '[2,2]'
: >"$T/empty"
chmod 644 "$T/empty"
while IFS='|' read -r options code words; do
	hs rules $options
	is "rules $options: $code" "$CODE" "$code"
	check "… with: $words" grep -qF -e "$words" "$T/err"
done <<END
--events $T/nowhere --tenant -|66|hookspool: $T/nowhere: No such file or directory
--events $T/empty --tenant -|66|hookspool: $T/empty: is empty: expected JSON lines or an array
--events /etc --tenant -|66|hookspool: /etc: Is a directory
--events $T/events|2|say whose events these are with --tenant LABEL
--events $T/events --tenant nobody|2|--tenant nobody: neither [keys] nor [secrets] has such a label, and no line of [sources] such a tenant; if its line was removed, put it back, with revoked: before the key
--tenant acme|2|usage: hookspool rules
--events $T/events --dry-run 2|2|usage: hookspool rules
--dry-run 0|2|--dry-run 0: expected a number from 1
--nonsense|2|usage: hookspool rules
END
hs rules --dry-run 10
is "no line is longer than 80 columns" "$(awk 'length > 80' <<<"$OUT" | wc -l)" 0
settings_write
hs rules
is "no rules: what that means" "$CODE $(cut -d: -f1 <<<"$OUT")" '0 no rules'
done_testing
