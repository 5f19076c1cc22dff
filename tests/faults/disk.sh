# shellcheck shell=bash
# disk.sh: a disk whose power goes. Source it after lib.sh; it needs root. A file system on a loop
# device over a file that qemu-storage-daemon exports and whose writes it logs, flushes included.
# From the log come the images that the disk may hold (replay.c).

need_root
need qemu-storage-daemon losetup mkfs.ext4 mkfs.xfs mkfs.btrfs unshare
if [ -z "${HS_UNSHARED-}" ]; then # mounts of our own, which end with us
	clean_up_first() { rm -rf "$T"; }
	trap clean_up_first EXIT
	HS_UNSHARED=1 unshare -m bash "$0" "$@"
	exit
fi

REPLAY=$HS_BUILD/faults_replay
LOOP= MOUNTED= QEMU_PID=
BOOT_ID=/proc/sys/kernel/random/boot_id

logged_end() {
	[ -z "$QEMU_PID" ] || end_process "$QEMU_PID"
	QEMU_PID=
}

give_back() {
	[ -z "$MOUNTED" ] || umount "$MOUNTED"
	[ -z "$LOOP" ] || losetup -d "$LOOP"
	logged_end
	LOOP='' MOUNTED=''
}
trap 'umount "$BOOT_ID" 2>/dev/null; give_back; clean_up' EXIT

mount_image() {
	LOOP=$(losetup --find --show "$1") && mount "$LOOP" "$DISK" && MOUNTED=$DISK
}

unmount() {
	umount "$DISK" && MOUNTED= && losetup -d "$LOOP" && LOOP=
}

# image_check OFFSET WHAT: mounts $T/image, in which all up to that offset of the log is safe, and calls the
# script's `judge OFFSET WHAT`. Counts in `images`, or in `unmountable`.
image_check() {
	if ! mount_image "$T/image" 2>>"$T/mount.log"; then
		unmountable=$((unmountable + 1))
		[ -z "$LOOP" ] || losetup -d "$LOOP"
		LOOP=
		return
	fi
	images=$((images + 1))
	judge "$1" "$2"
	unmount
}

# base_make FILESYSTEM [SETTING]...: $T/base, an image with an empty spool directory.
base_make() {
	local filesystem=$1
	shift
	rm -f "$T/base"
	case $filesystem in
	ext4) truncate -s 48M "$T/base" && mkfs.ext4 -q -F "$T/base" ;;
	xfs) truncate -s 320M "$T/base" && mkfs.xfs -q "$T/base" ;;
	btrfs) truncate -s 256M "$T/base" && mkfs.btrfs -q "$T/base" >/dev/null 2>&1 ;; # it prints advice
	esac
	place_make 'rotate_size = 16K' "$@"
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

# logged_start IMAGE LOG: $T/export is a copy of the image as a disk; LOG has what is written to it.
logged_start() {
	cp --sparse=always "$1" "$T/disk"
	rm -f "$2"
	: >"$2"
	: >"$T/export"
	qemu-storage-daemon --blockdev driver=file,node-name=disk,filename="$T/disk" \
		--blockdev driver=file,node-name=log,filename="$2" \
		--blockdev driver=blklogwrites,node-name=logged,file=disk,log=log \
		--export type=fuse,id=export,node-name=logged,mountpoint="$T/export",writable=on \
		>>"$T/qemu.log" 2>&1 &
	QEMU_PID=$!
	wait_for 10 eval '[ "$(stat -c %s "$T/export")" -gt 0 ]' || { cat "$T/qemu.log"; exit 2; }
}

# other_boot: from now on the machine has started again, as far as the program can tell. same_boot: it has not.
other_boot() { cat /proc/sys/kernel/random/uuid >"$T/boot_id" && mount --bind "$T/boot_id" "$BOOT_ID"; }
same_boot() { umount "$BOOT_ID"; }
