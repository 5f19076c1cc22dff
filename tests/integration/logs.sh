# Refusals are in the log file that the documents name, in every mount; under lighttpd as
# docs/mounts.md mounts it, with its own command, in a server that has a configuration already.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/documents.sh"

# refused_in FILE: a request without a signature is refused, and the log says so.
refused_in() {
	printf '{}' >"$T/body"
	is "$MOUNT: refused" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 10 -H 'Content-Type: application/json' \
		--data-binary @"$T/body" "$URL")" 401
	check "$MOUNT: and the refusal is in ${1##*/}" wait_for 30 grep -q 'hookspool\[[0-9]*\]: info: 401 .*X-Signature required; set the shared secret' "$1"
}

# with_time FILE: the line begins with the time.
with_time() {
	check "$MOUNT: with its time" grep -qE '^20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z hookspool\[' "$1"
}

# as_shown MOUNT: lighttpd with a configuration of its own, and in it what the command of
# docs/mounts.md takes out of the shipped file.
as_shown() {
	local command
	directory_make
	http_port=$(port_random) https_port=$(port_random)
	URL=http://127.0.0.1:$http_port/hookspool
	conf_make "$(conf_of "$1")"
	command=$(blocks docs/mounts.md sh | sed -n 's|^\(sed .* \)lighttpd-conf/hookspool-fastcgi.conf >.*|\1|p')
	[ -n "$command" ] || not_ok "docs/mounts.md has the command for lighttpd"
	eval "$command \"\$S/server.conf\"" >"$S/50-hookspool.conf"
	cat >"$S/server.conf" <<-END
		server.modules = ( "mod_access" )
		server.document-root = "$S/www"
		server.upload-dirs = ( "$S/uploads" )
		server.errorlog = "$S/log/error.log"
		server.pid-file = "$S/run/lighttpd.pid"
		server.username = "$SERVER_USER"
		server.groupname = "$SERVER_GROUP"
		server.bind = "127.0.0.1"
		server.port = $http_port
		include "$S/50-hookspool.conf"
	END
	lighttpd -D -f "$S/server.conf" >>"$S/log/start.log" 2>&1 &
	SERVER_PID=$!
	wait_for 10 healthy || not_ok "$1 starts" "$(cat "$S/log/start.log")"
}

# rotated FILE: by copytruncate, and lighttpd is told, as Debian's logrotate does it.
rotated() {
	cp "$1" "$1.1"
	: >"$1"
	kill -HUP "$SERVER_PID"
}

for MOUNT in lighttpd-fcgi lighttpd-cgi; do
	as_shown "$MOUNT"
	refused_in "$S/log/hookspool.log"
	with_time "$S/log/hookspool.log"
	rotated "$S/log/hookspool.log"
	refused_in "$S/log/hookspool.log"
	server_stop
done
# The command of the page makes that of Debian's file, once.
printf '/var/log/lighttpd/*.log {\n        weekly\n        rotate 12\n        compress\n\tdelaycompress\n}\n' >"$T/lighttpd"
command=$(blocks docs/mounts.md sh | sed -n 's|/etc/logrotate.d/lighttpd$|"$T/lighttpd"|p')
eval "$command" && eval "$command"
is 'logrotate copies and empties the log' "$(tr -s '\t\n' '  ' <"$T/lighttpd")" \
	'/var/log/lighttpd/*.log { weekly rotate 12 compress copytruncate delaycompress } '
for MOUNT in $MOUNTS; do
	server_start "$MOUNT"
	case $MOUNT in
	lighttpd-*) refused_in "$S/log/hookspool.log" ;;
	apache-fcgid | apache-cgi) refused_in "$S/log/error.log" ;;
	apache-proxy | nginx) refused_in "$S/log/program.log" ;;
	esac
	server_stop
done
done_testing
