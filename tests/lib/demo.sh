#!/bin/bash
# demo.sh: what `make run` starts. lighttpd with the shipped FastCGI configuration on a free
# loopback port, a throwaway spool, secret and write keys; one signed event of every type and a direct one; the records
# as they arrive. Serves until Ctrl-C. ONCE=1: stops after the samples, and exits 0 only if
# every record arrived.
. "$(dirname "$0")/server.sh"

SECRET=$(openssl rand -hex 16)
PAGE_KEY=$(openssl rand -hex 16) SERVER_KEY=$(openssl rand -hex 16)
SETTINGS="[sources]
page = $PAGE_KEY browser origin=*
server = $SERVER_KEY server"
TYPES='identify track page screen group alias delete'

mount_up() {
	server_start lighttpd-fcgi
	cat <<-END

	hookspool is at   $URL   and   $HTTPS/hookspool
	shared secret     $SECRET
	write keys        $SERVER_KEY (server), $PAGE_KEY (browser)
	spool             $SPOOL
	settings          $S/hookspool.conf

	END
}

# show_records: each line of the spool, as it is, when it arrives.
show_records() { tail -n +1 -F "$SPOOL" 2>/dev/null & }

send_samples() {
	local type
	for type in $TYPES; do
		event "sample-$type" "$type" >"$T/$type.json"
		signed "$T/$type.json"
		[ "$STATUS" = 200 ] || printf '%s: %s %s\n' "$type" "$STATUS" "$(cat "$T/answer.body")" >&2
	done
}

# send_direct: an event as one of Segment's libraries would send it, with no Segment between.
send_direct() {
	local answer
	answer=$(curl -s "$URL/v1/track" -u "$SERVER_KEY:" -H 'Content-Type: application/json' \
		-d '{"userId":"you","event":"Direct","messageId":"sample-direct"}')
	[ "$answer" = '{"success":true}' ] || printf 'direct: %s\n' "$answer" >&2
}

arrived() {
	[ "$(ids | grep -c '^sample-')" -eq 8 ] && spool_is_whole &&
		[ "$(record sample-direct .source)" = server ]
}

invite() {
	cat <<-END

	Send another one (change the body, and openssl signs what you send):

	  body='{"type":"track","userId":"you","event":"Hello"}'; curl $URL \\
	    -H 'Content-Type: application/json' -d "\$body" \\
	    -H "X-Signature: \$(printf %s "\$body" | openssl dgst -sha1 -hmac $SECRET -r | cut -c 1-40)"

	Or directly, as Segment's own libraries do, with the key of a source:

	  curl $URL/v1/track -u $SERVER_KEY: -d '{"userId":"you","event":"Direct"}'

	A page sends here with these two lines:

	  import { AnalyticsBrowser } from '@segment/analytics-next'
	  AnalyticsBrowser.load({ writeKey: '$PAGE_KEY', cdnSettings: { integrations: { 'Segment.io': { apiKey: '$PAGE_KEY', apiHost: '${URL#http://}/v1', protocol: 'http' } } } })

	Ctrl-C ends it and removes the spool.

	END
}

trap 'exit 0' INT # Ctrl-C is how it is meant to end
mount_up
echo 'One signed event of every type, a direct one, and the lines they become:'
echo
[ "${ONCE:-0}" = 1 ] || show_records
send_samples
send_direct
if ! wait_for 10 arrived; then
	echo "not every record arrived: $(lines) of 8" >&2
	exit 1
fi
if [ "${ONCE:-0}" = 1 ]; then
	cat "$SPOOL"
	echo
	echo "all eight records arrived"
	exit 0
fi
invite
wait "$SERVER_PID"
