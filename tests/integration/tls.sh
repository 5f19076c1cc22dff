# hookspool check --url with faulty TLS: each mistake has a message of its own, with
# its remedy. The ports are of real servers; the table has the message for http:// and https:// to each.
. "$(dirname "$0")/../lib/server.sh"

directory_make
certificates
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
chmod 755 "$S/bin/hookspool"

# leaf NAME SUBJECT-ALTERNATIVES CA [COMMAND...]: a certificate, signed by CA, made by way of the command.
leaf() {
	printf 'subjectAltName = %s\n' "$2" >"$T/tls/ext"
	"${@:4}" openssl x509 -req -in "$T/tls/request.pem" -CA "$T/tls/$3.pem" -CAkey "$T/tls/$3.key" -days 2 \
		-extfile "$T/tls/ext" -out "$T/tls/$1.pem"
}
{
	leaf expired 'IP:127.0.0.1' ca faketime '10 days ago'
	leaf early 'IP:127.0.0.1' ca faketime '10 days'
	leaf other 'DNS:elsewhere.example' ca
	openssl req -x509 -key "$T/tls/key.pem" -days 2 -subj '/CN=127.0.0.1' -addext 'subjectAltName = IP:127.0.0.1' \
		-out "$T/tls/self.pem"
	# a chain of three, of which only the last is sent
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=intermediate' \
		-keyout "$T/tls/middle.key" -out "$T/tls/middle.request"
	printf 'basicConstraints = critical, CA:TRUE\n' >"$T/tls/ext"
	openssl x509 -req -in "$T/tls/middle.request" -CA "$T/tls/ca.pem" -CAkey "$T/tls/ca.key" -days 2 \
		-extfile "$T/tls/ext" -out "$T/tls/middle.pem"
	leaf unchained 'IP:127.0.0.1' middle
	cat "$T/tls/unchained.pem" "$T/tls/middle.pem" >"$T/tls/chained.pem"
} >"$T/tls/log" 2>&1 || not_ok 'certificates are made' "$(cat "$T/tls/log")"

# ports: one server { } a line of this, in nginx.
declare -A PORT
BLOCKS=
block() { # NAME LISTEN-MORE LINE...
	PORT[$1]=$(port_random)
	BLOCKS+="server { listen 127.0.0.1:${PORT[$1]} $2; ${*:3} location / { return 200 '{\"status\":\"ok\"}'; } }"$'\n'
}
tls_of() { echo "ssl_certificate $T/tls/$1.pem; ssl_certificate_key $T/tls/key.pem;"; }
block plain ''
block strict '' 'if ($request_uri ~ health) { return 400; }'
for name in cert expired early other self unchained chained; do block $name ssl "$(tls_of $name)"; done
block old ssl "$(tls_of cert) ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;"
cat >"$S/nginx.conf" <<END
user $SERVER_USER $SERVER_GROUP; pid $S/run/nginx.pid; error_log $S/log/error.log; events { }
http { access_log off; client_body_temp_path $S/uploads/b; fastcgi_temp_path $S/uploads/f; proxy_temp_path $S/uploads/p;
scgi_temp_path $S/uploads/s; uwsgi_temp_path $S/uploads/u;
$BLOCKS }
END
[ "$(id -u)" -eq 0 ] || sed -i 's/^user [^;]*;//' "$S/nginx.conf"
nginx -e "$S/log/error.log" -c "$S/nginx.conf" -g 'daemon off;' >>"$S/log/start.log" 2>&1 &
SERVER_PID=$!
wait_for 10 listens "$SERVER_PID" "${PORT[chained]}" || give_up 'nginx starts'
PORT[closed]=$(port_random)

# OpenSSL's own server knows no HTTP; Apache and lighttpd as shipped.
PORT[bare]=$(port_random)
openssl s_server -accept "127.0.0.1:${PORT[bare]}" -cert "$T/tls/cert.pem" -key "$T/tls/key.pem" -tls1_1 \
	-cipher ALL:@SECLEVEL=0 -quiet </dev/null >"$S/log/bare" 2>&1 &
BARE=$!
wait_for 10 listens "$BARE" "${PORT[bare]}" || give_up 'openssl s_server starts'

# told PORT SCHEME TEXT...: check --url fails; its line has these texts and no other remedy.
told() {
	local name=$1 scheme=$2 out text
	shift 2
	out=$(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" check --cacert "$T/tls/ca.pem" \
		--url "$scheme://127.0.0.1:${PORT[$name]}/hookspool" 2>&1)
	for text; do
		[[ $out == *"FAIL url "*"$text"* ]] || { not_ok "$scheme to $name: $text" "$out"; return; }
	done
	for text in 'whole chain' 'self-signed certificate:' 'renew the certificate' 'name that the certificate has' \
		'compare the clocks' 'plain HTTP, not TLS' 'no TLS newer' 'TLS, not plain HTTP' 'nothing listens'; do
		[[ $out != *"$text"* || "$*" == *"$text"* ]] || { not_ok "$scheme to $name: nothing of $text" "$out"; return; }
	done
	ok "$scheme to $name: $1"
}

while IFS='|' read -r name scheme first second; do
	told "$name" "$scheme" "$first" "$second"
done <<'END'
plain|https|this port speaks plain HTTP, not TLS|SSLEngine On
strict|https|this port speaks plain HTTP, not TLS|listen 443 ssl
expired|https|renew the certificate|has expired
early|https|compare the clocks|not yet valid
other|https|use a name that the certificate has|127.0.0.1
self|https|Segment accepts no self-signed certificate: get one|--insecure
unchained|https|let the web server send the whole chain|fullchain.pem
old|https|this port speaks no TLS newer than 1.1|SSLProtocol -all +TLSv1.2 +TLSv1.3
bare|https|this port speaks no TLS newer than 1.1|ssl_protocols
closed|https|nothing listens on this port|see that the web server runs
closed|http|nothing listens on this port|see that the web server runs
cert|http|this port speaks TLS, not plain HTTP|begin the URL with https://
self|http|this port speaks TLS, not plain HTTP|begin the URL with https://
bare|http|this port speaks TLS, not plain HTTP|begin the URL with https://
END
out=$("$S/bin/hookspool" check --config "$S/hookspool.conf" --cacert "$T/tls/ca.pem" \
	--url "https://127.0.0.1:${PORT[chained]}/hookspool" 2>&1)
check 'the whole chain is trusted' grep -q '^ok   health' <<<"$out"
out=$("$S/bin/hookspool" check --config "$S/hookspool.conf" --url "http://127.0.0.1:${PORT[strict]}/hookspool" 2>&1)
check "a 400 of another server over HTTP is not mistaken for TLS" grep -q '^FAIL health .*400' <<<"$out"
out=$(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" send --url "https://127.0.0.1:${PORT[plain]}/" 2>&1)
is 'send says it, too, and ends with 69' "$? $(grep -c 'plain HTTP, not TLS' <<<"$out")" '69 1'
end_process "$BARE"
server_stop

for MOUNT in apache-cgi lighttpd-cgi; do
	server_start "$MOUNT"
	cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
	PORT[$MOUNT]=$https_port
	told "$MOUNT" http 'this port speaks TLS, not plain HTTP' 'begin the URL with https://'
	PORT[$MOUNT]=$http_port
	told "$MOUNT" https 'this port speaks plain HTTP, not TLS' 'SSLEngine On'
	server_stop
done
done_testing
