#!/bin/bash
# A file of the spool is something else (a directory, a symbolic link, a FIFO, a socket) or may
# not be read. No command hangs or dies, sound files are read and maintained, and the fault is reported.
# FULL=1 tries every kind.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='auth = none
rotate_min_gap = 0
min_free = 0'

KINDS='directory symlink fifo'
[ -z "${FULL-}" ] || KINDS='directory symlink dangling fifo socket unreadable'
SEGMENTS='events-20260101T000000.000Z-000002.jsonl
events-20260101T000000.000Z-000002.jsonl.gz
events-20260101T000000.000Z-000001.jsonl.gz
rejected-20260101T000000.000Z-000002.jsonl
rejected-20260101T000000.000Z-000002.jsonl.gz'
OTHERS='events.jsonl rejected.jsonl failed.jsonl failed-1.jsonl erased.jsonl
.hookspool/salt .hookspool/suppressed .hookspool/erased-ids .hookspool/cursors/c
.hookspool/cursors/.c .hookspool/cursors .hookspool/edits .hookspool/imports .hookspool/broken-x
.hookspool/run/index .hookspool/run/gzip .hookspool/run/share-copy .hookspool/run/maintain
.hookspool/run/erase'

# place KIND PATH: puts it there.
place() {
	case $1 in
	directory) mkdir "$2" ;;
	symlink) ln -s "$T/elsewhere" "$2" ;;
	dangling) ln -s "$T/nowhere" "$2" ;;
	fifo) mkfifo "$2" ;;
	socket) python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$2" ;;
	unreadable) : >"$2" && chmod 000 "$2" ;;
	esac
	own -h "$2"
}

# run COMMAND ARGUMENT...: BAD counts what hangs or dies; OUT and CODE as of hs.
run() {
	OUT=$(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" timeout -s KILL 60 \
		"$S/bin/hookspool" "$@" 2>"$T/err" </dev/null)
	CODE=$?
	[ $CODE -lt 124 ] || { BAD=$((BAD + 1)); not_ok "$kind $name: hookspool $1" "exit $CODE" "$(head -3 "$T/err")"; }
}

commands() {
	run import "$T/more.jsonl"
	run tail --cursor c
	run stats
	run check
	run erase --user nobody --suppress
	run maintain
	run repair
}

directory_make
SPOOL_DIR=$S/spool
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
printf '{"type":"page","userId":"u","messageId":"m-%d"}\n' 1 2 3 >"$T/three.jsonl"
printf '{"type":"page","userId":"u","messageId":"n-%d"}\n' 1 2 >"$T/more.jsonl"
printf '{"type":"page","userId":"u","messageId":"linked","spooled_at":"2026-01-01T00:00:00.000Z"}\n' >"$T/elsewhere"
chmod 644 "$T"/*.jsonl "$T/elsewhere"
name='' kind=''
BAD=0
run import "$T/three.jsonl"
run rotate
number=$(ls "$SPOOL_DIR" | grep '^events-')
sed 's/"spooled_at":"[^"]*"/"spooled_at":"2026-01-01T00:00:00.000Z"/' "$SPOOL_DIR/$number" \
	>"$SPOOL_DIR/events-20260101T000000.000Z-000001.jsonl"
rm "$SPOOL_DIR/$number"
own "$SPOOL_DIR/events-20260101T000000.000Z-000001.jsonl"
cp -a "$SPOOL_DIR" "$S/sound"

fresh() {
	chmod -R u+rwX "$SPOOL_DIR" 2>/dev/null
	rm -rf "$SPOOL_DIR"
	cp -a "$S/sound" "$SPOOL_DIR"
}

### What bears a segment's name ###########################################
for name in $SEGMENTS; do
	for kind in $KINDS; do
		BAD=0
		fresh
		place "$kind" "$SPOOL_DIR/$name"
		# a segment that may not be read is one: its lines are not passed over without a word
		if [ $kind = unreadable ]; then
			[ "$(id -u)" -eq 0 ] || commands
			is "$kind $name: nothing hangs or dies" $BAD 0
			continue
		fi
		run cat
		is "$kind $name: cat prints the sound segments" "$CODE $(grep -c '"m-' <<<"$OUT")" '0 3'
		case $name in events*) check "$kind $name: and reports it" grep -q "$name is no plain file" "$T/err" ;; esac
		run verify
		is "$kind $name: verify finds it" "$CODE $(grep -c "^$name: no plain file" <<<"$OUT")" '1 1'
		run maintain
		check "$kind $name: maintenance reports it" grep -q "$name is no plain file" "$T/err"
		run maintain
		is "$kind $name: once" "$(grep -c "$name is no plain file" "$T/err")" 0
		commands
		run cat
		is "$kind $name: later events are read, too" "$(grep -c '"[mn]-' <<<"$OUT")" 5
		is "$kind $name: nothing hangs or dies" $BAD 0
	done
done

# Maintenance continues with the others: they are compressed and deleted.
fresh
kind=directory name=events-20260101T000000.000Z-000000.jsonl
place directory "$SPOOL_DIR/$name"
run maintain
check 'the others are compressed' test -e "$SPOOL_DIR/events-20260101T000000.000Z-000001.jsonl.gz"
settings_write "$SETTINGS" 'retain_days = 1'
run import "$T/more.jsonl"
run maintain
check 'and deleted' test ! -e "$SPOOL_DIR/events-20260101T000000.000Z-000001.jsonl.gz"
settings_write "$SETTINGS"

### The others ############################################################
for name in $OTHERS; do
	for kind in $KINDS; do
		BAD=0
		fresh
		mkdir -p "$SPOOL_DIR/.hookspool/cursors"
		own "$SPOOL_DIR/.hookspool/cursors"
		rm -rf "${SPOOL_DIR:?}/$name"
		place "$kind" "$SPOOL_DIR/$name"
		commands
		run cat
		case $name in
		events.jsonl) ;; # the service itself: 503, and the commands say so
		.hookspool/edits) ;; # positions are unknown then: the commands say so
		*) is "$kind $name: cat prints the events" "$(($(grep -c '"m-' <<<"$OUT")))" 3 ;;
		esac
		is "$kind $name: nothing hangs or dies" $BAD 0
	done
done
done_testing
