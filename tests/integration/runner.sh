# The runner of the tests: what it counts as passed and as failed. And the packages that make targets
# ask for.
. "$(dirname "$0")/../lib/server.sh"

# verdict LINE...: of a script that prints these lines and ends with STATUS.
STATUS=0
verdict() {
	{ printf 'echo %q\n' "$@"; echo "exit $STATUS"; } >"$T/fake.sh"
	JOBS=1 bash "$ROOT/tests/lib/run-tests.sh" "$T/fake.sh" >"$T/said"
	echo "$? $(tail -n 1 "$T/said")"
}
is 'what passed' "$(verdict 1..2 'ok 1 - a' 'ok 2 - b')" '0 2 passed, 0 failed'
is 'what failed' "$(verdict 1..2 'ok 1 - a' 'not ok 2 - b')" '1 1 passed, 1 failed'
is 'a skip is no failure' "$(verdict 1..2 'ok 1 - a # SKIP no strace' 'ok 2 - b')" '0 2 passed, 0 failed'
is "nor is cmocka's" "$(verdict 1..2 'ok 1 - a' 'not ok 2 # SKIP b')" '0 2 passed, 0 failed'
is 'but a failure beside it' "$(verdict 1..2 'not ok 1 - a' 'not ok 2 # SKIP b')" '1 1 passed, 1 failed'
is 'an end before the plan is done' "$(verdict 1..3 'ok 1 - a' 'ok 2 - b')" '1 2 passed, 1 failed'
is 'nothing at all' "$(verdict '1..0')" '1 0 passed, 1 failed'
is 'an exit status' "$(STATUS=3 verdict 1..1 'ok 1 - a')" '1 1 passed, 1 failed'

# on a machine that has none of them
mkdir "$T/bin"
printf '#!/bin/sh\nexit 1\n' >"$T/bin/dpkg-query"
cp "$T/bin/dpkg-query" "$T/bin/apt-get"
chmod 755 "$T"/bin/*
asks_for() { PATH=$T/bin:$PATH sh "$ROOT/tests/lib/deps.sh" --missing "$@" | sort | xargs; }
is 'make run: one web server, and what sends and shows seven events' "$(asks_for run)" \
	'curl jq lighttpd lighttpd-mod-openssl openssl'
check 'make test: these and the other servers' eval \
	'[ "$(asks_for test | tr " " "\n" | grep -cxE "curl|jq|lighttpd|lighttpd-mod-openssl|openssl|apache2-bin|nginx")" = 7 ]'
check 'make deb: what dpkg-buildpackage wants before it begins' eval \
	'asks_for package | grep -w build-essential | grep -w debhelper'
printf '#!/bin/sh\necho 1000\n' >"$T/bin/id"
printf '#!/bin/sh\necho "with sudo: $*"\n' >"$T/bin/sudo"
chmod 755 "$T"/bin/*
check 'others than root install with sudo' eval \
	'PATH=$T/bin:$PATH sh "$ROOT/tests/lib/deps.sh" run | grep -q "^with sudo: sh .*deps.sh run"'
for target in run test deb fresh; do
	check "make $target asks by the table" eval \
		'make -n -C "$ROOT" '$target' | grep -E "deps.sh --missing (build )?.*'"$(
			case $target in deb) echo package ;; *) echo $target ;; esac)"'"'
done
done_testing
