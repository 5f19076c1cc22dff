#!/bin/bash
# run.sh BUILD N SEED: n random mutants of common/ and cgi/, one after the other, in a copy of the sources that
# begins with the objects of BUILD. Each must make a test fail, twice: first the units that know the module, then
# the scripts that touch it. Tests that fail without a mutant are left out. Prints the survivors,
# each with its diff, and at the end the share that was killed and the interval of 95 % by Wilson's formula.
# judged.txt lists mutants that change nothing, with the reason. CC and MUTANT_ONLY (a prefix of paths)
# are taken from the environment, and UNSTEADY, a file with the names of the tests to leave out, one a line, in
# place of a run without a mutant; a stage that takes longer than SECONDS_MOST has failed.
set -u
build=$1 n=$2 seed=$3
limit=${SECONDS_MOST:-600}
python=$(for p in /usr/bin/python3 python3; do "$p" -c 'import clang.cindex' 2>/dev/null && echo "$p" && break; done)
[ -n "$python" ] || { echo 'mutants: python3-clang is missing: sh tests/lib/deps.sh mutants' >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/hookspool-mutants.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp -a Makefile mk cgi common tools tests docs README.md apache-conf lighttpd-conf "$work"
mkdir "$work/build"
cp -a "$build"/{obj,unit,gen,hookspool,hookspool-load,hookspool.fcgi,hookspool.cgi,libhookspool.a,fcgi_raw,supervise,deny} "$work/build"
cp -a "$build"/.curl-* "$work/build"
rm -f "$work"/build/unit/*.d
cd "$work" || exit 2
# shellcheck disable=SC2046
"$python" tests/mutants/mutate.py choose "$n" "$seed" $(find common cgi -name '*.c' | grep "^${MUTANT_ONLY-}") >chosen || exit 2
echo "seed $seed"

# units FILE: the module's own, then those that call its functions most, then those that include its header; six at most.
units() {
	local name=${1##*/} header calls
	name=${name%.c}
	header=${1#common/}
	header=${header%.c}.h
	calls=$(sed -nE 's/^[a-z].*[ *](hs_[a-z0-9_]+)\(.*/\1\\(/p' "$1" | sort -u | paste -sd '|')
	{
		ls "tests/unit/test_$name.c" 2>/dev/null
		[ -z "$calls" ] || grep -cE "$calls" tests/unit/*.c | grep -v ':0$' | sort -t : -k 2,2rn | cut -d : -f 1
		grep -l "\"$header\"" tests/unit/*.c
		# a part of a module, such as reader_open_segment.c or rule_lines.c
		ls tests/unit/test_"${name%%_*}"{,s,_*}.c 2>/dev/null
	} | awk '!seen[$0]++' | head -6 | sed 's|tests/unit/\(.*\).c|build/unit/\1|'
}

# scripts FILE: those with its name, and those of its room.
scripts() { scripts_of "$1" | tr ' ' '\n'; }
scripts_of() {
	local name=${1##*/} base
	name=${name%.c}
	for base in "$name" "${name%%_*}"; do ls "tests/integration/$base.sh" 2>/dev/null; done
	case $1 in
	cgi/http/console/* | cgi/http/page_answer*) echo tests/integration/console.sh tests/integration/console_sessions.sh ;;
	cgi/http/sdk_script*) echo tests/integration/script.sh ;;
	cgi/http/direct* | cgi/http/cors* | cgi/http/sdk*) echo tests/integration/direct.sh tests/integration/direct_refusals.sh ;;
	cgi/server/*) echo tests/integration/records.sh tests/integration/signals.sh tests/integration/slow.sh tests/integration/idle.sh ;;
	cgi/*) echo tests/integration/refusals.sh tests/integration/batches.sh ;;
	common/spool/admin/*) echo tests/integration/erase.sh tests/integration/commands.sh tests/integration/backup.sh ;;
	common/config/*) echo tests/integration/check.sh tests/integration/signals.sh tests/integration/rules.sh ;;
	common/spool/figures/*) echo tests/integration/metrics.sh tests/integration/stats.sh tests/integration/cursors.sh ;;
	common/spool/position/*) echo tests/integration/cursors.sh tests/integration/readers.sh tests/integration/erase.sh ;;
	common/spool/file/*) echo tests/integration/readers.sh tests/integration/import.sh tests/integration/ids.sh ;;
	common/spool/import*) echo tests/integration/import.sh ;;
	common/spool/erase*) echo tests/integration/erase.sh ;;
	common/spool/summary/*) echo tests/integration/summaries.sh ;;
	common/spool/shared/*) echo tests/integration/metrics.sh tests/integration/signals.sh ;;
	common/spool/*) echo tests/integration/readers.sh tests/integration/ids.sh tests/integration/each.sh ;;
	common/warehouse/*) echo tests/integration/warehouse.sh tests/integration/load_options.sh ;;
	common/schema/*) echo tests/integration/schema.sh ;;
	common/event/*) echo tests/integration/direct.sh tests/integration/strange.sh tests/integration/batches.sh ;;
	*) echo tests/integration/strange.sh tests/integration/batches.sh tests/integration/check.sh ;;
	esac
}

# steady: of the tests that are read, those that pass without a mutant.
steady() { awk 'FILENAME == "unsteady" { bad[$1]; next } { name = $0; sub(/.*\//, "", name) } !(name in bad) && !seen[$0]++' unsteady -; }

# A mutant may allocate without end, so a process gets 4 GB.
run() { (ulimit -d 4000000 && HS_BUILD=build timeout -k 5 "$limit" bash tests/lib/run-tests.sh "$@" >log 2>&1); }

# passes TEST...: the tests do not notice; what failed is asked again, because a busy machine also makes tests fail.
passes() {
	local failed
	[ $# -gt 0 ] || return 0
	run "$@" && return
	[ $? -ne 124 ] || return 1 # the mutant hangs
	mapfile -t failed < <(awk '/ FAILED$/ { print $1 }' log | grep -Fxf - <(printf '%s\n' "${@##*/}") |
		while read -r name; do printf '%s\n' "$@" | grep "/$name\$"; done)
	[ ${#failed[@]} -gt 0 ] || failed=("$@")
	run "${failed[@]}"
}

# is_judged FILE LINE KIND TEXT: the list says why this mutant changes nothing.
is_judged() {
	awk -F '\t+' -v file="$1" -v line="$(sed "$2!d; s/^[ \t]*//" "$1" | sed 's/\\/\\\\/g')" -v kind="$3" -v text="$(printf %s "$4" | sed 's/\\/\\\\/g')" '
		$1 == file && $2 == line && $3 == kind && $4 == text { found = 1 } END { exit !found }' tests/mutants/judged.txt
}

make_all() { timeout -k 5 900 make -s -j2 CC="${CC:-cc}" CFLAGS="${MUTANT_CFLAGS--O1 -g}" "$@" >make.log 2>&1; }

# verdict FILE: of the mutant that is in place.
verdict() {
	local unit script
	mapfile -t unit < <(units "$1" | steady)
	make_all build/hookspool.fcgi build/hookspool "${unit[@]}" || { echo 'is not C'; return; }
	limit=120 passes "${unit[@]}" || { echo 'killed by a unit'; return; }
	make_all build/hookspool.cgi build/hookspool-load build/fcgi_raw build/supervise build/deny || { echo 'is not C'; return; }
	mapfile -t script < <(scripts "$1" | steady)
	passes "${script[@]}" || { echo 'killed by a script'; return; }
	echo SURVIVED
}

# all units and the scripts that will be asked, without a mutant
if [ -n "${UNSTEADY-}" ]; then
	cp "$UNSTEADY" unsteady || exit 2
else
	mapfile -t all < <(cut -f 1 chosen | sort -u | while read -r file; do units "$file" && scripts "$file"; done | sort -u)
	limit=1800 run "${all[@]}"
	awk '/ FAILED$/ { print $1 }' log | tee unsteady | sed 's/^/fails without a mutant: /'
fi

while IFS=$'\t' read -r file line from to kind text; do
	is_judged "$file" "$line" "$kind" "$text" && { echo 'changes nothing' >>verdicts; echo "$file:$line: $kind: changes nothing"; continue; }
	cp -p "$file" kept
	"$python" tests/mutants/mutate.py apply "$file" "$from" "$to" "$text"
	said=$(verdict "$file" </dev/null)
	echo "$said" >>verdicts
	echo "$file:$line: $kind: $said"
	[ "$said" != SURVIVED ] || diff -U 2 kept "$file" | sed '1,2d; s/^/    /'
	cp kept "$file" # newer than its object
done <chosen
count() { grep -c "$@" verdicts; }
killed=$(count killed) tried=$(count -e killed -e SURVIVED)
awk -v k="$killed" -v n="$tried" -v no_c="$(count 'is not C')" -v same="$(count 'changes nothing')" 'BEGIN {
	z = 1.96; p = n ? k / n : 0; m = n ? n : 1
	centre = (p + z * z / 2 / m) / (1 + z * z / m)
	half = z * sqrt(p * (1 - p) / m + z * z / 4 / m / m) / (1 + z * z / m)
	printf "%d of %d mutants killed: %.1f %%, 95 %% of the time between %.1f and %.1f %%; ", k, n, 100 * p, 100 * (centre - half), 100 * (centre + half)
	printf "%d changed nothing, %d were no C\n", same, no_c
}'
[ "$killed" -eq "$tried" ]
