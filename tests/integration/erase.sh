#!/bin/bash
# hookspool erase: everything of a user is removed, and nothing else; erases are killed and run again.
. "$(dirname "$0")/../lib/server.sh"

KILLS=${KILLS:-10} # how many erases are killed in mid-work
LIVELY='auth = none
rotate_size = 256K
rotate_min_gap = 0
min_free = 0'

# take TEXT: what the program answers to a body.
take() { cgi_post "$1" ${AUTH:+HTTP_AUTHORIZATION="$AUTH"} | status_and_body; }

# page ID USER [MORE]: an event.
page() {
	printf '{"type":"page","messageId":"%s","userId":"%s"%s}' "$1" "$2" "${3:+,$3}"
}

messages() { spooled | ids_of | sort | xargs; }
sum() { jq -c "$1" <<<"$OUT"; }
sealed() { hs rotate && ls "$S/spool" | grep -c '^events-'; }

### A user ##############################################################
SETTINGS='auth = none
compress = gzip'
spool_start
take "$(page p-1 anna)" >/dev/null
take "$(page p-2 bert)" >/dev/null
sealed >/dev/null
maintain
server_stop
settings_write 'auth = none' 'compress = none' # the next segment stays plain, however long this takes
listener_start
take "$(page p-3 bert)" >/dev/null
take '{"type":"page","messageId":"p-4","userId":"\u0061nna"}' >/dev/null
take '{"type":"alias","messageId":"p-5","userId":"a-new","previousId":"anna"}' >/dev/null
sealed >/dev/null
take "$(page p-6 anna)" >/dev/null
take "$(page p-7 annabel '"properties":{"about":"anna"}')" >/dev/null
take '{"type":"page","messageId":"p-8"}' >/dev/null # refused: it has no user
take '{"type":"track","messageId":"r-1","userId":"anna"}' >/dev/null
take '{"type":"track","messageId":"r-2","User ID":"bert"}' >/dev/null
take '[{"type":"page","userId":"bert"},{"type":"track","USER_ID":"anna"}]' >/dev/null
take '{"userId":"anna", broken' >/dev/null
take '{"userId":"annabel", broken' >/dev/null
printf '%s\n' '{"failed_at":"x","record":{"type":"page","user_id":"anna"}}' '{"record":{"type":"page","user_id":"bert"}}' >"$S/spool/failed.jsonl"
own "$S/spool/failed.jsonl"
spooled >"$T/before"
is 'one segment is compressed' "$(find "$S/spool" -name 'events-*.gz' | wc -l)" 1

hs erase --user anna --dry-run --json
is 'a dry run counts' "$(sum '[.events, .rejected, .others, .files]')$CODE" '[4,3,1,5]0'
is 'and writes nothing' "$(spooled | cmp - "$T/before" 2>&1)" ''
hs erase --user anna
is 'the summary' "$OUT" 'erased 4 events, 3 rejected and 1 other lines of 1 ids in 5 files'
is 'none of her events is left' "$(messages | sed 's,hs-r[^ ]* ,,')" 'p-2 p-3 p-7'
is 'nothing else has changed' "$(spooled)" "$(grep -v '"p-[1456]"' "$T/before")"
is 'nor in the rejected file' "$(spooled rejected | jq -r .body)" \
	'{"type":"page","messageId":"p-8"}
{"type":"track","messageId":"r-2","User ID":"bert"}
{"userId":"annabel", broken'
is 'nor in failed.jsonl' "$(cat "$S/spool/failed.jsonl")" '{"record":{"type":"page","user_id":"bert"}}'
is 'compressed it stays compressed' "$(find "$S/spool" -name 'events-*.gz' | wc -l)" 1
is 'the receipt does not reveal the user' "$(grep -c anna "$S/spool/erased.jsonl")" 0
id=$(printf %s "$(cat "$S/spool/.hookspool/salt")user:anna" | sha256sum | cut -c 1-64)
is 'but the id leads to it' "$(jq -c "select(.id == \"$id\" and .state == \"done\") | [.events, .others, .by]" \
	"$S/spool/erased.jsonl")" '[4,4,"command"]'

is 'a retry does not bring it back' "$(take "$(page p-1 anna)")" '200 {accepted:0,duplicate:1,rejected:0}'
server_stop
rm "$S/spool/.hookspool/run/index"
listener_start
is 'not even when the index is lost' "$(take "$(page p-4 anna)")" '200 {accepted:0,duplicate:1,rejected:0}'
is 'a later event is new data' "$(take "$(page p-9 anna)")" '200 {accepted:1,duplicate:0,rejected:0}'
hs verify
is 'the spool is in order' "$CODE" 0
hs erase --user nobody
sed -i '$d' "$S/spool/erased.jsonl" # killed before it was done
hs verify
is 'verify reports an unfinished erase' "$CODE $(head -n 1 <<<"$OUT")" \
	'1 erased.jsonl:3: erase was begun and not finished: run it again'
hs erase --user cleo
hs verify
is "an erase of another user does not change that" "$CODE" 1
hs erase --user nobody
hs verify
is 'the same erase again does' "$CODE" 0
exec 7<>"$S/spool/.hookspool/run/erase" && flock 7
for command in 'erase --user anna' repair; do
	hs $command
	is "$command while another one runs: 75, try again" "$CODE" 75
	is "and what it may be that runs" "$(grep -c 'backup.* adopt.* is running: wait for it' "$T/err")" 1
done
exec 7>&-
hs erase --user ''
is 'an empty id is refused' $CODE 2
hs erase
is 'a user must be named' $CODE 2

### For good ############################################################
hs erase --user anna --suppress --json
is 'with --suppress' "$(sum .events)" 1
is 'a later event is answered, and not kept' "$(take "$(page p-10 anna)")$(spooled | grep -c '"user_id":"anna"')" \
	'200 {accepted:1,duplicate:0,rejected:0}0'
is 'in a batch the others are kept' "$(take "[$(page p-11 anna),$(page p-12 cleo)]")$(spooled | grep -c 'p-1[12]')" \
	'200 {accepted:2,duplicate:0,rejected:0}1'
page p-13 anna >"$T/archive"
chmod 644 "$T/archive"
hs import --json "$T/archive"
is 'nor does an archive bring them back' "$(sum '[.accepted, .suppressed]')" '[0,1]'
invalid='{"type":"page","messageId":"p-14","userId":"cleo","user_id":"anna"}
{"type":"page","messageId":"p-15","userId":{"id":"anna"}}
{"json":{"type":"page","messageId":"p-16","userId":"anna"}}
{"type":"page","messageId":"p-17","traits":{"id":"anna"}}'
while read -r line; do take "$line"; done <<<"$invalid" >"$T/answers"
printf '%s\n' "$invalid" >"$T/archive"
hs import --json "$T/archive"
is 'an invalid event that does not tell whose it is is refused' "$(cut -c 1-3 "$T/answers" | xargs) $(sum .rejected)" '400 400 400 400 4'
is 'without its body, which may be theirs' "$(spooled rejected | grep -cw anna)" 0
is 'the list does not reveal its users' "$(grep -c anna "$S/spool/.hookspool/suppressed")" 0
server_stop

### Aliases #############################################################
SETTINGS='auth = none'
spool_start
take '{"type":"identify","messageId":"i-1","userId":"u1","anonymousId":"dev"}' >/dev/null
take '{"type":"page","messageId":"i-2","anonymousId":"dev"}' >/dev/null
take '{"type":"identify","messageId":"i-3","userId":"u1","anonymousId":"tablet"}' >/dev/null
take '{"type":"page","messageId":"i-4","userId":"u2","anonymousId":"tablet"}' >/dev/null
take '{"type":"page","messageId":"i-5","anonymousId":"tablet"}' >/dev/null
take '{"type":"alias","messageId":"i-6","userId":"u1","previousId":"guest-7"}' >/dev/null
take '{"type":"page","messageId":"i-7","anonymousId":"guest-7"}' >/dev/null
take '{"type":"alias","messageId":"i-8","userId":"u1","previousId":"old"}' >/dev/null
take '{"type":"page","messageId":"i-9","userId":"old"}' >/dev/null
for id in undefined null 0 '' 00000000-0000-0000-0000-000000000000; do
	take '{"type":"identify","messageId":"j-'"$id"'","userId":"u1","anonymousId":"'"$id"'"}' >/dev/null
	take '{"type":"page","messageId":"k-'"$id"'","userId":"u2","anonymousId":"'"$id"'"}' >/dev/null
	take '{"type":"page","messageId":"l-'"$id"'","anonymousId":"'"$id"'"}' >/dev/null
done
take '{"type":"identify","messageId":"m-1","userId":"u1","anonymousId":"Anonymous"}' >/dev/null
take '{"type":"page","messageId":"m-2","anonymousId":"Anonymous"}' >/dev/null
hs erase --user u1 --dry-run --json
is 'without --aliases' "$(sum '[.people, .events]')" '[1,10]'
hs erase --user u1 --aliases --dry-run
is 'a dry run lists the ids that it found, by which record, and those that it does not follow, and why' \
	"$(sed 's/20..-[^ :]*Z/TIME/;s/20..-..-..T[0-9:.]*Z/TIME/' <<<"$OUT")" \
	'anonymous "dev": of user "u1" by anonymous_id of an identify record of TIME
not followed: anonymous "tablet": of user "u1" by anonymous_id of an identify record of TIME: it stands beside another user, too
anonymous "guest-7": of user "u1" by previous_id of an alias record of TIME
not followed: anonymous "old": of user "u1" by previous_id of an alias record of TIME: it is a user'"'"'s id, which no link can prove to be the same person'"'"'s
not followed: anonymous "undefined": of user "u1" by anonymous_id of an identify record of TIME: a placeholder is nobody'"'"'s
not followed: anonymous "null": of user "u1" by anonymous_id of an identify record of TIME: a placeholder is nobody'"'"'s
not followed: anonymous "0": of user "u1" by anonymous_id of an identify record of TIME: a placeholder is nobody'"'"'s
not followed: anonymous "00000000-0000-0000-0000-000000000000": of user "u1" by anonymous_id of an identify record of TIME: a placeholder is nobody'"'"'s
not followed: anonymous "Anonymous": of user "u1" by anonymous_id of an identify record of TIME: a placeholder is nobody'"'"'s
would erase 12 events, 0 rejected and 0 other lines of 3 ids in 1 files'
hs erase --user u1 --aliases --dry-run --json
is 'as JSON' "$(sum '[.links[] | select(.followed) | [.kind, .id, .by, .type, .field]]')$(sum '.links[1].reason')" \
	'[["anonymous","dev","u1","identify","anonymous_id"],["anonymous","guest-7","u1","alias","previous_id"]]"it stands beside another user, too"'
before=$(messages)
hs cat --user u1 --aliases
shown=$(jq -r .message_id <<<"$OUT" | sort | xargs)
is 'cat --aliases shows the records of the person' "$shown" \
	'i-1 i-2 i-3 i-6 i-7 i-8 j- j-0 j-00000000-0000-0000-0000-000000000000 j-null j-undefined m-1'
check 'and lists these ids' grep -qF 'anonymous "dev": of user "u1"' "$T/err"
hs cat --user u1 --aliases --type page --fields message_id
is 'with other filters' "$(xargs <<<"$OUT")" 'i-2 i-7'
hs cat --aliases
is '--aliases needs a user' $CODE 2
hs erase --user u1 --aliases
is 'erase --aliases removes the same records and no others' \
	"$(comm -23 <(tr ' ' '\n' <<<"$before") <(messages | tr ' ' '\n') | xargs)" "$shown"
hs erase --anonymous tablet
is 'an anonymous id that is asked for' "$(messages | grep -c 'i-5')" 0
server_stop

# Whatever mallory sends, anna loses nothing when mallory is erased.
spool_start
take '{"type":"identify","messageId":"v-1","userId":"anna","anonymousId":"anna-dev"}' >/dev/null
take '{"type":"page","messageId":"v-2","anonymousId":"anna-dev"}' >/dev/null
take "$(page v-3 anna)" >/dev/null
take '{"userId":"anna","type":"track" broken' >/dev/null
take '{"type":"alias","messageId":"x-1","userId":"mallory","previousId":"anna"}' >/dev/null
take '{"type":"alias","messageId":"x-2","userId":"mallory","previousId":"anna-dev"}' >/dev/null
take '{"type":"identify","messageId":"x-3","userId":"mallory","anonymousId":"anna-dev"}' >/dev/null
take '{"type":"identify","messageId":"x-4","userId":"mallory","anonymousId":"anna"}' >/dev/null
take '{"type":"identify","messageId":"x-5","userId":"mallory","anonymousId":"track"}' >/dev/null
take '{"type":"delete","messageId":"x-6","userId":"mallory"}' >/dev/null
rejected=$(spooled rejected)
hs erase --from-deletes --dry-run --json
is 'a dry run lists the users that delete events name' "$(sum .deleted)" '[{"id":"mallory"}]'
hs erase --from-deletes --aliases --suppress
is 'an erased user who had aliased victims to himself takes nothing of theirs along' "$(messages)" 'v-1 v-2 v-3'
is 'nor their refused bodies' "$(spooled rejected)" "$rejected"
is 'and it names the user' "$(head -n 1 <<<"$OUT")" 'user "mallory": of a delete record'
is 'nor are their later events dropped' \
	"$(take "$(page v-4 anna)" >/dev/null; take '{"type":"page","messageId":"v-5","anonymousId":"anna-dev"}' >/dev/null; messages)" 'v-1 v-2 v-3 v-4 v-5'
take '{"type":"alias","messageId":"x-7","userId":"anna","previousId":"mallory"}' >/dev/null
is 'an alias of a suppressed user is not kept' "$(messages)" 'v-1 v-2 v-3 v-4 v-5'
take '{"type":"delete","messageId":"w-1","userId":"undefined"}' >/dev/null
take '{"type":"delete","messageId":"w-2","userId":-0.0}' >/dev/null
take "$(page w-3 undefined)" >/dev/null
take "$(page w-4 0)" >/dev/null
hs erase --from-deletes --aliases
is 'a delete of a placeholder is reported and not carried out' "$(messages | grep -o 'w-.*')$(grep -o '^. delete events name' <<<"$OUT")" \
	'w-1 w-2 w-3 w-42 delete events name'
hs erase --user undefined
is 'by name it is' "$(messages | grep -o 'w-.*')" 'w-2 w-4'
server_stop

# The clock was ahead when events came, and was set back before their user was deleted.
SETTINGS='auth = none
compress = none'
spool_start
take "$(page ahead-1 gina)" >/dev/null
take "$(page ahead-2 hugo)" >/dev/null
sealed >/dev/null
sed -i 's/"spooled_at":"20../"spooled_at":"2098/' "$S"/spool/events-*.jsonl
spooled | sed 's/.*/{"failed_at":"x","record":&}/' >"$S/spool/failed.jsonl"
sed -n '/gina/s/2098/2099/p' "$S/spool/failed.jsonl" >"$T/later"
cat "$T/later" >>"$S/spool/failed.jsonl"
own "$S/spool/failed.jsonl"
take '{"type":"delete","messageId":"ahead-3","userId":"gina"}' >/dev/null
hs erase --from-deletes --dry-run --json
is 'a dry run counts the dead letter of an event before a delete' "$(sum '[.events, .others]')" '[2,1]'
hs erase --from-deletes
is 'which goes with it, whatever its time, and a later one stays' \
	"$(jq -r '.record | .message_id + .spooled_at[:4]' "$S/spool/failed.jsonl" | xargs) $(messages)" \
	'ahead-22098 ahead-12099 ahead-2'

# What belongs to root, say, is no error of the disk.
named() { echo "$CODE $(grep -c "${1##*/}: this user may not open it: chown" "$T/err") $(grep -c 'disk errors' "$T/err")"; }
: >"$S/spool/failed-old.jsonl"
own "$S/spool/failed-old.jsonl"
for file in "$S"/spool/failed-old.jsonl "$S"/spool/failed.jsonl "$S"/spool/events-*-000001.jsonl; do
	chmod 0 "$file"
	hs erase --user hugo
	is "erase names ${file##*/}, which it may not open" "$(named "$file")" '74 1 0'
	[ "$file" = "$S/spool/failed-old.jsonl" ] || { # it is for erase alone
		hs cat $([ "$file" = "$S/spool/failed.jsonl" ] && echo --failed)
		is 'so does cat' "$(named "$file")" '74 1 0'
	}
	chmod 600 "$file"
done
hs erase --user hugo
is 'then it goes on' "$CODE $(grep -c hugo "$S"/spool/*.jsonl | grep -cv ':0')" '0 0'
server_stop

# All that was sealed is gone by retention, and a cursor is at the beginning of the open segment.
SETTINGS='auth = none
rotate_min_gap = 0
compress = none'
spool_start
take "$(page y-1 dora)" >/dev/null
sealed >/dev/null
hs tail -n 9 --cursor slow
find "$S/spool" -name 'events-*' -delete
take '{"type":"delete","messageId":"y-2","userId":"dora"}' >/dev/null
hs erase --from-deletes --dry-run --json
is 'a dry run counts no delete event that a cursor has not passed' "$(sum '[.deletes, .waiting]')" '[0,1]'
hs erase --from-deletes --json
is 'nor does an erase' "$(sum '[.deletes, .waiting]')" '[0,1]'
server_stop

### Interrupted ##########################################################
cut_short() { # CALL WHEN COMMAND...: killed at that call
	(
		(as_server_user strace -qq -o /dev/null -e trace="$1" -e inject="$1:signal=SIGKILL:when=$2" \
			env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" "${@:3}")
		exit $?
	) >/dev/null 2>&1
}
plans() { find "$S/spool/.hookspool" -name 'erase-plan*' | wc -l; }
if command -v strace >/dev/null; then
	SETTINGS='auth = none
rotate_min_gap = 0'
	spool_start
	take '{"type":"identify","messageId":"c-1","userId":"u1","anonymousId":"dev"}' >/dev/null
	take "$(page c-2 u2)" >/dev/null
	sealed >/dev/null
	take '{"type":"page","messageId":"c-3","anonymousId":"dev"}' >/dev/null
	take "$(page c-4 u2)" >/dev/null
	cut_short renameat 6 erase --user u1 --aliases # after a summary, and before its segment
	is 'it was cut between two segments' "$(plans) $(messages)" '1 c-2 c-3 c-4'
	is 'only the owner may read the plan' "$(stat -c %a "$S"/spool/.hookspool/erase-plan-1)" 600
	hs verify
	is 'verify reports it' "$CODE $(grep plan <<<"$OUT")" \
		'1 .hookspool/erase-plan-1: erase was begun and not finished: run it again'
	take "$(page c-5 u1)" >/dev/null # new data
	take '{"type":"page","messageId":"c-6","anonymousId":"dev"}' >/dev/null
	cp -a "$S/spool" "$T/backup"
	hs erase --user nobody --dry-run
	is 'and so does a dry run' "$(head -n 1 <<<"$OUT")" 'an interrupted erase is not finished: the next one finishes it first'
	hs erase --user nobody
	is 'any erase finishes it, and says so' "$(plans) $(messages) $(head -n 1 <<<"$OUT")" \
		'0 c-2 c-4 c-5 c-6 finished what an interrupted erase had left: 1 lines of 2 ids'
	hs verify
	is 'then the spool is in order' "$CODE" 0
	server_stop
	rm -rf "$S/spool" && cp -a "$T/backup" "$S/spool" && rm "$S/spool/.hookspool/run/state"
	hs erase --user u1 --aliases --json
	is 'the same in a restored spool' "$(plans) $(messages) $(sum '[.earlier.lines, .events]')" '0 c-2 c-4 c-6 [1,1]'
	rm -rf "$S/spool" && cp -a "$T/backup" "$S/spool" && rm "$S/spool/.hookspool/run/state"
	printf 'torn' >"$S/spool/.hookspool/erase-plan-1"
	own "$S/spool/.hookspool/erase-plan-1"
	hs erase --user u1
	check 'an unreadable plan is reported, with the remedy' \
		grep -q 'erase-plan-1.*is damaged: remove it' "$T/err"
	is 'and nothing is done' "$([ "$CODE" != 0 ] && messages)" 'c-2 c-3 c-4 c-5 c-6'

	spool_start
	take "$(page d-1 anna)" >/dev/null
	take "$(page d-2 bert)" >/dev/null
	take '{"type":"delete","messageId":"d-3","userId":"anna"}' >/dev/null
	take "$(page d-4 anna)" >/dev/null
	as_is=$(messages)
	calls=$( (as_server_user strace -qq -e trace=unlinkat env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" \
		erase --user none) 2>&1 >/dev/null | grep -c unlinkat)
	cut_short unlinkat "$((calls + 2))" erase --from-deletes # at the plan's: two more are of a summary
	hs erase --user nobody
	is 'deletes interrupted after the last line: events after them stay' "$as_is: $(messages) $(plans)" \
		'd-1 d-2 d-3 d-4: d-2 d-4 0'
	hs verify
	is 'and verify is content' "$CODE" 0
	server_stop
fi

# a damaged file, and a copy that repair has set aside
SETTINGS='auth = none
compress = gzip
rotate_min_gap = 0'
spool_start
take "$(page e-1 anna)" >/dev/null
take "$(page e-2 bert)" >/dev/null
sealed >/dev/null
maintain
truncate -s -9 "$S"/spool/events-*.gz
hs erase --user anna
is 'a damaged file stays as it is, and the erase is not done' "$CODE $(plans)" '1 1'
hs repair
rm "$S"/spool/.hookspool/broken-*
hs erase --user bert --dry-run
hs erase --user nobody
is 'once it is repaired the next erase finishes it' "$CODE $(plans) $(messages | grep -c e-1)" '0 0 0'
server_stop

### Many ################################################################
SETTINGS='auth = none
min_free = 0'
spool_start
awk 'BEGIN { for (i = 1; i <= 2400; i++) for (n = 1; n < 4; n++) {
	printf "{\"type\":\"page\",\"messageId\":\"q-%d-%d\",\"userId\":\"u-%d\"}\n", i, n, i
	printf "{\"type\":\"page\",\"messageId\":\"r-%d-%d\",\"userId\":\"w-%d\"}\n", i, n, i } }' >"$T/people.jsonl"
chmod 644 "$T/people.jsonl"
hs import "$T/people.jsonl"
hs erase --json $(seq -f '--user u-%g' 2400)
is '2,400 people at once' "$(sum '[.people, .events]') $(spooled | grep -c '"w-')" '[2400,7200] 7200'
is 'each has a receipt' "$(grep -c '"done"' "$S/spool/erased.jsonl") $(plans)" '2400 0'
server_stop

### Deletes #############################################################
SETTINGS='auth = none
compress = none'
spool_start
take "$(page d-1 anna)" >/dev/null
take "$(page d-2 bert)" >/dev/null
take '{"type":"delete","messageId":"d-3","userId":"anna"}' >/dev/null
take "$(page d-4 anna)" >/dev/null
sealed >/dev/null
mkdir -p "$S/spool/.hookspool/cursors"
first=$(head -n 1 "$S"/spool/events-*.jsonl | wc -c)
printf '{"number":1,"offset":%d,"edit":0,"before":"0000000000000000","spool":"00000000000000000000000000000000","epoch":1,"saved_at":"2026-11-24T10:15:00.123Z"}\n' "$first" >"$S/spool/.hookspool/cursors/etl"
own "$S/spool/.hookspool/cursors" "$S/spool/.hookspool/cursors/etl"
hs erase --from-deletes --json
is 'a delete waits until every cursor has passed it' "$(sum '[.deletes, .waiting, .events]')" '[0,1,0]'
rm "$S/spool/.hookspool/cursors/etl"
hs erase --from-deletes --json
is 'it is carried out' "$(sum '[.deletes, .waiting, .events]')" '[1,0,2]'
is 'events after it are new data' "$(messages)" 'd-2 d-4'
hs erase --from-deletes --json
is 'and not again' "$(sum '[.deletes, .events]')" '[0,0]'
server_stop

### Tenants #############################################################
SETTINGS='auth = key
[keys]
acme = one
globex = two'
spool_start
AUTH="Basic $(printf one: | base64)"
take "$(page t-1 u)" >/dev/null
AUTH="Basic $(printf two: | base64)"
take "$(page t-2 u)" >/dev/null
hs erase --user u
is 'with [keys] the tenant must be said' $CODE 2
hs cat --aliases --user u --tenant acme --tenant globex --fields message_id
is 'cat --aliases, of each tenant that is given' "$CODE $(xargs <<<"$OUT")" '0 t-1 t-2'
hs cat --aliases --user u --tenant none --tenant globex
is 'each of them must be there' $CODE 2
hs erase --user u --tenant globex --tenant acme
is 'two tenants are no order to erase of one alone' "$CODE $(grep -c 'is given twice' "$T/err") $(messages)" '2 1 t-1 t-2'
hs erase --user u --tenant acme
is 'only of that tenant' "$(messages)" t-2
take '{"type":"delete","messageId":"t-3","userId":"u"}' >/dev/null
AUTH="Basic $(printf one: | base64)"
take "$(page t-4 u)" >/dev/null
hs erase --from-deletes
is 'a delete is about its own tenant' "$(messages)" t-4
AUTH=
server_stop

### Kills ###############################################################
SETTINGS=$LIVELY
spool_start

# deliver: acknowledged events to T/sent.
deliver() {
	local n=0
	while [ ! -e "$T/enough" ]; do
		n=$((n + 1))
		case $(take "$(page "sent-$n" someone)") in '200 '*) echo "sent-$n" >>"$T/sent" ;; esac
	done
}

# two events of three belong to users that are erased; each segment has some of each of them
awk -v kills="$KILLS" 'BEGIN {
	for (i = 1; i <= 24000; i++) {
		user = i % 3 ? "goes-" 1 + i % kills : "stays-" i % 100
		printf "{\"type\":\"page\",\"messageId\":\"%s-%d\",\"userId\":\"%s\",\"properties\":{\"a\":\"%080d\"}}\n", user, i, user, i
	}
}' >"$T/many.jsonl"
chmod 644 "$T/many.jsonl"
hs import --json "$T/many.jsonl"
grep -o '"messageId":"stays[^"]*' "$T/many.jsonl" | cut -d '"' -f 4 | sort >"$T/want"
: >"$T/sent"
deliver &
delivering=$!
half=''
for k in $(seq "$KILLS"); do
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" erase --user "goes-$k") \
		>/dev/null 2>&1 &
	kill_midway $!
	hs erase --user "goes-$k"
	[ $CODE = 0 ] || not_ok "run again after kill $k" "exit $CODE" "$(cat "$T/err")"
done
touch "$T/enough"
wait $delivering
check "some of $KILLS kills hit ($KILLED)" test "$KILLED" -gt 0
server_stop
spool_reopen
spooled >"$T/all"
is 'every line is whole' "$(jq -c 'objects | 1' "$T/all" | wc -l)" "$(wc -l <"$T/all")"
is 'the erased users are gone' "$(grep -c '"user_id":"goes' "$T/all")" 0
ids_of <"$T/all" | sort >"$T/got"
is 'nothing else is lost, nothing is there twice' \
	"$(grep '^stays' "$T/got" | diff "$T/want" - | head -3)" ''
is 'events that the server acknowledged meanwhile are there, once' \
	"$(grep '^sent' "$T/got" | comm -3 <(sort "$T/sent") - | sed '/^\t/d' | head -3)$(uniq -d "$T/got" | head -3)" ''
hs import --json --again "$T/many.jsonl"
is 'and every id is known still' "$(sum .accepted)" 0
hs verify
is 'the spool is in order' "$CODE" 0
### A refused body that was cut #########################################
# The part that was cut off may name its user: it is removed with any user of its tenant.
SETTINGS=$(printf '%s\n' 'rejected_body = 40' 'auth = key' '[keys]' 'acme = k1' 'globex = k2')
spool_start
for tenant in acme globex; do
	printf '{"type":"track","traits":{"email":"a@example.org"},"pad":"%0100d","userId":"anna"}\n' 0 >"$T/long"
	printf '{"type":"track","userId":"bert"}\n' >>"$T/long"
	chmod 644 "$T/long"
	hs import --tenant $tenant "$T/long"
done
is 'two of four are cut' "$(spooled rejected | jq -c '[.tenant, .body_cut, .body_bytes]' | sort | xargs)" \
	"$(printf '[%s] ' acme,null,null acme,true,"$(head -n 1 "$T/long" | tr -d '\n' | wc -c)" \
		globex,null,null globex,true,"$(head -n 1 "$T/long" | tr -d '\n' | wc -c)" | sed 's/ $//')"
hs erase --tenant acme --user anna --json
is 'the one of her tenant is removed, and no other line' "$(sum '[.events, .rejected]') $(spooled rejected | jq -c '[.tenant, .body_cut]' | sort | xargs)" \
	'[0,1] [acme,null] [globex,null] [globex,true]'
server_stop

### Members of a compressed segment ####################################
# Lines of few go in one place; lines of many go everywhere. What is left is what a filter leaves.
SETTINGS='auth = none
compress = gzip
rotate_size = 1G'
spool_start
awk 'BEGIN {
	srand(7)
	for (i = 0; i < 14000; i++) {
		pad = ""
		for (k = 0; k < 25; k++)
			pad = pad sprintf("%08x", rand() * 4294967296)
		user = i >= 5000 && i < 5010 ? "few" : i % 7 == 0 && i > 4000 ? "many" : i >= 11000 ? "end" : "keep"
		printf "{\"type\":\"track\",\"event\":\"E\",\"messageId\":\"m-%d\",\"userId\":\"%s\",\"properties\":{\"pad\":\"%s\"}}\n", i, user, pad
	}
}' >"$T/members.jsonl"
chmod 644 "$T/members.jsonl"
hs import "$T/members.jsonl"
sealed >/dev/null
maintain
segment() { ls "$S"/spool/events-*.gz; }
first_member() { od -An -tu4 -j16 -N4 "$(segment)" | tr -d ' '; } # its bytes
cp "$(segment)" "$T/before.gz"
length=$(first_member)
check 'the segment has several members' test $((3 * length)) -lt "$(stat -c %s "$T/before.gz")"
for user in few many end; do
	zcat "$(segment)" | grep -v "\"user_id\":\"$user\"" >"$T/want"
	hs erase --user $user
	check "erase of $user leaves what a filter leaves" cmp "$T/want" <(zcat "$(segment)")
	check 'and the members before the first line of the user as they were' cmp -n "$length" "$T/before.gz" "$(segment)"
	hs verify
	is 'the spool is in order' "$CODE" 0
done
size=$(stat -c %s "$(segment)")
printf damage | dd of="$(segment)" bs=1 seek=$((size - 200)) conv=notrunc status=none
cp -p "$(segment)" "$T/damaged.gz"
rm -rf "$S/spool/.hookspool/run/summary" # which knows nothing of the damage
hs erase --user keep
check 'damage where no line goes is reported' grep -q 'is damaged and stays as it is' "$T/err"
check 'and the segment stays' cmp "$T/damaged.gz" "$(segment)"
server_stop

### Databases ##########################################################
# Those that have been loaded get a request each (tests/load/erase.sh).
keeping() { sed -n 's/.*the database of \[load\] \([a-z]*\) keeps.*/\1/p' "$T/err" | xargs; }
requests() { find "$S/spool/.hookspool/loads" -name '*@erase-*' 2>/dev/null | wc -l; }
SETTINGS='auth = none
[load]
follows = sqlite:/nowhere/a.db
ignores = sqlite:/nowhere/b.db on_delete=ignore'
spool_start
take "$(page b-1 anna)" >/dev/null
hs erase --user anna --json
is 'no database has been loaded' "$CODE $(sum .events) $(sum .databases) $(requests)" '0 1 [] 0'
mkdir "$S/spool/.hookspool/loads"
touch "$S"/spool/.hookspool/loads/{follows,ignores,.other}
own -R "$S/spool/.hookspool/loads"
take "$(page b-2 anna)" >/dev/null
hs erase --user anna --dry-run --json
is 'a dry run tells no database' "$CODE $(sum .databases) $(requests)" '0 [] 0'
hs erase --user anna --json
is 'erase leaves a request for each that has' "$CODE $(sum .events) $(sum .databases) $(requests)" '0 1 ["follows","ignores"] 2'
hs erase --user nobody
is 'and says so' "$(tail -n 1 <<<"$OUT") $(requests)" \
	'to be erased in databases, too, by hookspool load when it runs: follows, ignores 4'
take '{"type":"delete","messageId":"b-3","userId":"anna"}' >/dev/null
hs erase --from-deletes --json
is 'those of delete events are removed by a loader that follows them' \
	"$CODE $(sum .deletes) $(sum .databases) $(keeping) $(requests)" '0 1 [] ignores 4'

done_testing
