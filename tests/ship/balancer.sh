# shellcheck shell=bash
# balancer.sh: nginx with the configuration that docs/scaling.md shows, in front of two receivers. Source it after
# server.sh; T/tls has the certificates.

BALANCER= BALANCER_PID=

# balancer_start URL URL: sets BALANCER, the address of the mount behind it.
balancer_start() {
	local folder=$T/balancer port
	port=$(port_random)
	mkdir -p "$folder"
	{
		printf 'daemon off;\npid %s;\nerror_log %s;\nevents { }\nhttp {\naccess_log off;\n' "$folder/pid" "$folder/log"
		for room in client_body proxy fastcgi scgi uwsgi; do printf '%s_temp_path %s;\n' "$room" "$folder/$room"; done
		awk '/^```nginx/ { inside = 1; next } /^```/ { inside = 0 } inside' "$ROOT/docs/scaling.md" |
			sed -e "s#receiver-1.internal:80#$(address "$1")#; s#receiver-2.internal:80#$(address "$2")#" \
				-e "s#listen 443#listen 127.0.0.1:$port#; s#/etc/hookspool/certificate.pem#$T/tls/cert.pem#; s#/etc/hookspool/private-key.pem#$T/tls/key.pem#"
		echo '}'
	} >"$folder/nginx.conf"
	nginx -e "$folder/log" -c "$folder/nginx.conf" >>"$folder/log" 2>&1 &
	BALANCER_PID=$! BALANCER=https://127.0.0.1:$port/hookspool
	wait_for 10 listens_on "$port"
}
address() { sed 's#^http://##; s#/.*##' <<<"$1"; }
listens_on() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

balancer_end() {
	[ -z "$BALANCER_PID" ] || end_process "$BALANCER_PID"
	BALANCER_PID=
}
