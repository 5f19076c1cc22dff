# The units for systemd: systemd-analyze accepts them, and the calls which the program
# makes pass their filter.
. "$(dirname "$0")/../lib/server.sh"

if ! command -v systemd-analyze >/dev/null; then
	ok 'the units # SKIP no systemd-analyze'
	done_testing
fi

mkdir "$T/units"
for unit in "$ROOT"/tools/packaging/systemd/*; do
	sed -e "s|/usr/local/lib/hookspool/|$HS_BUILD/|" -e "s|/usr/local/bin/|$HS_BUILD/|" "$unit" \
		>"$T/units/$(basename "$unit")"
done
check 'every unit is understood, and names what exists' eval '
	said=$(SYSTEMD_UNIT_PATH=$T/units: systemd-analyze verify --man=no "$T"/units/* 2>&1) &&
	[ -z "$said" ] || { echo "$said"; false; }'

# exposure SERVICE: systemd's judgement, from 0 to 10.
exposure() {
	systemd-analyze security --offline=yes --no-pager "$T/units/$1" 2>&1 |
		sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p'
}

for service in hookspool.service hookspool-maintain.service; do
	level=$(exposure $service)
	check "$service is exposed by 1.0 at most" \
		awk -v level="${level:-10}" 'BEGIN { print level; exit !(level <= 1.0) }'
done

# the network is worth 0.6 of its points
level=$(exposure hookspool-load@.service)
check 'hookspool-load@.service, which needs the network, by 1.8 at most' \
	awk -v level="${level:-10}" 'BEGIN { print level; exit !(level <= 1.8) }'

for service in "$T"/units/*.service; do
	check "$(basename "$service"): no core, and no more memory than it is given" \
		eval 'grep -qx LimitCORE=0 "$service" && grep -qE "^MemoryMax=[0-9]+[MG]$" "$service"'
done

# calls_of SET...: the names of system calls in sets such as @system-service.
calls_of() {
	local set name
	for set; do
		systemd-analyze syscall-filter --no-pager "$set" | sed 1d | while read -r name _; do
			case $name in
			'#' | '') ;;
			@*) calls_of "$name" ;;
			*) echo "$name" ;;
			esac
		done
	done
}

# filtered SERVICE: the calls that its filter lets through.
filtered() {
	local allow deny
	allow=$(sed -n 's/^SystemCallFilter=@/@/p' "$T/units/$1")
	deny=$(sed -n 's/^SystemCallFilter=~//p' "$T/units/$1")
	# shellcheck disable=SC2086 # sets, divided by blanks
	{
		comm -23 <(calls_of $allow | sort -u) <(calls_of $deny | sort -u)
		sed -n 's/^SystemCallFilter=\([a-z].*\)/\1/p' "$T/units/$1"
	} | sort -u
}

# outside SERVICE TRACE: calls in strace's record that the service may not make.
outside() {
	sed -E -n 's/^[0-9]+ +([a-z_0-9]+)\(.*/\1/p' "$2" | sort -u | comm -23 - <(filtered "$1")
}

if ! command -v strace >/dev/null; then
	ok 'the filter of calls # SKIP no strace'
	done_testing
fi
directory_make
(
	export HOOKSPOOL_CONF=$S/hookspool.conf
	as_server_user strace -D -f -o "$S/log/trace" "$S/bin/hookspool.fcgi" \
		--listen "unix:$S/run/hookspool.sock"
) </dev/null >>"$S/log/program.log" 2>&1 &
PROGRAM_PID=$!
wait_for 20 listens_at "$S/run/hookspool.sock"
event traced >"$T/body"
"$HS_BUILD/fcgi_raw" "unix:$S/run/hookspool.sock" begin param=REQUEST_METHOD=POST \
	param=CONTENT_LENGTH="$(stat -c %s "$T/body")" param=CONTENT_TYPE=application/json \
	param=HTTP_X_SIGNATURE="$(sign "$SECRET" "$T/body")" params-end stdin-file="$T/body" \
	stdin-end read >"$T/answer" 2>&1
check 'traced, the program takes an event' grep -aq 'Status: 200' "$T/answer"
kill -HUP "$PROGRAM_PID"
end_process "$PROGRAM_PID"
PROGRAM_PID=
wait_for 10 grep -q '+++ exited with' "$S/log/trace"
is 'hookspool.service may make every call that it makes' \
	"$(outside hookspool.service "$S/log/trace")" ''

cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
as() { (as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$@") >>"$S/log/program.log" 2>&1; }
as "$S/bin/hookspool" rotate
# (a sanitizer looks for leaks by tracing, and a process can be traced only once)
check 'traced, maintain runs' \
	as env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$S/log/trace.maintain" "$S/bin/hookspool" maintain
check 'and has compressed a segment' eval 'ls "$S"/spool/events-*.gz'
is 'hookspool-maintain.service may make every call that it makes' \
	"$(outside hookspool-maintain.service "$S/log/trace.maintain")" ''
cp "$HS_BUILD/hookspool-load" "$S/bin/hookspool-load"
if grep -q sqlite "$HS_BUILD/.load"; then
	check 'traced, load runs' as env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$S/log/trace.load" \
		"$S/bin/hookspool" load --once --to "sqlite:$S/spool/w.db"
	check 'and has loaded the event' test -s "$S/spool/w.db"
	is 'hookspool-load@.service may make every call that it makes' \
		"$(outside hookspool-load@.service "$S/log/trace.load")" ''
fi
done_testing
