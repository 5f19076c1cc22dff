#!/bin/bash
# remount.sh: within one boot the spool's file system is unmounted, and mounted again with another
# device number, as the next loop device gives to ext4 and btrfs takes at each mount. It is the
# same spool: no number is skipped, nothing is read twice, verify and repair find nothing.
. "$(dirname "$0")/lib.sh"
need_root
need losetup mkfs.ext4

LOOPS=() MOUNTED=
remount_clean() {
	[ -z "$MOUNTED" ] || umount "$MOUNTED"
	for loop in "${LOOPS[@]}"; do losetup -d "$loop"; done
	LOOPS=() MOUNTED=
	[ ! -d "$T/other" ] || ! mountpoint -q "$T/other" || umount "$T/other"
}
trap 'remount_clean; clean_up' EXIT

attach() {
	local loop
	loop=$(losetup --find --show "$1") || return 1
	LOOPS+=("$loop")
	mount "$loop" "$DISK" && MOUNTED=$DISK
}

# takes NAME: an event by CGI; a duplicate is taken, too.
takes() {
	event "$1" >"$T/body.$1"
	sign "$SECRET" "$T/body.$1" >"$T/sign.$1"
	chmod 644 "$T/body.$1" "$T/sign.$1"
	one "$1"
	[ "$STATUS" = 200 ] || not_ok "$FS: $1 is taken" "$(cat "$T/answer")"
	echo "$1" >>"$T/ledger"
}

remount_on() { # FILE-SYSTEM
	FS=$1
	command -v "mkfs.$FS" >/dev/null || { ok "$FS # SKIP there is no mkfs.$FS"; return; }
	place_make
	DISK=$S/disk SPOOL_DIR=$S/disk/spool
	mkdir "$DISK"
	rm -f "$T/image" "$T/ledger"
	truncate -s 300M "$T/image"
	"mkfs.$FS" -q "$T/image" >/dev/null 2>&1
	attach "$T/image" || { ok "$FS # SKIP it cannot be mounted here"; return; }
	mkdir -m 700 "$SPOOL_DIR"
	own "$SPOOL_DIR"
	chmod 755 "$DISK"
	settings_write 'min_free = 0' 'compress = none' 'rotate_min_gap = 0'
	sed -i "s|^spool_dir = .*|spool_dir = $SPOOL_DIR|" "$S/hookspool.conf"
	takes a
	tool rotate
	takes b
	is "$FS: a consumer reads what is there" "$(tool tail --cursor k | wc -l)" 2
	was=$(stat -c %d "$SPOOL_DIR/events.jsonl")
	umount "$DISK" && MOUNTED=
	if [ "$FS" = btrfs ]; then # its number is the next one that is free
		mkdir -p "$T/other" && mount -t tmpfs hookspool-test "$T/other"
	fi
	attach "$T/image" || { not_ok "$FS: mounted again"; return; } # by another loop device
	is "$FS: the device's number is another one" "$([ "$(stat -c %d "$SPOOL_DIR/events.jsonl")" = "$was" ] || echo other)" other
	: >"$S/log/program.log"
	takes c
	takes b
	is "$FS: no message about a replaced segment" "$(cat "$S/log/program.log")" ""
	is "$FS: the consumer gets what is new" "$(tool tail --cursor k | grep -o '"message_id":"[^"]*"')" '"message_id":"c"'
	tool rotate
	is "$FS: no number is skipped" "$(ls "$SPOOL_DIR" | sed -n 's/^events-.*-0*\([0-9]*\)\.jsonl/\1/p' | tr '\n' ' ')" "1 2 "
	check "$FS: verify finds nothing" tool verify
	check "$FS: repair finds nothing" tool repair
	count_check "$FS: every acknowledged event once" "$T/ledger"
	remount_clean
}

remount_on ext4
remount_on btrfs
done_testing
