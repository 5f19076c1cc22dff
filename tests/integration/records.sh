# FastCGI records that no web server sends, from a raw client, to the program's own sockets
# and to the one that lighttpd starts it on. Whatever comes, the next request is served.
. "$(dirname "$0")/../lib/server.sh"

# without messageId and timestamp no event is a duplicate of another
printf '{"type":"page","userId":"u-1","name":"Home"}' >"$T/body"
LENGTH=$(stat -c %s "$T/body")
SIGNATURE=$(sign "$SECRET" "$T/body")

# the records that a server sends before a signed body of LENGTH bytes
HEAD=(begin param=REQUEST_METHOD=POST "param=HTTP_X_SIGNATURE=$SIGNATURE"
	param=CONTENT_TYPE=application/json)
GOOD=("${HEAD[@]}" "param=CONTENT_LENGTH=$LENGTH" params-end "stdin-file=$T/body" stdin-end)

raw() { "$RAW" "$ADDRESS" "$@" 2>&1 | tr -d '\r'; }

# gets PATTERN NAME STEP...: the answer matches; then a good request is answered 200.
gets() {
	local pattern=$1 name=$2 got next
	shift 2
	got=$(raw "$@")
	next=$(raw "${GOOD[@]}" read)
	if [[ $got =~ $pattern ]] && [[ $next == *'Status: 200'*'[end 0 0]' ]]; then
		ok "$where: $name"
	else
		not_ok "$where: $name" "got: $got" "expected: $pattern" "the next one got: $next"
	fi
}

# The protocol as it should be, however it is cut.
sound() {
	gets 'Status: 200.*\[end 0 0\]' 'an ordinary request' "${GOOD[@]}" read
	gets 'Status: 200.*\[end 0 0\]' 'a byte at a time' split=1 "${GOOD[@]}" read
	gets 'Status: 200.*\[end 0 0\]' 'all records in one write' hold-back "${GOOD[@]}" flush read
	gets 'Status: 200.*\[end 0 0\]' 'with padding' begin padding=255 "${HEAD[@]:1}" \
		"param=CONTENT_LENGTH=$LENGTH" padding=0 params-end padding=7 "stdin-file=$T/body" \
		stdin-end read
	# libfcgi 2.4.2 forgets this padding, so it does not get the request
	gets 'Status: 200.*\[end 0 0\]' 'with padding after BEGIN_REQUEST' padding=8 "${GOOD[@]}" read
	gets 'Status: 200.*\[end 0 0\]' 'a large request id' id=65535 "${GOOD[@]}" read
	gets 'Status: 200.*\[end 0 0\]' 'KEEP_CONN' begin=keep "${GOOD[@]:1}" read
	gets 'Status: 200.*\[end 0 0\]' 'a name of 300 bytes' "${HEAD[@]}" \
		"param=$(printf 'N%.0s' {1..300})=v" "param=CONTENT_LENGTH=$LENGTH" params-end \
		"stdin-file=$T/body" stdin-end read
	gets 'record 10|end' 'GET_VALUES' id=0 values id=1 "${GOOD[@]}" read
}

wrong_lengths() {
	gets 'Status: 400.*shorter' 'a body shorter than CONTENT_LENGTH' "${HEAD[@]}" \
		"param=CONTENT_LENGTH=$((LENGTH + 1))" params-end "stdin-file=$T/body" stdin-end read
	gets 'Status: 400.*longer' 'a body longer than CONTENT_LENGTH' "${HEAD[@]}" \
		"param=CONTENT_LENGTH=$LENGTH" params-end "stdin-file=$T/body" 'stdin= ' stdin-end read
	gets 'Status: 400.*not a number' 'CONTENT_LENGTH is -1' "${HEAD[@]}" \
		param=CONTENT_LENGTH=-1 params-end stdin-end read
	gets 'Status: 413' 'CONTENT_LENGTH of 30 digits' "${HEAD[@]}" \
		"param=CONTENT_LENGTH=$(printf '9%.0s' {1..30})" params-end stdin-end read
	gets 'Status: 411' 'no CONTENT_LENGTH' "${HEAD[@]}" params-end "stdin-file=$T/body" \
		stdin-end read
}

# Peers that give up. Nothing of theirs may be counted as an event.
vanishing() {
	local before
	before=$(lines)
	gets '' 'gone after connecting' connect
	gets '' 'gone in mid-header' hex=0101
	gets '' 'gone after BEGIN' begin
	gets '' 'gone in mid-parameters' "${HEAD[@]}"
	gets '' 'gone in mid-body' "${HEAD[@]}" "param=CONTENT_LENGTH=$LENGTH" params-end \
		'stdin={"type"'
	gets 'Status: 400|closed' 'half closed in mid-body' "${HEAD[@]}" \
		"param=CONTENT_LENGTH=$LENGTH" params-end 'stdin={"type"' half-close read
	gets 'end|closed|Status: 400' 'aborted in mid-body' "${HEAD[@]}" \
		"param=CONTENT_LENGTH=$LENGTH" params-end 'stdin={"type"' abort read
	gets '' 'gone without reading the answer' "${GOOD[@]}"
	# each `gets` has added one good event; the last one here two
	wait_for 5 eval '[ "$(lines)" -ge '$((before + 9))' ]'
	is "$where: only whole requests left a line" "$(lines)" "$((before + 9))"
}

broken() {
	gets 'closed|end' 'version 2' version=2 "${GOOD[@]}" half-close read
	gets 'closed|end' 'an unknown role' role=7 "${GOOD[@]}" read
	gets 'closed|end|Status' 'an unknown record type' record=99:x "${GOOD[@]}" half-close read
	gets 'closed|end|Status' 'parameters before BEGIN' "${GOOD[@]:1}" half-close read
	gets 'closed|end|Status' 'BEGIN twice' begin "${GOOD[@]}" half-close read
	gets 'closed|end|Status' 'a STDIN record that claims too much' "${HEAD[@]}" \
		"param=CONTENT_LENGTH=$LENGTH" params-end lie=100 "stdin-file=$T/body" stdin-end \
		half-close read
	gets 'closed|end|Status' 'a PARAMS record that claims too little' begin lie=-5 \
		"${GOOD[@]:1}" half-close read
	gets 'closed|end|Status' 'a name-value pair longer than its record' begin \
		record=4:$'\x7f\x7fxx' "${GOOD[@]:1}" half-close read
	gets 'closed|end|Status' 'a name of 4 GiB' begin hex=0104000100080000ffffffffffffffff \
		params-end half-close read
	# libfcgi 2.4.2 ends the process over this one
	gets 'closed|end|Status' 'a name of 2 GiB less one' begin \
		hex="0104000100690000""01fffffffe$(printf '61%.0s' {1..100})" params-end half-close read
	gets 'closed|end|Status' 'the same, all in one write' hold-back begin \
		hex="0104000100690000""01fffffffe$(printf '61%.0s' {1..100})" params-end stdin-end flush \
		half-close read
	gets 'closed|end|Status' 'the same, a byte at a time' split=1 begin \
		hex="0104000100690000""01fffffffe$(printf '61%.0s' {1..100})" params-end half-close read
	gets 'closed|end|Status' 'noise' hex="$(head -c 3000 /dev/urandom | od -An -v -tx1 |
		tr -d ' \n')" half-close read
	gets 'closed|end|Status' 'HTTP' hex="$(printf 'GET / HTTP/1.0\r\n\r\n' | od -An -v -tx1 |
		tr -d ' \n')" half-close read
}

all() {
	sound
	wrong_lengths
	vanishing
	broken
}

server_start listener
where='unix socket' ADDRESS=unix:$S/run/hookspool.sock
all
is 'the process that began still serves' "$(workers)" "$PROGRAM_PID"
server_stop
check 'unix socket: the spool is whole' spool_is_whole

server_start lighttpd-fcgi
where='behind lighttpd' ADDRESS=unix:$S/run/hookspool.sock-0
first=$(workers)
broken
is 'behind lighttpd: the process that began still serves' "$(workers)" "$first"
signed "$T/body"
took 1 0 'behind lighttpd: and so does the server'
server_stop

directory_make
port=$(port_random)
listener_start "127.0.0.1:$port"
where='TCP' ADDRESS=127.0.0.1:$port
sound
server_stop
done_testing
