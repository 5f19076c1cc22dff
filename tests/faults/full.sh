#!/bin/bash
# full.sh: the disk fills up and is emptied, again and again, under load. As root on a small
# tmpfs and a small ext4; otherwise RLIMIT_FSIZE replaces the disk. Nothing acknowledged is lost,
# a full disk is answered 503, and the first 200 comes within a second of space.
. "$(dirname "$0")/lib.sh"

CYCLES=${CYCLES:-$(size 10 200)}
slowest=0

# send: makes and posts one more event by CGI; STATUS.
sent=0
send() {
	event "f-$((++sent))" >"$T/body.f"
	sign "$SECRET" "$T/body.f" >"$T/sign.f"
	one f
	[ "$STATUS" != 200 ] || echo "f-$sent" >>"$T/ledger"
}

sends_200() { send; [ "$STATUS" = 200 ]; }

# cycle: full by a foreign file, refused; emptied, taken.
cycle() {
	local start ms
	dd if=/dev/zero of="$DISK/filler" bs=64k 2>/dev/null
	dd if=/dev/zero bs=1k 2>/dev/null >>"$DISK/filler"
	send # may still fit into blocks that were taken ahead
	batch_fill
	[ "$STATUS" = 503 ] || wrong=$((wrong + 1))
	start=$EPOCHREALTIME
	rm -f "$DISK/filler"
	wait_for 5 sends_200 || late=$((late + 1))
	ms=$(since "$start")
	[ "$ms" -le "$slowest" ] || slowest=$ms
}

# batch_fill: a large batch, which cannot fit.
batch_fill() {
	[ -e "$T/body.big" ] || batch_body big 1 4000
	one big
}

full_on() { # NAME MOUNT-COMMAND...
	local name=$1
	shift
	place_make 'rotate_size = 256K'
	DISK=$S/disk
	mkdir "$DISK"
	"$@" "$DISK" || { not_ok "$name: mount"; return; }
	MOUNTED=$DISK
	SPOOL_DIR=$DISK/spool
	mkdir -m 700 "$SPOOL_DIR"
	own "$SPOOL_DIR"
	chmod 755 "$DISK"
	settings_write "spool_dir = $SPOOL_DIR" 'min_free = 0' 'compress = none' 'log_level = warn' 'rotate_size = 256K'
	sed -i "1d" "$S/hookspool.conf"
	: >"$T/ledger"
	slowest=0 wrong=0 late=0
	for ((i = 0; i < CYCLES; i++)); do cycle; done
	is "$name: $CYCLES times full, each time 503" "$wrong" 0
	is "$name: each time service returned" "$late" 0
	check "$name: within a second (slowest $slowest ms)" in_time "$slowest" 1000
	count_check "$name: every acknowledged event once" "$T/ledger"
	figure "$name: $CYCLES disk-full cycles: lost $(number lost "$COUNTED"), twice $(number twice "$COUNTED"), slowest first 200 after $slowest ms"
	umount "$DISK"
	MOUNTED=
}

mount_tmpfs() { mount -t tmpfs -o size=4m,mode=755 hookspool-test "$1"; }
mount_ext4() {
	truncate -s 8M "$T/image"
	mkfs.ext4 -q -F "$T/image" && mount -o loop "$T/image" "$1"
}
MOUNTED=
trap '[ -z "$MOUNTED" ] || umount "$MOUNTED"; clean_up' EXIT

# A limit on the size of files: writes fail as on a full disk (EFBIG), also in mid-line.
full_by_limit() {
	place_make
	: >"$T/ledger"
	wrong=0 late=0
	for ((i = 0; i < CYCLES; i++)); do
		send
		[ "$STATUS" = 200 ] || late=$((late + 1))
		one_limit=$(($(stat -c %s "$SPOOL") + 100)) # the next line does not fit
		event "f-$((++sent))" >"$T/body.f"
		sign "$SECRET" "$T/body.f" >"$T/sign.f"
		one f prlimit --fsize="$one_limit"
		[ "$STATUS" = 503 ] || wrong=$((wrong + 1))
	done
	send
	is "size limit: $CYCLES writes that do not fit are answered 503" "$wrong" 0
	is 'size limit: service returns at once' "$late $STATUS" '0 200'
	count_check 'size limit: every acknowledged event once' "$T/ledger"
	figure "writes cut short by a size limit: $CYCLES, lost $(number lost "$COUNTED"), twice $(number twice "$COUNTED")"
}

# A disk with room but without inodes: 503, and a new segment can be begun when there are some.
full_of_files() {
	place_make
	DISK=$S/disk
	mkdir "$DISK"
	mount -t tmpfs -o size=32m,nr_inodes=60,mode=755 hookspool-test "$DISK" || { not_ok 'inodes: mount'; return; }
	MOUNTED=$DISK
	SPOOL_DIR=$DISK/spool
	mkdir -m 700 "$SPOOL_DIR"
	own "$SPOOL_DIR"
	settings_write 'min_free = 0' 'compress = none' 'log_level = warn'
	sed -i "s|^spool_dir = .*|spool_dir = $SPOOL_DIR|" "$S/hookspool.conf"
	: >"$T/ledger"
	wrong=0 late=0
	for ((i = 0; i < CYCLES; i++)); do
		for ((f = 0; f < 60; f++)); do : >"$DISK/filler.$f"; done 2>/dev/null
		send
		[ "$STATUS" = 503 ] || wrong=$((wrong + 1))
		rm -f "$DISK"/filler.*
		send
		[ "$STATUS" = 200 ] || late=$((late + 1))
	done
	is "inodes: $CYCLES times none left, each time 503" "$wrong" 0
	is 'inodes: service returns at once' "$late" 0
	count_check 'inodes: every acknowledged event once' "$T/ledger"
	figure "inodes: $CYCLES cycles without any left: lost $(number lost "$COUNTED"), twice $(number twice "$COUNTED")"
	umount "$DISK"
	MOUNTED=
}

full_by_limit
if [ "$(id -u)" -eq 0 ] && [ -n "${ROOT_TESTS-}" ]; then
	full_on tmpfs mount_tmpfs
	full_on ext4 mount_ext4
	full_of_files
fi
done_testing
