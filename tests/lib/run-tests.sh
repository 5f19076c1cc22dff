#!/bin/bash
# Runs test programs that speak TAP and counts. Usage: run-tests.sh PROGRAM...
# Prints the whole output of what failed, and at the end the processor time and "N passed, N failed".
# JOBS run at once, three times as many as there are processors: many of them mostly wait. RUN is the command
# that runs programs of another architecture.
set -u
jobs=${JOBS:-$((3 * $(nproc 2>/dev/null || echo 2)))}
# These take longest, so they start first; those that mostly wait are among them.
long='slow strange commands erase test_erase strangers load test_command_faults test_partial_poller summaries contributing
	each readers console test_verify check_faults test_shared_state ship import sizes stringify adopt ship_refused ship_waits
	test_pump test_ship_sink memory sandbox test_sealed_ids refusals mounts load_options forward send_sdk direct_refusals
	rules remedies follow test_reader rooms cut ids stats batches hosting signals test_adopt test_foreign_segments
	load_refusals test_look_faults cursors test_loader chunked test_ship_engine ship_options ship_mend backup'
# Unit tests count calls on files and make them fail, which takes thousands of syncs: of memory, if there is room.
unit_folder=${TMPDIR:-/tmp}
if [ -z "${TMPDIR-}" ] && [ "$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -ge 1000000 ] 2>/dev/null && [ -w /dev/shm ]; then
	unit_folder=/dev/shm
fi
logs=$(mktemp -d "${TMPDIR:-/tmp}/hookspool-logs.XXXXXX") || exit 2
trap 'rm -rf "$logs"' EXIT
# python3 may be a script that a manager of versions puts first, which takes longer than what the tests ask of it.
python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null)
if [ "$python" -ef "$(command -v python3)" ] || [ ! -x "$python" ]; then python=; fi
[ -z "$python" ] || { mkdir "$logs/bin" && ln -s "$python" "$logs/bin/python3" && PATH=$logs/bin:$PATH; }
export HS_BUILD logs unit_folder CMOCKA_MESSAGE_OUTPUT=TAP

run_one() {
	name=$(basename "$1")
	# two rooms may have a test of one name, and both may run at once
	log=$logs/${1//\//,}
	start=$SECONDS
	# a background job of a script ignores SIGINT, and the tested program would inherit that
	case $1 in
	*.sh) env --default-signal bash "$1" ;;
	*) TMPDIR=$unit_folder env --default-signal ${RUN-} "$1" ;;
	esac > "$log.log" 2>&1 < /dev/null
	status=$?
	times >"$log.times"
	# cmocka prints "not ok … # SKIP" for a skipped test; a skip is not a failure
	passed=$(grep -cE '^ok |^not ok .*# SKIP' "$log.log")
	failed=$(grep -E '^not ok ' "$log.log" | grep -vc '# SKIP')
	planned=$(sed -n 's/^1\.\.\([0-9][0-9]*\).*/\1/p' "$log.log" | awk '{ n += $1 } END { print n + 0 }')
	# a program that dies, or stops before the end of its plan, has failed
	if [ "$failed" = 0 ] && { [ $status -ne 0 ] || [ "$planned" -ne "$passed" ] || [ "$passed" = 0 ]; }; then
		failed=1
		echo "# exit status $status, planned $planned, passed $passed" >> "$log.log"
	fi
	echo "$passed $failed" > "$log.count"
	verdict=ok
	if [ "$failed" -gt 0 ]; then
		verdict=FAILED
		sed "s|^|    |" "$log.log" > "$log.show"
	fi
	printf '  %-32s %3d passed, %d failed  (%d s, processor %s s)  %s\n' "$name" "$passed" "$failed" \
		$((SECONDS - start)) "$(processor "$log.times")" $verdict
	sed -n 's/^# figure: /      /p' "$log.log"
	[ ! -e "$log.show" ] || cat "$log.show"
}

# processor FILE...: the seconds of processor time that children took, from the output of `times`.
processor() { sed -n 2p -s "$@" | awk -F '[ms ]+' '{ n += 60 * $1 + $2 + 60 * $3 + $4 } END { printf "%.1f", n }'; }
export -f run_one processor

printf '%s\n' "$@" | sort | awk -F / -v long="$(echo $long)" '
	BEGIN { n = split(long, name, " "); for (i = 1; i <= n; i++) rank[name[i]] = i }
	{ test = $NF; sub(/\.sh$/, "", test); print (test in rank ? rank[test] : n + 1) "\t" $0 }' |
	sort -s -n -k 1,1 | cut -f 2- | tr '\n' '\0' |
	xargs -0 -P "$jobs" -I{} bash -c 'run_one {}'
echo "processor $(processor "$logs"/*.times) s"
cat "$logs"/*.count | awk '{ p += $1; f += $2 } END { printf "%d passed, %d failed\n", p, f; exit f > 0 || p == 0 }'
