#!/bin/bash
# run.sh BUILD N SEED: n random mutants of common/ and cgi/, one after the other, in a copy of the sources that
# begins with the objects of BUILD. Each must make a test fail: first the units that know the module, then
# the scripts that touch it. Prints the survivors, each with its diff. CC and MUTANT_ONLY (a prefix of paths)
# are taken from the environment; a stage that takes longer than SECONDS_MOST has failed.
set -u
build=$1 n=$2 seed=$3
limit=${SECONDS_MOST:-240}
python=$(for p in /usr/bin/python3 python3; do "$p" -c 'import clang.cindex' 2>/dev/null && echo "$p" && break; done)
[ -n "$python" ] || { echo 'mutants: python3-clang is missing: sh tests/lib/deps.sh mutants' >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/hookspool-mutants.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp -a Makefile mk cgi common tools tests docs README.md apache-conf lighttpd-conf "$work"
mkdir "$work/build"
cp -a "$build"/{obj,unit,gen,hookspool,hookspool.fcgi,hookspool.cgi,libhookspool.a,fcgi_raw,supervise,deny} "$work/build"
cp -a "$build"/.curl-* "$work/build"
cd "$work" || exit 2
# shellcheck disable=SC2046
"$python" tests/mutants/mutate.py choose "$n" "$seed" $(find common cgi -name '*.c' | grep "^${MUTANT_ONLY-}") >chosen || exit 2
echo "seed $seed"

# units FILE: the module's own, then those that include its header, at most four.
units() {
	local name=${1##*/} header
	name=${name%.c}
	header=${1#common/}
	header=${header%.c}.h
	{
		ls "tests/unit/test_$name.c" 2>/dev/null
		grep -l "\"$header\"" tests/unit/*.c
		# a part of a module, such as reader_open_segment.c, and what only others include
		ls "tests/unit/test_${name%%_*}.c" 2>/dev/null
		grep -lE "$(sed -nE 's/^[a-z].*[ *](hs_[a-z0-9_]+)\(.*/\1\\(/p' "$1" | sort -u | paste -sd '|')" tests/unit/*.c
	} | awk '!seen[$0]++' | head -4 | sed 's|tests/unit/\(.*\).c|build/unit/\1|'
}

# scripts FILE: those with its name, and those of its room.
scripts() {
	local name=${1##*/} base
	name=${name%.c}
	for base in "$name" "${name%%_*}"; do ls "tests/integration/$base.sh" 2>/dev/null; done
	case $1 in
	cgi/http/console/*) echo tests/integration/console.sh ;;
	cgi/http/direct* | cgi/http/cors* | cgi/http/sdk*) echo tests/integration/direct.sh tests/integration/direct_refusals.sh ;;
	cgi/server/*) echo tests/integration/records.sh tests/integration/signals.sh tests/integration/slow.sh ;;
	cgi/*) echo tests/integration/refusals.sh tests/integration/batches.sh ;;
	common/spool/admin/*) echo tests/integration/erase.sh tests/integration/commands.sh tests/integration/backup.sh ;;
	common/spool/summary/*) echo tests/integration/summaries.sh ;;
	common/spool/shared/*) echo tests/integration/metrics.sh tests/integration/signals.sh ;;
	common/spool/*) echo tests/integration/readers.sh tests/integration/ids.sh tests/integration/each.sh ;;
	common/schema/*) echo tests/integration/schema.sh ;;
	common/event/*) echo tests/integration/direct.sh tests/integration/strange.sh tests/integration/batches.sh ;;
	*) echo tests/integration/strange.sh tests/integration/batches.sh tests/integration/check.sh ;;
	esac | tr ' ' '\n'
}

# passes TEST...: the tests do not notice.
passes() {
	[ $# -eq 0 ] || HS_BUILD=build timeout -k 5 "$limit" bash tests/lib/run-tests.sh "$@" >log 2>&1
}

make_all() { timeout -k 5 900 make -s -j2 CC="${CC:-cc}" CFLAGS="${MUTANT_CFLAGS--O1 -g}" "$@" >make.log 2>&1; }

# verdict FILE: of the mutant that is in place.
verdict() {
	local unit script
	mapfile -t unit < <(units "$1")
	make_all build/hookspool.fcgi build/hookspool "${unit[@]}" || { echo 'is not C'; return; }
	passes "${unit[@]}" || { echo 'killed by a unit'; return; }
	make_all build/hookspool.cgi build/fcgi_raw build/supervise build/deny || { echo 'is not C'; return; }
	mapfile -t script < <(scripts "$1" | awk '!seen[$0]++')
	passes "${script[@]}" || { echo 'killed by a script'; return; }
	echo SURVIVED
}

while IFS=$'\t' read -r file line from to kind text; do
	cp -p "$file" kept
	"$python" tests/mutants/mutate.py apply "$file" "$from" "$to" "$text"
	said=$(verdict "$file" </dev/null)
	echo "$said" >>verdicts
	echo "$file:$line: $kind: $said"
	[ "$said" != SURVIVED ] || diff -U 2 kept "$file" | sed '1,2d; s/^/    /'
	cp kept "$file" # newer than its object
done <chosen
tried=$(grep -vc 'is not C' verdicts) killed=$(grep -c killed verdicts)
echo "$killed of $tried mutants killed; $(grep -c 'is not C' verdicts) were no C"
[ "$killed" -eq "$tried" ]
