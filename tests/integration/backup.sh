#!/bin/bash
# hookspool backup while a server writes; restored elsewhere, and adopted, it holds each event
# that was acknowledged before it began, once. ROUNDS (5) says how many.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

ROUNDS=${ROUNDS:-5}
spool_start 'rotate_size = 8K' 'rotate_min_gap = 0' 'compress = gzip'

# elsewhere DIR COMMAND...: the command, on a spool in this directory.
elsewhere() {
	local dir=$1
	shift
	HOOKSPOOL_SPOOL_DIR=$dir hs "$@"
}

# restore FROM TO: as an operator does it on another machine: all files, nothing of what runs.
restore() {
	cp -a "$1" "$2"
	rm -rf "$2/.hookspool/run"
}

# --- while it is written to
write_on &
writer=$!
wait_for 10 test -s "$T/written"
hs each --once --cursor work --on '*=true' >/dev/null 2>&1
for n in $(seq "$ROUNDS"); do
	before=$(cat "$T/written")
	(hs_exec each --once --cursor work --on '*=true' >/dev/null 2>&1) & # its cursor moves meanwhile
	consumer=$!
	back_up "$OUT/backup" >"$T/out" 2>"$T/said"
	code=$?
	wait "$consumer"
	[ "$n" != 3 ] || maintain
	rm -rf "$OUT/other"
	restore "$OUT/backup" "$OUT/other"
	elsewhere "$OUT/other" adopt >"$T/adopted" 2>"$T/said"
	adopted=$?
	is "backup $n: backup and adoption succeed" "$code $adopted" "0 0"
	elsewhere "$OUT/other" cat | ids_of | sort >"$T/have"
	seq -f 'k%.0f' 1 "$before" | sort >"$T/want"
	is "backup $n: it has every acknowledged event" "$(comm -13 "$T/have" "$T/want" | head -n 3)" ""
	is "backup $n: once" "$(uniq -d "$T/have" | head -n 3)" ""
	is "backup $n: verify finds nothing" "$(elsewhere "$OUT/other" verify | sed 's/.*, //')" "0 problems"
	is "backup $n: the cursor fits" "$(grep -A 1 '^cursor work$' "$T/adopted" | tail -n 1 | sed 's/ segment.*\| the oldest.*//')" \
		"  fits: continues in"
done
touch "$T/enough"
wait "$writer"
is "lines fit a narrow terminal" "$(awk 'length > 60' "$T/out" "$T/adopted")" ""

# --- goes on with the next one
maintain # or the server might compress a segment between the two
back_up "$OUT/backup" >/dev/null
back_up "$OUT/backup" >"$T/out"
is "the next backup copies nothing again" "$(sed -n 2p "$T/out")" "  0 segments linked, 0 copied"
hs cat | ids_of | sort >"$T/want"
elsewhere "$OUT/backup" cat | ids_of | sort | cmp - "$T/want" && ok "a backup can be read where it is" ||
	not_ok "a backup can be read where it is"

# --- people
put_one '{"type":"page","userId":"anna","messageId":"anna"}'
hs rotate
back_up "$OUT/backup" >/dev/null
hs erase --user anna --suppress >/dev/null
back_up "$OUT/backup" >/dev/null
is "later backups do not contain an erased user" "$(zcat -f "$OUT"/backup/*.jsonl* | grep -c '"anna"')" 0
rm -rf "$OUT/other"
restore "$OUT/backup" "$OUT/other"
elsewhere "$OUT/other" adopt >/dev/null
is "a user suppressed in the source is suppressed in the backup" \
	"$(printf '{"type":"page","userId":"anna","messageId":"anna2"}' >"$OUT/archive" &&
		elsewhere "$OUT/other" import --json "$OUT/archive" | jq -c '[.accepted, .suppressed]')" "[0,1]"
exec 7<>"$S/spool/.hookspool/run/erase" && flock 7
hs backup "$OUT/backup" >/dev/null 2>&1
is "while an erase runs: 75, try again" $? 75
exec 7>&-

# --- where it may go
mkdir -p "$OUT/full"
own "$OUT/full"
: >"$OUT/full/precious"
back_up "$OUT/full" >/dev/null 2>"$T/said"
is "not into a folder with other files" "$? $(grep -c 'name a new directory' "$T/said")" "73 1"
back_up "$S/spool/b" >/dev/null 2>&1
is "nor into the spool" $? 73
back_up "$S/spool/.hookspool/run/b" >/dev/null 2>&1
is "at any depth" $? 73
back_up "$OUT/other" >/dev/null 2>&1
is "nor into a backup that was adopted" $? 73
# cannot NAME DIRECTORY TEXT: 73, and nothing is said of the spool.
cannot() {
	back_up "$2" >"$T/out" 2>"$T/said"
	is "$1" "$? $(wc -l <"$T/said") $(grep -cF -- "hookspool backup: $2: $3" "$T/said")" "73 1 1"
}
cannot "below a folder that is not there" "$OUT/none/b" \
	"No such file or directory: name another directory, or make it for the spool's owner: sudo install -d -m 700 -o $SERVER_USER $OUT/none/b"
ln -s "$OUT/backup" "$OUT/link"
cannot "through a symbolic link" "$OUT/link" 'name a directory, and not a symbolic link to it'
cannot "on a file" "$OUT/full/precious" 'name a directory'
if [ "$(id -u)" -eq 0 ]; then
	mkdir -m 700 "$T/root"
	HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" backup "$T/root/b" >"$T/out" 2>"$T/said"
	is "by root, where the owner of the spool may not" "$? $(grep -c "^hookspool backup: $T/root/b: Permission denied: name another" "$T/said")" \
		"73 1"
fi
hs backup >/dev/null 2>&1
is "usage" $? 2
if [ "$(stat -f -c %i /dev/shm 2>/dev/null)" != "$(stat -f -c %i "$OUT")" ] && [ -w /dev/shm ]; then
	far=$(mktemp -d /dev/shm/hookspool.XXXXXX)
	own "$far"
	maintain
	back_up "$far/b" >"$T/out"
	is "to another file system: copied" "$? $(sed -n '2s/, [1-9][0-9]* / N /p' "$T/out")" "0   0 segments linked N copied"
	elsewhere "$far/b" cat | ids_of | sort >"$T/have"
	hs cat | ids_of | sort | cmp - "$T/have" && ok "all of it" || not_ok "all of it"
	back_up "$far/b" >"$T/out"
	is "… once" "$(sed -n 2p "$T/out")" "  0 segments linked, 0 copied"
	rm -rf "$far"
fi

# --- one that was interrupted
put_one '{"type":"page","userId":"u","messageId":"late"}'
sed -i 's/"settled":true/"settled":false/' "$OUT/backup/.hookspool/backup"
rm -rf "$OUT/other"
restore "$OUT/backup" "$OUT/other"
elsewhere "$OUT/other" verify >"$T/out" 2>&1
is "an incomplete backup is not sound" "$? $(grep -c '^.hookspool/backup: the backup is not whole: run hookspool backup again' "$T/out")" "1 1"
elsewhere "$OUT/other" check >"$T/out" 2>&1
is "nor all right" "$? $(grep -c '^FAIL backup .* was interrupted' "$T/out")" "1 1"
elsewhere "$OUT/other" adopt >/dev/null 2>"$T/said"
is "an incomplete backup is not adopted by mistake" "$? $(grep -c 'not whole' "$T/said")" "65 1"
elsewhere "$OUT/other" adopt --accept-loss >/dev/null
is "… but with --accept-loss" $? 0
elsewhere "$OUT/other" verify >/dev/null 2>&1
is "after which it is a spool" "$? $(elsewhere "$OUT/other" check | grep -c ' backup ')" "0 0"
back_up "$OUT/backup" >/dev/null
code=$?
elsewhere "$OUT/backup" check >"$T/out"
is "a whole one says what it needs" "$? $(grep -A 1 '^warn backup' "$T/out" | grep -c 'run hookspool adopt')" "0 1"
elsewhere "$OUT/backup" verify >/dev/null
is "and is sound" $? 0
is "the next backup makes it whole" "$code $(jq .settled "$OUT/backup/.hookspool/backup")" "0 true"
server_stop
done_testing
