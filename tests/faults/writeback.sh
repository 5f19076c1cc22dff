#!/bin/bash
# writeback.sh: the disk refuses to take bytes that the kernel had taken already, and the kernel
# says so once. Needs root: ext4 or XFS on a loop device over a file that nbdkit serves, whose
# writes fail while a switch is on; the journal lies on a good disk, so that only data are
# lost. Judged by what is on the medium, after an unmount.
. "$(dirname "$0")/lib.sh"

need_root
need nbdkit nbdfuse losetup mkfs.ext4 mkfs.xfs strace

LOOPS=() MOUNTED= NBD_PID= FUSE=
give_back() {
	[ -z "$MOUNTED" ] || umount "$MOUNTED" || umount -l "$MOUNTED"
	for loop in "${LOOPS[@]}"; do losetup -d "$loop"; done
	LOOPS=() MOUNTED=
	[ -z "$FUSE" ] || fusermount3 -u "$FUSE" || umount -l "$FUSE"
	[ -z "$NBD_PID" ] || end_process "$NBD_PID"
	FUSE='' NBD_PID=''
}
trap 'give_back; clean_up' EXIT

loop_over() {
	local loop
	loop=$(losetup --find --show "$1") || exit 2
	LOOPS+=("$loop")
	LOOP=$loop
}

# bad_disk: DISK and JOURNAL, loop devices; writes to DISK fail, slowly, while $T/fault exists.
bad_disk() {
	rm -f "$T/fault"
	mkdir -p "$T/nbd"
	: >"$T/nbd/disk"
	nbdfuse "$T/nbd/disk" --command nbdkit -s --filter=delay --filter=error memory 400M \
		delay-write=300ms error-pwrite=EIO error-pwrite-rate=1 error-pwrite-file="$T/fault" \
		>>"$T/nbd.log" 2>&1 &
	NBD_PID=$!
	FUSE=$T/nbd/disk
	wait_for 10 eval '[ "$(stat -c %s "$T/nbd/disk")" -gt 0 ]' || { cat "$T/nbd.log"; exit 2; }
	loop_over "$T/nbd/disk"
	DISK=$LOOP
	truncate -s 128M "$T/journal"
	loop_over "$T/journal"
	JOURNAL=$LOOP
}

# on FILESYSTEM: a spool on the bad disk.
on() {
	bad_disk
	place_make
	bodies_make 4
	MOUNTED=$S/disk
	mkdir "$MOUNTED"
	case $1 in
	ext4)
		mkfs.ext4 -q -O journal_dev -b 4096 "$JOURNAL" &&
			mkfs.ext4 -q -b 4096 -J device="$JOURNAL" -E lazy_itable_init=0 "$DISK" >>"$T/nbd.log" 2>\&1
		OPTIONS=errors=continue
		;;
	xfs)
		mkfs.xfs -q -f -l logdev="$JOURNAL" "$DISK"
		OPTIONS=logdev=$JOURNAL
		;;
	esac || { cat "$T/nbd.log"; exit 2; }
	mount -o "$OPTIONS" "$DISK" "$MOUNTED" || exit 2
	SPOOL_DIR=$MOUNTED/spool
	SPOOL=$SPOOL_DIR/events.jsonl
	mkdir -m 700 "$SPOOL_DIR"
	own "$SPOOL_DIR"
	settings_write 'min_free = 0' 'compress = none' 'log_level = warn'
	sed -i "s|^spool_dir = .*|spool_dir = $SPOOL_DIR|" "$S/hookspool.conf"
	: >"$T/ledger"
	expect 1 200 'a good disk'
	sync
}

# expect BODY STATUS NAME
expect() {
	one "$1"
	is "$FS, $ROLE: $3" "$STATUS" "$2"
	[ "$STATUS" != 200 ] || echo "m-$1" >>"$T/ledger"
}

fault_on() { touch "$T/fault"; }
fault_off() { rm -f "$T/fault"; }
has() { grep -q "\"message_id\":\"$1\"" "$SPOOL"; }
syncing() { grep -q fdatasync "/proc/$1/wchan" || [ "$(awk '{ print $1 }' "/proc/$1/syscall")" = 75 ]; }

# medium: what is on the disk, by a new mount.
medium() {
	umount "$MOUNTED" && mount -o "$OPTIONS" "$DISK" "$MOUNTED" || { not_ok "$FS, $ROLE: mount again"; return; }
	count_check "$FS, $ROLE: all that was acknowledged is on the medium, once" "$T/ledger"
	false200=$((false200 + $(number lost "$COUNTED")))
}

false200=0 roles=0
role() { # FILESYSTEM ROLE: what breaks between fault_on and fault_off
	FS=$1 ROLE=$2
	roles=$((roles + 1))
	on "$FS"
	fault_on
	"role_$2"
	fault_off
	expect 2 200 'the same again, with the fault gone'
	medium # before anything else is written into the same page
	expect 3 200 'another one'
	expect 4 200 'and another'
	medium
	give_back
}

role_leader() { expect 2 503 'no 200'; }

role_follower() {
	(ANSWER=$T/leader one 2; echo "$STATUS" >"$T/leader.status") &
	wait_for 5 has m-2
	expect 3 503 'the follower gets no 200'
	wait $!
	is "$FS, follower: nor does the leader" "$(<"$T/leader.status")" 503
}

# A server that has the file open fails; another process opens the file after that.
role_opener() {
	one 2
	is "$FS, opener: the first gets no 200" "$STATUS" 503
	fault_off
	expect 3 200 'the next process is served, with a file of its own'
}

# Killed in the sync: the kernel reported the error to a process that could not pass it on.
role_killed() {
	local pid waiting
	(ANSWER=$T/leader one 2) &
	waiting=$!
	wait_for 5 has m-2
	pid=$(workers | head -n 1)
	wait_for 5 syncing "$pid" || echo "# not seen in its sync"
	kill -9 "$pid"
	wait "$waiting"
}

# Killed between its write and its sync; write-back fails; and a foreign program, which syncs the
# same file, gets the error. A process that opens the file after that does not get it.
role_foreign() {
	local pid waiting
	(ANSWER=$T/leader one 2 strace -qq -o /dev/null -P "$SPOOL" -e inject=pwrite64:delay_exit=3000000) &
	waiting=$!
	wait_for 5 has m-2 || not_ok "$FS, $ROLE: the line is written"
	pid=$(workers | head -n 1)
	kill -9 "$pid"
	wait "$waiting"
	if sync -d "$SPOOL" 2>/dev/null; then
		not_ok "$FS, $ROLE: the foreign sync gets the error"
	else
		ok "$FS, $ROLE: the foreign sync gets the error"
	fi
	check "$FS, $ROLE: and later ones do not" sync -d "$SPOOL"
}

for fs in ${ONLY-ext4 xfs}; do
	for what in ${ROLES-leader follower opener killed foreign}; do role "$fs" "$what"; done
done
figure "real write-back errors: $roles cases, false 200s: $false200"
done_testing
