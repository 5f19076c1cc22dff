# nginx as shipped, where it is not like the others: its limits, its buffers, a program that is
# away. What all mounts have in common is in mounts.sh, sizes.sh, slow.sh and refusals.sh.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/documents.sh"

# The snippet alone, as it is pasted into another server.
snippet() { sed '/^### 1/,/^### 2/!d; /^### 2/d' "$ROOT/tools/packaging/nginx/hookspool.conf"; }
check 'the part for a running server is one location, and two for its own errors' \
	awk '/^location/ { n++ } /^[a-z]/ && !/^(location|set \$hookspool_)/ { exit 1 } END { if (n != 3) exit 1 }' \
	<(snippet)

is 'it is what docs/mounts.md prints' "$(blocks docs/mounts.md nginx)" \
	"$(snippet | sed -E '/^\t*#/d; /^$/d; s/\t/    /g')"

is 'each parameter is passed once' "$(snippet | grep -o 'fastcgi_param [A-Z_]*' | sort | uniq -d)" ''

SETTINGS='auth = both
[keys]
acme = key-of-acme'
server_start nginx
event both >"$T/body"
signed "$T/body" -u key-of-acme:
took 1 0 'Authorization and X-Signature pass, together'
signed "$T/body"
refused 401 'API key' 'the signature alone is refused by the program'
signed "$T/body" -u key-of-acme: -H 'Expect: 100-continue'
answer_check 200 '.duplicate == 1' 'Expect: 100-continue'
printf '[%s]' "$(events batch- 1 100)" >"$T/body"
signed "$T/body" -u key-of-acme: --http1.1
took 100 0 'a batch'

# max_body is 32 MiB, client_max_body_size 40 MiB.
head -c 41943041 /dev/zero | tr '\0' ' ' >"$T/over"
signed "$T/over" -u key-of-acme:
is 'above its own limit nginx says 413' "$STATUS" 413

# Threads: two. Ten senders that stop in mid-body hold none of them, for ten seconds as they would.
settings_write 'auth = none' 'threads = 2'
end_process "$PROGRAM_PID"
listener_start
for i in 1 2 3 4 5 6 7 8 9 10; do
	exec {fd}<>"/dev/tcp/127.0.0.1/$http_port"
	printf 'POST /hookspool HTTP/1.0\r\nContent-Length: 999\r\n\r\n{"type":' >&"$fd"
done
event beside >"$T/body"
MAX_TIME=8 post "$T/body"
took 1 0 'senders that stop in mid-body occupy no thread'

# A path that is not the mount's is not given to the program.
URL=$HTTP/hookspoolx request
is 'another path that begins like the mount is not the mount' "$STATUS" 404
check 'and nginx itself says so' grep -q '<html>' "$T/answer.body"

# Without the program senders are told to retry; once it is back, they are served.
end_process "$PROGRAM_PID"
post "$T/body"
is 'without the program: 502, which Segment retries' "$STATUS" 502
listener_start
event back >"$T/body"
post "$T/body"
took 1 0 'when it is back, at once'
is 'every event is there once' "$(ids | sort | uniq -d)" ''
server_stop
check 'the spool is whole' spool_is_whole
done_testing
