# hookspool ship and servers that do not let it in, or do not take its records: each refusal has its exit code and its
# remedy, nothing is sent in clear or skipped, and what passes is waited for.
. "$(dirname "$0")/../ship/lib.sh"
need_ship
trap 'for server in "${!NATS_PID[@]}"; do nats_end "$server" KILL; done; clean_up' EXIT
said() { grep -q -- "$1" "$T/ship.err"; }
# secret NAME: writes standard input to a file of ship's user, and prints its path.
secret() {
	cat >"$S/$1" && chmod 600 "$S/$1" && own "$S/$1"
	echo "$S/$1"
}
# only NAME LINE...: this server alone, with these lines.
only() {
	local name=$1
	shift
	for server in "${!NATS_PID[@]}"; do nats_end "$server" KILL; done
	NATS_URL=()
	rm -f "$S/spool/.hookspool/cursors/ship" # of another stream
	nats_start "$name" "$@" || give_up "$(cat "$T/nats-$name/log")"
}
# refused NAME CODE WORDS [OPTION]...
refused() {
	ship --once "${@:4}"
	is "$1" "$CODE $(said "$3" && echo remedy)" "$2 remedy"
	said "$3" || cat "$T/ship.err"
}

spool_make
add 20

### Users ###############################################################

SEED=SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY
RIGHTS='permissions: { publish: [ "hookspool.>", "$JS.API.STREAM.>" ], subscribe: "_INBOX.>" }'
MUTE='permissions: { publish: "$JS.API.STREAM.>", subscribe: "_INBOX.>" }'
DEAF='permissions: { publish: [ "hookspool.>", "$JS.API.STREAM.CREATE.*" ], subscribe: "_INBOX.>" }'
# users RIGHTS: the lines of the server's users.
users() {
	printf '%s\n' 'authorization { users [' "{ user: ship, password: secret, $1 }" "{ user: mute, password: secret, $MUTE }" \
		"{ user: deaf, password: secret, $DEAF }" '{ nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4 }' '] }'
}
only one "$(users "$RIGHTS")"
right=$(echo secret | secret right) wrong=$(echo wrong | secret wrong)
seed=$(echo $SEED | secret seed) no_seed=$(echo SUAAA | secret no-seed)
REMEDY=': correct the credentials, or the rights of this user: hookspool check'
CREDENTIALS="refuses these credentials.*$REMEDY"
refused 'no credentials' 78 "$CREDENTIALS"
refused 'a wrong password' 78 "$CREDENTIALS" --user ship --password "@$wrong"
refused 'an unknown user' 78 "$CREDENTIALS" --user nobody --password "@$right"
refused 'no nkey' 78 'no seed of a user' --nkey "$no_seed"
chmod 644 "$right"
refused 'a password that everybody may read' 78 'others may read.*chmod 600' --user ship --password "@$right"
chmod 600 "$right"
ships_all --user ship --password "@$right" --create --replicas 1
is 'the right password' "$CODE" 0
ships_all --nkey "$seed"
is 'the right nkey' "$CODE" 0
openssl genpkey -algorithm ed25519 -outform DER 2>/dev/null | tail -c 32 >"$T/raw"
python3 -c 'import base64, binascii, sys
raw = bytes([18 << 3 | 20 >> 2, (20 & 3) << 6]) + sys.stdin.buffer.read()
print(base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("="))' <"$T/raw" | secret other-seed >"$T/path"
refused 'an unknown nkey' 78 "$CREDENTIALS" --nkey "$(cat "$T/path")"

### Rights ##############################################################

RIGHT_MISSING="Permissions Violation.*$REMEDY"
add 20
refused 'a user who may not send' 78 "$RIGHT_MISSING" --user mute --password "@$right" --ack-wait 4s
refused 'a user who may not look' 78 "$RIGHT_MISSING" --user deaf --password "@$right" --ack-wait 4s
ship_start --user ship --password "@$right" --ack-wait 2s
shipped() { hs stats --json && jq -e '[.cursors[] | select(.name == "ship") | .records] == [0]' <<<"$OUT"; }
check 'a user who may' wait_for 60 shipped
reload() { # RIGHTS
	sed -i "/^authorization/,\$d" "$T/nats-one/server.conf"
	users "$1" >>"$T/nats-one/server.conf"
	kill -HUP "${NATS_PID[one]}"
}
reloads() { grep -c 'Reloaded server configuration' "$T/nats-one/log"; }
reloaded() { [ "$(reloads)" -gt "$1" ]; }
before=$(reloads)
reload "$MUTE"
wait_for 20 reloaded "$before"
add 20
check 'rights that are withdrawn meanwhile are said' wait_for 60 grep -q 'Permissions Violation' "$T/follow.err"
check 'and waited for' alive "$SHIP"
before=$(reloads)
reload "$RIGHTS"
wait_for 20 reloaded "$before"
check 'it goes on when they are back' wait_for 60 shipped
end_process "$SHIP"

### JWTs ################################################################

mkdir "$T/jwt" && python3 "$ROOT/tests/lib/nats_jwt.py" "$T/jwt" || give_up 'the JWTs are made'
only two "$(cat "$T/jwt/server.lines")"
for name in good stranger expired forged mixed; do secret "$name.creds" <"$T/jwt/$name.creds" >"$T/path"; done
creds() { echo "$S/$1.creds"; }
ship --once --creds "$(creds good)" --create --replicas 1
is 'credentials of an operator are good' "$CODE" 0
refused 'an account that the server does not know' 78 "$CREDENTIALS" --creds "$(creds stranger)"
refused 'a user whose time is over' 78 "$CREDENTIALS" --creds "$(creds expired)"
refused 'a user whom another key has signed' 78 "$CREDENTIALS" --creds "$(creds forged)"
refused "another user's seed" 78 "$CREDENTIALS" --creds "$(creds mixed)"
head -c 300 "$T/jwt/good.creds" | secret cut.creds >"$T/path"
refused 'half a file' 78 'cut.creds: not a JWT and a seed, as nsc makes them' --creds "$(creds cut)"

### TLS #################################################################

TRUST='no trust in the server.s TLS (ca, its name, the clock)'
# certificate NAME DNS: NAME.pem and NAME.key, its own authority.
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$2" \
		-addext "subjectAltName=DNS:$2" -keyout "$T/$1.key" -out "$T/$1.pem" 2>/dev/null
	secret "$1.pem" <"$T/$1.pem" >"$T/path"
}
certificate server localhost
certificate other localhost
# An expired certificate, with the key of the first one.
printf '%s\n' '[ca]' 'default_ca = c' '[c]' "database = $T/index" "serial = $T/serial" "new_certs_dir = $T" 'default_md = sha256' \
	'copy_extensions = copy' 'policy = p' '[p]' 'commonName = supplied' >"$T/ca.conf"
: >"$T/index" && echo 01 >"$T/serial"
openssl req -new -key "$T/server.key" -subj /CN=localhost -addext subjectAltName=DNS:localhost -out "$T/request.pem" 2>/dev/null
openssl ca -batch -selfsign -notext -config "$T/ca.conf" -keyfile "$T/server.key" -in "$T/request.pem" -startdate 20200101000000Z \
	-enddate 20200102000000Z -out "$T/over.pem" 2>/dev/null
secret over.pem <"$T/over.pem" >"$T/path"
only three "tls { cert_file: \"$T/over.pem\", key_file: \"$T/server.key\" }"
NATS_URL[three]=tls://localhost:${NATS_URL[three]##*:}
refused 'a certificate whose time is over, or a clock that is off' 78 "$TRUST" --ca "$S/over.pem"
only three "tls { cert_file: \"$T/server.pem\", key_file: \"$T/server.key\" }"
PLAIN=${NATS_URL[three]}
NATS_URL[three]=tls://localhost:${PLAIN##*:}
ship --once --ca "$S/server.pem" --create --replicas 1
is 'a certificate of this name and authority' "$CODE" 0
refused 'another authority' 78 "$TRUST" --ca "$S/other.pem"
refused 'no authority' 78 "$TRUST"
NATS_URL[three]=tls://127.0.0.1:${PLAIN##*:}
refused 'another name' 78 "$TRUST" --ca "$S/server.pem"
NATS_URL[three]=nats://localhost:${PLAIN##*:}
refused 'a server that demands TLS' 78 "$TRUST"
only four
NATS_URL[four]=tls://${NATS_URL[four]#nats://}
refused 'a server without TLS gets nothing in clear' 78 'the server has no TLS'
NATS_URL[four]=nats://${NATS_URL[four]#tls://}
refused 'and plain text goes to this host alone' 78 'plain text to n1.example.org' --to nats://n1.example.org

done_testing
