#!/bin/bash
# hookspool erase reaches the databases of hookspool load: before, during and after a load, through kills of the loader.
# LOOPS sets how often a person is erased while a loader runs.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

LOOPS=${LOOPS:-20}
PINS=(--type '*.total=number' --type '*.paid=boolean' --type '*.note=text' --type '*.at=timestamp' --type '*._timestamp=text'
	--type '*.long_*=number' --type '*.rare_*=text')
SETTINGS='auth = none'

# spool_make [SETTING]...: a fresh spool in S; W is a directory for files of SQLite.
spool_make() {
	directory_make
	settings_write "$SETTINGS" 'min_free = 0' 'rotate_min_gap = 0' "$@"
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin/"
	W=$S/run LOADS=$S/spool/.hookspool/loads
}

# take FILE [OPTION]...: imports the events.
take() {
	chmod 644 "$1"
	hs import "$1" "${@:2}"
	[ "$CODE" = 0 ] || { cat "$T/err" >&2; exit 2; }
}

# into NAME [OPTION]...: hookspool load --once of the database TO.
into() { load "${PINS[@]}" --to "$TO" --name "$@"; }

requests() { find "$LOADS" -name '*@*' 2>/dev/null | wc -l; }
is_asked() { [ "$(requests)" -gt 0 ]; }
is_done() { [ "$(requests)" = 0 ]; }
# rows ID: the values in TO that are the id. What is loaded anew from the spool by now is `expected`.
rows() { "$DUMP" | grep -cF "	\"$1\""; }
dump_sqlite() { sqlite_dump "${TO#sqlite:}"; }
without_times() { grep -v "$(printf '\tuuid_ts\t')"; }
expected() {
	rm -f "$W/anew.db"*
	load "${PINS[@]}" --to "sqlite:$W/anew.db" --name anew
	sqlite_dump "$W/anew.db"
	hs cursors remove anew >/dev/null
}
# as_spool NAME: TO holds what the spool does.
as_spool() {
	expected >"$T/expected"
	is "$1" "$(diff "$T/expected" <("$DUMP") | head -n 8)" ''
}

# A lock that a loader waits for, until release.
hold_sqlite() { sqlite3 "${TO#sqlite:}" 'BEGIN IMMEDIATE' ".shell touch $T/held; while test -e $T/held; do sleep 0.05; done" & }
hold_postgresql() {
	pg "BEGIN; LOCK TABLE segment.tracks; COPY (SELECT 1) TO PROGRAM 'touch $T/held; while test -e $T/held; do sleep 0.05; done'" &
}
hold_mariadb() { mariadb_client segment -e 'LOCK TABLES tracks WRITE' -e "system touch $T/held; while test -e $T/held; do sleep 0.05; done" & }
hold() {
	"hold_$KIND"
	HOLDER=$!
	wait_for 10 test -e "$T/held"
}
release() {
	rm -f "$T/held"
	wait "$HOLDER"
}

load_events 600 5 | grep -v '"type": "delete"' >"$T/events.jsonl"
head -n 400 "$T/events.jsonl" >"$T/first.jsonl"
tail -n +401 "$T/events.jsonl" >"$T/second.jsonl"
event_of() { printf '{"type":"track","messageId":"%s","%s":"%s","event":"Order Completed","timestamp":"2026-11-23T10:15:00Z"}\n' "$@"; }

# a_database KIND URL: all of it that concerns the database.
a_database() {
	KIND=$1 TO=$2 DUMP=${KIND}_dump
	[ "$KIND" != sqlite ] || DUMP=dump_sqlite
	spool_make
	own "$T" # PostgreSQL makes a file there
	take "$T/first.jsonl"
	[ "$KIND" != sqlite ] || TO=sqlite:$W/w.db
	hs erase --user u-1 --json
	is "$KIND: an erase before the first load tells no database" "$CODE $(jq -c .databases <<<"$OUT")" '0 []'
	into w
	as_spool "$KIND: nor is one needed"
	take "$T/second.jsonl"
	check "$KIND: there is somebody to erase" [ "$(rows u-7)" -gt 10 ]

	hs erase --user u-7
	check "$KIND: erase says which database is told" grep -q 'by hookspool load when it runs: w$' <<<"$OUT"
	is "$KIND: the request is the owner's" "$(stat -c '%a' "$LOADS"/w@erase-*)" 600
	into w
	is "$KIND: a load that is behind" "$CODE $(rows u-7) $(requests)" '0 0 0'
	as_spool "$KIND: no other row goes"

	event_of late userId u-8 >"$T/late.jsonl"
	hs erase --user u-8
	take "$T/late.jsonl"
	into w
	is "$KIND: a later event is new" "$CODE $("$DUMP" | grep -qF '	"late"	id	' && echo there) $(requests)" '0 there 0'
	as_spool "$KIND: and is the only one"

	hs erase --user u-9 --anonymous a-3 --aliases
	into w
	as_spool "$KIND: anonymous ids and aliases, without a new event"
	is "$KIND: and the request is gone" "$(requests)" 0

	hs erase --user u-10
	hold
	(exec setpriv --reuid="$SERVER_USER" --regid="$SERVER_GROUP" --clear-groups env HOOKSPOOL_CONF="$S/hookspool.conf" \
		"$S/bin/hookspool-load" --once "${PINS[@]}" --to "$TO" --name w) >"$T/behind.out" 2>"$T/behind.err" &
	LOADER=$!
	check "$KIND: the deletion waits for a lock" wait_for 30 grep -q 'a lock is taken' "$T/behind.err"
	kill -9 "$LOADER"
	wait "$LOADER" 2>/dev/null
	release
	is "$KIND: after a kill before the commit the request is there" "$(requests)" 1
	chmod 500 "$LOADS" # as a kill between the commit and the removal
	into w
	is "$KIND: it is there after the commit until it is removed" "$((CODE != 0)) $(rows u-10) $(requests)" '1 0 1'
	chmod 700 "$LOADS"
	event_of later userId u-10 >"$T/late.jsonl"
	take "$T/late.jsonl"
	into w
	is "$KIND: it may be carried out twice" "$CODE $(requests)" '0 0'
	as_spool "$KIND: which takes no new event"
}
a_database sqlite ''
if postgresql_start; then
	a_database postgresql "$PG"
	postgresql_stop
else
	ok 'PostgreSQL # SKIP it is not installed'
fi
if mariadb_start; then
	a_database mariadb "$MARIADB"
	mariadb_stop
else
	ok 'MariaDB # SKIP it is not installed'
fi

done_testing
