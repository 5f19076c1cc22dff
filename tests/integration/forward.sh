# hookspool forward: posts to a URL, singly and in batches, signed, in order; what each answer means; the
# breaker; kills.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

if [ "$("$HS_BUILD/hookspool" forward --to http://127.0.0.1:1/ --config /nowhere 2>&1 | grep -c libcurl)" != 0 ]; then
	ok 'forward # SKIP built without libcurl'
	done_testing
fi
spool_start 'rotate_min_gap = 0'
: >"$T/script"
: >"$T/log"
PORT=$(port_random)
python3 "$ROOT/tests/lib/destination.py" "$PORT" "$T/log" "$T/script" 2>"$T/destination.err" &
DESTINATION=$!
trap 'kill "$DESTINATION" 2>/dev/null; clean_up' EXIT
wait_for 20 listens "$DESTINATION" "$PORT"
TO=http://127.0.0.1:$PORT/in
chmod 644 "$T/script"
printf 'the shared secret\n' >"$S/secret"
printf 'T0KEN\n' >"$S/token"
own "$S/secret" "$S/token"

# forward CURSOR ARGUMENT...: to the present end; STATUS.
forward() {
	hs forward --to "$TO" --cursor "$1" --once "${@:2}" >"$T/out" 2>"$T/said"
	STATUS=$?
}
summary() { sed -n 's/^hookspool forward: \([0-9].*\)/\1/p' "$T/said"; }
fresh() { : >"$T/log"; }
ids_posted() { jq -r 'select(.status == "200") | .body | fromjson | if type == "array" then .[] else . end | .message_id // .messageId' "$T/log"; }

put_one '{"type":"identify","messageId":"m1","userId":"u-1","traits":{"email":"a@b.c","n":39.950},"context":{"page":{"url":"/x"}}}'
put_one '{"type":"track","event":"Order Completed","messageId":"m2","userId":"u-1","properties":{"a":[1,2]}}'
put_one '{"type":"page","name":"Home","messageId":"m3","userId":"u-2"}'

# --- what is sent
forward one --secret "@$S/secret" --key "@$S/token"
is "each record in a request of its own, and each is done" "$STATUS $(ids_posted | xargs) $(summary)" \
	"0 m1 m2 m3 3 done, 0 set aside, 0 tried again, 0 not asked for"
is "the body is the record, byte for byte" "$(jq -r .body "$T/log" | cmp - "$SPOOL" && echo same)" "same"
is "signed as Segment signs, with the Bearer token" "$(jq -r '.headers | "\(."X-Signature") \(.Authorization) \(."Content-Type")"' "$T/log" | head -n 1)" \
	"$(jq -j .body "$T/log" 2>/dev/null | head -c "$(head -n 1 "$SPOOL" | tr -d '\n' | wc -c)" | openssl dgst -sha1 -hmac 'the shared secret' -r | cut -c 1-40) Bearer T0KEN application/json"
fresh
forward one
is "nothing is sent twice" "$STATUS $(wc -l <"$T/log")" "0 0"
fresh
forward batch --batch 10 --secret "@$S/secret"
is "a batch is an array; the signature is that of its first event" \
	"$(jq -r '.body | fromjson | length' "$T/log") $(jq -r '.headers."X-Signature"' "$T/log")" \
	"3 $(head -n 1 "$SPOOL" | tr -d '\n' | openssl dgst -sha1 -hmac 'the shared secret' -r | cut -c 1-40)"
fresh
forward shape --as segment --type identify
is "in Segment's shape" "$(jq -r .body "$T/log")" \
	'{"type":"identify","userId":"u-1","messageId":"m1","context":{"page_url":"/x"},"traits":{"email":"a@b.c","n":39.950}}'
is "a filter passes the others by" "$(summary)" "1 done, 0 set aside, 0 tried again, 2 not asked for"

# --- what is taken by another hookspool is the same record
TO=$HTTP/hookspool fresh
hs forward --to "$HTTP/hookspool" --cursor loop --once --as segment --secret "@$S/secret" >/dev/null 2>"$T/said"
is "a wrong secret stops the run, and loses nothing" "$? $(grep -c 'it answered 401: see that --secret or --key is what it expects; stopped' "$T/said")" "78 1"
printf '%s\n' "$SECRET" >"$S/secret"
hs forward --to "$HTTP/hookspool" --cursor loop --once --as segment --secret "@$S/secret" >/dev/null 2>"$T/said"
is "another hookspool makes the same of it: its ids are known" "$? $(wc -l <"$SPOOL") $(summary)" \
	"0 3 3 done, 0 set aside, 0 tried again, 0 not asked for"
TO=http://127.0.0.1:$PORT/in

# --- answers
fresh
echo '"m2" 400' >"$T/script"
forward refused
is "400 is final: a dead letter, and the others go on" "$STATUS $(ids_posted | xargs) $(summary)" \
	"0 m1 m3 2 done, 1 set aside, 0 tried again, 0 not asked for"
is "… with the status and the record" "$(tail -n 1 "$S/spool/failed.jsonl" | jq -c '[.cursor, .status, .record.message_id]')" '["refused",400,"m2"]'
fresh
forward refused_batch --batch 10
is "in a batch the one that is refused is found by itself" "$STATUS $(ids_posted | sort | xargs) $(summary)" \
	"0 m1 m3 2 done, 1 set aside, 0 tried again, 0 not asked for"
fresh
: >"$T/script"
forward refused --failed
is "--failed tries the dead letter again" "$STATUS $(ids_posted | xargs)" "0 m2"
fresh
echo '"m1" 429 2' >"$T/script"
(hs_exec forward --to "$TO" --cursor later --once 2>"$T/said") &
FORWARD=$!
wait_for 20 eval '[ "$(wc -l <"$T/log")" -ge 2 ]' # m1 and, of another user, m3
: >"$T/script"
wait "$FORWARD"
is "429: the user's later records wait, others do not" "$? $(ids_posted | xargs)" "0 m3 m1 m2"
check "… and it is told" grep -q 'it answered 429: the record is tried again' "$T/said"
fresh
echo '. 302' >"$T/script"
forward moved
is "a redirect stops the run" "$STATUS $(grep -c 'it answered 302: it redirects' "$T/said") $(wc -l <"$T/log")" "78 1 1"
fresh
: >"$T/script"
forward moved
is "… and the next one begins where it stopped" "$STATUS $(ids_posted | xargs)" "0 m1 m2 m3"

# --- a server that is down
fresh
put b 1 40 40
echo '. hang' >"$T/script"
(hs_exec forward --to "$TO?token=S3CRET" --cursor down --once --jobs 2 2>"$T/said") &
FORWARD=$!
wait_for 30 grep -q 'requests in a row failed' "$T/said"
tried=$(wc -l <"$T/log")
: >"$T/script"
wait "$FORWARD"
is "the breaker: after five failures it is left alone until one request succeeds" "$? $((tried <= 8)) $(ids_posted | sort | uniq -d | wc -l) $(ids_posted | sort -u | wc -l)" "0 1 0 43"
check "… which is told, too" grep -q "hookspool forward: $TO answers again" "$T/said"
is "… without the query of the URL, which may be a token" "$(grep -c S3CRET "$T/said")" 0
is "each user's events are in order" "$(ids_posted | grep -n 'm[12]' | cut -d : -f 2 | xargs)" "m1 m2"
hs forward --to http://127.0.0.1:1/ --cursor nobody --once --retry-for 0s 2>"$T/said" >/dev/null
is "no server at all: after --retry-for everything is a dead letter, with why" \
	"$? $(summary | cut -d , -f 1-2) $(tail -n 1 "$S/spool/failed.jsonl" | jq -r '"\(.status) \(.message | test("onnect"))"')" "0 0 done, 43 set aside 0 true"
for answer in nonsense case version; do
	echo ". $answer" >"$T/script"
	hs forward --to "$TO" --cursor "no-$answer" --once --type page --retry-for 0s 2>"$T/said" >/dev/null
	is "an answer that is no HTTP is none, and why is told: $answer" "$(tail -n 1 "$S/spool/failed.jsonl" | jq -r '"\(.status) \(.message)"')" "0 the answer is no HTTP"
	: >"$S/spool/failed.jsonl"
done
# libcurl would take it for a 200
is "send says so, too" "$("$HS_BUILD/hookspool" send --url "$TO" --unsigned 2>&1 | grep -o 'the answer is no HTTP: see the web server' | sort -u | wc -l)" 1
: >"$T/script"

# --- a server that fails at some events: five of them open the breaker, and must not take all of its trials
fresh
for n in 1 2 3 4 5 6; do put_one '{"type":"track","event":"poison","messageId":"p'$n'","userId":"p-'$n'"}'; done
put_one '{"type":"track","event":"good","messageId":"g1","userId":"g-1"}'
echo '"poison" 500' >"$T/script"
(hs_exec forward --to "$TO" --cursor poison --event poison --event good 2>"$T/said") &
FORWARD=$!
check "events at which the server fails do not keep others from it" wait_for 20 eval "ids_posted | grep -q g1"
end_process "$FORWARD"
: >"$T/script"

# --- a token in the URL is sent, and neither printed nor kept
: >"$S/spool/failed.jsonl"
for answer in 400 401 429 302; do
	fresh
	echo ". $answer" >"$T/script"
	hs forward --to "$TO?token=S3CRET#S3CRET" --cursor "token-$answer" --once --type page --retry-for 1s 2>"$T/said" >/dev/null
	is "the query of the URL is not told: $answer" "$(grep -c S3CRET "$T/said") $(jq -r .path "$T/log" | sort -u)" "0 /in?token=S3CRET"
done
is "… nor in failed.jsonl, which has the rest of the URL" \
	"$(grep -c S3CRET "$S/spool/failed.jsonl") $(jq -r .on "$S/spool/failed.jsonl" | sort | uniq -c | xargs)" "0 2 $TO"
is "… nor a password, whatever is wrong with the URL" "$(for url in htp://us:S3CRET@a.test/x us:S3CRET@a.test http://us:S3/CRET@a.test:x http://us:S3#CRET@a.test:x; do
	"$HS_BUILD/hookspool" send --url "$url" --unsigned
	hs check --url "$url"
	hs forward --to "$url" --once
done 2>&1 | grep -c 'S3\|CRET')" 0
is "… nor that of a proxy" "$(for proxy in ftp://us:S3CRET@a.test http://us:S3CRET@a.test:x; do
	http_proxy=$proxy no_proxy= hs forward --to http://nowhere.test/ --cursor proxy --once --type page --retry-for 0s
done 2>&1 | grep -c S3CRET) $(grep -c S3CRET "$S/spool/failed.jsonl")" "0 0"
fresh
"$HS_BUILD/hookspool" send --url "http://us:S3CRET@127.0.0.1:$PORT/in" --as sdk:browser --key k >/dev/null 2>&1
is "… nor is it a part of a page's origin" "$(jq -r '.headers.Origin // empty' "$T/log" | sort -u)" "http://127.0.0.1:$PORT"
is "… nor told by send" "$("$HS_BUILD/hookspool" send --url 'htp://a.test/x?token=S3CRET' --unsigned 2>&1 | grep -o 'htp://a.test/x.\{9\}' | sort -u)" 'htp://a.test/x: expecte'
: >"$T/script"

# --- a proxy that wants credentials, and authorities that cannot be read: no record is at fault
# through SCHEME CURSOR: by the proxy, and once only.
through() {
	http_proxy=http://127.0.0.1:$PORT https_proxy=http://127.0.0.1:$PORT no_proxy= \
		hs forward --to "$1://nowhere.test/" --cursor "$2" --once --retry-for 0s >"$T/out" 2>"$T/said"
}
: >"$S/spool/failed.jsonl"
echo '. 407' >"$T/script"
for scheme in http https; do
	through $scheme "proxy-$scheme"
	is "$scheme: a proxy's 407 stops the run, with the remedy" \
		"$? $(grep -c 'it answered 407: the proxy wants credentials: give them in http_proxy or https_proxy, .*; stopped' "$T/said")" "78 1"
done
hs forward --to "https://127.0.0.1:$PORT/" --cacert "$S/nothing.pem" --cursor authorities --once --retry-for 0s >"$T/out" 2>"$T/said"
is "so does a --cacert that cannot be read" "$? $(grep -c 'see that --cacert names a PEM file .*; stopped' "$T/said")" "78 1"
is "… and no record is given up" "$(wc -l <"$S/spool/failed.jsonl")" 0
echo '. 502' >"$T/script"
through https proxy-https
is "another answer of the proxy is none of the server" \
	"$? $(tail -n 1 "$S/spool/failed.jsonl" | jq -r '"\(.status) \(.message | test("502"))"')" "0 0 true"
: >"$T/script"

# --- a URL that is none: every record would fare so
: >"$S/spool/failed.jsonl"
for url in http:// http://127.0.0.1:99999/ 'http://127.0.0.1:1/a b' 'http://[::1/'; do
	hs forward --to "$url" --cursor none --once --retry-for 0s >"$T/out" 2>"$T/said"
	is "a URL that is none stops the run: $url" "$? $(grep -c 'see that --to is an address like .*; stopped' "$T/said") $(wc -l <"$S/spool/failed.jsonl")" "78 1 0"
done

# --- what is said once
(hs_exec forward --to "http://127.0.0.1:1/" --cursor silent --once 2>"$T/said") &
FORWARD=$!
check "what gets no answer is tried again, and it is told why" wait_for 20 \
	grep -q 'the server at http://127.0.0.1:1/: no answer: .*onnect.*: the record is tried again' "$T/said"
end_process "$FORWARD"

fresh
hs forward --to "$TO/%40me" --cursor at --once --type page >"$T/out" 2>"$T/said"
is "an @ in the path is written %40" "$? $(jq -r .path "$T/log")" "0 /in/%40me"

# --- kills: every event is posted, in order for each user
fresh
for n in $(seq 6); do
	(hs_exec forward --to "$TO" --cursor killed --once --jobs 3 2>/dev/null) &
	FORWARD=$!
	was=$(wc -l <"$T/log")
	wait_for 10 eval "[ \$(wc -l <'$T/log') -gt $was ] || gone $FORWARD"
	kill -9 "$FORWARD" 2>/dev/null
	wait "$FORWARD" 2>/dev/null
done
forward killed
is "6 kills: no event is skipped" "$STATUS $(ids_posted | sort -u | wc -l)" "0 50"

# --- usage
usage_error() {
	hs forward "$@" >"$T/out" 2>"$T/said"
	is "usage: $*" "$? $([ -s "$T/said" ] && echo said)" "2 said"
}
usage_error
usage_error --to ftp://a/
usage_error --to http://user:password@host/
is "… and how to write an @ that is none of a password" "$(grep -c 'an @ after the host is written %40$' "$T/said")" 1
usage_error --to http://a/ --as xml
forward misspelled --tenant nobody
is "a tenant that the settings do not know: nothing is passed by" \
	"$STATUS $(grep -c 'has such a label' "$T/said") $(ls "$S/spool/.hookspool/cursors" | grep -c misspelled)" '2 1 0'
forward anybody --tenant - --tenant '*'
is "those of none and of any are known" "$STATUS $(summary | sed 's/[1-9][0-9]* done/N done/;s/ without.*//')" \
	"0 N done, 0 set aside, 0 tried again, 0 not asked for"
usage_error --to http://a/ --batch 0
usage_error --to http://a/ --failed --from now
done_testing
