#!/bin/bash
# run.sh BUILD N SEED: n random mutants of common/ and cgi/, one after the other in each of as many copies of the
# sources as there are processors, which begin with the objects of BUILD. Each must make a test fail, twice: the module's
# unit, then the other units that know it, then, if there is BUILD/asan, those units under the sanitizers, then, if there
# is BUILD/tsan and the module has locks or atomics, the units of make tsan under that of threads, then the scripts that
# touch it, then, if it is of the spool, the short faults. The first that fails ends it. A test may take five times as
# long as without a mutant, and 20 seconds; before it is asked for the first time, it runs without one, and if it fails
# then, it is left out. A mutant of which an optimizing compiler makes the same code changes nothing. Prints the survivors, each with its diff, and at the end the share that was killed and the
# interval of 95 % by Wilson's formula. judged.txt lists mutants that change nothing, with the reason.
# From the environment: CC; MINUTES, after which no mutant is begun (the order is random, so those before are a sample);
# WORKERS, instead of a copy for each processor; MUTANT_ONLY, a prefix of paths; CHOSEN, a file of mutations in the form
# of mutate.py, in place of random ones: BUILD/survivors.SEED is such a file, so that new tests can be tried on them;
# UNITS_ONLY, to leave the scripts and faults for those that the units do not notice.
# BUILD/verdicts.SEED has the verdicts so far: a run with the same seed goes on after them, if it has the same mutations.
set -u
build=$1 n=$2 seed=$3
python=$(for p in /usr/bin/python3 python3; do "$p" -c 'import clang.cindex' 2>/dev/null && echo "$p" && break; done)
[ -n "$python" ] || { echo 'mutants: python3-clang is missing: sh tests/lib/deps.sh mutants' >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/hookspool-mutants.XXXXXX") || exit 2
memory=$(mktemp -d /dev/shm/hookspool-mutants.XXXXXX 2>/dev/null || mktemp -d) || exit 2 # for the units' files
# shellcheck disable=SC2046
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work" "$memory"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$work"
export CCACHE_NOHASHDIR=1 # the copies share what they compile
survivors=$(realpath "$build")/survivors.$seed verdicts=$(realpath "$build")/verdicts.$seed
chosen=$(realpath "$build")/chosen.$seed
baseline=$(realpath "$build")/baseline.$seed # of each test that was asked: NAME SECONDS PROCESSOR VERDICT, without a mutant
[ -z "${CHOSEN-}" ] || CHOSEN=$(realpath "$CHOSEN")
plain=$work/plain # without a mutant
mkdir -p "$plain/build" "$work/locks"
# copy DIRECTORY TO NAME...: all that is in it but these. TO may be links: nothing is made in the plain one.
copy() {
	local from=$1 to=$2 leave=()
	shift 2
	for name; do leave+=(! -name "$name"); done
	mkdir -p "$to"
	find "$from" -mindepth 1 -maxdepth 1 "${leave[@]}" -exec cp -a ${LINKS:+-l} -t "$to" {} +
}
copy . "$plain" build .git # all of it: links.sh reads each page
LINKS=yes copy "$build" "$plain/build" asan tsan 2>/dev/null || copy "$build" "$plain/build" asan tsan
for kind in asan tsan; do
	[ ! -d "$build/$kind" ] || { mkdir -p "$plain/build/$kind/reports" && cp -a "$build/$kind"/{obj,gen} "$plain/build/$kind"; }
done
rm -f "$plain"/build/unit/*.d
cd "$plain" || exit 2
if [ -n "${CHOSEN-}" ]; then
	cp "$CHOSEN" "$work/chosen" || exit 2
else
	# shellcheck disable=SC2046
	"$python" tests/mutants/mutate.py "$n" "$seed" $(find common cgi -name '*.c' | grep "^${MUTANT_ONLY-}") >"$work/chosen" || exit 2
fi
if ! cmp -s "$work/chosen" "$chosen"; then
	rm -f "$survivors" "$verdicts" "$baseline"
	cp "$work/chosen" "$chosen" || exit 2
fi
touch "$survivors" "$verdicts" "$baseline"
# who includes what: FILE HEADER
grep -ro '^#include "[^"]*' --include='*.[ch]' common cgi tests/unit | sort | sed 's/:#include "/ /' >"$work/includes"
# the compiler is asked once for its defences, instead of by every make
# shellcheck disable=SC2016
hardening=$(make -s --eval 'hardening: ; @echo $(HARDENING)' CC="${CC:-cc}" CFLAGS='-O1 -g' hardening)
# shellcheck disable=SC2016
includes=$(make -s --eval 'includes: ; @echo $(filter-out -DHS_VERSION=%,$(CPPFLAGS))' includes)
echo "seed $seed"

# near HEADER: the units that include it, and the own ones of the modules that do; then those of the headers and modules
# that use these, and so on, three times: a module may be known by the header of another one alone.
near() {
	awk -v header="$1" '
		function unit(file) { if (!seen[file]++) print file }
		{ sub(/^\.\//, "", $1); users[$2] = users[$2] " " $1 }
		END {
			level = header
			for (i = 0; i < 3 && level != ""; i++) {
				next_level = ""
				n = split(level, headers, " ")
				for (h = 1; h <= n; h++) {
					m = split(users[headers[h]], file, " ")
					for (f = 1; f <= m; f++) {
						name = file[f]
						if (name ~ /^tests\/unit\//) { unit(name); continue }
						if (name !~ /\.h$/) {
							own = name
							gsub(/.*\/|\.c$/, "", own)
							unit("tests/unit/test_" own ".c")
							sub(/\.c$/, ".h", name)
						}
						sub(/^common\//, "", name)
						if (!asked[name]++) next_level = next_level " " name
					}
				}
				level = next_level
			}
		}' "$work/includes"
}

# room FILE: units about the whole of which it is a part, where no header tells.
room() {
	case $1 in
	common/event/rul* | common/event/name_cache* | common/event/mask*) echo rules flatten ;;
	common/event/flatten*) echo flatten direct rules ;;
	common/config/*) echo settings sources rules ;;
	cgi/http/auth/*) echo auth ingest_auth ;;
	cgi/http/console/*) echo console session ;;
	cgi/http/direct* | cgi/http/sdk* | cgi/http/preflight*) echo routes direct_answers cors ;;
	cgi/http/*) echo ingest routes ;;
	esac
}

# units FILE: the module's own, then those that call its functions most, then those of its room, then those that are near
# its header; twenty at most.
units() {
	local name=${1##*/} header calls
	name=${name%.c}
	header=${1#common/}
	header=${header%.c}.h
	calls=$(sed -nE 's/^[a-z].*[ *](hs_[a-z0-9_]+)\(.*/\1\\(/p' "$1" | sort -u | paste -sd '|')
	{
		ls "tests/unit/test_$name.c" 2>/dev/null
		[ -z "$calls" ] || grep -cE "$calls" tests/unit/*.c | grep -v ':0$' | sort -t : -k 2,2rn | cut -d : -f 1
		# a part of a module, such as reader_open_segment.c or rule_lines.c
		ls tests/unit/test_"${name%%_*}"{,s,_*}.c 2>/dev/null
		room "$1" | tr ' ' '\n' | sed 's|.*|tests/unit/test_&.c|'
		near "$header"
	} | awk '!seen[$0]++' | while read -r unit; do [ ! -e "$unit" ] || echo "$unit"; done | head -20 | sed 's|tests/unit/\(.*\).c|build/unit/\1|'
}

# scripts FILE: those with its name, and those of its room.
scripts() { scripts_of "$1" | tr ' ' '\n'; }
scripts_of() {
	local name=${1##*/} base
	name=${name%.c}
	for base in "$name" "${name%%_*}"; do
		[ "$base" = links ] || ls "tests/integration/$base.sh" 2>/dev/null # that one is about documents
	done
	case $1 in
	cgi/http/console/* | cgi/http/page_answer*) echo tests/integration/console.sh tests/integration/console_sessions.sh tests/integration/console_rejected.sh ;;
	cgi/http/sdk_script*) echo tests/integration/script.sh ;;
	cgi/http/direct* | cgi/http/cors* | cgi/http/sdk* | cgi/http/exchange*) echo tests/integration/direct.sh tests/integration/direct_refusals.sh ;;
	cgi/server/*) echo tests/integration/records.sh tests/integration/signals.sh tests/integration/slow.sh tests/integration/idle.sh ;;
	cgi/*) echo tests/integration/refusals.sh tests/integration/batches.sh ;;
	common/spool/admin/dead_letters*) echo tests/integration/letters.sh tests/integration/each.sh ;;
	common/spool/admin/rejected*) echo tests/integration/customers.sh tests/integration/numbers.sh ;;
	common/spool/admin/*) echo tests/integration/erase.sh tests/documents/commands.sh tests/integration/backup.sh ;;
	common/config/*) echo tests/integration/check.sh tests/integration/signals.sh tests/integration/rules.sh ;;
	common/spool/figures/*) echo tests/integration/metrics.sh tests/integration/stats.sh tests/integration/cursors.sh ;;
	common/spool/position/*) echo tests/integration/cursors.sh tests/integration/readers.sh tests/integration/erase.sh ;;
	common/spool/file/*) echo tests/integration/readers.sh tests/integration/import.sh tests/integration/ids.sh ;;
	common/spool/import*) echo tests/integration/import.sh ;;
	common/spool/erase*) echo tests/integration/erase.sh ;;
	common/spool/summary/*) echo tests/integration/summaries.sh ;;
	common/spool/shared/spool_dir*) echo tests/integration/as_root.sh tests/integration/hosting.sh ;;
	common/spool/shared/*) echo tests/integration/metrics.sh tests/integration/signals.sh ;;
	common/spool/dedup/*) echo tests/integration/cut.sh tests/integration/ids.sh tests/integration/import.sh ;;
	common/spool/*) echo tests/integration/readers.sh tests/integration/ids.sh tests/integration/each.sh ;;
	common/warehouse/*) echo tests/integration/warehouse.sh tests/integration/load_options.sh ;;
	common/schema/*) echo tests/integration/schema.sh ;;
	common/event/rul* | common/event/mask*) echo tests/integration/rules.sh tests/integration/batches.sh ;;
	common/event/*) echo tests/integration/direct.sh tests/integration/strange.sh tests/integration/batches.sh ;;
	common/base/io*) echo tests/integration/as_root.sh tests/integration/full.sh tests/integration/cut.sh tests/integration/batches.sh ;;
	*) echo tests/integration/strange.sh tests/integration/batches.sh tests/integration/check.sh ;;
	esac
}

# faults FILE: short runs in which the system fails or the process dies.
faults() {
	case $1 in
	common/spool/* | common/base/io.c | common/base/file_replace.c) printf 'tests/faults/%s.sh\n' errno_syscall kill_syscall index ;;
	esac
}

# run SECONDS TEST: a mutant may allocate without end, so a process gets 4 GB. Returns 124 if the time was not enough.
run() {
	(ulimit -d 4000000
		case $2 in
		*.sh) HS_BUILD=build exec timeout -k 5 "$1" bash tests/lib/run-tests.sh "$2" >"$log" 2>&1 ;;
		*) run_unit "$@" ;;
		esac)
}

# run_unit SECONDS UNIT: it ends at the first test that fails, which it says at once.
run_unit() {
	local line passed=0 planned=-1 failed=false program status
	exec 8< <(TMPDIR=$memory CMOCKA_MESSAGE_OUTPUT=TAP exec timeout -k 5 "$1" stdbuf -oL env --default-signal "$2" 2>&1 </dev/null)
	program=$!
	while read -r -t $(($1 + 10)) line; do
		case $line in
		'not ok '*'# SKIP'* | 'ok '*) passed=$((passed + 1)) ;;
		'not ok '*) failed=true && break ;;
		1..*) planned=${line#1..} ;;
		esac
	done <&8
	! $failed || kill "$program"
	wait "$program"
	status=$?
	exec 8<&-
	[ $status -ne 124 ] || return 124
	! $failed && [ $status -eq 0 ] && [ "$passed" = "$planned" ]
}

# compute: sets `computed` to the seconds of processor time that this shell's children have taken.
compute() {
	times >"$log.times"
	computed=$(awk -F '[ms ]+' 'NR == 2 { print int(60 * $1 + $2 + 60 * $3 + $4) }' "$log.times")
}

# passes TEST: without a mutant; the first worker that asks for it sees, and how long it takes.
passes() {
	local name=${1##*/}
	(flock 9
		grep -q "^$name " "$baseline" && exit
		cd "$plain" || exit
		started=$SECONDS
		compute && before=$computed
		run 1800 "$1" 9>&- && verdict=ok || verdict=FAILED # what a test leaves behind must not hold the lock
		compute
		echo "$name $((SECONDS - started)) $((computed - before)) $verdict" >>"$baseline"
		sed -n "s/^$name .* FAILED\$/fails without a mutant: $name/p" "$baseline"
	) 9>"$work/locks/$name" >&2
	grep -q "^$name .* ok\$" "$baseline"
}

# seconds TEST: how long it takes; processor TEST: how many of these it computes.
seconds() { awk -v name="${1##*/}" '$1 == name { print $2; exit }' "$baseline"; }
processor() { awk -v name="${1##*/}" '$1 == name { print $3; exit }' "$baseline"; }

# notices TEST: it fails, and fails again, because a busy machine also makes tests fail. A mutant that hangs is not
# asked twice.
notices() {
	local limit
	passes "$1" || return
	limit=$((20 + 5 * $(seconds "$1")))
	how=
	run "$limit" "$1" && return 1
	[ $? -ne 124 ] || { how=', which hangs' && return; }
	! run "$limit" "$1"
}

# sanitized UNIT...: the verdict of the sanitizers, which find a leak or a byte too many where the program goes on;
# those of the units that take a few seconds without them; the first, which is the module's own, may take longer.
sanitized() {
	local unit most=20
	[ -d build/asan ] || return 1
	for unit; do
		if ! passes "$unit" || [ "$(processor "$unit")" -gt "$most" ]; then most=5 && continue; fi
		most=5
		MUTANT_CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' \
			make_all B=build/asan "build/asan/unit/${unit##*/}" || return 1
		# the address space of a sanitizer has no limit, but its memory has
		TMPDIR=$memory ASAN_OPTIONS=hard_rss_limit_mb=4000 HS_BUILD=build/asan timeout -k 5 120 \
			bash tests/lib/run-tests.sh "build/asan/unit/${unit##*/}" >"$log" 2>&1 && continue
		grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error' "$log" || continue
		echo "killed by a unit under the sanitizers, ${unit##*/}"
		return
	done
	false
}

# raced FILE UNIT...: the verdict of the sanitizer of threads; it exits with 66 after a report.
raced() {
	local unit flags='-O1 -g -fsanitize=thread -fno-omit-frame-pointer'
	[ -d build/tsan ] && grep -qE 'pthread_|atomic_|hs_semaphore_' "$1" || return 1
	# shellcheck disable=SC2086
	[ -e build/tsan/runtime.o ] || ${CC:-cc} -D_GNU_SOURCE -std=c11 $flags "-DTSAN_REPORTS=\"$PWD/build/tsan/reports\"" \
		-c tests/tsan/runtime.c -o build/tsan/runtime.o || return 1
	shift
	for unit; do
		unit=${unit##*/}
		sed -n '/^TSAN_UNIT/,/)$/p' mk/tsan.mk | grep -qw "${unit#test_}" || continue
		MUTANT_CFLAGS=$flags make_all B=build/tsan "build/tsan/unit/$unit" \
			LDFLAGS='-Wl,--wrap=pthread_mutex_clocklock,--wrap=siglongjmp build/tsan/runtime.o' || return 1
		TMPDIR=$memory HS_BUILD=build/tsan timeout -k 5 240 bash tests/lib/run-tests.sh "build/tsan/unit/$unit" >"$log" 2>&1
		grep -q 'exit status 66' "$log" || continue
		echo "killed by a unit under the sanitizer of threads, $unit"
		return
	done
	false
}

# may_know FILE TEST: a unit that computes for long is asked about the module alone of which the file is a part.
may_know() {
	local name=${1##*/}
	name=${name%.c}
	case $2 in
	*.sh | */test_"${name%%_*}" | */test_"${name%%_*}"_*) ;;
	*) passes "$2" && [ "$(processor "$2")" -le 10 ] ;;
	esac
}

# noticed BY FILE TEST...: says which test notices. A unit is linked when it is asked.
noticed() {
	local by=$1 file=$2 test
	shift 2
	for test; do
		may_know "$file" "$test" || continue
		[ "$by" != unit ] || make_all "$test" || continue
		notices "$test" || continue
		echo "killed by a $by, ${test##*/}$how"
		return
	done
	false
}

# is_judged: the list says why the mutant of which apply.py has told changes nothing.
is_judged() { awk -F '\t+' 'FILENAME == "applied" { sought = $0; next } $1 "\t" $2 "\t" $3 == sought { found = 1 } END { exit !found }' applied tests/mutants/judged.txt; }

# is_same FILE: the compiler makes the same code of the mutant.
is_same() {
	local from object
	for from in "$plain" .; do
		object=$PWD/$([ "$from" = . ] && echo mutant || echo plain).o
		# shellcheck disable=SC2086
		(cd "$from" && ${CC:-cc} $includes '-DHS_VERSION="0"' -std=c11 -O2 -w -c "$1" -o "$object") 2>/dev/null || return
	done
	cmp -s plain.o mutant.o
}

make_all() { timeout -k 5 900 make -s -j"${JOBS:-1}" HARDENING="$hardening" CC="${CC:-cc}" CFLAGS="${MUTANT_CFLAGS--O1 -g}" "$@" >make.log 2>&1; }

# verdict FILE: of the mutant that is in place.
verdict() {
	local unit script fault
	mapfile -t unit < <(units "$1")
	mapfile -t script < <(scripts "$1" | awk '!seen[$0]++')
	mapfile -t fault < <(faults "$1")
	if [ ${#unit[@]} -gt 0 ]; then
		make_all "${unit[0]}" || { echo 'is not C'; return; }
		noticed unit "$1" "${unit[@]}" || sanitized "${unit[@]:0:3}" || raced "$1" "${unit[@]:0:3}" && return
	fi
	[ -z "${UNITS_ONLY-}" ] || { echo SURVIVED; return; }
	make_all "${programs[@]}" || { echo 'is not C'; return; }
	noticed script "$1" "${script[@]}" || noticed fault "$1" "${fault[@]}" || echo SURVIVED
}
programs=(build/hookspool{,-load,.fcgi,.cgi} build/fcgi_raw build/supervise build/deny build/faults_{driver,count,replay} build/failmalloc.so)

# next: the first mutation that nobody has begun.
next() {
	(flock 9
		[ -z "${MINUTES-}" ] || [ $SECONDS -lt $((60 * MINUTES)) ] || exit
		begun=$(($(cat "$work/begun" 2>/dev/null || echo 0) + 1))
		while grep -q "^$begun	" "$verdicts"; do begun=$((begun + 1)); done
		echo "$begun" >"$work/begun"
		sed -n "${begun}s/^/$begun	/p" "$work/chosen"
	) 9>"$work/locks/next"
}

# worker N: judges one mutation after the other in a copy of its own.
worker() {
	local number file line from to kind text said started before
	copy "$plain" "$work/$1" build && copy "$plain/build" "$work/$1/build" unit && cd "$work/$1" || return
	memory=$memory/$1 log=$PWD/log
	mkdir "$memory"
	while IFS=$'\t' read -r number file line from to kind text < <(next) && [ -n "$number" ]; do
		started=$SECONDS
		compute && before=$computed
		cp -p "$file" kept
		"$python" tests/mutants/apply.py "$file" "$from" "$to" "$text" >applied
		if is_judged || is_same "$file"; then said='changes nothing'; else said=$(verdict "$file" </dev/null); fi
		compute
		{
			echo "$file:$line: $kind: $said ($((SECONDS - started)) s, processor $((computed - before)) s)"
			[ "$said" != SURVIVED ] || diff -U 2 kept "$file" | sed '1,2d; s/^/    /'
		} >shown
		(flock 9
			[ "$said" != SURVIVED ] || printf '%s\t' "$file" "$line" "$from" "$to" "$kind" "$text" | sed 's/\t$/\n/' >>"$survivors"
			printf '%s\t%s\t%s\n' "$number" "$said" "$file:$line" >>"$verdicts"
			cat shown
		) 9>"$work/locks/shown"
		rm -rf "${memory:?}"/*
		cp kept "$file" # newer than its object
	done
}
for i in $(seq "${WORKERS:-$(nproc)}"); do worker "$i" & done
wait
count() { cut -f 2 "$verdicts" | grep -c "$@"; }
[ "$(wc -l <"$verdicts")" -eq "$(wc -l <"$work/chosen")" ] || echo "the first $(wc -l <"$verdicts") of $(wc -l <"$work/chosen"), in random order:"
killed=$(count killed) tried=$(count -e killed -e SURVIVED)
awk -v k="$killed" -v n="$tried" -v no_c="$(count 'is not C')" -v same="$(count 'changes nothing')" 'BEGIN {
	z = 1.96; p = n ? k / n : 0; m = n ? n : 1
	centre = (p + z * z / 2 / m) / (1 + z * z / m)
	half = z * sqrt(p * (1 - p) / m + z * z / 4 / m / m) / (1 + z * z / m)
	printf "%d of %d mutants killed: %.1f %%, 95 %% of the time between %.1f and %.1f %%; ", k, n, 100 * p, 100 * (centre - half), 100 * (centre + half)
	printf "%d changed nothing, %d were no C\n", same, no_c
}'
[ "$killed" -eq "$tried" ]
