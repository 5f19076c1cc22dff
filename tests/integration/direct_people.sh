#!/bin/bash
# A spool with sources: an id counts within its source, a person within the tenant. So they do for stats,
# import, erase and repair, whether a record came by webhook or from a library.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='auth = key
[keys]
acme = WEBHOOK-KEY-1
[sources]
acme = APP-KEY-1 tenant=acme
shop = PAGE-KEY-1 browser origin=* tenant=acme
other = OTHER-KEY-1 tenant=globex'
spool_start

# by KEY EVENT...: the status of a batch, by webhook or from a library.
by() {
	local key=$1 path=/v1/batch body
	printf -v body '%s,' "${@:2}"
	body="[${body%,}]"
	case $key in WEBHOOK*) path='' ;; *) body="{\"batch\":$body}" ;; esac
	printf %s "$body" | cgi REQUEST_METHOD=POST PATH_INFO=$path CONTENT_TYPE=application/json \
		HTTP_AUTHORIZATION="Basic $(printf %s: "$key" | base64)" CONTENT_LENGTH=${#body} | sed -n '1s/Status: \([0-9]*\).*/\1/p'
}
page() { printf '{"type":"page","messageId":"%s","userId":"%s"}' "$1" "$2"; }
KEYS='WEBHOOK-KEY-1 APP-KEY-1 PAGE-KEY-1 OTHER-KEY-1'
by_all() { for key in $KEYS; do by "$key" "$@"; done | sort -u | xargs; }
# of ID: by which way its records came, with the tenant.
of() { spooled | jq -r --arg id "$1" 'select(.message_id == $id) | "\(.source // "webhook"):\(.tenant)"' | sort | xargs; }
json() { hs stats --json && jq -c "$1" <<<"$OUT"; }
ALL='acme:acme other:globex shop:acme webhook:acme'

### Ids #################################################################
is 'the same id by four ways' "$(by_all "$(page order-1 anna)" "$(page order-2 bert)")" 200
is 'are four events' "$(of order-1)" "$ALL"
is 'sent again' "$(by_all "$(page order-1 anna)")" 200
is 'each of them is a duplicate' "$(of order-1)" "$ALL"

### stats ###############################################################
is 'events of each tenant' "$(json '[.tenants[] | [.name, .records]] | sort')" '[["acme",6],["globex",2]]'
is 'a source and a key of one label are two credentials' "$(json '[.credentials[] | "\(.kind) \(.name)"] | sort')" \
	'["key acme","source acme","source other","source shop"]'
is 'stats of a person in one tenant' "$(hs stats --json --user anna --tenant acme; jq -c .records <<<"$OUT")" 3

### import ##############################################################
{ page order-1 anna; echo; page order-3 anna; echo; } >"$T/archive.jsonl"
chmod 644 "$T/archive.jsonl"
is 'an id of a source alone' "$(by PAGE-KEY-1 "$(page order-3 anna)")" 200
hs import --json --tenant acme "$T/archive.jsonl"
is 'an import has the ids of the webhook' "$(jq -c '[.accepted, .duplicate]' <<<"$OUT")" '[1,1]'
is 'so the event of the archive is one of its own' "$(of order-3)" 'shop:acme webhook:acme'

### repair ##############################################################
hs rotate
end_process "$PROGRAM_PID"
rm -r "$S/spool/.hookspool/run/index"*
hs repair
is 'a lost index is made anew' $CODE 0
check 'verify passes' hs verify
is 'and the ids are still known' "$(by_all "$(page order-1 anna)") $(of order-1)" "200 $ALL"
listener_start

### erase ###############################################################
is 'rejected events of a person' "$(by_all '{"type":"track","userId":"anna"}')" 400
hs erase --json --user anna --tenant acme
is 'a person of a tenant, by webhook, app and page' "$(jq -c '[.events, .rejected]' <<<"$OUT")" '[5,3]'
is 'is not that of another tenant' "$(of order-1)" other:globex
is 'whose rejected event stays, too' "$(spooled rejected | jq -r 'select(.body | contains("anna")) | .tenant')" globex
is 'other people of the tenant stay' "$(of order-2)" "$ALL"
check 'verify passes' hs verify
hs erase --user bert --tenant acme --suppress
is 'a suppressed person' "$(by_all "$(page order-4 bert)") $(of order-4)" '200 other:globex'
server_stop
done_testing
