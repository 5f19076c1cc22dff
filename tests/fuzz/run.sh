#!/bin/bash
# run.sh replay BUILD            every seed of every target once
# run.sh fuzz BUILD SECONDS      each target for so long, from its seeds; new inputs stay in BUILD. SEED=N: the same inputs
#                                in the same order, for a check that must not fail by chance
# TAP on standard output; a crash's input is named, see README.md.
set -u
mode=${1:-} build=${2:-} seconds=${3:-10}
here=$(cd "$(dirname "$0")" && pwd)
case $mode in replay | fuzz) ;; *) sed -n '2,5s/^# //p' "$0"; exit 2 ;; esac
count=0 failed=0
# A target that aborts leaves its spool behind.
TMPDIR=$(mktemp -d /dev/shm/hookspool-fuzz.XXXXXX 2>/dev/null || mktemp -d "${TMPDIR:-/tmp}/hookspool-fuzz.XXXXXX") || exit 2
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT TERM

one() { # TARGET -> verdict and log
	target=$1 log=$build/$1.log
	seeds=$here/corpus/${target#fuzz_}
	mkdir -p "$build/found/$target"
	common="-timeout=20 -rss_limit_mb=1024 -max_len=65536 -artifact_prefix=$build/crash-$target- -dict=$here/${target#fuzz_}.dict ${SEED:+-seed=$SEED}"
	if [ "$mode" = replay ]; then
		# shellcheck disable=SC2086
		"$build/$target" $common -runs=0 "$seeds" > "$log" 2>&1
	else
		# shellcheck disable=SC2086
		"$build/$target" $common -max_total_time="$seconds" -print_final_stats=1 \
			"$build/found/$target" "$seeds" > "$log" 2>&1
	fi
}

run=()
for target in "$build"/fuzz_*; do
	case $target in *.log | *.c | *.o | *.d) continue ;; esac
	run+=("$(basename "$target")")
done
[ ${#run[@]} -gt 0 ] || { echo "Bail out! no target in $build: make fuzzers"; exit 2; }
echo "1..${#run[@]}"
pids=()
finish_one() { # the oldest
	local name=${names[0]} pid=${pids[0]}
	names=("${names[@]:1}") pids=("${pids[@]:1}")
	count=$((count + 1))
	if wait "$pid"; then
		n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
		echo "ok $count - $name: $mode${n:+, $n runs}"
	else
		failed=$((failed + 1))
		echo "not ok $count - $name: $mode"
		tail -n 40 "$build/$name.log" | sed 's/^/# /'
	fi
}
names=()
for target in "${run[@]}"; do
	[ ${#pids[@]} -lt 2 ] || finish_one
	one "$target" &
	pids+=($!) names+=("$target")
done
while [ ${#pids[@]} -gt 0 ]; do finish_one; done
exit $((failed > 0))
