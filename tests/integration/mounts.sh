# Every mount, over HTTP and HTTPS: events come in, and what the server adds or takes away.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='auth = either
metrics_token = 0123456789-token
[keys]
acme = key-of-acme'

# over PROTOCOL: the mount at URL takes events however Segment sends them.
over() {
	local method
	for method in POST PUT PATCH; do
		event "$1-$method" >"$T/body"
		signed "$T/body" -X $method
		took 1 0 "$mount: $method over $1"
		is "$mount: its line is in the spool" "$(record "$1-$method" .user_id)" u-1
	done
	event "$1-basic" >"$T/body"
	post "$T/body" -u key-of-acme:
	took 1 0 "$mount: Basic over $1"
	is "$mount: the key's label is the tenant" "$(record "$1-basic" .tenant)" acme
	event "$1-bearer" >"$T/body"
	post "$T/body" -H 'Authorization: Bearer key-of-acme'
	took 1 0 "$mount: Bearer over $1"
	event "$1-settings" >"$T/body"
	signed "$T/body" -H "X-Segment-Settings: $(printf '{"audience":"vip"}' | base64)" -H 'X-Test: 1'
	took 1 0 "$mount: settings header over $1"
	is "$mount: settings are in the record" "$(tail -n 1 "$SPOOL" | jq -r .settings_audience)" vip
	PATH_INFO=/health request
	answer_check 200 '.status == "ok"' "$mount: health over $1"
	PATH_INFO='/metrics?a=b' request -H 'Authorization: Bearer 0123456789-token'
	check "$mount: figures over $1" grep -q '^hookspool_events_total{result="accepted",type="track"} [1-9]' "$T/answer.body"
}

# A path that only begins like the mount is not the mount.
neighbour() {
	local before
	before=$(lines)
	event neighbour >"$T/body"
	URL=${URL}x signed "$T/body"
	# (the whole Apache denies all else)
	is "$mount: ${URL##*/}x is not the mount" "${STATUS/403/404} $(($(lines) - before))" '404 0'
}

head_of_health() {
	PATH_INFO=/health request --head
	# curl --head writes the head where the body would go: nothing may follow it.
	[ "$STATUS" = 200 ] && cmp "$T/answer.head" "$T/answer.body" &&
		[ "$(header Content-Length)" -gt 0 ]
}

# How each server treats a body in chunks, a POST without a length, and a length that is too
# small: then the program gets a part, whose signature does not match.
no_length() {
	event chunked >"$T/body"
	signed "$T/body" -H 'Transfer-Encoding: chunked'
	case $mount in
	apache-cgi | apache-htaccess) refused 411 'Content-Length' "$mount: chunked has no length" ;;
	*) took 1 0 "$mount: chunked is buffered and gets its length" ;;
	esac
	request -X POST -H 'Content-Length:' -u key-of-acme:
	case $mount in
	lighttpd-*) is "$mount: lighttpd itself refuses a POST without length" "$STATUS" 411 ;;
	apache-fcgid) refused 400 'body is empty' "$mount: no length is length 0" ;;
	*) refused 411 'Content-Length' "$mount: no length" ;;
	esac
	signed "$T/body" -H 'Content-Length: 20'
	refused 401 'does not match' "$mount: a length smaller than the body"
}

for mount in $MOUNTS apache-htaccess; do
	server_start "$mount"
	over HTTP
	no_length
	neighbour
	check "$mount: HEAD of health has a length and no body" head_of_health
	URL=$HTTPS/hookspool
	over HTTPS
	request --tls-max 1.1 -X POST
	is "$mount: TLS 1.1 is refused" "$STATUS" 000
	server_stop
	check "$mount: the spool is whole" spool_is_whole
done
done_testing
