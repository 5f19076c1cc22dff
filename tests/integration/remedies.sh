#!/bin/bash
# What the commands find or are asked for once in a year: files that are damaged or in use, names by the thousand,
# options that cannot be. Each is told with what mends it, as text and as JSON, and nothing is changed by it.
. "$(dirname "$0")/../lib/server.sh"

directory_make
settings_write 'auth = either' 'min_free = 0' 'rotate_min_gap = 0' 'compress = none' '[keys]' 'acme = key-of-acme'
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
# told NAME CODE TEXT...: what the last command said, on either stream.
told() {
	local name=$1 code=$2 text
	shift 2
	[ "$CODE" = "$code" ] || { not_ok "$name" "exit $CODE, expected $code" "$OUT" "$(<"$T/err")"; return; }
	for text; do
		grep -qF -- "$text" <(printf '%s\n' "$OUT"; cat "$T/err") || { not_ok "$name" "not said: $text" "$OUT" "$(<"$T/err")"; return; }
	done
	ok "$name"
}
seq 1 30 | sed 's/.*/{"type":"track","event":"e","userId":"u-&","messageId":"m-&"}/' >"$T/archive"
seq 1 3 | sed 's/.*/{"type":"delete","userId":"d-&","messageId":"d-&"}/' >>"$T/archive"
chmod 644 "$T/archive"
hs import --tenant acme "$T/archive"
told 'events are imported' 0 '33 accepted'

### Cursors ###############################################################

hs tail --cursor mine
hs cursors --json
is 'a cursor' "$(jq -c '[.[] | [.name, .records]]' <<<"$OUT")" '[["mine",0]]'
echo damaged >"$S/spool/.hookspool/cursors/broken"
hs cursors
told 'a damaged cursor has its remedy' 0 'damaged: hookspool cursors reset broken --from oldest|now|TIME'
hs cursors reset broken --from oldest
told 'which mends it' 0
hs cursors --json
is 'and it has all before it' "$(jq -c '[.[] | [.name, .records]] | sort' <<<"$OUT")" '[["broken",33],["mine",0]]'
(export HOOKSPOOL_CONF="$S/hookspool.conf"; as_server_user "$S/bin/hookspool" tail -f --cursor mine) >"$T/follow" 2>&1 &
FOLLOWER=$!
in_use() { hs cursors --json && [ "$(jq -c '[.[] | select(.name == "mine") | .in_use] == [true]' <<<"$OUT")" = true ]; }
check 'a cursor that is in use' wait_for 20 in_use
hs cursors --json
is 'names its process' "$(jq '[.[] | select(.name == "mine") | .process] == ['"$FOLLOWER"']' <<<"$OUT")" true
hs adopt --from 2h
told 'adopt leaves it alone' 75
end_process "$FOLLOWER"
cd "$S/spool/.hookspool/cursors" || exit
mine=$(<mine)
for n in {1..1001}; do echo "$mine" >"many-$n"; done
chmod 600 many-*
own many-*
cd - >/dev/null || exit
hs cursors
told 'more cursors than are listed' 0 'and more than 1000 other cursors'
hs stats
told 'by stats, too' 0 'and more than 1000 other cursors'
rm "$S"/spool/.hookspool/cursors/many-*

### Import ###############################################################

hs import --tenant acme "$S"
told 'a directory is no archive' 66 'a directory' 'name the files in it'
# shellcheck disable=SC2046
hs import --tenant acme $(printf -- '--type t%d ' {1..40}) "$T/archive"
told 'more types than it takes' 2 '--type: at most'
chmod 000 "$T/archive"
if [ "$(id -u)" -ne 0 ] || ! (as_server_user cat "$T/archive") >/dev/null 2>&1; then
	hs import --tenant acme "$T/archive"
	told 'an archive that cannot be read' 66 'Permission denied'
fi
chmod 644 "$T/archive"

### Erase #################################################################

hs erase --from-deletes --dry-run
told 'delete events wait for cursors' 0 '3 delete events wait until every cursor has passed them'
hs cursors reset broken --from now
hs erase --from-deletes --dry-run --json
is 'then they name people, with their tenant' "$(jq -c '[.deleted[] | [.id, .tenant]] | sort' <<<"$OUT")" \
	'[["d-1","acme"],["d-2","acme"],["d-3","acme"]]'
told 'in JSON, and nothing is erased' 0
is 'all are there' "$(wc -l <"$SPOOL")" 33

### Verify ###############################################################

hs rotate
for n in {1..1100}; do echo "{\"damaged\":$n"; done >>"$(compgen -G "$S/spool/events-*.jsonl")"
hs verify
told 'it lists no more than a thousand faults' 1 '…' 'not a JSON object'
hs repair --json
is 'and mends all of them' "$(jq '.mended >= 1' <<<"$OUT")" true
hs verify --json
is 'which is sound' "$CODE" 0

### Options ##############################################################

hs send
told 'send without a URL' 2 '--url is required'
hs send --url http://127.0.0.1:1/ --file - --count 2
told 'standard input, twice' 2 '--count: standard input can be read once only'
hs send --url http://127.0.0.1:1/ --as sdk
told 'a library without a write key' 78 'no write key: add a line to [sources], or give --key'
settings_write 'auth = key' 'min_free = 0' '[keys]' "acme = sha256:$(printf key | sha256sum | cut -c 1-64)"
sed -i '/^secret/d' "$S/hookspool.conf"
hs send --url http://127.0.0.1:1/
told 'send without a key in clear' 69 'the settings have no key in clear: give --key to show one'
settings_write 'auth = either' 'min_free = 0' '[keys]' 'acme = key-of-acme' '[sources]' 'page = PAGE-KEY-1 browser origin=*' '[events]' 'drop = type:delete'
hs send --url http://127.0.0.1:1/ --as sdk
told 'a page of any origin, and no key of a server' 69 'no key of a server source in clear: servers and apps are left out'
hs import --again --tenant acme --dry-run "$T/archive"
told 'events that the rules drop' 0 '3 events were dropped by the rules (hookspool rules)'
hs schema --since soon
told 'schema of no time' 2 'expected a time' '(2h, 7d)'
hs forward --to http://127.0.0.1:1/ --timeout 0 --once
told 'a time-out of nothing' 2 'timeout'
head -c 100000 /dev/zero >"$T/diff"
chmod 644 "$T/diff"
hs schema --diff "$T/diff"
told 'no schema to compare with' 65 'expected the output of hookspool schema --json'

### Check #################################################################

look() { hs check --config "${1-$S/hookspool.conf}"; }
chmod 660 "$S/hookspool.conf"
look
told 'settings that a group may write' 0 'a group may write to' 'chmod 640, or 600'
chmod 600 "$S/hookspool.conf"
mkdir -p "$S/htdocs"
cp -p "$S/hookspool.conf" "$S/htdocs/hookspool.conf"
look "$S/htdocs/hookspool.conf"
told 'settings that are served' 0 'looks like a file that is served' 'move it out of what the web server serves'
settings_write 'auth = either' 'min_free = 0' '[keys]' 'acme = key-of-acme # of Acme'
look
told 'a key with a comment in it' 0 'holds a secret or key: the text after the # is part of it' 'correct the line'
HOOKSPOOL_SPOOL_DIR=$S/uploads/new
export HOOKSPOOL_SPOOL_DIR
hs check --quiet-for 1h
told 'a spool to which nothing came yet' 0 'no event has come yet'
unset HOOKSPOOL_SPOOL_DIR
free=$(($(df --output=avail -B 1M "$S/spool" | tail -n 1) - 16))
settings_write 'auth = either' "min_free = ${free}M" 'rotate_size = 1G' '[keys]' 'acme = key-of-acme'
look
told 'a disk that is nearly full' 0 'not for long' 'retain_days or retain_bytes'
done_testing
