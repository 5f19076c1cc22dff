#!/bin/bash
# power.sh: the power goes. Needs root: ext4 and XFS on a loop device over a file that
# qemu-storage-daemon exports and whose writes it logs, flushes included. From the log come the
# images a disk may hold: as of every flush, and between two flushes with writes missing, torn
# and in another order. Each is mounted under another boot id; what had been acknowledged by
# then must be there, in whole lines, and service must go on. The events have values that a rule
# drops or hashes: these are in no byte that was ever written.
. "$(dirname "$0")/lib.sh"

need_root
need qemu-storage-daemon losetup mkfs.ext4 mkfs.xfs unshare
if [ -z "${HS_UNSHARED-}" ]; then # mounts of our own, which end with us
	clean_up_first() { rm -rf "$T"; }
	trap clean_up_first EXIT
	HS_UNSHARED=1 unshare -m bash "$0" "$@"
	exit
fi

TORN=${TORN:-$(size 20 500)}
REQUESTS=${REQUESTS:-$(size 12 60)}
REPLAY=$HS_BUILD/faults_replay
LOOP= MOUNTED= QEMU_PID=
BOOT_ID=/proc/sys/kernel/random/boot_id

give_back() {
	[ -z "$MOUNTED" ] || umount "$MOUNTED"
	[ -z "$LOOP" ] || losetup -d "$LOOP"
	[ -z "$QEMU_PID" ] || end_process "$QEMU_PID"
	LOOP='' MOUNTED='' QEMU_PID=''
}
trap 'umount "$BOOT_ID" 2>/dev/null; give_back; clean_up' EXIT

mount_image() {
	LOOP=$(losetup --find --show "$1") && mount "$LOOP" "$DISK" && MOUNTED=$DISK
}

unmount() {
	umount "$DISK" && MOUNTED= && losetup -d "$LOOP" && LOOP=
}

# base_make FILESYSTEM: $T/base, an image with an empty spool directory.
base_make() {
	rm -f "$T/base"
	case $1 in
	ext4) truncate -s 48M "$T/base" && mkfs.ext4 -q -F "$T/base" ;;
	xfs) truncate -s 320M "$T/base" && mkfs.xfs -q "$T/base" ;;
	esac
	place_make 'rotate_size = 16K' 'hash_key = 00112233445566778899aabbccddeeff' \
		'[fields]' 'properties_card = drop' 'properties_email = hash'
	DISK=$S/disk
	SPOOL_DIR=$DISK/spool
	SPOOL=$SPOOL_DIR/events.jsonl
	mkdir "$DISK"
	sed -i "s|^spool_dir = .*|spool_dir = $SPOOL_DIR|" "$S/hookspool.conf"
	mount_image "$T/base" || exit 2
	mkdir -m 700 "$SPOOL_DIR"
	own "$SPOOL_DIR"
	unmount
}

# logged_start: $T/export is the disk, $T/log what is written to it.
logged_start() {
	cp --sparse=always "$T/base" "$T/disk"
	rm -f "$T/log"
	: >"$T/log"
	: >"$T/export"
	qemu-storage-daemon --blockdev driver=file,node-name=disk,filename="$T/disk" \
		--blockdev driver=file,node-name=log,filename="$T/log" \
		--blockdev driver=blklogwrites,node-name=logged,file=disk,log=log \
		--export type=fuse,id=export,node-name=logged,mountpoint="$T/export",writable=on \
		>>"$T/qemu.log" 2>&1 &
	QEMU_PID=$!
	wait_for 10 eval '[ "$(stat -c %s "$T/export")" -gt 0 ]' || { cat "$T/qemu.log"; exit 2; }
}

# private_body NAME FROM TO: batch_body, with values in each event that must not be kept.
private_body() {
	local file
	batch_body "$@"
	for file in "$T/body.$1" "$T/first"; do
		sed -i 's/"userId":"u"/&,"properties":{"card":"never-on-disk-4111","email":"Never.On@Disk.example"}/g' "$file"
	done
	sign "$SECRET" "$T/first" >"$T/sign.$1"
}

# never_written: how many lines of all that was written to the disk have one of these values.
never_written() { grep -aciE 'never-on-disk|never\.on@disk' "$T/log"; }

# work: requests; the ledger says how long the log was when each id was acknowledged. Now and
# then a process is killed before its sync, so that recovery is in the log, too.
work() {
	local i size from=1
	: >"$T/ledger.log"
	for ((i = 1; i <= REQUESTS; i++)); do
		size=$((1 + i * 7 % 23))
		private_body w "$from" $((from + size - 1))
		case $((i % 12)) in
		7) one w strace -qq -o /dev/null -e inject=fdatasync:signal=SIGKILL ;;
		9) one w strace -qq -o /dev/null -e inject=pwrite64:signal=SIGKILL ;;
		esac
		one w
		[ "$STATUS" = 200 ] || not_ok "$FS: request $i" "$STATUS"
		seq -f "$(stat -c %s "$T/log") b-%.0f" "$from" $((from + size - 1)) >>"$T/ledger.log"
		from=$((from + size))
	done
	printf '{"type":"track","messageId":"r","userId":"u","properties":{"card":"never-on-disk-4111"}}' >"$T/body.r"
	sign "$SECRET" "$T/body.r" >"$T/sign.r"
	chmod 644 "$T/body.r" "$T/sign.r"
	one r
	[ "$STATUS" = 400 ] || not_ok "$FS: a request to be rejected" "$STATUS"
}

# image_check OFFSET WHAT: $T/image, in which all up to that offset of the log is safe.
image_check() {
	local said
	awk -v o="$1" '$1 <= o { print $2 }' "$T/ledger.log" >"$T/ledger"
	if ! mount_image "$T/image" 2>>"$T/mount.log"; then
		unmountable=$((unmountable + 1))
		[ -z "$LOOP" ] || losetup -d "$LOOP"
		LOOP=
		return
	fi
	images=$((images + 1))
	one 1
	if [ "$STATUS" != 200 ]; then
		bad=$((bad + 1))
		echo "# $FS, $2: service does not go on: $STATUS $(tail -n 1 "$S/log/program.log")"
	fi
	if ! said=$("$COUNT" "$SPOOL_DIR" "$T/ledger"); then
		bad=$((bad + 1))
		printf '# %s, %s: %s\n' "$FS" "$2" "$said"
	fi
	lost=$((lost + $(number lost "$said")))
	unmount
}

on() { # FILESYSTEM
	local at=0 entry offset last i n
	FS=$1 images=0 bad=0 lost=0 unmountable=0
	base_make "$FS"
	bodies_make 1
	logged_start
	mount_image "$T/export" || exit 2
	work
	sync -f "$DISK"
	unmount
	end_process "$QEMU_PID"
	QEMU_PID=
	"$REPLAY" points "$T/log" >"$T/points"
	n=$(wc -l <"$T/points")
	is "$FS: the log has flushes" "$((n > REQUESTS))" 1
	is "$FS: what rules drop or hash was never written, and the records were" "$(never_written) $(($(grep -ac '"b-1"' "$T/log") > 0))" "0 1"
	mount --bind "$T/boot_id" "$BOOT_ID"

	cp --sparse=always "$T/base" "$T/now"
	while read -r entry offset; do
		"$REPLAY" apply "$T/log" "$T/now" "$at" "$entry"
		at=$entry
		cp --sparse=always "$T/now" "$T/image"
		image_check "$offset" "flush at entry $entry"
	done <"$T/points"
	is "$FS: cut at each of $n flushes: $images images" "$bad $unmountable" '0 0'
	figure "$FS: power cut at every flush point ($n): acknowledged lost $lost, images in which anything is wrong $bad"

	images=0 bad=0 lost=0
	at=0
	cp --sparse=always "$T/base" "$T/now"
	# in rounds over all the flushes, so that few images need the whole log again
	for ((i = 0; images < TORN && i < 20 * TORN; i++)); do
		[ $((i % n)) -ne 0 ] || { cp --sparse=always "$T/base" "$T/now"; at=0; }
		read -r entry offset < <(sed -n "$((i % n + 1))p" "$T/points")
		last=$(sed -n "$((i % n + 2))s/ .*//p" "$T/points")
		"$REPLAY" apply "$T/log" "$T/now" "$at" "$entry"
		at=$entry
		[ "${last:-0}" -gt $((entry + 1)) ] || continue # nothing between the two flushes
		cp --sparse=always "$T/now" "$T/image"
		"$REPLAY" tear "$T/log" "$T/image" "$entry" "$((last - 1))" "$i"
		image_check "$offset" "torn after entry $entry, seed $i"
	done
	umount "$BOOT_ID"
	is "$FS: $TORN images reordered or torn: nothing lost, service continues" "$images $bad" "$TORN 0"
	# XFS does not replay its log over every torn directory block (EFSBADCRC): not our affair,
	# as long as it is rare
	is "$FS: few cannot be mounted ($unmountable)" "$((unmountable <= TORN / 50))" 1
	figure "$FS: $images reordered or torn images: acknowledged lost $lost, images in which anything is wrong $bad; $unmountable more could not be mounted"
}

cat /proc/sys/kernel/random/uuid >"$T/boot_id"
for fs in ${ONLY-ext4 xfs}; do on "$fs"; done
done_testing
