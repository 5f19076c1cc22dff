#!/bin/bash
# spool_dir.sh: unusable spool directories: missing, read-only, of another user, a
# symbolic link, open to everyone, full of foreign files, from a newer version, removed
# or replaced under load. The answer is 503 (or the directory is made), the log says why in
# words, foreign files stay as they are, and service returns when the directory is right.
. "$(dirname "$0")/lib.sh"

place_make
bodies_make 2

# try: one request, with a fresh log.
try() { : >"$S/log/program.log"; one 1; }
says() { grep -qiE "$1" "$S/log/program.log"; }

# refuses NAME WORDS: 503, and the log explains.
refuses() {
	try
	is "$1: 503" "$STATUS" 503
	check "$1: the log says why" says "$2"
}

returns() {
	try
	is "$1: service returns" "$STATUS" 200
}

rm -rf "$SPOOL_DIR"
chmod 711 "$S" # not ours to write in, for www-data
if [ "$(id -u)" -eq 0 ]; then
	refuses 'missing, and cannot be made' 'spool_dir'
fi
spool_clear
returns 'missing'

rm -rf "$SPOOL_DIR/.hookspool" "$SPOOL"
chmod 500 "$SPOOL_DIR"
refuses 'read-only' 'permission|spool_dir|owner|write'
chmod 700 "$SPOOL_DIR"
returns 'read-only'

chmod 777 "$SPOOL_DIR"
refuses 'open to everyone' 'spool_dir|permission|mode|writ'
chmod 700 "$SPOOL_DIR"
returns 'open to everyone'

if [ "$(id -u)" -eq 0 ]; then
	chown root:root "$SPOOL_DIR"
	chmod 755 "$SPOOL_DIR"
	refuses "of another user" 'owner|belong|spool_dir'
	own "$SPOOL_DIR"
	chmod 700 "$SPOOL_DIR"
	returns "of another user"
	chown root:root "$SPOOL"
	refuses "events.jsonl of another user" 'owner|belong'
	own "$SPOOL"
	returns "events.jsonl of another user"
fi

mv "$SPOOL_DIR" "$SPOOL_DIR.real"
ln -s "$SPOOL_DIR.real" "$SPOOL_DIR"
refuses 'a symbolic link' 'spool_dir|link'
rm "$SPOOL_DIR"
mv "$SPOOL_DIR.real" "$SPOOL_DIR"
returns 'a symbolic link'

rm "$SPOOL"
ln -s /etc/passwd "$SPOOL"
refuses 'events.jsonl is a symbolic link' 'link|plain|file'
rm "$SPOOL"
mkfifo -m 600 "$SPOOL"
own "$SPOOL"
refuses 'events.jsonl is a FIFO' 'plain|file'
rm "$SPOOL"
returns 'events.jsonl was something else'

# From a newer version: the number after the magic of the state.
one 2
printf '\377' | dd of="$SPOOL_DIR/.hookspool/run/state" bs=1 seek=8 conv=notrunc 2>/dev/null
cp -a "$SPOOL_DIR" "$T/before"
refuses 'from a newer version' 'version'
# metrics has a version of its own, and counts the 503
check 'from a newer version: nothing is touched' diff -r -x metrics "$T/before" "$SPOOL_DIR"
printf '\2' | dd of="$SPOOL_DIR/.hookspool/run/state" bs=1 seek=8 conv=notrunc 2>/dev/null
returns 'from a newer version'

# Foreign files, some with names like ours.
spool_clear
mkdir "$SPOOL_DIR/events-backup" "$SPOOL_DIR/.hookspool"
chmod 700 "$SPOOL_DIR/.hookspool"
for name in README events.jsonl.bak events-1.jsonl 'events-20261123T101500.123Z-42.jsonl' \
	'events-20261123T101500.123Z-000042.jsonl.gz.tmp' rejected.txt lost+found .hookspool/notes \
	.hookspool/aside-events-x; do
	echo "not ours: $name" >"$SPOOL_DIR/$name"
done
head -c 100000 /dev/urandom >"$SPOOL_DIR/core"
chown -R --reference="$SPOOL_DIR" "$SPOOL_DIR"
foreign() {
	(
		cd "$SPOOL_DIR" || exit
		grep -rl '^not ours' . | xargs cksum | sort -k 3
		cksum core
	)
}
foreign >"$T/before.sums"
returns 'full of foreign files'
drive -p foreign -e 500 -b 10 -t 30 "cgi=2:$S/bin/hookspool.fcgi" >/dev/null
tool rotate >/dev/null
tool maintain >/dev/null
foreign >"$T/after.sums"
check 'full of foreign files: they stay as they are' diff "$T/before.sums" "$T/after.sums"

# The directory is removed and replaced under load. Its events are gone, of
# course; those acknowledged since then are there.
spool_clear
listener_start
bad=0 TIMES=$(size 5 50)
drive -p load -e 10000000 -b 5 -t "$((TIMES / 2 + 2))" "cgi=2:$S/bin/hookspool.fcgi" >/dev/null &
load=$!
for ((i = 0; i < TIMES; i++)); do
	sleep 0.2
	mv "$SPOOL_DIR" "$T/gone.$i"
	sleep "0.0$((RANDOM % 5))" # meanwhile there is none
	mkdir -m 700 "$SPOOL_DIR" 2>/dev/null && own "$SPOOL_DIR" # a sender may have been first
	wait_for 5 eval 'one 1; [ "$STATUS" = 200 ]' || bad=$((bad + 1))
done
wait "$load"
end_process "$PROGRAM_PID"
PROGRAM_PID=
is "removed under load, $TIMES times: service returns" "$bad" 0
one 2
count_check 'removed under load: whole lines, each id once'
figure "spool removed under load $TIMES times: $bad without service after 5 s"
done_testing
