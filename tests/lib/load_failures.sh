# shellcheck shell=bash
# load_failures.sh: hookspool load without memory, its own or that of the database's library, and with calls of the library
# that fail: after the next run every row is there once. Source it after server.sh and databases.sh.
. "$(dirname "${BASH_SOURCE[0]}")/allocations.sh"

SETTINGS='auth = none'
TURN=0
directory_make
settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0' 'compress = none'
cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
W=$S/run

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
report() { grep -v 's behind' "$T/run.out"; }

# each_of WHOSE
each_of() {
	BEFORE=fresh AFTER=rows
	sweep "$1" "$KIND: a new database" --once
	BEFORE=begun
	sweep "$1" "$KIND: tables that grow" --once
	BEFORE=erased
	sweep "$1" "$KIND: an erasure" --once
}
# rare_of WHOSE: what does not copy rows
rare_of() {
	BEFORE=as_before AFTER=rows
	sweep "$1" "$KIND: --rebuild" --rebuild users
	BEFORE=as_text
	sweep "$1" "$KIND: --retype" --retype parcel.weight=number
	BEFORE=as_before AFTER=report
	sweep "$1" "$KIND: --dry-run" --dry-run
	sweep "$1" "$KIND: --status" --status --json
}
# of_kind KIND URL LIBRARY
of_kind() {
	KIND=$1
	allocations_of hookspool-load --to "$2" --type parcel.weight=number
	spool whole
	each_of program
	rare_of program
	# without memory for the answer to COPY libpq waits for ever; libmariadb crashes
	[ "$3" != libsqlite3 ] || each_of "$3"
	[ "$3" = libmariadb ] || rare_of "$3"
	CALLS=FAIL_IO
	each_of "$3"
	rare_of "$3"
	CALLS=
}

imports "$T/first"
hs rotate
cp -a "$S/spool" "$T/first.spool"
imports "$T/second"
cp -a "$S/spool" "$T/whole.spool"
