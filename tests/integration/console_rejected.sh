# /console/rejected: every reason with its number, the most frequent first, from all files, and the end of a long one. By CGI.
. "$(dirname "$0")/../lib/server.sh"
directory_make
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
PASSWORD='correct horse battery staple'
settings_write 'auth = none' 'rotate_min_gap = 0' "$(printf '%s\n' "$PASSWORD" | "$HS_BUILD/hookspool" passwd)"

# ask [QUERY]: STATUS and T/body.
ask() {
	cgi REQUEST_METHOD=GET SCRIPT_NAME=/hookspool PATH_INFO=/console/rejected QUERY_STRING="${1-}" REMOTE_ADDR=127.0.0.1 \
		HTTP_COOKIE="$COOKIE" HTTPS=on </dev/null | tr -d '\r' >"$T/answer"
	STATUS=$(sed -n '1s/Status: //p' "$T/answer" | cut -c 1-3)
	sed '1,/^$/d' "$T/answer" >"$T/body"
}
answer() { jq -c "$1" "$T/body"; }
form="password=${PASSWORD// /+}"
COOKIE=$(printf %s "$form" | cgi REQUEST_METHOD=POST SCRIPT_NAME=/hookspool PATH_INFO=/console/login CONTENT_LENGTH=${#form} \
	CONTENT_TYPE=application/x-www-form-urlencoded HTTP_SEC_FETCH_SITE=same-origin REMOTE_ADDR=127.0.0.1 HTTPS=on |
	tr -d '\r' | sed -n 's/^Set-Cookie: \([^;]*\);.*/\1/p')

ask
is 'nothing is rejected yet' "$STATUS $(answer '[.more, .reasons]')" '200 [false,[]]'

# reject REASON FROM TO: lines as intake writes them, numbered by their bodies; the number is also the minute.
reject() {
	local n
	for n in $(seq "$2" "$3"); do
		printf '{"spooled_at":"2026-11-23T10:%02d:00.000Z","status":400,"message":"%s","body":"%s"}\n' "$n" "$1" "$n"
	done
}
bodies() { jq -r '.lines[] | fromjson | .body' "$T/body" | xargs; }

# Three files, the oldest compressed, with the plain file that it is a copy of still beside it.
old=$S/spool/rejected-20260101T000000.000Z-000001.jsonl
{ reject rare 1 1 && reject frequent 2 9; } >"$old"
gzip -k "$old"
reject frequent 10 13 | gzip >"$S/spool/rejected-20260102T000000.000Z-000002.jsonl.gz"
{ reject frequent 14 24 && reject middling 25 26; } >"$S/spool/rejected.jsonl"
own "$S"/spool/rejected*
ask
is 'each reason once, the most frequent first' "$(answer '[.more, (.reasons[] | [.reason, .count])]')" \
	'[false,["frequent",23],["middling",2],["rare",1]]'
is 'with the time of its first and its last' "$(answer '.reasons[0] | [.first, .last]')" \
	'["2026-11-23T10:02:00.000Z","2026-11-23T10:24:00.000Z"]'
is 'no line is shown before a reason is asked for' "$(answer 'has("lines")')" false
ask reason=frequent
is 'its twenty newest lines, the newest first, from all files' "$(bodies)" "$(seq 24 -1 5 | xargs)"
ask reason=middling
is 'of a reason with few lines, all' "$(bodies)" '26 25'
ask reason=unknown
is 'of a reason that is not there, none' "$STATUS $(bodies)" '200 '

# The page shows the beginning of a long line, such as that of a body that is no text.
{ reject frequent 14 24 && reject "frequent\",\"remote_addr\":\"$(head -c 140000 /dev/zero | tr '\0' x)" 25 25; } >"$S/spool/rejected.jsonl"
ask reason=frequent
is 'a long line is counted' "$(answer '.reasons[0].count')" 24
is 'and shown as far as 128 KiB' "$(jq -j '.lines[0]' "$T/body" | wc -c) $(jq -r '.lines[0]' "$T/body" | sed 's/xx*/x/; s/ [0-9]* bytes/ N bytes/')" \
	"$((131072 + $(printf '… (cut: hookspool cat --rejected prints all 140103 bytes)' | wc -c))) {\"spooled_at\":\"2026-11-23T10:25:00.000Z\",\"status\":400,\"message\":\"frequent\",\"remote_addr\":\"x… (cut: hookspool cat --rejected prints all N bytes)"
is 'the others are whole' "$(jq -r '.lines[1:][] | fromjson | .body' "$T/body" | xargs)" "$(seq 24 -1 6 | xargs)"
for before in '' x xx; do
	{ reject frequent 14 24 && reject "frequent\",\"remote_addr\":\"$before$(printf '€%.0s' {1..50000})" 25 25; } >"$S/spool/rejected.jsonl"
	ask reason=frequent
	is "no character is cut ($before)" "$(jq '.lines | length' "$T/body") $(grep -ce '\\ufffd' -e "$(printf '\357\277\275')" "$T/body")" '20 0'
done

# Of much, the end is read: 100,000 lines of one reason, with one of another before and after them.
rm "$S"/spool/rejected-*
{ reject first 1 1 && yes "$(reject flood 30 30)" | head -n 100000 && reject last 31 31; } >"$S/spool/rejected.jsonl"
ask reason=last
is 'of a long file the end is read' "$(answer '[.more, (.reasons[] | .reason)]') $(bodies)" '[true,"flood","last"] 31'
check 'which is 8 MiB' [ $((($(answer '.reasons[0].count') + 2) * $(reject flood 30 30 | wc -c))) -gt 8388608 ]
done_testing
