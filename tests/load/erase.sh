#!/bin/bash
# hookspool erase reaches the databases of hookspool load: before, during and after a load, through kills of the loader.
# LOOPS sets how often a person is erased while a loader runs.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/databases.sh"

LOOPS=${LOOPS:-8}
PINS=(--type '*.total=number' --type '*.paid=boolean' --type '*.note=text' --type '*.at=timestamp' --type '*._timestamp=text'
	--type '*.long_*=number' --type '*.rare_*=text')
SETTINGS='auth = none'

# spool_make [SETTING]...: a fresh spool in S; W is a directory for files of SQLite.
spool_make() {
	directory_make
	settings_write 'min_free = 0' 'rotate_min_gap = 0' "$SETTINGS" "$@"
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
hold_mariadb() {
	echo "touch $T/held; while test -e $T/held; do sleep 0.05; done" >"$T/hold.sh"
	printf '%s\n' 'LOCK TABLES tracks WRITE;' "\\! sh $T/hold.sh" | mariadb_client segment &
}
hold() {
	"hold_$KIND"
	HOLDER=$!
	wait_for 10 test -e "$T/held"
}
release() {
	rm -f "$T/held"
	wait "$HOLDER"
}

# kill_at CALL PATH: a loader that is killed at its first system call of that name on the file, or in the folder.
kill_at() {
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" strace -f -qq -o /dev/null -e trace="$1" -P "$2" -e inject="$1":signal=SIGKILL \
		"$S/bin/hookspool-load" --once "${PINS[@]}" --to "$TO" --name w) >/dev/null 2>&1
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
	load_behind --once "${PINS[@]}" --to "$TO" --name w
	check "$KIND: the deletion waits for a lock" wait_for 30 grep -q 'a lock is taken' "$T/behind.err"
	kill -9 "$LOADER"
	wait "$LOADER" 2>/dev/null
	release
	is "$KIND: after a kill before the commit the request is there" "$(requests)" 1
	if command -v strace >/dev/null; then
		if [ "$KIND" = sqlite ]; then
			kill_at pwrite64 "$W/w.db-wal" 2>/dev/null # the shell tells of it
			is "$KIND: after a kill in the commit, too" "$(rows u-10 | sed 's/[1-9].*/some/') $(requests)" 'some 1'
		fi
		kill_at unlinkat "$LOADS" 2>/dev/null
		is "$KIND: after a kill between the commit and the removal, too" "$(rows u-10) $(requests)" '0 1'
	else
		ok "$KIND: a kill between the commit and the removal # SKIP no strace"
	fi
	event_of later userId u-10 >"$T/late.jsonl"
	take "$T/late.jsonl"
	into w
	is "$KIND: it may be carried out twice" "$CODE $(requests)" '0 0'
	as_spool "$KIND: which takes no new event"
	without_time
	in_any_form
	running
}

# without_time: rows without uuid_ts, as somebody else may have made them, are of no event that is still to come.
without_time() {
	event_of timed userId u-12 >"$T/timed.jsonl"
	take "$T/timed.jsonl"
	into w
	"own_$KIND" "INSERT INTO tracks (id, user_id) VALUES ('untimed', 'u-12'), ('others', 'u-own')"
	hs erase --user u-12
	into w
	is "$KIND: an erase takes rows without a time, too" "$CODE $(rows u-12) $(rows u-own)" '0 0 1'
	"own_$KIND" "INSERT INTO tracks (id, user_id) VALUES ('untimed', 'u-12')"
	echo '{"type":"delete","messageId":"of-u-12","userId":"u-12"}' >"$T/timed.jsonl"
	take "$T/timed.jsonl"
	into w
	is "$KIND: and so does a delete" "$CODE $(rows u-12) $(rows u-own)" '0 0 1'
	"own_$KIND" "DELETE FROM tracks WHERE user_id = 'u-own'"
}
own_sqlite() { sqlite3 "${TO#sqlite:}" "$1"; }
own_postgresql() { pg "SET search_path = segment; $1"; }
own_mariadb() { sql "$1"; }

# in_any_form: a number that is an id is one person in whatever form it was sent; a string is another.
in_any_form() {
	local turn
	left() { "$DUMP" | grep -o "turn-$turn-[0-9]" | sort -u | xargs; }
	for turn in 1 2; do
		n=0
		for id in 4711 4711.0 4.711e3 '"4711"' '"4711.0"'; do
			printf '{"type":"identify","messageId":"turn-%s-%s","userId":%s,"traits":{"a":1}}\n' $turn $((++n)) "$id"
		done >"$T/forms.jsonl"
		take "$T/forms.jsonl"
		into w
		is "$KIND: five forms of two ids" "$(left)/$("$DUMP" | grep -c '^users	"4711[.0]*"	id	')" \
			"turn-$turn-1 turn-$turn-2 turn-$turn-3 turn-$turn-4 turn-$turn-5/2"
		if [ $turn = 1 ]; then
			hs erase --user 4711
		else
			echo '{"type":"delete","messageId":"of-4711","userId":47.110e2}' >"$T/forms.jsonl"
			take "$T/forms.jsonl"
		fi
		into w
		is "$KIND: a person goes in every form of the id" "$CODE $(left)" "0 turn-$turn-5"
	done
}

### Tenants ############################################################
SETTINGS=$(printf '%s\n' 'auth = key' '[keys]' 'acme = k1' 'globex = k2')
spool_make
for tenant in acme globex; do
	event_of "$tenant-1" userId u-1 >"$T/$tenant.jsonl"
	take "$T/$tenant.jsonl" --tenant "$tenant"
	load --to "sqlite:$W/$tenant.db" --name "$tenant" --tenant "$tenant"
done
hs erase --tenant acme --user u-1 --json
is 'both databases are told of a tenant'"'"'s person' "$(jq -c .databases <<<"$OUT")" '["acme","globex"]'
for tenant in acme globex; do load --to "sqlite:$W/$tenant.db" --name "$tenant" --tenant "$tenant"; done
is 'the other tenant keeps a user of the same id' "$(sqlite3 "$W/acme.db" 'SELECT count(*) FROM tracks') \
$(sqlite3 "$W/globex.db" 'SELECT count(*) FROM tracks') $(requests)" "0 \
1 0"
hs erase --tenant globex --user u-1
settings_write 'auth = none' 'min_free = 0'
load --to "sqlite:$W/globex.db" --name globex
is 'where there are no tenants any more a person of one is nobody' "$(sqlite3 "$W/globex.db" 'SELECT count(*) FROM tracks')" 1
SETTINGS='auth = none'

### Damaged and foreign requests #######################################
spool_make
{ event_of e-1 userId u-1; event_of e-2 userId u-2; } >"$T/two.jsonl"
take "$T/two.jsonl"
TO=sqlite:$W/w.db DUMP=dump_sqlite
into w
hs erase --user u-1
request=$(find "$LOADS" -name 'w@erase-*')
cp -p "$request" "$T/request"
# unusable NAME WHY SED-SCRIPT: what is made of the request by the script deletes nothing.
unusable() {
	sed "$3" "$T/request" >"$request"
	into w
	is "$1: nothing is deleted" "$CODE $(rows u-1) $(rows u-2) $(requests)" "0 $ROWS 1"
	check "$1: the remedy" grep -q "$(basename "$request"), a request of hookspool erase, $2: remove it, and erase" "$T/load.err"
}
ROWS="$(rows u-1) $(rows u-2) "
ROWS=${ROWS% }
unusable 'cut in a line' 'is damaged' '2s/"derived.*//'
unusable 'cut after a line' 'is damaged' '3d'
unusable 'without people' 'is damaged' '2d'
unusable 'a digit of an id' 'is damaged' 's/"id":"752d31"/"id":"752d32"/'
unusable 'another limit' 'is damaged' 's/"sealed_ms":1/"sealed_ms":2/'
unusable 'empty' 'is damaged' d
unusable 'of another kind' 'is damaged' 's/.*/user/'
rm "$request" && mkdir "$request"
into w
is 'one that cannot be read: nothing is deleted' "$CODE $(rows u-1) $(rows u-2) $(requests)" "0 $ROWS 1"
check 'one that cannot be read: the remedy' \
	grep -q "$(basename "$request"), a request of hookspool erase, could not be read: Is a directory: keep it" "$T/load.err"
rmdir "$request"
(cd "$S/spool/.hookspool" && mv spool spool.kept) # without it the spool gets another id
cp -p "$T/request" "$request"
hs adopt --accept-loss >/dev/null
sed -i '' "$request"
rm -f "$W/w.db"*
into w
check 'of another spool: the remedy' grep -q 'is of another spool: remove it' "$T/load.err"
is 'of another spool: nothing is deleted' "$(rows u-2 | sed 's/[1-9]/some/') $(requests)" 'some 1'

### A clock that was ahead #############################################
ahead=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
if [ -n "$ahead" ]; then
	spool_make
	TO=sqlite:$W/w.db
	chmod 644 "$T/two.jsonl"
	# after the change of the user, who owns the library's shared memory
	(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" LD_PRELOAD="$ahead" FAKETIME=+1h FAKETIME_DONT_FAKE_MONOTONIC=1 \
		"$S/bin/hookspool" import "$T/two.jsonl") >/dev/null
	into w
	ROWS=$(rows u-2)
	hs erase --user u-1
	into w
	is 'rows of a clock that was ahead go with an erase' "$CODE $(rows u-1) $(rows u-2) $(requests)" "0 0 $ROWS 0"
	{ echo '{"type":"delete","messageId":"d-2","userId":"u-2"}'; event_of e-3 userId u-2; } >"$T/delete.jsonl"
	take "$T/delete.jsonl"
	into w
	is 'and with a delete, but not what comes after it' "$CODE $(rows e-2) $(rows e-3 | sed 's/^[1-9].*/some/')" '0 0 some'
else
	ok 'a clock that was ahead # SKIP libfaketime is not installed'
fi

### An erase that is not finished ######################################
spool_make
take "$T/two.jsonl"
TO=sqlite:$W/w.db
into w
head -c 100 /dev/urandom >"$S/spool/.hookspool/broken-1.gz" # it stays, and so does the plan
own "$S/spool/.hookspool/broken-1.gz"
hs erase --user u-1
is 'an erase that is not finished has told the database' "$CODE $(requests)" '1 1'
into w
is 'which erases' "$CODE $(rows u-1) $(requests)" '0 0 0'
TO=sqlite:$W/late.db
into late
check 'a loader that is new since takes the plan' grep -q 'erased 1 ids as hookspool erase asked: 0 rows' "$T/load.err"
rm "$S/spool/.hookspool/broken-1.gz"
hs erase --user nobody
is 'the erase that finishes it tells them again' "$CODE $(ls "$LOADS" | sed 's/@.*/@/' | xargs)" '0 late late@ late@ w w@ w@'
into late
is 'and each request is carried out' "$CODE $(ls "$LOADS" | sed 's/@.*/@/' | xargs)" '0 late w w@ w@'

### A dry run, and what people see #####################################
spool_make
settings_write 'auth = none' 'min_free = 0' '[load]' "shop = sqlite:$W/w.db" "keeps = sqlite:$W/keeps.db on_delete=ignore"
take "$T/two.jsonl"
TO=sqlite:$W/w.db
hs_load() { (as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool-load" "$@") >"$T/load.out" 2>"$T/load.err"; }
hs_load shop --dry-run
is 'a dry run leaves no marker' "$(find "$LOADS" 2>/dev/null | wc -l)" 0
hs_load shop --once
hs_load keeps --once
hs erase --user u-1
hs_load shop --dry-run
hs_load shop --status
is 'nor does it or --status carry out a request' "$(rows u-1 | sed 's/[1-9]/some/') $(requests)" 'some 2'
hs stats
check 'stats shows what waits' grep -q '^shop: waiting requests of hookspool erase: 1, the oldest of 20' <<<"$OUT"
hs stats --json
is 'and as JSON' "$(jq -c '[.erase_requests[] | [.database, .requests]]' <<<"$OUT")" '[["keeps",1],["shop",1]]'
hs verify
is 'verify tells of it, and finds no problem in that' "$CODE $(grep -c '^shop: waiting requests of hookspool erase: 1, the oldest of 20' <<<"$OUT") $(tail -1 <<<"$OUT" | grep -o ' 0 problems')" '0 1  0 problems'
hs verify --json
is 'also as JSON' "$(jq -c '[.problems, [.erase_requests[] | [.database, .requests]]]' <<<"$OUT")" '[0,[["keeps",1],["shop",1]]]'
verdict() { jq -r '.[] | select(.check == "load" and (.text | startswith("shop: waiting requests of hookspool erase: 1, the oldest of 20"))) | .verdict' <<<"$OUT"; }
hs check --json
is 'check tells of it' "$(verdict)" ok
touch -d '2 hours ago' "$LOADS"/shop@erase-*
hs check --json
is 'and warns when it waits for long' "$(verdict)" warn
own "$W"
hs backup "$W/backup"
is 'a backup has markers and requests' "$(cd "$W/backup/.hookspool/loads" && ls | sed 's/@.*/@/' | xargs)" 'keeps keeps@ shop shop@'
hs cursors remove keeps
check 'who gives a database up is told of its requests' grep -q 'keeps: dropped requests of hookspool erase: 1:' "$T/err"
is 'and no erase tells it' "$(ls "$LOADS" | sed 's/@.*/@/' | xargs)" 'shop shop@'
hs_load shop --once
is 'the other one is erased' "$(rows u-1) $(requests)" '0 0'
hs_load keeps --once
echo '{"type":"delete","messageId":"d-1","userId":"u-2"}' >"$T/delete.jsonl"
take "$T/delete.jsonl"
hs_load shop --once
hs_load keeps --once
hs erase --from-deletes
is 'on_delete=ignore keeps the users of delete events' "$(requests) $(sqlite3 "$W/keeps.db" "SELECT count(*) FROM tracks WHERE user_id = 'u-2'")" '0 1'

### A loader that runs ##################################################
# running: persons are erased while a loader writes into TO, and other events come.
running() {
	local loop i person more
	spool_make 'compress = none'
	[ "$KIND" != sqlite ] || TO=sqlite:$W/running.db
	"fresh_$KIND"
	take "$T/first.jsonl"
	load_behind "${PINS[@]}" --to "$TO" --name w --every 20 --batch 7
	is_marked() { [ -e "$LOADS/w" ]; }
	wait_for 20 is_marked
	for ((loop = 1; loop <= LOOPS; loop++)); do
		person=gone-$loop
		for ((i = 0; i < 20; i++)); do
			event_of "$loop-$i" userId "$person"
			event_of "other-$loop-$i" userId "stays-$loop"
		done >"$T/loop.jsonl"
		sed -n 's/other-\(.*\)/more-\1/p' "$T/loop.jsonl" >"$T/more.jsonl"
		take "$T/loop.jsonl"
		chmod 644 "$T/more.jsonl"
		(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" import "$T/more.jsonl") >/dev/null 2>"$T/more.err" &
		more=$!
		hs erase --user "$person"
		[ "$CODE" = 0 ] || break
		wait "$more" || break
		wait_for 30 is_done || break
		[ "$("left_$KIND" "$person")" = 0 ] || break
	done
	is "$KIND: $LOOPS times: after the request no row of the person is left" $((loop - 1)) "$LOOPS"
	end_process "$LOADER"
	into w
	as_spool "$KIND: and every row of the others is there"
	check "$KIND: the loader says what it did" grep -qE 'erased 1 ids as hookspool erase asked: [0-9]+ rows' "$T/behind.err"
}
# left_KIND ID: the rows of a user; the whole dump is compared at the end.
left_sqlite() { rows "$1"; }
left_postgresql() { pg "SELECT (SELECT count(*) FROM segment.tracks WHERE user_id = '$1') + (SELECT count(*) FROM segment.order_completed WHERE user_id = '$1')"; }
left_mariadb() { sql "SELECT (SELECT count(*) FROM tracks WHERE user_id = '$1') + (SELECT count(*) FROM order_completed WHERE user_id = '$1')"; }
fresh_sqlite() { rm -f "${TO#sqlite:}"*; }
fresh_postgresql() { pg 'DROP SCHEMA IF EXISTS segment CASCADE'; }
fresh_mariadb() { mariadb_client -e 'DROP DATABASE segment; CREATE DATABASE segment'; }

### Each database #######################################################
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
