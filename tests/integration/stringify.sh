# Texts that JavaScript's JSON.stringify writes, as Segment signs them: alone and as the first of
# 4000, through every mount; with one byte changed it is 401. The cases are files.
. "$(dirname "$0")/../lib/server.sh"

CASES=$ROOT/tests/cases/stringify

# The bodies: NAME.alone, NAME.batch, and both with one byte changed: in a batch within the
# first element, the only one that Segment signs.
mkdir "$T/bodies"
names=$(cd "$CASES" && ls ./*.json | sed 's|^\./||; s|\.json$||')
(cd "$CASES" && openssl dgst -sha1 -hmac "$SECRET" -r ./*.json) |
	sed 's| \*\./| |; s|\.json$||' >"$T/signatures"
for name in $names; do
	cp "$CASES/$name.json" "$T/bodies/$name.alone"
	{ printf '['; cat "$CASES/$name.json"; printf ',%s]' "$(events "$name-" 2 4000)"; } \
		>"$T/bodies/$name.batch"
	for kind in alone batch; do
		sed '1,/userId\|anonymousId/s/userId":\( *\)"u-1/userId":\1"u-2/
		     1,/userId\|anonymousId/s/anonymousId":12345/anonymousId":12346/' \
			"$T/bodies/$name.$kind" >"$T/bodies/$name.$kind-changed"
	done
done
is 'every body has a changed twin of the same length' \
	"$(cd "$T/bodies" && for f in *.alone *.batch; do
		! cmp -s "$f" "$f-changed" && [ "$(stat -c %s "$f")" = "$(stat -c %s "$f-changed")" ] ||
			echo "$f"
	done)" ''

# send KIND STATUS NAME: all bodies of a kind, four at a time, are answered with STATUS.
send() {
	awk -v url="$URL" -v dir="$T/bodies" -v kind="$1" '
		NR > 1 { print "next" }
		{
			print "url = \"" url "\"\noutput = /dev/null\nmax-time = 30"
			print "header = \"X-Signature: " $1 "\""
			print "header = \"Content-Type: application/json\"\nheader = \"Expect:\""
			print "data-binary = \"@" dir "/" $2 "." kind "\""
			print "write-out = \"%{http_code} " $2 "\\n\""
		}' "$T/signatures" |
		curl --no-progress-meter --parallel --parallel-max 4 -K - >"$T/answers"
	is "$mount: $3" "$(grep -v "^$2 " "$T/answers")" ''
	is "$mount: $3: all were sent" "$(wc -l <"$T/answers")" "$(wc -l <"$T/signatures")"
}

for mount in $MOUNTS; do
	server_start "$mount"
	send alone 200 'each alone is taken'
	is "$mount: each is in the spool" "$(ids)" "$(printf '%s\n' $names | sort)"
	# jq 1.6 refuses lone surrogates, which RFC 8259, 8.2 allows.
	grep -v '"message_id":"[a-z]*-*surrogate' "$SPOOL" >"$T/for-jq"
	check "$mount: each line is JSON" spool_is_whole "$T/for-jq"
	if [ "$mount" = lighttpd-fcgi ]; then
		check 'values are the bytes that were sent' grep -qF \
			'"properties_high":"\ud800","properties_low":"\udc00"' "$SPOOL"
		check 'numbers are the bytes that were sent' grep -qF \
			'"properties_max":1.7976931348623157e+308,"properties_min":5e-324' "$SPOOL"
	fi
	send batch 200 'each as the first of 4000 is taken'
	is "$mount: all events are there" "$(ids | uniq | wc -l)" $(($(wc -l <"$T/signatures") * 4000))
	before=$(lines)
	send alone-changed 401 'each with one byte changed is 401'
	send batch-changed 401 'each first of 4000 with one byte changed is 401'
	is "$mount: and none of those is in the spool" "$(lines)" "$before"
	server_stop
	rm -rf "$S/spool"
done
done_testing
