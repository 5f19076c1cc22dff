# What senders of direct intake may send: by address and by source, over all processes, and kept on disk.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='auth = none
address_rate = 2/s
[sources]
web = key-of-the-web browser origin=* rate=1/s
busy = key-of-the-busy browser origin=* rate=none daily=1M
app = key-of-the-app server'
spool_start

# sent KEY ID EVENTS ADDRESS: a batch to the listener. Prints status, code and Retry-After.
sent() {
	printf '{"batch":[%s],"writeKey":"%s"}' "$(events "$2-" 1 "$3")" "$1" >"$T/body"
	"$HS_BUILD/fcgi_raw" "unix:$S/run/hookspool.sock" begin param=REQUEST_METHOD=POST param=PATH_INFO=/v1/batch \
		"param=REMOTE_ADDR=$4" params-end "stdin-file=$T/body" stdin-end read | said
}
# The same to a process of its own.
sent_cgi() {
	printf '{"batch":[%s],"writeKey":"%s"}' "$(events "$2-" 1 "$3")" "$1" >"$T/body"
	cgi REQUEST_METHOD=POST PATH_INFO=/v1/batch REMOTE_ADDR="$4" CONTENT_LENGTH="$(stat -c %s "$T/body")" <"$T/body" | said
}
said() {
	tr -d '\r' | sed -n 's/^Status: \(...\).*/\1/p; s/^Retry-After: \(.*\)/after \1/p; s/.*"code":"\([a-z_]*\)".*/\1/p' |
		xargs
}

is 'a source may go beyond its burst by one batch' "$(sent key-of-the-web web 1000 192.0.2.1)" 200
is 'and is then refused' "$(sent key-of-the-web web2 1 192.0.2.1)" '429 after 300 rate_source'
is 'in every process' "$(sent_cgi key-of-the-web web3 1 192.0.2.2)" '429 after 300 rate_source'
is 'another source has its own' "$(sent key-of-the-app app 2000 192.0.2.1)" 200
is 'which has no limit by default' "$(sent_cgi key-of-the-app app2 2000 192.0.2.1)" 200
is 'nothing of what was refused is kept' "$(ids | sed 's/-.*//' | sort | uniq -c | xargs)" '2000 app 2000 app2 1000 web'
is 'a day has its bytes' "$(sent key-of-the-busy busy 20000 192.0.2.1)" 200
# The next day begins at midnight, UTC, which may be less than five minutes away.
of_day() { sed -E 's/after ([1-9]|[1-9][0-9]|[12][0-9][0-9]|300) /after n /'; }
is 'and then no more' "$(sent key-of-the-busy busy2 1 192.0.2.1 | of_day)" '429 after n daily_source'

# An address: broken gzip costs as many requests as the largest body, here 128 s of them.
is 'broken gzip is refused' "$("$HS_BUILD/fcgi_raw" "unix:$S/run/hookspool.sock" begin param=REQUEST_METHOD=POST \
	param=PATH_INFO=/v1/b param=HTTP_CONTENT_ENCODING=gzip param=REMOTE_ADDR=2001:db8::1 params-end stdin=x stdin-end read |
	said)" '400 gzip'
is 'its network is refused' "$(sent key-of-the-app app3 1 2001:db8::2 | sed 's/after 1[01]./after n/')" '429 after n rate_address'
is 'in every process' "$(sent_cgi key-of-the-app app3 1 2001:db8::ff | sed 's/after 1[01]./after n/')" '429 after n rate_address'
is 'another address is let in' "$(sent key-of-the-app app4 1 2001:db8:0:1::1)" 200

is 'the numbers are private' "$(stat -c %a "$S/spool/.hookspool/rates")" 600
end_process "$PROGRAM_PID"
rm -rf "$S/spool/.hookspool/run"
listener_start
is 'they outlive the processes and a reboot' "$(sent key-of-the-busy busy3 1 192.0.2.1 | of_day)" '429 after n daily_source'
mkdir "$T/out" && own "$T/out"
check 'a backup is made' hs backup "$T/out/copy"
is 'and has them' "$(stat -c %s "$T/out/copy/.hookspool/rates")" "$(stat -c %s "$S/spool/.hookspool/rates")"
check 'verify passes' hs verify
end_process "$PROGRAM_PID"
printf garbage >"$S/spool/.hookspool/rates"
listener_start
is 'without them senders are let in' "$(sent key-of-the-busy busy4 1 192.0.2.1)" 200
end_process "$PROGRAM_PID"
rm "$S/spool/.hookspool/rates"
mkdir "$S/spool/.hookspool/rates"
listener_start
is 'also where they cannot be opened' "$(sent key-of-the-busy busy5 1 192.0.2.1) $(sent key-of-the-web web5 20 192.0.2.1)" '200 200'
is 'which is logged once' "$(grep -c 'senders are not limited' "$S/log/program.log")" 1
server_stop

# Several processes of mod_fcgid have one rate together: 10 events of its burst, one for each second, and one
# that was under way in each process when the burst ran out.
SETTINGS='auth = none
address_rate = none
[sources]
web = key-of-the-web browser origin=https://shop.example rate=1/s
app = key-of-the-app server'
server_start apache-fcgid
batch() { printf '{"batch":[%s],"writeKey":"%s"}' "$(events "$2-" 1 "$3")" "$1" >"$T/body"; }
flood() {
	seq 120 | while read -r n; do
		[ "$n" = 1 ] || echo next
		printf 'url = "%s/v1/t"\ndata = "{\\"event\\":\\"e\\",\\"userId\\":\\"u\\",\\"messageId\\":\\"flood-%s-%d\\"}"\n' "$URL" "$EPOCHREALTIME" "$n"
		printf 'user = "key-of-the-web:"\nheader = "Origin: https://shop.example"\noutput = "/dev/null"\nwrite-out = "%%{http_code}\\n"\n'
	done >"$T/flood"
	curl -s -Z --parallel-immediate --parallel-max 6 -K "$T/flood" >>"$T/answers" 2>/dev/null
	[ "$(workers | wc -l)" -gt 1 ] # mod_fcgid starts them at its own pace
}
begun=$EPOCHREALTIME
wait_for 20 flood
elapsed=$(($(since "$begun") / 1000 + 1))
taken=$(grep -c '^200$' "$T/answers") processes=$(workers | wc -l)
check "there are several processes: $processes" [ "$processes" -gt 1 ]
is 'each is answered 200 or 429' "$(sort -u "$T/answers" | xargs)" '200 429'
check "they have one rate: $taken taken in $elapsed s" [ "$taken" -ge 10 -a "$taken" -le $((10 + elapsed + processes)) ]
is 'and what was taken is kept' "$(ids | grep -c '^flood-')" "$taken"

batch key-of-the-web more 1000
# Uses up the rest for minutes, as soon as a second has given the key one event.
exhaust() { PATH_INFO=/v1/b post "$T/body" -H 'Origin: https://shop.example' && [ "$STATUS" = 200 ]; }
wait_for 20 exhaust
PATH_INFO=/v1/b post "$T/body" -H 'Origin: https://shop.example'
answer_check 429 '.code == "rate_source" and .message == .error' 'an exhausted key'
check 'after how many seconds to try again' [ "$(header Retry-After)" -ge 1 -a "$(header Retry-After)" -le 300 ]
is 'which a page may read' "$(header Access-Control-Allow-Origin) $(header Access-Control-Expose-Headers)" 'https://shop.example Retry-After'
batch key-of-the-app more 1000
PATH_INFO=/v1/batch post "$T/body"
answer_check 200 .success "the server's key is not touched by that"
is 'all of it is kept' "$(ids | sort | grep -c '^more-')" "$(jq -s 'map(select(.message_id[:5] == "more-")) | length' "$SPOOL")"
server_stop
done_testing
