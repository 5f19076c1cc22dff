# Strangers are slow, send large bodies, or make the program try many secrets. Honest
# senders are served as if they were not there, and get no 4xx because of them.
. "$(dirname "$0")/../lib/server.sh"

MANY=100
SHAPED=0123456789abcdef0123456789abcdef01234567 # a signature by its shape
HEAD=(begin param=REQUEST_METHOD=POST param=REMOTE_ADDR=192.0.2.66)

# honest_raw N, honest_http N: n honest requests in turn; prints status and time of each.
honest_raw() {
	local i begun
	for ((i = 0; i < $1; i++)); do
		printf '{"type":"page","userId":"u","messageId":"h-%s"}' "$EPOCHREALTIME" >"$T/honest"
		begun=${EPOCHREALTIME/./}
		FCGI_RAW_MS=60000 "$RAW" "$ADDRESS" "${HEAD[@]}" "param=CONTENT_LENGTH=$(stat -c %s "$T/honest")" \
			"param=HTTP_X_SIGNATURE=$(sign "$SECRET" "$T/honest")" params-end "stdin-file=$T/honest" \
			stdin-end read | grep -a '^Status' | tr '\r\n' '  '
		echo $(((${EPOCHREALTIME/./} - begun) / 1000))
	done
}

honest_http() {
	local i
	for ((i = 0; i < $1; i++)); do
		printf '{"type":"page","userId":"u","messageId":"h-%s"}' "$EPOCHREALTIME" >"$T/honest"
		curl -s -o /dev/null --max-time 60 -w 'Status: %{http_code} OK %{time_total}\n' \
			-H "X-Signature: $(sign "$SECRET" "$T/honest")" -H 'Content-Type: application/json' \
			--data-binary "@$T/honest" "$URL" | awk '{ print $1, $2, $3, int($4 * 1000) }'
	done
}

# undisturbed NAME FILE: all answers are 200, and none took a second.
undisturbed() {
	local slowest
	is "$1: all are taken" "$(cut -d ' ' -f 1-2 "$2" | sort -u)" 'Status: 200'
	slowest=$(awk '{ print $NF }' "$2" | sort -n | tail -n 1)
	check "$1: in less than a second each" in_time "$slowest" 1000
	printf '# figure: %s: slowest %s ms of %s\n' "$1" "$slowest" "$(wc -l <"$2")"
}

statuses() { grep -ahoE 'Status: [0-9]+|\[closed\]|\[timeout\]' "$@" | sort | uniq -c | tr -s ' '; }


### Slow, on the socket itself ##########################################

SETTINGS='threads = 4'
server_start listener
ADDRESS=unix:$S/run/hookspool.sock
peers=()
for ((i = 0; i < MANY; i++)); do
	FCGI_RAW_MS=60000 "$RAW" "$ADDRESS" "${HEAD[@]}" param=CONTENT_LENGTH=33000000 \
		param=HTTP_X_SIGNATURE=$SHAPED params-end drip=60 read >"$T/slow.$i" 2>&1 &
	peers+=($!)
done
wait_for 20 has_connections "$ADDRESS" $MANY
honest_raw 30 >"$T/times"
undisturbed "$MANY that drip, socket" "$T/times"
wait "${peers[@]}"
is "$MANY that drip, socket: their time is up, and they may try again" "$(statuses "$T"/slow.*)" \
	" $MANY Status: 503"

# Without key and signature the head is enough for the refusal.
begun=${EPOCHREALTIME/./}
"$RAW" "$ADDRESS" "${HEAD[@]}" param=CONTENT_LENGTH=33000000 params-end drip=60 read >"$T/none"
is 'without a signature: 401 by the head alone' "$(statuses "$T/none")" ' 1 Status: 401'
check 'without a signature: at once' in_time "$(since "$begun")" 2000
server_stop


### Slow, behind Apache, which streams ##################################

# slow_http FILE [HEADER]: a client that drips; what it is answered goes to the file.
slow_http() {
	local i
	exec 3<>"/dev/tcp/127.0.0.1/$http_port"
	printf 'POST /hookspool HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Type: application/json\r\nContent-Length: 33000000\r\n\r\n' \
		"${2-}" >&3
	(timeout 60 head -n 1 <&3 >"$1") &
	for ((i = 0; i < 60; i++)); do
		printf '%1500s' x >&3 || break
		kill -0 $! 2>/dev/null || break
		pause 0.5
	done 2>/dev/null
	wait
}

SETTINGS=
server_start apache-proxy
peers=()
for ((i = 0; i < MANY / 2; i++)); do
	slow_http "$T/none.$i" &
	peers+=($!)
	slow_http "$T/shaped.$i" "X-Signature: $SHAPED"$'\r\n' &
	peers+=($!)
done
# Apache starts processes at its own pace: wait until it has passed all of them on
wait_for 20 eval '[ "$(cat "$T"/none.* | wc -l)" = $((MANY / 2)) ]'
wait_for 20 has_connections "unix:$S/run/hookspool.sock" $((MANY / 2))
honest_http 40 >"$T/times"
undisturbed "$MANY that drip, Apache" "$T/times"
wait "${peers[@]}"
is "Apache passes it on: 401 to those without a signature" \
	"$(cut -d ' ' -f 2 "$T"/none.* | sort | uniq -c | tr -s ' ')" " $((MANY / 2)) 401"
is "Apache passes it on: 503 to those that have one and drip" \
	"$(cut -d ' ' -f 2 "$T"/shaped.* | sort | uniq -c | tr -s ' ')" " $((MANY / 2)) 503"
server_stop


### Large ###############################################################

head -c 31000000 /dev/zero | tr '\0' x >"$T/large"
own_kb() { awk '$1 == "RssAnon:" { print $2 }' "/proc/$PROGRAM_PID/status"; }
# peak_kb: the most that the process holds while "$peers" are there.
peak_kb() {
	local peak=0 now
	while [ -e "$T/look" ]; do
		now=$(own_kb)
		[ "${now:-0}" -le "$peak" ] || peak=$now
		pause 0.02
	done
	echo "$peak" >"$T/peak"
}

# all_done PID...: each has its answer, or has sent everything and waits.
all_done() {
	local pid
	for pid; do gone "$pid" || settled "$pid" || gone "$pid" || return; done
}

# sixteen NAME [STEP]...: sixteen bodies of 31 MB whose last record does not come. Peers for which there is room
# have 40 s for it; they are killed before.
sixteen() {
	local i name=$1 peers=() looker
	shift
	rm -f "$T"/big.*
	: >"$T/look"
	peak_kb &
	looker=$!
	for ((i = 0; i < 16; i++)); do
		"$RAW" "$ADDRESS" "${HEAD[@]}" param=CONTENT_LENGTH=31000001 "$@" \
			params-end "stdin-file=$T/large" read >"$T/big.$i" 2>&1 &
		peers+=($!)
	done
	honest_raw 5 >"$T/times"
	undisturbed "$name" "$T/times"
	wait_for 20 all_done "${peers[@]}"
	kill "${peers[@]}" 2>/dev/null
	wait "${peers[@]}" 2>/dev/null
	rm -f "$T/look"
	wait "$looker"
	printf '# figure: %s: at most %s KB\n' "$name" "$(cat "$T/peak")"
}

if ! grep -q __asan_init "$HS_BUILD/hookspool.fcgi"; then
	SETTINGS=
	server_start listener
	ADDRESS=unix:$S/run/hookspool.sock
	sixteen 'sixteen of 31 MB without a signature'
	is 'sixteen of 31 MB without a signature: 401' "$(statuses "$T"/big.*)" ' 16 Status: 401'
	check 'sixteen of 31 MB without a signature: they take no memory' [ "$(cat "$T/peak")" -lt 16384 ]
	sixteen 'sixteen of 31 MB with the shape of one' param=HTTP_X_SIGNATURE=$SHAPED
	is 'sixteen of 31 MB with the shape of one: 503, or still waited for' \
		"$(grep -ahoE 'Status: [0-9]+|\[[a-z]*\]' "$T"/big.* | sort -u | tr '\n' ' ')" 'Status: 503 '
	check 'sixteen of 31 MB with the shape of one: no more memory than four may have' \
		[ "$(cat "$T/peak")" -lt 196608 ]
	check 'for some of them there was no room' grep -qa 'too many unfinished bodies' "$T"/big.*
	check 'for no more of them than necessary' [ "$(grep -La Status "$T"/big.* | wc -l)" -ge 3 ]
	server_stop
fi


### Many secrets ########################################################

# Fifteen others, and ours, which matched last.
SETTINGS=$(for i in {1..15}; do printf 'secret = another secret, number %d\n' "$i"; done)
server_start listener
ADDRESS=unix:$S/run/hookspool.sock
honest_raw 1 >"$T/times"
used_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$PROGRAM_PID/stat"; }
begun=${EPOCHREALTIME/./}
for ((i = 0; i < 8; i++)); do
	"$RAW" "$ADDRESS" "${HEAD[@]}" param=CONTENT_LENGTH=31000000 param=HTTP_X_SIGNATURE=$SHAPED params-end \
		"stdin-file=$T/large" stdin-end read >"$T/guess.$i" 2>&1
done
took_ms=$(since "$begun")
answers=$(grep -ahoE 'Status: [0-9]+' "$T"/guess.* | sort -u | tr '\n' ' ')
# sixteen secrets cost 3.7 s of the budget for each body: eight bodies that took longer may all be hashed
[ "$took_ms" -lt 20000 ] || answers=${answers/%'Status: 401 '/'Status: 401 Status: 503 '}
is 'large bodies with a wrong signature: 401, or later' "$answers" 'Status: 401 Status: 503 '
printf '# figure: eight large bodies, sixteen secrets: %s ms of processor in %s ms\n' "$(used_ms)" "$took_ms"
honest_raw 5 >"$T/times"
undisturbed 'after large bodies with a wrong signature' "$T/times"

# A large batch is recognised by its first event, whatever else there is to hash.
{ printf '['; events big- 1 8000; printf ']'; } >"$T/batch"
printf '%s' "$(events big- 1 1)" >"$T/first"
"$RAW" "$ADDRESS" "${HEAD[@]}" "param=CONTENT_LENGTH=$(stat -c %s "$T/batch")" \
	"param=HTTP_X_SIGNATURE=$(sign "$SECRET" "$T/first")" params-end "stdin-file=$T/batch" stdin-end read >"$T/out"
is 'a large batch by an honest sender meanwhile' "$(statuses "$T/out")" ' 1 Status: 200'
server_stop
done_testing
