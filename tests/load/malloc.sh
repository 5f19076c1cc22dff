#!/bin/bash
# hookspool load without memory: each allocation that it makes, or the library of the database makes, fails, once or from then on
# for good. It does not crash or hang; it says so and ends with an error, or does all the same; and after the next run every
# row is there once. ALLOCATIONS: so many of each command; only the first of each path of calls counts.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

ALLOCATIONS=${ALLOCATIONS:-12}
SETTINGS='auth = none'
TURN=0
directory_make
settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0' 'compress = none'
cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$HS_BUILD/failmalloc.so" "$S/bin/"
chmod 755 "$S/bin/failmalloc.so"
W=$S/run
touch "$W/count"
chmod 666 "$W/count"

imports() { # FILE
	chmod 644 "$1"
	hs import "$1"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
}
# people FROM TO: identifies, of which the later ones change what the first ones said, and tracks with values of odd sizes.
people() {
	seq "$1" "$2" | awk '{ u = "u-" $1 % 4; long = sprintf("%" 40 * ($1 % 3 + 1) "s", "")
		print "{\"type\":\"identify\",\"userId\":\"" u "\",\"anonymousId\":\"a\",\"messageId\":\"i-" $1 "\",\"timestamp\":\"2026-11-0" $1 % 9 + 1 "T10:00:00Z\",\"traits\":{\"n\":" $1 ",\"t" $1 % 5 "\":\"" long "\",\"o\":[1,{\"x\":\"y\"}]}}"
		print "{\"type\":\"group\",\"userId\":\"" u "\",\"groupId\":\"g-" $1 % 2 "\",\"messageId\":\"g-" $1 "\",\"traits\":{\"size\":" $1 "}}"
		print "{\"type\":\"track\",\"event\":\"Parcel\",\"userId\":\"" u "\",\"messageId\":\"p-" $1 "\",\"properties\":{\"weight\":" ($1 % 3 ? $1 ".5" : "\"heavy\"") ",\"c" $1 % 6 "\":true}}" }'
}
load_events 40 5 | grep -v '"type": "delete"' >"$T/first"
people 1 6 >>"$T/first"
load_events 30 6 | sed 's/"messageId": "/&second-/' >"$T/second"
people 7 14 >>"$T/second"

fresh_sqlite() { rm -f "$W/w.db" "$W/w.db-journal" "$W/w.db-wal" "$W/w.db-shm"; }
fresh_postgresql() { pg 'DROP SCHEMA IF EXISTS segment CASCADE'; }
fresh_mariadb() { mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment'; }
dump_sqlite() { sqlite_dump "$W/w.db"; }
dump_postgresql() { postgresql_dump; }
dump_mariadb() { mariadb_dump; }
rows() { "dump_$KIND" | grep -v "$(printf '\tuuid_ts\t')"; } # which the next run has at another time

# runs [VARIABLE=VALUE]... -- [OPTION]...: the loader. Without memory for good it waits: it is asked to stop then.
PATIENCE_S=60
runs() {
	local environment=()
	while [ "$1" != -- ]; do environment+=("$1"); shift; done
	shift
	( # two shells: the death of the inner one goes to the log
		(as_server_user timeout --preserve-status -k 5 "$PATIENCE_S" env HOOKSPOOL_CONF="$S/hookspool.conf" "${environment[@]}" \
			"$S/bin/hookspool-load" --to "$TO" --type parcel.weight=number "$@")
		exit $?
	) >"$T/load.out" 2>"$T/load.err"
	CODE=$?
}
complain() { printf '# %s, allocation %s of %s: %s: %s\n' "$COMMAND" "$1" "$WHOSE" "$2" "$(tail -n 1 "$T/load.err")"; bad=$((bad + 1)); }

# point N ON [OPTION]...: BEFORE makes what it finds; EXPECTED is what there is in the end, after an AFTER.
point() {
	local n=$1 on=$2 place="$1 (for good: $2)"
	shift 2
	"$BEFORE"
	[ "$on" = 0 ] || PATIENCE_S=2
	runs FAIL_IN="$WHOSE" FAIL_PATHS=1 FAIL_AT="$n" FAIL_ON="$on" LD_PRELOAD="$S/bin/failmalloc.so" -- "$@"
	PATIENCE_S=60
	case $CODE in
	0) ;;
	12[4-9] | 1[3-9]? | 2??) complain "$place" "exit $CODE: a crash, or it hangs" ;;
	*)
		failed=$((failed + 1))
		[ -s "$T/load.err" ] || [ -s "$T/load.out" ] || complain "$place" 'an error without a word'
		;;
	esac
	runs -- "$@"
	[ "$CODE" = 0 ] || complain "$place" "the next run: exit $CODE"
	"$AFTER" | cmp -s - "$T/expected" || complain "$place" "$("$AFTER" | diff "$T/expected" - | grep '^[<>]' | head -n 2 | cut -c 1-200 | xargs -0)"
}

# sweep WHOSE COMMAND [OPTION]...
sweep() {
	local count n on points=0 bad=0 failed=0
	WHOSE=$1 COMMAND="$KIND: $2"
	shift 2
	"$BEFORE"
	runs FAIL_IN="$WHOSE" FAIL_PATHS=1 FAIL_COUNT="$W/count" LD_PRELOAD="$S/bin/failmalloc.so" -- "$@"
	count=$(<"$W/count")
	[ "$CODE" = 0 ] || complain 0 "exit $CODE with enough memory"
	"$AFTER" >"$T/expected"
	for ((n = 1 + (count > ALLOCATIONS ? RANDOM % (count / ALLOCATIONS) : 0); n <= count; n += count / ALLOCATIONS + 1)); do
		for on in 0 1; do
			# both are tried where all are
			[ "$count" -le "$ALLOCATIONS" ] || [ $((n % 2)) = "$on" ] || continue
			points=$((points + 1))
			point "$n" "$on" "$@"
		done
	done
	is "$COMMAND: $points of $count allocations of $WHOSE fail: it says so, and after the next run every row is there once" \
		"$bad $((points > 0))" '0 1'
	printf '# %s: %s failures were felt\n' "$COMMAND" "$failed"
}
fresh() { "fresh_$KIND"; }
as_before() { :; }
as_text() { runs -- --retype parcel.weight=text; }
# spool first|whole: the spool with the first events, or with all
spool() { rm -rf "$S/spool" && cp -a "$T/$1.spool" "$S/spool"; }
# begun: the first events are in their tables, and the second ones are to come
begun() {
	fresh
	spool first
	runs -- --once
	spool whole
}
# erased: a person is in all tables, and in the spool no more
erased() {
	people 1 3 | sed "s/\"u-[0-9]\"/\"gone\"/; s/\"messageId\":\"/&gone-$((TURN += 1))-/" >"$T/gone"
	imports "$T/gone"
	runs -- --once
	hs erase --user gone
}
report() { grep -v 's behind' "$T/load.out"; }

# of_kind [LIBRARY]: whose allocations fail, too
of_kind() {
	local whose
	spool whole
	for whose in program ${1-}; do
		# without memory for the answer to COPY libpq waits for ever
		BEFORE=fresh AFTER=rows
		[ "$whose" = libpq ] || sweep "$whose" 'a new database' --once
		BEFORE=begun
		[ "$whose" = libpq ] || sweep "$whose" 'tables that grow' --once
		BEFORE=as_before
		sweep "$whose" '--rebuild' --rebuild users
		BEFORE=as_text
		sweep "$whose" '--retype' --retype parcel.weight=number
		BEFORE=as_before AFTER=report
		sweep "$whose" '--dry-run' --dry-run
		sweep "$whose" '--status' --status --json
		BEFORE=erased AFTER=rows
		[ "$whose" = libpq ] || sweep "$whose" 'an erasure' --once
	done
}

imports "$T/first"
hs rotate
cp -a "$S/spool" "$T/first.spool"
imports "$T/second"
cp -a "$S/spool" "$T/whole.spool"
KIND=sqlite TO=sqlite:$W/w.db
of_kind libsqlite3
if postgresql_start; then
	KIND=postgresql TO="$PG?host=$PGHOST&user=$PGUSER"
	of_kind libpq
	postgresql_stop
fi
if mariadb_start; then # whose library crashes without memory
	KIND=mariadb TO=$MARIADB
	of_kind
	mariadb_stop
fi
done_testing
