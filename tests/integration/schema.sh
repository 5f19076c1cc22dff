#!/bin/bash
# hookspool schema: what it counts is what jq counts, whatever happens between; differences; erase.
. "$(dirname "$0")/../lib/server.sh"

KILLS=${KILLS:-8}
SEED=${HS_SEED:-$RANDOM}
FILE=.hookspool/schema

# records PREFIX COUNT: random events, one a line.
records() {
	awk -v prefix="$1" -v count="$2" -v seed="$((SEED++))" '
	function pick(list, n, parts) { n = split(list, parts, "|"); return parts[1 + int(rand() * n)] }
	BEGIN {
		srand(seed)
		for (i = 0; i < count; i++) {
			type = pick("track|track|track|page|identify|group")
			line = "{\"type\":\"" type "\",\"messageId\":\"" prefix i "\",\"userId\":\"u" int(rand() * 40) "\""
			if (type == "track")
				line = line ",\"event\":\"" pick("Order Completed|a \\\"b\\\"|Bestellung \\u00e4|x\\ny|" int(rand() * 9)) "\""
			if (type == "group")
				line = line ",\"groupId\":\"g\""
			line = line ",\"" (type == "identify" || type == "group" ? "traits" : "properties") "\":{\"kept\":1"
			for (k = int(rand() * 6); k > 0; k--)
				line = line ",\"" pick("total|plan|Ze\\u00efle|a b|nested") k "\":" \
					pick("1|-2.50|1e3|true|false|null|\"free\"|\"pro\"|\"\\u0041\"|[1,2]|{\"deep\":\"" int(rand() * 99) "\"}|\"é€\"")
			print line "}}"
		}
	}'
}
load() { # PREFIX COUNT
	records "$1" "$2" >"$T/load"
	chmod 644 "$T/load"
	hs import "$T/load"
	[ "$CODE" = 0 ] || not_ok "events are taken (seed $SEED)" "$OUT" "$(cat "$T/err")"
}
# Both sides in one form. Numbers as values are left out, since jq writes them in its own way.
by_jq() {
	hs cat
	jq -s -c 'def text: if type == "string" then . else tojson end;
		group_by([.type, .event])[] | length as $all | {type: .[0].type, event: .[0].event, count: $all,
		first_seen: (map(.spooled_at) | min), last_seen: (map(.spooled_at) | max),
		fields: (map(to_entries[]) | group_by(.key) | map({name: .[0].key, count: length,
			last_seen: null, types: (map(.value | type) | unique),
			values: (map(.value) | if any(type == "number") then null else
				map(select(. != null) | text) | unique | if length > 20 then [] else . end end)}))}' <<<"$OUT"
}
by_schema() {
	hs schema --json
	jq -c '.events | sort_by([.type, .event])[] | del(.other_fields) | .fields |= (map(del(.example) | .last_seen = null |
		.types |= sort | .values |= sort | if .types | any(. == "number") then .values = null else . end) | sort_by(.name)) |
		{type, event, count, first_seen, last_seen, fields: (.fields | map({name, count, last_seen, types, values}))}' <<<"$OUT"
}
same() { # NAME
	by_jq | jq -S -c . >"$T/jq"
	by_schema | jq -S -c . >"$T/schema"
	if [ -s "$T/jq" ] && cmp -s "$T/jq" "$T/schema"; then
		ok "$1"
	else
		not_ok "$1" "seed $SEED" "$(diff "$T/jq" "$T/schema" | cut -c 1-600 | head -n 6)"
	fi
}
has() { grep -qaF "$1" "$S/spool/$FILE"; }
total() { hs schema --json && jq .records <<<"$OUT"; }

### What it counts ######################################################
SETTINGS='auth = none
compress = gzip
rotate_size = 64K
rotate_min_gap = 0
min_free = 0'
spool_start
hs schema
is 'an empty spool has none' "$CODE $OUT" '0 0 records, 0 events'
load a 400
same 'all that came is counted'
load b 300
maintain
hs rotate
load c 50
same 'what came since is added, through rotation and compression'
is 'the file is private' "$(stat -c %a "$S/spool/$FILE")" 600
has Bestellung
is 'maintain counts, too' $? 0

### Kills ###############################################################
for n in $(seq "$KILLS"); do
	load "k$n-" 60
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" schema >/dev/null 2>&1) &
	kill_midway $!
done
same "after $KILLED kills nothing is counted twice"

### Comparing ###########################################################
hs schema --json
printf '%s\n' "$OUT" >"$T/plan"
chmod 644 "$T/plan"
hs schema --diff "$T/plan"
is 'nothing is new: 0' "$CODE $OUT" '0 '
hs schema --event 'Order Completed' --json
is 'of one event' "$(jq -c '[.events[].event] | unique' <<<"$OUT")" '["Order Completed"]'
hs schema --json --no-examples
is 'without values' "$(jq -c '[.events[].fields[] | select(has("example") or has("values"))]' <<<"$OUT")" '[]'
hs schema --json-schema
is 'a JSON Schema is JSON' "$(jq '.anyOf | length' <<<"$OUT")" "$(wc -l <"$T/schema")"
hs schema --typescript
is 'an interface for each event' "$(grep -c '^export interface' <<<"$OUT")" "$(wc -l <"$T/schema")"
if command -v tsc >/dev/null; then
	printf '%s\n' "$OUT" >"$T/records.ts"
	check 'which TypeScript takes' tsc --strict --noEmit "$T/records.ts"
fi
printf '%s\n' '{"type":"track","messageId":"n1","event":"Order Completed","userId":"u1","properties":{"kept":"one","color":1}}' \
	'{"type":"track","messageId":"n2","event":"Never Before","userId":"u1"}' >"$T/load"
hs import "$T/load"
hs schema --diff "$T/plan"
is 'new event, new field, other types: 1' "$CODE
$OUT" '1
other types: track "Order Completed": "properties_kept": number, now string|number
new field: track "Order Completed": "properties_color"
new event: track "Never Before"'
hs schema --diff "$T/plan" --event 'Never Before'
is 'of one event only' "$CODE $OUT" '1 new event: track "Never Before"'
hs schema --diff "$T/load"
is 'another file: 65' "$CODE" 65
hs schema --diff "$T/nowhere"
is 'no file: 66' "$CODE" 66
hs schema --diff "$T/plan" --json
is 'two forms: 2' "$CODE" 2

### A damaged file, and a lost one ######################################
records=$(total)
printf 'garbage' | dd of="$S/spool/$FILE" bs=1 seek=100 conv=notrunc status=none
same 'a damaged file is made anew'
rm "$S/spool/$FILE"
is 'a lost one, too' "$(total)" "$records"

### A backup ############################################################
mkdir "$T/backups" && own "$T/backups"
hs backup "$T/backups/b"
load d 20
records=$(total)
mv "$S/spool" "$S/lost"
cp -a "$T/backups/b" "$S/spool"
hs adopt >/dev/null
load e 20
same 'restored from a backup it goes on with what is there'
is 'which is as much' "$(total)" "$records"

### Erase ###############################################################
printf '%s\n' '{"type":"identify","messageId":"person-1","userId":"anna","traits":{"email":"anna@example.com","city":"Annaberg"}}' \
	'{"type":"identify","messageId":"person-2","userId":"bert","traits":{"email":"bert@example.com"}}' >"$T/load"
hs import "$T/load"
records=$(total)
has anna@example.com
is 'values are in the file' $? 0
hs erase --user anna
is 'after an erase no byte of the person is below .hookspool' \
	"$(grep -rlaiE 'anna@|annaberg|"anna' "$S/spool/.hookspool")" ''
is 'what was counted stays' "$(total)" "$records"
has bert@example.com
is 'values of others come back' $? 0
has anna
is 'hers do not' $? 1

done_testing
