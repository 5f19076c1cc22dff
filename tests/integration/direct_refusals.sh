#!/bin/bash
# Bodies and keys that libraries must not send, and the tricks of strangers with a public key: each answer
# with its code and CORS header, what rejected.jsonl gets, and what the spool keeps. All rows go through
# lighttpd, a part of them also through mod_fcgid and nginx.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='public_url = https://h.example/hookspool
max_sdk_body = 4M
address_rate = none
auth = either
[keys]
acme = WEBHOOK-KEY-1
[sources]
page = PAGE-KEY-1 browser tenant=acme origin=https://shop.example rate=none daily=none
open = OPEN-KEY-1 browser origin=* rate=none daily=none
orders = SERVER-KEY-1 server tenant=acme
old = revoked:OLD-KEY-1'

# --- bodies that are no text of the table; $ID is the row's prefix of message ids

good() { printf '{"type":"track","event":"e","userId":"u","messageId":"%s-%s"}' "$ID" "$1"; }
batch() { printf '{"batch":[%s],"writeKey":"PAGE-KEY-1"}' "$(good 1),$(good 2)"; }
joined() { batch && printf '\0\0' && batch; }
with_nuls() { batch | tr , '\0'; }
gz() { batch | gzip -c; }
gz_cut() { gz | head -c -9; }
gz_crc() { gz | head -c -8 && printf 'CRC!' && gz | tail -c 4; }
gz_and_more() { gz && printf 'more'; }
bomb() { for _ in {1..64}; do cat "$T/bomb"; done; } # 2 GB
events_of() {
	printf '{"batch":['
	seq "$1" | sed "s/.*/{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"$ID-&\"}/; 1!s/^/,/"
	printf '],"writeKey":"PAGE-KEY-1"}'
}
beside() { # EVENTS BYTES, of the context beside them
	printf '{"context":{"a":"%s"},"batch":[' "$(head -c "$2" /dev/zero | tr '\0' x)"
	seq "$1" | sed "s/.*/{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"$ID-&\"}/; 1!s/^/,/"
	printf '],"writeKey":"PAGE-KEY-1"}'
}
too_large() { head -c $((4 << 20)) /dev/zero | tr '\0' ' ' && batch; }
deep() { printf '{"batch":[%s,{"type":"page","userId":"u","properties":%s}]}' "$(good 1)" "$(printf '{"a":%.0s' {1..64})1$(printf '}%.0s' {1..64})"; }
many_values() { printf '{"type":"page","userId":"u","properties":{"a":[' && head -c 2097152 "$T/zeros" && printf '0]}}'; }
long_name() { printf '{"batch":[%s,{"type":"page","userId":"u","%s":1}]}' "$(good 1)" "$(head -c 4097 /dev/zero | tr '\0' x)"; }
long_names() {
	printf '{"batch":[%s,{"type":"page","userId":"u","%s":{"a":0' "$(good 1)" "$(head -c 4000 /dev/zero | tr '\0' x)"
	printf ',"k%d":1' {1..12000}
	printf '}}]}'
}
latin() { printf '{"type":"page","userId":"M\374ller"}'; }
control() { printf '{"type":"page","userId":"a\nb"}'; }
head -c 32M /dev/zero | gzip -9 >"$T/bomb"
yes '0,' | head -n 1048576 | tr -d '\n' >"$T/zeros"

# --- the table
#
# NAME | PATH | SENDER | BODY | CURL OPTIONS | ANSWER
#
# NAME ends with * where the row runs through every server.
# SENDER: page and server show their key as Basic; - shows none. All but server come from https://shop.example.
# BODY: text, in which G1, G2 stand for valid events; or a function: !batch.
# ANSWER: status, code (- success), CORS header (same: the origin of the request), lines in
# rejected.jsonl, events in the spool.
TABLE=$(cat <<'END'
NaN*|/v1/batch|page|{"batch":[G1,{"type":"page","userId":"u","properties":{"n":NaN}}]}||400 json_syntax same 1 0
Infinity|/v1/batch|page|{"batch":[{"type":"page","userId":"u","properties":{"n":-Infinity}}]}||400 json_number same 1 0
joined batches with NULs*|/v1/b|-|!joined||400 json_trailing same 1 0
NULs in a batch|/v1/b|page|!with_nuls||400 json_syntax same 1 0
gzip, for comparison*|/v1/b|-|!gz|-H Content-Encoding:gzip|200 - same 0 2
truncated gzip*|/v1/b|page|!gz_cut|-H Content-Encoding:gzip|400 gzip same 1 0
gzip with a wrong CRC*|/v1/b|page|!gz_crc|-H Content-Encoding:gzip|400 gzip same 1 0
gzip with more after it|/v1/b|page|!gz_and_more|-H Content-Encoding:gzip|400 gzip same 1 0
plain text that is called gzip|/v1/b|page|!batch|-H Content-Encoding:gzip|400 gzip same 1 0
truncated gzip without a key that can be read*|/v1/b|-|!gz_cut|-H Content-Encoding:gzip|400 gzip same 0 0
truncated gzip with an unknown key|/v1/b|-|!gz_cut|-H Content-Encoding:gzip -u nobody:|400 gzip same 0 0
truncated gzip with a revoked key|/v1/b|-|!gz_cut|-H Content-Encoding:gzip -u OLD-KEY-1:|400 gzip same 0 0
truncated gzip from an origin that is not listed|/v1/b|-|!gz_cut|-H Content-Encoding:gzip -u PAGE-KEY-1: -H Origin:https://evil.example|400 gzip same 0 0
gzip that is not called so|/v1/b|page|!gz||400 json_syntax same 1 0
2 MB of gzip for 2 GB*|/v1/b|page|!bomb|-H Content-Encoding:gzip|400 inflated same 1 0
another encoding*|/v1/b|page|!batch|-H Content-Encoding:br|400 sdk_encoding same 0 0
no key|/v1/t|-|G1||400 write_key same 0 0
an unknown key*|/v1/t|-|G1|-u nobody:|400 write_key same 0 0
an unknown key beside a known one|/v1/b|-|!batch|-u nobody:|200 - same 0 2
a revoked key|/v1/t|-|G1|-u OLD-KEY-1:|400 write_key_revoked same 0 0
two keys that disagree*|/v1/b|-|!batch|-u OPEN-KEY-1:|400 two_keys same 0 0
a key of the webhook*|/v1/batch|-|{"batch":[G1]}|-u WEBHOOK-KEY-1:|400 write_key same 0 0
a library's key at the webhook*||server|G1||401 - 0 0
a server's key in a page|/v1/t|-|G1|-u SERVER-KEY-1:|200 - - 0 1
a page's key without an origin*|/v1/t|server|G1|-u PAGE-KEY-1:|400 origin - 0 0
an origin that is not listed*|/v1/t|-|G1|-u PAGE-KEY-1: -H Origin:https://evil.example|400 origin - 0 0
the listed one as part of another|/v1/t|-|G1|-u PAGE-KEY-1: -H Origin:https://shop.example.evil.example|400 origin - 0 0
the listed one by http|/v1/t|-|G1|-u PAGE-KEY-1: -H Origin:http://shop.example|400 origin - 0 0
null as origin*|/v1/t|-|G1|-u PAGE-KEY-1: -H Origin:null|400 origin - 0 0
null where every origin may|/v1/t|-|G1|-u OPEN-KEY-1: -H Origin:null|200 - same 0 1
an origin that is a list|/v1/t|-|G1|-u PAGE-KEY-1: -H Origin:https://shop.example,https://evil.example|400 origin - 0 0
a bad event among good ones*|/v1/batch|page|{"batch":[G1,{"type":"track"},G2]}||200 - same 1 2
a number among good ones|/v1/batch|page|{"batch":[G1,1,G2]}||200 - same 1 2
only bad events|/v1/batch|page|{"batch":[{"type":"page"},{"type":"video","userId":"u"}]}||400 identity same 2 0
an empty body|/v1/batch|server|||400 json_empty - 1 0
a cut body*|/v1/batch|page|{"batch":[G1||400 json_end same 1 0
no JSON|/v1/batch|page|<xml/>||400 json_syntax same 1 0
a number like no other|/v1/t|page|{"type":"track","event":"e","userId":"u","n":01}||400 json_number same 1 0
a raw control character|/v1/p|page|!control||400 json_control same 1 0
a malformed escape|/v1/p|page|{"userId":"\x"}||400 json_escape same 1 0
not UTF-8|/v1/p|page|!latin||400 json_utf8 same 1 0
nested too deeply|/v1/batch|page|!deep||400 json_depth same 1 0
a key twice|/v1/batch|page|{"batch":[G1,{"type":"page","userId":"u","userId":"v"}]}||400 json_twice same 1 0
too many values|/v1/p|page|!many_values||400 json_large same 1 0
text after the event|/v1/p|page|{"userId":"u"} x||400 json_trailing same 1 0
an array|/v1/batch|page|[G1]||400 not_an_event same 1 0
no type|/v1/batch|page|{"batch":[G1,{"userId":"u"}]}||200 - same 1 1
an unknown type*|/v1/batch|page|{"batch":[{"type":"video","userId":"u"}]}||400 type same 1 0
a type unlike the path's|/v1/t|page|{"type":"page","userId":"u"}||400 type_path same 1 0
delete by a page*|/v1/batch|page|{"batch":[G1,{"type":"delete","userId":"u"}]}||200 - same 1 1
delete by a server|/v1/batch|server|{"batch":[{"type":"delete","userId":"u"}]}||400 delete_direct - 1 0
a track without its event|/v1/t|page|{"userId":"u"}||400 event_name same 1 0
a group without its id|/v1/g|page|{"userId":"u"}||400 group_id same 1 0
an alias without its old id|/v1/a|page|{"userId":"u"}||400 previous_id same 1 0
a field in two spellings|/v1/p|page|{"userId":"u","user_id":"v"}||400 field_twice same 1 0
an object as userId|/v1/p|page|{"userId":{"id":1}}||400 field_nested same 1 0
a string as context|/v1/p|page|{"userId":"u","context":"c"}||400 field_flat same 1 0
a name that is too long|/v1/batch|page|!long_name||200 - same 1 1
a record that grows too large|/v1/batch|page|!long_names||200 - same 1 1
a path that is not there*|/v1/nowhere|page|G1||404 sdk_path same 0 0
a method that is not there*|/v1/t|page|G1|-X PUT|405 sdk_method same 0 0
settings for a server's key|/v1/projects/SERVER-KEY-1/settings|-||-X GET|404 sdk_settings same 0 0
settings for any key|/v1/projects/nobody/settings|-||-X GET|404 sdk_settings same 0 0
a body over max_sdk_body*|/v1/b|page|!too_large||400 too_large same 0 0
10,000 events*|/v1/b|-|!events_of 10000||200 - same 0 10000
2,500 events with a context beside them*|/v1/b|-|!beside 2500 10000||200 - same 0 2500
events that grow too large with it|/v1/b|-|!beside 2500 30000||400 records_large same 1 0
a context that is too large for each event|/v1/b|-|!beside 2 32768||400 beside_large same 1 0
65,536 events|/v1/b|-|!events_of 65536||200 - same 0 65536
65,537 events|/v1/b|-|!events_of 65537||400 batch_large same 1 0
END
)

# --- running it

rejected() { if [ -e "$S/spool/rejected.jsonl" ]; then wc -l <"$S/spool/rejected.jsonl"; else echo 0; fi; }

body_make() { # BODY
	case $1 in
	!*) ${1#!} ;; # a function and perhaps a number
	*) printf %s "$1" | sed "s/G\([12]\)/{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u\",\"messageId\":\"$ID-\1\"}/g" ;;
	esac >"$T/body"
}

# said: the last answer as status, code and CORS header. The code is ? unless an error is an object with all
# three members.
said() {
	local body code='?' allowed vary
	body=$(<"$T/answer.body")
	case $body in
	'{"success":true}') code=- ;;
	'{"message":"'*'"}') code='' ;; # the webhook's
	*) [[ $body =~ ^\{\"success\":false,\"code\":\"([a-z0-9_]+)\",\"message\":\"([^\"]+)\",\"error\":\"([^\"]+)\"\}$ ]] &&
		[ "${BASH_REMATCH[2]}" = "${BASH_REMATCH[3]}" ] && code=${BASH_REMATCH[1]} ;;
	esac
	allowed=$(header Access-Control-Allow-Origin)
	vary=$(header Vary)
	[ "${allowed:--}" = - ] || [ "$vary" = Origin ] || allowed="$allowed, Vary: $vary"
	[ "${allowed:--}" != "$ORIGIN" ] || allowed=same
	echo "$STATUS${code:+ $code} ${allowed:--}"
}

row() { # NAME PATH SENDER BODY OPTIONS ANSWER
	local before
	local -a options
	read -ra options <<<"$5"
	ID=r$((++rows))
	body_make "$4"
	case $3 in
	page) options+=(-u PAGE-KEY-1:) ;;
	server) [[ $5 = *-u* ]] || options+=(-u SERVER-KEY-1:) ;;
	esac
	ORIGIN=https://shop.example
	[[ $5 =~ Origin:(.*) ]] && ORIGIN=${BASH_REMATCH[1]}
	[ "$3" = server ] || [[ $5 = *Origin:* ]] || options+=(-H "Origin:$ORIGIN")
	before=$(rejected)
	PATH_INFO=$2 post "$T/body" "${options[@]}"
	is "$mount: $1" "$(said) $(($(rejected) - before)) $(grep -c "\"message_id\":\"$ID-" "$SPOOL")" "$6"
}

table_run() { # MOUNT [all]
	local name path sender body options answer
	mount=$1 rows=0
	server_start "$mount"
	: >>"$SPOOL"
	own "$SPOOL"
	while IFS='|' read -r name path sender body options answer; do
		[ -n "${2-}" ] || [ "$name" != "${name%\*}" ] || continue
		row "${name%\*}" "$path" "$sender" "$body" "$options" "$answer"
	done <<<"$TABLE"
	is "$mount: each rejected line has its source, and a status that is final for libraries" "$(
		jq -r '"\(.status) \(.tenant) \(.source)"' "$S/spool/rejected.jsonl" | sed 's/orders/page/' | sort -u)" '400 acme page'
	is "$mount: and tells which event of a batch it is" "$(jq -r 'select(.body == "{\"type\":\"track\"}") | .message' \
		"$S/spool/rejected.jsonl" | sort -u)" 'event 2: userId or anonymousId required'
	is "$mount: broken gzip leaves its size and hash, and no body in which no erase would find people" "$(jq -c \
		'select(.message == "body is not whole gzip") | [.body, (.body_bytes > 0), (.body_sha256 | length), .body_cut, .body_base64]' \
		"$S/spool/rejected.jsonl" | sort -u)" '["",true,64,null,null]'
	check "$mount: the spool is whole" spool_is_whole
}

table_run lighttpd-fcgi all
is 'of valid events that are refused for their size no body is kept, which may hold what rules drop' "$(jq -c \
	'select(.message | test("too large together|beside the batch too large")) | [.body, .body_cut]' \
	"$S/spool/rejected.jsonl" | xargs)" '[,null] [,null]'
check 'the log names an origin that is not listed' grep -qF 'not allowed for this write key: "https://evil.example"' <(logs_show 200)

# --- what a stranger can do with the key of a page

library() { # KEY EVENT
	printf %s "$2" >"$T/body"
	PATH_INFO=/v1/batch post "$T/body" -u "$1:" -H Origin:https://shop.example
}
library PAGE-KEY-1 '{"batch":[{"type":"page","userId":"u","messageId":"order-17","receivedAt":"2001-01-01T00:00:00.000Z",
	"timestamp":"2099-01-01T00:00:00.000Z","source":"orders","tenant":"evil","context":{"ip":"192.0.2.1"}}]}'
library SERVER-KEY-1 '{"batch":[{"type":"page","userId":"u","messageId":"order-17"}]}'
is 'an id that a page has used up is still free for the server' "$(record order-17 .source | xargs)" 'page orders'
is 'the sent times, source, tenant and address are not those of the record' "$(grep -F order-17 "$SPOOL" | head -n 1 |
	jq -c '[.timestamp == .received_at, .received_at > "2002", .original_timestamp, .source_2, .tenant, .tenant_2, .context_ip]')" \
	'[true,true,"2099-01-01T00:00:00.000Z","orders","acme","evil","127.0.0.1"]'
server_stop
table_run apache-fcgid
server_stop
table_run nginx
server_stop
done_testing
