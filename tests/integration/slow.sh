# Slow senders and peers that stop are cut off, and do not delay others.
. "$(dirname "$0")/../lib/server.sh"

PARAMS=(begin param=REQUEST_METHOD=POST param=CONTENT_LENGTH=1000
	param=HTTP_X_SIGNATURE=0123456789abcdef0123456789abcdef01234567)

# 16 peers for 4 threads: half stop in the parameters, half in the body. While they hang, the
# time limits (5 s for the head, 10 s for the body) run; all of this runs beside it.
SETTINGS='threads = 4'
server_start listener
listener_S=$S listener_pid=$PROGRAM_PID
ADDRESS=unix:$S/run/hookspool.sock
export FCGI_RAW_MS=60000
peers=()
for i in 1 2 3 4 5 6 7 8; do
	"$RAW" "$ADDRESS" "${PARAMS[@]}" read >"$T/head.$i" 2>&1 &
	peers+=($!)
	"$RAW" "$ADDRESS" "${PARAMS[@]}" params-end 'stdin={"type":' read >"$T/body.$i" 2>&1 &
	peers+=($!)
done

wait_for 10 has_connections "$ADDRESS" 16
begun=$EPOCHREALTIME
raw_health "$ADDRESS" >"$T/health"
check 'more peers that stopped than threads: the next one is served' grep -q 'Status: 200' "$T/health"
check 'and does not wait for them' in_time "$(since "$begun")" 1000

# Meanwhile: a body that drips in through a web server is taken when it is whole.
# drip FILE: the file's bytes in four pieces with pauses: it is the pauses that are tested.
drip() {
	local size n piece
	size=$(stat -c %s "$1")
	n=$(((size + 3) / 4))
	for piece in 0 1 2 3; do
		tail -c +$((piece * n + 1)) "$1" | head -c $n
		pause 0.1
	done
}

PROGRAM_PID=
for mount in $MOUNTS; do
	server_start "$mount"
	event "drip-$mount" >"$T/body"
	STATUS=$({
		printf 'POST /hookspool HTTP/1.0\r\nContent-Type: application/json\r\n'
		printf 'X-Signature: %s\r\n' "$(sign "$SECRET" "$T/body")"
		printf 'Content-Length: %d\r\n\r\n' "$(stat -c %s "$T/body")"
		drip "$T/body"
	} | (
		exec 3<>"/dev/tcp/127.0.0.1/$http_port"
		cat >&3
		head -n 1 <&3
	) | cut -d ' ' -f 2)
	is "$mount: a body in four pieces" "$STATUS" 200
	is "$mount: becomes one line" "$(ids)" "drip-$mount"

	# A sender that hangs up in mid-body: no line, and the next one is served.
	(
		exec 3<>"/dev/tcp/127.0.0.1/$http_port"
		printf 'POST /hookspool HTTP/1.0\r\nContent-Type: application/json\r\n' >&3
		printf 'X-Signature: %s\r\nContent-Length: 9999\r\n\r\n' \
			"$(sign "$SECRET" "$T/body")" >&3
		cat "$T/body" >&3
	)
	event "after-$mount" >"$T/body"
	signed "$T/body"
	took 1 0 "$mount: after a sender that hung up"
	server_stop
	is "$mount: that sender left no line" "$(ids)" "after-$mount
drip-$mount"
done

# Plain CGI: the rest of a body that was refused is read, so that the web server hears the answer,
# but not for ever. It runs beside the peers above.
# refused_in FROM TO NAME: the sender on standard input is answered 401, and is read for FROM to TO ms.
refused_in() {
	local begun=$EPOCHREALTIME ms
	cgi REQUEST_METHOD=POST CONTENT_TYPE=application/json CONTENT_LENGTH=33000000 >"$T/refused"
	ms=$(since "$begun")
	check "plain CGI: $3: gets its answer" grep -q 'Status: 401' "$T/refused"
	check "plain CGI: $3: is read long enough, and no longer ($ms ms)" eval '[ '"$ms -ge $1 ] && in_time $ms $2"
}
S=$listener_S
refused_in 900 3000 'a refused sender that is silent' < <(exec sleep 60)
kill $!
mkfifo "$T/never"
refused_in 9000 12500 'a refused sender that drips without an end' < <(
	trap '' PIPE
	exec 4<>"$T/never"
	while printf x 2>/dev/null; do read -rt 0.1 -u 4; done # no process, which a busy machine may start after the second of silence
)
refused_in 0 5000 'a refused sender that floods' < <(cat /dev/zero 2>/dev/null)

S=$listener_S PROGRAM_PID=$listener_pid
wait "${peers[@]}" # they wait for 60 s at most
for i in 1 2 3 4 5 6 7 8; do
	cat "$T/head.$i" >>"$T/heads"
	grep -aoE 'Status: [0-9]+|\[closed\]' "$T/body.$i" | head -n 1 >>"$T/bodies"
done
is 'eight that stopped in the parameters were disconnected' "$(sort "$T/heads" | uniq -c | tr -s ' ')" \
	' 8 [closed]'
is 'eight that stopped in the body were answered 503' "$(sort "$T/bodies" | uniq -c | tr -s ' ')" \
	' 8 Status: 503'
is 'by the process that began' "$(workers)" "$PROGRAM_PID"
server_stop

# A peer that asks for values and reads none of the replies: to write them is not to wait for ever.
SETTINGS='threads = 1'
server_start listener
# GET_VALUES of FCGI_MAX_CONNS (the FastCGI specification, 4.1), 512 in a step; more of them than
# both directions of the socket can hold, so that it never comes to reading
value=0109000000100000$(printf '\16\0FCGI_MAX_CONNS' | od -An -v -tx1 | tr -d ' \n')
for i in 1 2 3 4 5 6 7 8 9; do value=$value$value; done
values=()
for i in {1..40}; do values+=("hex=$value"); done
"$RAW" "unix:$S/run/hookspool.sock" hold-back begin "${values[@]}" flush wait-close >"$T/values" 2>&1 &
peer=$!
wait_for 10 settled "$peer" # neither side of the socket takes more
kill -STOP "$peer" 2>/dev/null
begun=$EPOCHREALTIME
raw_health "unix:$S/run/hookspool.sock" >"$T/health"
check 'a peer that reads no replies: the next one is served' grep -q 'Status: 200' "$T/health"
check 'and does not wait for it' in_time "$(since "$begun")" 1000
kill -KILL "$peer" 2>/dev/null
wait "$peer" 2>/dev/null
server_stop
done_testing
