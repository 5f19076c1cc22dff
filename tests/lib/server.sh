# shellcheck shell=bash
# server.sh: real web servers for the integration scripts. Source it first of all.
#
#	SETTINGS='auth = either'             # more lines for hookspool.conf; may be empty
#	server_start lighttpd-fcgi           # sets HTTP, HTTPS, URL, S, SPOOL, SERVER_PID
#	event a-1 > "$T/body"
#	signed "$T/body"                     # posts to URL; the answer is in STATUS and files
#	took 1 0 'a signed event is taken'
#	server_stop
#	done_testing
#
# SANDBOX=strict in the environment runs all of a script in that sandbox.
#
# Mounts: the six of MOUNTS, apache-htaccess, and "listener", which is the program alone
# (no HTTP; its socket is S/run/hookspool.sock). They run the shipped configurations; only
# the variables at their top are given other values. As root the servers drop to www-data.
# Everything lives in the temporary directory T and ends with the script.

set -u
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HS_BUILD=$(cd "${HS_BUILD:-$ROOT/build}" && pwd) || exit 2
MOUNTS='lighttpd-fcgi lighttpd-cgi apache-fcgid apache-proxy apache-cgi nginx'
SECRET='a shared secret of the tests'
SETTINGS=
CONF_EDIT= HTACCESS_EDIT= # one more sed script for the shipped files
URL= HTTP= HTTPS= S= SPOOL= SERVER_PID= PROGRAM_PID= STATUS=
server_count=0 test_count=0 failures=0

if [ "$EUID" -eq 0 ]; then
	SERVER_USER=www-data SERVER_GROUP=www-data
else
	SERVER_USER=$(id -un) SERVER_GROUP=$(id -gn)
fi

T=$(mktemp -d "${TMPDIR:-/tmp}/hookspool.XXXXXX") || exit 2
chmod 711 "$T"
mkfifo "$T/pause" || exit 2
trap 'clean_up' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP


### TAP #################################################################

# ok NAME, and not_ok NAME [DETAIL]...
ok() { printf 'ok %d - %s\n' $((++test_count)) "$1"; }

not_ok() {
	printf 'not ok %d - %s\n' $((++test_count)) "$1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
	failures=$((failures + 1))
}

# is NAME GOT WANT
is() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:      $2" "expected: $3"; fi
}

# check NAME COMMAND...: shows the output of a failing command.
check() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "failed: $*" "$said"; fi
}

done_testing() {
	printf '1..%d\n' "$test_count"
	[ "$failures" -eq 0 ] && [ "$test_count" -gt 0 ]
	exit
}


### The command #########################################################

# spool_start: a fresh spool, and the listener at work on it, and the command beside it.
spool_start() {
	server_start listener
	cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
}

# hs COMMAND...: the command, as the spool's owner; OUT has its output, CODE its exit code.
hs() {
	OUT=$(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" "$@" 2>"$T/err")
	CODE=$?
}


# maintain: hookspool maintain, once the server is not at it.
not_busy() { (as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" maintain --json) | jq -e '.busy == false'; }
maintain() { wait_for 20 not_busy; }


### Waiting #############################################################

# slowness: how many times longer than on an idle machine it takes to start a process just now: 1 to 5.
slowness() {
	local start=${EPOCHREALTIME/./} times
	for _ in {1..20}; do env -i /bin/true; done
	times=$(((${EPOCHREALTIME/./} - start) / 30000 + 1))
	echo $((times < 5 ? times : 5))
}

# in_time MS LIMIT: the milliseconds are within the limit, which is that of an idle machine.
in_time() { [ "$1" -lt "$2" ] || [ "$1" -lt $(($2 * $(slowness))) ]; }

# since START: milliseconds since that value of EPOCHREALTIME.
since() { echo $(((${EPOCHREALTIME/./} - ${1/./}) / 1000)); }

# pause SECONDS: sleep(1) without another process: nobody writes to this pipe.
pause() {
	local _
	read -rt "$1" _ <>"$T/pause"
	:
}

# wait_for SECONDS COMMAND...: until the command succeeds; tries less and less often, for a command can
# cost more than what it waits for. Fails after these seconds, which are longer on a busy machine.
wait_for() {
	local start=${EPOCHREALTIME/./} seconds=$1 pause=20 limit=$(($1 * 1000)) ms
	shift
	until "$@" >/dev/null 2>&1; do
		ms=$(((${EPOCHREALTIME/./} - start) / 1000))
		if [ $ms -ge $limit ]; then
			in_time $ms $((seconds * 1000)) || return 1
			limit=$((ms + 1000)) # to ask costs forty processes
		fi
		pause "0.0$pause"
		pause=$((pause < 80 ? pause + 10 : 90))
	done
}

# settled PID: the process sleeps, and nothing has woken it for a tenth of a second.
settled() {
	local before
	grep -q '^State:.S' "/proc/$1/status" || return 1
	before=$(grep ctxt "/proc/$1/status") || return 1
	pause 0.1
	[ "$before" = "$(grep ctxt "/proc/$1/status")" ]
}

# watches PID: the process follows a folder: it has an inotify descriptor, which `tail -f` opens when it
# has come to the end.
watches() { find "/proc/$1/fd" -lname '*inotify*' | grep -q .; }

alive() { kill -0 "$1" 2>/dev/null; }
gone() { ! alive "$1"; }

# end_process PID: SIGTERM; after 10 s, SIGKILL and failure.
end_process() {
	kill "$1" 2>/dev/null
	if ! wait_for 10 gone "$1"; then
		kill -9 "$1"
		return 1
	fi
	wait "$1" 2>/dev/null || true
}

# kill_midway PID: kills the command with SIGKILL after a random time of at most KILL_WITHIN ms, and
# counts in KILLED whether it was still at work. A miss halves the time and a hit lengthens it, so
# that the kills come anywhere in a run, on a fast machine and on a slow one.
KILL_WITHIN=100 KILLED=0
kill_midway() {
	pause "$(printf '0.%03d' $((RANDOM % (KILL_WITHIN + 1))))"
	if kill -9 "$1" 2>/dev/null; then
		KILLED=$((KILLED + 1)) KILL_WITHIN=$((KILL_WITHIN * 5 / 4 + 1))
		[ "$KILL_WITHIN" -lt 999 ] || KILL_WITHIN=999
	else
		KILL_WITHIN=$((KILL_WITHIN / 2))
	fi
	wait "$1" 2>/dev/null
}

# workers: the processes that run this server's copy of the program. Only root sees what file a
# process that may not be traced runs; for others its command line has to do.
workers() {
	local process words
	for process in /proc/[0-9]*; do
		if [ "$process/exe" -ef "$S/bin/hookspool.fcgi" ]; then
			echo "${process#/proc/}"
		elif [ ! -r "$process/exe" ] && mapfile -d '' words <"$process/cmdline" &&
			[ "${words[0]-}" = "$S/bin/hookspool.fcgi" ]; then
			echo "${process#/proc/}"
		fi
	done 2>/dev/null
}

no_workers() { [ -z "$(workers)" ]; }


### A server's directory ################################################

# certificates: a CA for this run, and a certificate for 127.0.0.1 signed by it.
certificates() {
	local ca=$T/tls
	mkdir "$ca"
	{
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
			-subj '/CN=hookspool test CA' -keyout "$ca/ca.key" -out "$ca/ca.pem" &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-subj '/CN=localhost' -keyout "$ca/key.pem" -out "$ca/request.pem" &&
		printf 'subjectAltName = DNS:localhost, IP:127.0.0.1\n' >"$ca/ext" &&
		openssl x509 -req -in "$ca/request.pem" -CA "$ca/ca.pem" -CAkey "$ca/ca.key" \
			-days 2 -extfile "$ca/ext" -out "$ca/cert.pem"
	} >"$ca/log" 2>&1 || { cat "$ca/log" >&2; exit 2; }
}

# settings_write [LINE]...: hookspool.conf with spool, secret and the lines.
settings_write() {
	{
		printf 'spool_dir = %s\n' "$S/spool"
		printf 'secret = %s\n' "$SECRET"
		[ -z "${SANDBOX-}" ] || printf 'sandbox = %s\n' "$SANDBOX"
		printf '%s\n' "$@"
	} >"$S/hookspool.conf.new"
	chmod 600 "$S/hookspool.conf.new" # it holds secrets
	own "$S/hookspool.conf.new"
	mv "$S/hookspool.conf.new" "$S/hookspool.conf"
}

own() { [ "$EUID" -ne 0 ] || chown "$SERVER_USER:$SERVER_GROUP" "$@"; }

# directory_make: S, with a copy of the program, which www-data can reach.
directory_make() {
	S=$T/server$((++server_count))
	SPOOL=$S/spool/events.jsonl
	mkdir "$S" "$S/run" "$S/apache" "$S/log" "$S/uploads" "$S/www" "$S/bin" "$S/spool"
	chmod 755 "$S" "$S/bin" "$S/www" "$S/apache" # the last is root's, as Debian's /run/apache2
	chmod 700 "$S/spool"
	own "$S/run" "$S/log" "$S/uploads" "$S/www" "$S/spool"
	cp "$HS_BUILD/hookspool.fcgi" "$S/bin/hookspool.fcgi" || exit 2
	chmod 755 "$S/bin/hookspool.fcgi"
	settings_write "$SETTINGS"
	: >"$S/log/start.log"
}

# variables_set FILE NAME=VALUE...: sets the variables at the top of a shipped
# configuration ("var.x = …" of lighttpd, "Define X …" of Apache).
variables_set() {
	local file=$1 text pair name value script=
	shift
	text=$'\n'$(<"$file")
	for pair; do
		name=${pair%%=*} value=${pair#*=}
		[[ $text =~ $'\n'(var\.$name' '+=|Define' '$name' ') ]] || {
			echo "$file has no variable $name" >&2
			exit 2
		}
		case $value in *[!0-9]*) ;; *) script+="s|^(var\.$name +=).*|\1 $value|"$'\n' ;; esac
		script+="s|^(var\.$name +=) \".*|\1 \"$value\"|"$'\n'
		script+="s|^(Define $name ).*|\1$value|"$'\n'
	done
	sed -i -E "$script" "$file"
}

# nginx_conf_make: nginx has no variables for these, so the words themselves are replaced. A missing
# word is an error.
nginx_conf_make() {
	local pair text script=
	text=$(<"$S/server.conf")
	for pair in "www-data www-data;=$SERVER_USER $SERVER_GROUP;" 0.0.0.0:80="127.0.0.1:$http_port" \
		0.0.0.0:443="127.0.0.1:$https_port" /etc/hookspool/certificate.pem="$T/tls/cert.pem" \
		/etc/hookspool/private-key.pem="$T/tls/key.pem" /var/log/nginx="$S/log" \
		/run/hookspool-nginx.pid="$S/run/nginx.pid" /var/lib/nginx="$S/uploads" \
		'auto;=2;' /var/empty="$S/www" "unix:/run/hookspool/=unix:$S/run/"; do
		[[ $text = *" ${pair%%=*}"* ]] || {
			echo "$S/server.conf has no ${pair%%=*}" >&2
			exit 2
		}
		script+="s| ${pair%%=*}| ${pair#*=}|"$'\n'
	done
	sed -i "$script" "$S/server.conf"
}

# conf_make SOURCE: S/server.conf from a shipped configuration and the ports.
conf_make() {
	cp "$ROOT/$1" "$S/server.conf"
	case $1 in
	lighttpd-conf/*)
		variables_set "$S/server.conf" hookspool_bin="$S/bin/hookspool.fcgi" \
			hookspool_conf="$S/hookspool.conf" address=127.0.0.1 \
			http_port="$http_port" https_port="$https_port" \
			certificate="$T/tls/cert.pem" private_key="$T/tls/key.pem" \
			user="$SERVER_USER" group="$SERVER_GROUP" run_dir="$S/run" \
			log_dir="$S/log" upload_dir="$S/uploads" document_root="$S/www"
		;;
	tools/packaging/nginx/*) nginx_conf_make ;;
	*)
		variables_set "$S/server.conf" HS_ADDRESS=127.0.0.1 HS_HTTP_PORT="$http_port" \
			HS_HTTPS_PORT="$https_port" HS_CERTIFICATE="$T/tls/cert.pem" \
			HS_PRIVATE_KEY="$T/tls/key.pem" HS_USER="$SERVER_USER" \
			HS_GROUP="$SERVER_GROUP" HS_RUN_DIR="$S/apache" HS_LOG_DIR="$S/log"
		;;
	esac
	case $1 in
	*/hookspool-proxy-fcgi.conf)
		variables_set "$S/server.conf" HS_SOCKET="$S/run/hookspool.sock" ;;
	apache-conf/*)
		variables_set "$S/server.conf" HS_BIN="$S/bin/hookspool.fcgi" \
			HS_CONF="$S/hookspool.conf" ;;
	tests/lib/shared-hosting.conf)
		variables_set "$S/server.conf" HS_DOCUMENT_ROOT="$S/www" ;;
	esac
	[ -z "$CONF_EDIT" ] || sed -i -E "$CONF_EDIT" "$S/server.conf"
}

# shared_hosting_make: a customer's document root: program, settings and .htaccess.
shared_hosting_make() {
	sed -E "${HTACCESS_EDIT-}" "$ROOT/apache-conf/htaccess" >"$S/www/.htaccess"
	cp "$HS_BUILD/hookspool.fcgi" "$S/www/hookspool.cgi"
	mv "$S/hookspool.conf" "$S/www/hookspool.conf"
	chmod 755 "$S/www/hookspool.cgi"
}


### Starting and stopping ###############################################

# port_random: a port that refuses connections just now, below Linux's ephemeral range. The script claims
# it until it ends, by a link that names its process, so that no other script chooses it.
port_random() {
	local port claim
	while :; do
		port=$((20000 + RANDOM % 12000))
		claim=${TMPDIR:-/tmp}/hookspool-port.$port
		if ! ln -sT $$ "$claim" 2>/dev/null; then
			[ -e "/proc/$(readlink "$claim")" ] || rm -f "$claim" # that script was killed
			continue
		fi
		echo "$claim" >>"$T/ports"
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# listens PID PORT: the process itself holds the listening socket, so that a neighbour
# that won the race for the port is not mistaken for our server.
listens() {
	local inode
	inode=$(awk -v a="$(printf '0100007F:%04X' "$2")" \
		'$2 == a && $4 == "0A" { print $10 }' /proc/net/tcp)
	[ -n "$inode" ] && { [ ! -r "/proc/$1/fd" ] || # only root may look into the program
		[ -n "$(find "/proc/$1/fd" -lname "socket:\[$inode\]" 2>/dev/null)" ]; }
}

# listens_at PATH: a Unix socket of that name listens: bind(2) makes the file, listen(2) sets the flag.
listens_at() { awk -v path="$1" '$8 == path && $4 == "00010000" { found = 1 } END { exit !found }' /proc/net/unix; }

# connections ADDRESS: how many a server has at unix:PATH or at a port of the loopback.
connections() {
	case $1 in
	unix:*) awk -v path="${1#unix:}" '$8 == path && $6 == "03"' /proc/net/unix ;;
	*) awk -v port="$(printf ':%04X' "${1##*:}")" '$2 ~ port "$" && $4 == "01"' /proc/net/tcp ;;
	esac | wc -l
}

# has_connections ADDRESS N: at least n.
has_connections() { [ "$(connections "$1")" -ge "$2" ]; }

# raw_health ADDRESS: the answer of /health, by FastCGI itself.
RAW=$HS_BUILD/fcgi_raw
raw_health() {
	"$RAW" "$1" begin param=REQUEST_METHOD=GET param=PATH_INFO=/health params-end stdin-end read 2>&1 | tr -d '\r'
}

# as_server_user COMMAND...: runs as the web servers' user. Replaces the shell.
as_server_user() {
	if [ "$EUID" -eq 0 ]; then
		exec setpriv --reuid="$SERVER_USER" --regid="$SERVER_GROUP" --clear-groups "$@"
	else
		exec "$@"
	fi
}

# listener_start [ADDRESS]: the program with its own socket; PROGRAM_PID.
listener_start() {
	local address=${1:-unix:$S/run/hookspool.sock}
	(
		export HOOKSPOOL_CONF=$S/hookspool.conf
		as_server_user "$S/bin/hookspool.fcgi" --listen "$address"
	) </dev/null >>"$S/log/program.log" 2>&1 &
	PROGRAM_PID=$!
	case $address in
	unix:*) wait_for 10 listens_at "${address#unix:}" ;;
	*) wait_for 10 listens "$PROGRAM_PID" "${address##*:}" ;;
	esac
}

# launch COMMAND...: the web server on fresh ports; false if it did not come to listen.
launch() {
	local log=$S/log/start.log
	: >"$log"
	"$@" </dev/null >>"$log" 2>&1 &
	SERVER_PID=$!
	wait_for 15 eval "gone $SERVER_PID ||
		{ listens $SERVER_PID $http_port && listens $SERVER_PID $https_port; }"
	alive "$SERVER_PID" && listens "$SERVER_PID" "$http_port" &&
		listens "$SERVER_PID" "$https_port"
}

healthy() { [ "$(curl -s -o /dev/null --max-time 5 -w '%{http_code}' "$URL/health")" = 200 ]; }

conf_of() {
	case $1 in
	lighttpd-fcgi) echo lighttpd-conf/hookspool-fastcgi.conf ;;
	lighttpd-cgi) echo lighttpd-conf/hookspool-cgi.conf ;;
	apache-fcgid) echo apache-conf/hookspool-fcgid.conf ;;
	apache-proxy) echo apache-conf/hookspool-proxy-fcgi.conf ;;
	apache-cgi) echo apache-conf/hookspool-cgi.conf ;;
	apache-htaccess) echo tests/lib/shared-hosting.conf ;;
	nginx) echo tools/packaging/nginx/hookspool.conf ;;
	*) echo "no such mount: $1" >&2; exit 2 ;;
	esac
}

# server_start MOUNT: a fresh directory and spool, and the server in front, in service.
server_start() {
	local mount=$1 conf try
	directory_make
	if [ "$mount" = listener ]; then
		listener_start || give_up "the program does not listen"
		return
	fi
	[ -d "$T/tls" ] || certificates
	[ "$mount" != apache-htaccess ] || shared_hosting_make
	case $mount in
	apache-proxy | nginx) listener_start || give_up "the program does not listen" ;;
	esac
	conf=$(conf_of "$mount") || exit 2
	for try in 1 2 3 4 5; do # a port can be taken between choice and use
		http_port=$(port_random) https_port=$(port_random)
		[ "$http_port" != "$https_port" ] || continue
		HTTP=http://127.0.0.1:$http_port HTTPS=https://127.0.0.1:$https_port
		URL=$HTTP/hookspool
		conf_make "$conf"
		case $mount in
		lighttpd-*) launch lighttpd -D -f "$S/server.conf" ;;
		apache-*) launch apache2 -D FOREGROUND -f "$S/server.conf" ;;
		nginx) launch nginx -e "$S/log/error.log" -c "$S/server.conf" -g 'daemon off;' ;;
		esac && break
		alive "$SERVER_PID" && end_process "$SERVER_PID"
		SERVER_PID=
		grep -qi 'address already in use' "$S"/log/* || break
	done
	[ -n "$SERVER_PID" ] || give_up "$mount does not start (try $try)"
	[ -n "${START_UNHEALTHY-}" ] || wait_for 10 healthy || give_up "$mount is not healthy"
}

# server_stop: SIGTERM to the server and the program; waits until both are gone.
server_stop() {
	[ -z "$SERVER_PID" ] || end_process "$SERVER_PID" || not_ok "the server ends on SIGTERM"
	[ -z "$PROGRAM_PID" ] || end_process "$PROGRAM_PID" || not_ok "the program ends on SIGTERM"
	SERVER_PID='' PROGRAM_PID=''
	wait_for 10 no_workers || not_ok "no process of the program is left" "$(workers)"
}

logs_show() {
	local log
	for log in "$T"/server*/log/*; do
		case $log in */access.log) continue ;; esac
		[ -s "$log" ] || continue
		printf '# --- %s\n' "${log#"$T"/}"
		tail -n "${1:-40}" "$log" | cut -c 1-500 | sed 's/^/#   /'
	done
}

give_up() {
	not_ok "$1"
	exit 1
}

clean_up() {
	local status=$? pid
	trap - EXIT INT TERM HUP
	for pid in $SERVER_PID $PROGRAM_PID; do
		end_process "$pid"
	done
	if [ -n "$S" ]; then
		for pid in $(workers); do kill -9 "$pid"; done
	fi
	# shellcheck disable=SC2046
	[ -z "$(jobs -p)" ] || kill $(jobs -p) 2>/dev/null
	if [ "$failures" -gt 0 ] || [ "$status" -ne 0 ]; then logs_show; fi
	[ ! -e "$T/ports" ] || xargs rm -f <"$T/ports"
	if [ -n "${KEEP-}" ]; then echo "# kept: $T"; else rm -rf "$T"; fi
	exit "$status"
}


### Requests ############################################################

# event ID [TYPE]: one valid event, compact.
event() {
	local type=${2:-track} more
	case $type in
	track) more='"event":"Order Completed","properties":{"orderId":"o-1","total":39.950}' ;;
	page | screen) more='"name":"Home","properties":{"path":"/"}' ;;
	group) more='"groupId":"g-1","traits":{"name":"Initech"}' ;;
	identify) more='"traits":{"email":"peter@example.com"}' ;;
	alias) more='"previousId":"p-1"' ;;
	*) more='"context":{}' ;;
	esac
	printf '{"type":"%s","messageId":"%s","userId":"u-1","timestamp":"2026-11-23T10:15:00.000Z",%s}' \
		"$type" "$1" "$more"
}

# events PREFIX FROM TO: small events, with commas between them.
events() {
	seq -f "%.0f" "$2" "$3" | awk -v p="$1" '{
		printf "%s{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u\",", comma
		printf "\"messageId\":\"%s%s\"}", p, $1
		comma = ","
	}'
}

# sign SECRET FILE: X-Signature of the file's bytes.
sign() {
	local said
	said=$(openssl dgst -sha1 -hmac "$1" -r "$2")
	echo "${said%% *}"
}

# request [CURL OPTION]...: to URL. STATUS, T/answer.head and T/answer.body have the answer;
# STATUS is 000 if there was none.
request() {
	: >"$T/answer.head" >"$T/answer.body"
	STATUS=$(curl -s --max-time "${MAX_TIME:-30}" --cacert "$T/tls/ca.pem" -D "$T/answer.head" \
		-o "$T/answer.body" -w '%{http_code}' "$@" "$URL${PATH_INFO-}")
	[ -n "$STATUS" ] || STATUS=000
}

# post FILE [CURL OPTION]...: as JSON (or CONTENT_TYPE), without a signature.
post() {
	local file=$1
	shift
	request -H "Content-Type: ${CONTENT_TYPE-application/json}" --data-binary "@$file" "$@"
}

# signed FILE [CURL OPTION]...: posts the file with its signature.
signed() { post "$@" -H "X-Signature: $(sign "$SECRET" "$1")"; }

# header_read NAME: sets VALUE to its value in the last answer (a 100 Continue comes before it).
header_read() {
	local line
	VALUE=
	while IFS= read -r line; do
		line=${line%$'\r'}
		case ${line,,} in
		http/*) VALUE= ;;
		"${1,,}: "*) VALUE=${line#*:} VALUE=${VALUE#"${VALUE%%[! ]*}"} ;;
		esac
	done <"$T/answer.head"
}

# header NAME: prints the value.
header() {
	local VALUE
	header_read "$1"
	printf '%s\n' "$VALUE"
}

# wrong_answer STATUS [JQ-FILTER]: sets WRONG to the faults of the last answer.
wrong_answer() {
	local VALUE body
	WRONG=
	[ "$STATUS" = "$1" ] || WRONG+="status $STATUS, expected $1"$'\n'
	header_read Content-Type
	[ "$VALUE" = application/json ] || WRONG+="Content-Type: $VALUE"$'\n'
	header_read Content-Length
	IFS= read -r -d '' body <"$T/answer.body"
	[ "$VALUE" = ${#body} ] || WRONG+="Content-Length: $VALUE"$'\n'
	[ -z "${2-}" ] || jq -e "$2" "$T/answer.body" >/dev/null 2>&1 || WRONG+="the body is not: $2"$'\n'
}

# answer_check STATUS [JQ-FILTER] NAME
answer_check() {
	local WRONG
	wrong_answer "$1" "$2"
	if [ -z "$WRONG" ]; then
		ok "$3"
	else
		not_ok "$3" "${WRONG%$'\n'}" "$(head -c 600 "$T/answer.head" "$T/answer.body")"
	fi
}

# jq takes longer to start than a request takes. So refused and took compare the bytes of the answers that
# hookspool writes today, and ask jq about any other.

# refused STATUS MESSAGE NAME: the last answer is JSON with that message (a regular
# expression), one line, of the right type and exact length.
refused() {
	local body filter=".message | test(\"$2\") and (test(\"[\\n\\r]\") | not)"
	IFS= read -r -d '' body <"$T/answer.body"
	[[ $body =~ ^\{\"message\":\"([] !#-[^-~]*)\"\}$'\n'$ && ${BASH_REMATCH[1]} =~ $2 ]] && filter=
	answer_check "$1" "$filter" "$3"
}

# took ACCEPTED REJECTED NAME: the last answer is 200 with these counts, as exactly.
took() {
	local body filter=".accepted == $1 and .rejected == $2 and .duplicate == 0"
	IFS= read -r -d '' body <"$T/answer.body"
	[ "$body" != "{\"accepted\":$1,\"duplicate\":0,\"rejected\":$2}"$'\n' ] || filter=
	answer_check 200 "$filter" "$3"
}


### The spool ###########################################################

# lines [FILE]: the number of lines in the spool.
lines() {
	local file=${1:-$SPOOL}
	if [ -e "$file" ]; then wc -l <"$file"; else echo 0; fi
}

# spooled [FAMILY]: every line of the events, in sealed, compressed and open segments.
spooled() {
	local file listed=none text="$T/spooled.$BASHPID"
	until [ "$listed" = "$(ls "$S/spool/${1:-events}"* 2>/dev/null)" ]; do # the server may compress a segment meanwhile
		listed=$(ls "$S/spool/${1:-events}"* 2>/dev/null)
		for file in $listed; do
			[ "$file" != "${file%.gz}" ] && [ -e "${file%.gz}" ] || zcat -f "$file" 2>/dev/null
		done >"$text"
	done
	cat "$text"
	rm "$text"
}

# record ID [JQ FILTER]: the record with this message id.
record() { grep -F "\"message_id\":\"$1\"" "$SPOOL" | jq -r "${2:-.}"; }

# spool_is_whole [FILE]: every line is one JSON object; the last one has its end.
spool_is_whole() {
	local file=${1:-$SPOOL}
	[ -s "$file" ] || { echo "no spool"; return 1; }
	[ "$(tail -c 1 "$file" | od -An -c | tr -d ' ')" = '\n' ] || { echo "torn end"; return 1; }
	[ "$(jq -c 'objects | 1' "$file" | wc -l)" = "$(lines "$file")" ] || { echo "not JSON"; return 1; }
}

# ids_of: the message ids of the records on standard input. sed would take ten times as long.
ids_of() { grep -ao '"message_id":"[^"]*"' | cut -d '"' -f 4; }

# ids [FILE]...: the message ids in the spool, sealed segments included; sorted.
ids() {
	[ $# -gt 0 ] || set -- "$S"/spool/events*.jsonl
	cat "$@" 2>/dev/null | ids_of | sort
}

# cgi NAME=VALUE...: the program as a CGI server runs it; body on standard input.
cgi() {
	(as_server_user env GATEWAY_INTERFACE=CGI/1.1 HOOKSPOOL_CONF="$S/hookspool.conf" "$@" \
		"$S/bin/hookspool.fcgi") 2>>"$S/log/program.log"
}

# cgi_post TEXT [NAME=VALUE]...: posts a body by CGI, as JSON.
cgi_post() { printf %s "$1" | cgi REQUEST_METHOD=POST CONTENT_TYPE=application/json CONTENT_LENGTH="$(printf %s "$1" | wc -c)" "${@:2}"; }

# status_and_body: an answer of CGI, in one line such as "200 {accepted:1,duplicate:0,rejected:0}".
status_and_body() { tr -d '\r' | sed -n '1s/Status: \([0-9]*\).*/\1/p; $p' | xargs; }

# spool_reopen: opens the spool, which repairs what a killed process left.
spool_reopen() { cgi REQUEST_METHOD=GET PATH_INFO=/health </dev/null >/dev/null; }

# silence SENDER: the metrics say that it was in use for a day and is silent for two.
silence() {
	python3 - "$S/spool/.hookspool/run/metrics" "$1" <<-'END'
		import struct, sys, time
		KINDS, FIRST, SIZE, COUNT = 4, 80 + 2880 * 32, 104, 2560
		name, now = sys.argv[2].encode(), int(time.time())
		with open(sys.argv[1], 'r+b') as f:
		    for at in range(FIRST, FIRST + COUNT * SIZE, SIZE):
		        f.seek(at)
		        entry = f.read(SIZE)
		        used = struct.unpack_from('Q', entry, 8)[0]
		        if entry[40:].rstrip(b'\0') == name:
		            f.seek(at + 8)
		            f.write(struct.pack('QQQ', (now - 172800) * KINDS + used % KINDS, now - 259200, 3600))
	END
}
