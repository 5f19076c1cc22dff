#!/bin/bash
# demo.sh: what `make run` starts. lighttpd with the shipped FastCGI configuration on a free
# loopback port, a throwaway spool and secret; one signed event of every type; the records
# as they arrive. Serves until Ctrl-C. ONCE=1: stops after the samples, and exits 0 only if
# every record arrived.
. "$(dirname "$0")/server.sh"

SECRET=$(openssl rand -hex 16)
TYPES='identify track page screen group alias delete'

mount_up() {
	server_start lighttpd-fcgi
	cat <<-END

	hookspool is at   $URL   and   $HTTPS/hookspool
	shared secret     $SECRET
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

arrived() {
	[ "$(ids | grep -c '^sample-')" -eq 7 ] && spool_is_whole
}

invite() {
	cat <<-END

	Send another one (change the body, and openssl signs what you send):

	  body='{"type":"track","userId":"you","event":"Hello"}'; curl $URL \\
	    -H 'Content-Type: application/json' -d "\$body" \\
	    -H "X-Signature: \$(printf %s "\$body" | openssl dgst -sha1 -hmac $SECRET -r | cut -c 1-40)"

	Ctrl-C ends it and removes the spool.

	END
}

trap 'exit 0' INT # Ctrl-C is how it is meant to end
mount_up
echo 'One signed event of every type, and the lines they become:'
echo
[ "${ONCE:-0}" = 1 ] || show_records
send_samples
if ! wait_for 10 arrived; then
	echo "not every record arrived: $(lines) of 7" >&2
	exit 1
fi
if [ "${ONCE:-0}" = 1 ]; then
	cat "$SPOOL"
	echo
	echo "all seven records arrived"
	exit 0
fi
invite
wait "$SERVER_PID"
