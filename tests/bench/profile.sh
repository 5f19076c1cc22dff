#!/bin/bash
# profile.sh: where the time of a single event and of a batch of 1000 goes, from a request's
# bytes to its answer, in one process and one thread, the spool on the disk but not synced.
# With perf(1) where it may record, kernel included; with callgrind otherwise. Then, with perf
# only, the same behind lighttpd, durable, 64 clients: everything that the program does.
#
#	PROFILER=callgrind   instructions, not time (and without the SHA instructions, which
#	                     valgrind does not know: signature and identity look dearer)
#	LINES_EACH=25        lines a table
set -u
export LC_ALL=C
HERE=$(cd "$(dirname "$0")" && pwd)
export HS_BUILD=${HS_BUILD:-build}
HS_BUILD=$(cd "$HS_BUILD" && pwd) || exit 2
export BENCH_BIN=$HS_BUILD/bench TMPDIR=$HS_BUILD/bench/tmp
OUT=$BENCH_BIN/recordings EVENT=$HERE/event.json LINES_EACH=${LINES_EACH:-25}
rm -rf "$OUT" "$TMPDIR"
mkdir -p "$OUT" "$TMPDIR"

may_record() {
	command -v perf >/dev/null && perf record -q -e cpu-clock -o "$OUT/try" true >/dev/null 2>&1
}

heading() { printf '\n### %s\n\n' "$1"; }

# perf_lines FILE [OPTION]...: a report's lines. Addresses without a name are left out: they
# are OpenSSL's assembly, whose sum stands in the table of objects.
perf_lines() {
	perf report -i "$1" -g none --stdio -q "${@:2}" 2>/dev/null | grep -E '^ +[0-9]' |
		grep -vE '0x[0-9a-f]{12}|0000000000| (main|_?_?libc_start.*|_start|start_thread|__clone.*)( |$)' |
		head -n "$LINES_EACH" | sed -E 's/^ */  /; s/ +- +-? *$//'
}

# perf_tables FILE: by object, by a function's own cost, and with what it calls.
perf_tables() {
	printf '  share  object\n'
	perf_lines "$1" --no-children --sort dso
	printf '\n  self  function ([k] is the kernel)\n'
	perf_lines "$1" --no-children --sort symbol
	printf '\n  with callees  self  function\n'
	perf_lines "$1" --children --sort symbol
}

with_perf() {
	mkfifo "$OUT/control"
	perf record -q -e cpu-clock -F 5000 --call-graph fp -D -1 --control "fifo:$OUT/control" \
		-o "$OUT/$1.perf" "$BENCH_BIN/profile" "$1" 64 "$EVENT" "$TMPDIR/$1" "$OUT/control" >&2
	rm "$OUT/control"
	perf_tables "$OUT/$1.perf"
}

with_callgrind() {
	valgrind --tool=callgrind -q --toggle-collect=hs_ingest --callgrind-out-file="$OUT/$1.callgrind" \
		"$BENCH_BIN/profile" "$1" 4 "$EVENT" "$TMPDIR/$1" >&2 || return
	printf '  self\n'
	callgrind_annotate --threshold=100 "$OUT/$1.callgrind" | functions
	printf '\n  with what it calls\n'
	callgrind_annotate --inclusive=yes --threshold=100 "$OUT/$1.callgrind" | functions
}

# The lines of callgrind_annotate that are about functions, without paths.
functions() {
	grep -E '^ *[0-9,]+ \(' | grep -v 'PROGRAM TOTALS' | head -n "$LINES_EACH" |
		sed -E 's|[^ ]*/([^/ ]+):|\1:|; s| \[.*||; s/^ */  /'
}

behind_lighttpd() {
	PERF=$OUT/lighttpd.perf bash "$HERE/side.sh" hookspool@lighttpd-fcgi "$@" >"$OUT/lighttpd.json" || return
	jq -r '"  \(.requests_per_second | floor) requests/s; shares of a core: load \(.load_cpu_share), server \(.server_cpu_share), program \(.handler_cpu_share)"' "$OUT/lighttpd.json"
	perf_tables "$OUT/lighttpd.perf"
}

profiler=${PROFILER:-}
[ -n "$profiler" ] || if may_record; then profiler=perf; else profiler=callgrind; fi
status=0
for what in single batch; do
	heading "$what, in one process, by $profiler"
	"with_$profiler" "$what" || status=1
done
if [ "$profiler" = perf ]; then
	heading "single events behind lighttpd, durable, 64 clients"
	behind_lighttpd --clients 64 || status=1
	heading "batches of 1000 behind lighttpd, durable, 8 clients"
	behind_lighttpd --clients 8 --batch 1000 || status=1
fi
rm -rf "$TMPDIR"
echo
echo "the recordings: $OUT"
exit "$status"
