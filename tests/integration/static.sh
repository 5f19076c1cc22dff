# The programs of `make static` need nothing from the host: no library, no /etc, no /proc, no /dev.
. "$(dirname "$0")/../lib/server.sh"

if [ ! -d "$HS_BUILD/static" ]; then
	ok 'no static programs: sanitizers cannot be linked in # SKIP'
	done_testing
fi
for program in hookspool.fcgi hookspool hookspool-load; do
	check "$program is there" test -x "$HS_BUILD/static/$program"
	is "$program asks for no loader" "$(readelf -l "$HS_BUILD/static/$program" | grep -c INTERP)" 0
	is 'and for no library' "$(readelf -d "$HS_BUILD/static/$program" | grep -c NEEDED)" 0
	is 'glibc'"'"'s name services are not in it' "$(nm "$HS_BUILD/static/$program" | grep -c _nss_)" 0
done

if [ "$(id -u)" -ne 0 ]; then
	ok 'an empty root directory is for root # SKIP'
	done_testing
fi
R=$T/root
mkdir "$R"
cp "$HS_BUILD/static/hookspool.fcgi" "$HS_BUILD/static/hookspool" "$R"

# inside PROGRAM [NAME=VALUE]... [-- ARGUMENT...]: in a root directory that holds the two and a spool.
inside() {
	local program=$1 set=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do set+=("$1"); shift; done
	env -i HOOKSPOOL_SPOOL_DIR=/spool HOOKSPOOL_SECRET="$SECRET" ${set[@]+"${set[@]}"} \
		"$(command -v chroot)" "$R" "/$program" "${@:2}" 2>>"$T/said"
}
take() { # ID: as CGI
	event "$1" >"$T/body"
	inside hookspool.fcgi GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST CONTENT_TYPE=application/json \
		CONTENT_LENGTH="$(stat -c %s "$T/body")" HTTP_X_SIGNATURE="$(sign "$SECRET" "$T/body")" \
		<"$T/body" | status_and_body
}

is 'as CGI it takes a signed event' "$(take c-1)" '200 {accepted:1,duplicate:0,rejected:0}'
is 'and knows it again' "$(take c-1)" '200 {accepted:0,duplicate:1,rejected:0}'
is 'it does not complain about missing folders' "$(cat "$T/said")" ''

(
	export HOOKSPOOL_SPOOL_DIR=/spool HOOKSPOOL_SECRET=$SECRET
	exec chroot "$R" /hookspool.fcgi --listen unix:/socket
) >>"$T/said" 2>&1 &
PROGRAM_PID=$!
check 'as FastCGI it answers' wait_for 10 eval 'raw_health "unix:$R/socket" | grep -q 200'
check 'and ends' end_process "$PROGRAM_PID"
PROGRAM_PID=''

is 'the command reads what was taken' "$(inside hookspool -- cat | jq -r .message_id)" c-1
check 'finds all in order' inside hookspool -- check
check 'seals' inside hookspool -- rotate
check 'compresses' inside hookspool -- maintain
is 'into a file that all can read' "$(zcat "$R"/spool/events-*.jsonl.gz | jq -r .message_id)" c-1
done_testing
