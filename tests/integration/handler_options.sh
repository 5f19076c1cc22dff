# The options of hookspool.fcgi: what it says of itself and of its settings, and where it listens.
. "$(dirname "$0")/../lib/server.sh"
directory_make
settings_write "$SETTINGS"

# handler [OPTION]...: CODE, T/out and T/err.
handler() {
	(HOOKSPOOL_CONF=$S/hookspool.conf as_server_user "$S/bin/hookspool.fcgi" "$@") >"$T/out" 2>"$T/err" </dev/null
	CODE=$?
}

handler --check
is '--check: settings without a fault' "$CODE $(cat "$T/out" "$T/err")" '0 settings are fine'
settings_write 'max_bodyy = 1'
handler --check
is '--check: settings with a fault' "$CODE $(cat "$T/out")" '78 '
check '--check: the fault has file and line' grep -q "$S/hookspool.conf:3: max_bodyy" "$T/err"
settings_write "$SETTINGS"
handler --version
is '--version' "$CODE $(cat "$T/out")" "0 hookspool $(sed -n 's/^VERSION := //p' "$ROOT/Makefile")"
handler --help
is '--help' "$CODE $(head -n 1 "$T/out" | cut -c 1-21)" '0 usage: hookspool.fcgi'
# each setting that stands above the sections of the sample
settings=$(sed -n '/^\[/q; s/^;\{0,1\}\([a-z_]*\) = .*/\1/p' "$HS_BUILD/hookspool.conf" | sort -u)
is '--help has every setting of the sample' "$(comm -23 <(echo "$settings") <(awk '{ print $1 }' "$T/out" | sort -u) | xargs)" ''
check 'which has some' [ "$(wc -l <<<"$settings")" -gt 20 ]
for option in --nonsense surplus ''; do
	handler ${option:+"$option"}
	is "'$option': the usage" "$CODE $(cut -c 1-21 "$T/err" | tail -n 5 | grep -c 'usage: hookspool.fcgi')" '2 1'
done

# refuses ADDRESS WORDS: it does not listen there, and says why.
refuses() {
	handler --listen "$1"
	is "--listen $(cut -c 1-30 <<<"$1"): refused" "$CODE" 69
	check "--listen $(cut -c 1-30 <<<"$1"): $2" grep -qF "$2" "$T/err"
}
refuses unix: 'expected unix:/path'
refuses "unix:$S/run/$(printf 'x%.0s' {1..108})" 'the path is too long for a socket: choose one under 108 bytes'
refuses "unix:$S/no/folder" 'No such file or directory'
for address in 127.0.0.1 localhost:9000 127.0.0.1:http 127.0.0.1:65536 127.0.0.1:90x '[::1]' '[::1:9000' ::x:9000; do
	refuses "$address" 'expected unix:/path or a numeric HOST:PORT, such as 127.0.0.1:9000'
done
refuses 192.0.2.1:9000 'Cannot assign requested address'

# listens_v6 PORT: the program listens at [::1].
listens_v6() { awk -v at="$(printf '00000000000000000000000001000000:%04X' "$1")" '$2 == at && $4 == "0A" { found = 1 } END { exit !found }' /proc/net/tcp6; }
if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
	port=$(port_random)
	(HOOKSPOOL_CONF=$S/hookspool.conf as_server_user "$S/bin/hookspool.fcgi" --listen "[::1]:$port") </dev/null >>"$S/log/program.log" 2>&1 &
	PROGRAM_PID=$!
	check 'it listens at an address of IPv6' wait_for 10 listens_v6 "$port"
	server_stop
fi

# Closed streams (the FastCGI specification, 2.2, closes 1 and 2): what it logs must not get into a file that it opens.
(HOOKSPOOL_CONF=$S/hookspool.conf as_server_user "$S/bin/hookspool.fcgi" --listen "unix:$S/run/closed" 0<&- 1>&- 2>&-) &
PROGRAM_PID=$!
check 'it listens without streams' wait_for 10 test -S "$S/run/closed"
if [ "$(id -u)" -eq 0 ]; then
	is 'nothing else is where they were' "$(readlink /proc/$PROGRAM_PID/fd/[012] | xargs)" '/dev/null /dev/null /dev/null'
else
	ok 'nothing else is where they were # SKIP only root sees the descriptors of a process that may not be traced'
fi
server_stop
(
	exec 0<&- 1>&-
	ulimit -n 1
	exec "$S/bin/hookspool.fcgi" --version
) 2>"$T/err"
is 'it does not start without streams where none can be opened' "$?" 71
check 'and says why' grep -q '/dev/null, in the place of a closed standard stream: Too many open files' "$T/err"

# answers ADDRESS: the program that listens there is well.
answers() { "$RAW" "$1" begin param=REQUEST_METHOD=GET param=PATH_INFO=/health params-end stdin-end read | grep -q '^Status: 200'; }
(
	export HOOKSPOOL_CONF=$S/hookspool.conf
	ulimit -n 80 # fewer than all of its threads could use at once
	as_server_user "$S/bin/hookspool.fcgi" --listen "unix:$S/run/few"
) </dev/null >>"$S/log/program.log" 2>&1 &
PROGRAM_PID=$!
check 'it serves with few descriptors' wait_for 10 answers "unix:$S/run/few"
server_stop
(
	export HOOKSPOOL_CONF=$S/hookspool.conf
	cd "$S/run" && as_server_user "$S/bin/hookspool.fcgi" --listen unix:here
) </dev/null >>"$S/log/program.log" 2>&1 &
PROGRAM_PID=$!
check 'it listens at a path without a folder' wait_for 10 answers "unix:$S/run/here"
server_stop
is 'which goes with it' "$(ls "$S/run")" ''

# cgi_alone [NAME=VALUE]...: what a request gets as plain CGI, with no settings but these; T/out.
cgi_alone() {
	(as_server_user env -u HOOKSPOOL_CONF GATEWAY_INTERFACE=CGI/1.1 REMOTE_ADDR=192.0.2.1 "$@" "$S/bin/hookspool.fcgi") \
		>"$T/out" 2>"$T/err" </dev/null
}
# gets STATUS TYPE TEXT WHAT: what T/out is.
gets() { is "$4" "$(tr -d '\r' <"$T/out" | sed -n 's/^Status: \([0-9]*\).*/\1/p; s/^Content-Type: \([^;]*\).*/\1/p' | xargs) $(grep -c "$3" "$T/out")" "$1 $2 1"; }
yet='hookspool runs here, but does not accept events yet'
cgi_alone REQUEST_METHOD=GET
gets 503 text/plain "$yet" 'without settings a person is told what is missing'
cgi_alone REQUEST_METHOD=GET PATH_INFO=/health HTTP_ACCEPT=text/html
gets 503 text/plain "$yet" 'also at /health'
for request in 'GET /health' 'GET /nowhere' 'POST /'; do
	cgi_alone REQUEST_METHOD="${request% *}" PATH_INFO="${request#* }"
	gets 503 application/json '{"message":' "$request: a program is told that it shall come again"
done
(as_server_user env -u HOOKSPOOL_CONF HOOKSPOOL_SPOOL_DIR="$S/spool" HOOKSPOOL_SECRET="$SECRET" "$S/bin/hookspool.fcgi" \
	--listen "unix:$S/run/alone") </dev/null >>"$S/log/program.log" 2>&1 &
PROGRAM_PID=$!
check 'it serves with settings of the environment alone' wait_for 10 answers "unix:$S/run/alone"
check 'which the log says' grep -q "settings of the environment alone, spool $S/spool" "$S/log/program.log"
server_stop

# Settings in the folder above the program's: another user could have put them into a folder like /tmp.
mkdir "$S/hookspool"
above=$S/hookspool/hookspool.conf
printf 'spool_dir = %s\nsecret = %s\nmax_bodyy = 1\n' "$S/spool" "$SECRET" >"$above"
chmod 600 "$above"
# alone: the program with no settings but those that it finds itself; CODE and T/err.
alone() {
	(as_server_user env -u HOOKSPOOL_CONF "$S/bin/hookspool.fcgi" --check) >"$T/out" 2>"$T/err" </dev/null
	CODE=$?
}
own "$above"
alone
check 'its user'\''s settings above it are read' grep -q "$above:3: max_bodyy" "$T/err"
if [ "$(id -u)" -eq 0 ]; then
	chown 54321 "$above"
	chmod 644 "$above"
	alone
	is 'those of another user are not' "$CODE $(grep -c max_bodyy "$T/err")" '78 0'
	check 'which it says' grep -q "$above is not read: chown it to the user who runs this program" "$T/err"
	chown 54321 "$S/bin/hookspool.fcgi"
	alone
	check 'those of its owner are' grep -q "$above:3: max_bodyy" "$T/err"
	chown 0 "$above"
	alone
	check 'and those of root' grep -q "$above:3: max_bodyy" "$T/err"
else
	ok 'those of another user are not # SKIP only root can give files away'
fi
done_testing
