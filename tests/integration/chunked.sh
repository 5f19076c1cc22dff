# Bodies of Segment's libraries without a length: chunked, plain and gzip, on each kind of mount.
#
# What the servers pass for a chunked request: all but Apache's plain CGI read it whole and pass its
# length (lighttpd under CGI, too). nginx can be told to pass it while it comes; then it has no length,
# and ends with STDIN. lighttpd, told the same, wants a length from the sender. CGI has no end of a body
# without a length (RFC 3875, 4.2), so there the request is refused.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='max_sdk_body = 300K
auth = none
[sources]
app = key-of-the-app server'

# batch ID EVENTS: as the mobile libraries send it, the key last.
batch() { printf '{"batch":[%s],"writeKey":"key-of-the-app"}' "$(events "$1-" 1 "$2")"; }

chunked() { PATH_INFO=/v1/b post "$@" -H 'Transfer-Encoding: chunked'; }
gzipped() { gzip -c <"$T/body" >"$T/gz" && chunked "$T/gz" -H 'Content-Encoding: gzip'; }

# all_taken ID EVENTS NAME: the last answer is success, and each event is in the spool once.
all_taken() {
	answer_check 200 '.success' "$3"
	is "$3: in the spool, once" "$(ids | grep -c "^$1-") $(ids | grep "^$1-" | uniq -d)" "$2 "
}

error() { answer_check 400 ".success == false and .code == \"$1\"" "$2"; }

# chunks NAME: bodies that are more than a packet, a record and a buffer.
chunks() {
	batch plain 3000 >"$T/body"
	chunked "$T/body"
	all_taken plain 3000 "$1: in chunks"
	batch gzip 3000 >"$T/body"
	gzipped
	all_taken gzip 3000 "$1: in chunks, gzip"
	batch long 5000 >"$T/body"
	chunked "$T/body"
	error too_large "$1: more than max_sdk_body in chunks"
	gzipped
	error inflated "$1: more than max_sdk_body when inflated"
	head -c -1 "$T/gz" >"$T/cut"
	chunked "$T/cut" -H 'Content-Encoding: gzip'
	error inflated "$1: the same, cut"
}

# A sender hangs up in the middle of a chunk; the next one is served.
hang_up() {
	local fd
	exec {fd}<>"/dev/tcp/127.0.0.1/$http_port"
	printf 'POST /hookspool/v1/t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n' >&"$fd"
	printf '%x\r\n%s' 500 "$(event torn | sed 's/}$/,"writeKey":"key-of-the-app"}/')" >&"$fd"
	exec {fd}>&-
	batch after 1 >"$T/body"
	chunked "$T/body"
	all_taken after 1 "$1: after a sender that hung up"
	is "$1: of which nothing is kept" "$(ids | grep -c '^torn')" 0
}

on_mount() {
	server_start "$1"
	chunks "$2"
	hang_up "$2"
	server_stop
}

for mount in lighttpd-fcgi apache-fcgid apache-proxy apache-cgi nginx; do
	case $mount in
	apache-cgi)
		server_start apache-cgi
		batch cgi 1 >"$T/body"
		chunked "$T/body"
		error no_length 'apache-cgi: chunked has no length'
		server_stop
		;;
	*) on_mount "$mount" "$mount" ;;
	esac
done
CONF_EDIT='s/^(\s*fastcgi_request_buffering) on/\1 off/' on_mount nginx 'nginx, streaming'

CONF_EDIT='s/^(server.stream-request-body *=).*/\1 2/' server_start lighttpd-fcgi
batch long 3000 >"$T/body"
chunked "$T/body"
is 'lighttpd, streaming: it wants a length itself' "$STATUS $(grep -c '<h1>411' "$T/answer.body")" '411 1'
server_stop

# 2 GB of zeros in 2 MB: refused before it has cost memory.
used_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$PROGRAM_PID/stat"; }
rss() { awk '$1 == "VmHWM:" { print $2 }' "/proc/$PROGRAM_PID/status"; }
SETTINGS=${SETTINGS/max_sdk_body = 300K/} server_start nginx
head -c 1048576 /dev/zero | gzip -9 >"$T/bomb"
for i in 1 2 3 4 5 6 7 8 9 10 11; do cat "$T/bomb" "$T/bomb" >"$T/twice" && mv "$T/twice" "$T/bomb"; done # 2048 members
before=$(rss)
used=$(used_ms)
PATH_INFO=/v1/b post "$T/bomb" -H 'Content-Encoding: gzip'
used=$(($(used_ms) - used))
check "a bomb is refused at once: $used ms of processor" [ "$used" -lt 500 ]
error inflated 'as too large'
check "with little memory: $(($(rss) - before)) KB" test $(($(rss) - before)) -lt 20480
server_stop

# The webhook intake needs a length as before, from a web server or not.
spool_start
raw() {
	"$HS_BUILD/fcgi_raw" "unix:$S/run/hookspool.sock" begin param=REQUEST_METHOD=POST \
		"param=PATH_INFO=$1" param=HTTP_CONTENT_ENCODING=identity params-end "${@:2}" read | tr -d '\r' | sed -n 's/^Status: \(...\).*/\1/p'
}
event raw | sed 's/}$/,"writeKey":"key-of-the-app"}/' >"$T/body"
is 'a webhook without a length' "$(raw /)" 411
is 'a library without a length' "$(raw /v1/t stdin-file="$T/body" stdin-end)" 200
is 'in pieces' "$(raw /v1/t split=5 stdin-file="$T/body" stdin-end)" 200
is 'a library that sends no end' "$(raw /v1/t stdin-file="$T/body" half-close)" 400
server_stop
done_testing
