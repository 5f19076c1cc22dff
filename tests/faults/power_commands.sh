#!/bin/bash
# power_commands.sh: the power goes while commands work on the spool: import, erase, each with a
# cursor, compression; some of them are killed, too. Needs root (disk.sh): ext4, XFS and Btrfs. In
# each image: no acknowledged event is lost or doubled, none that was erased is back, a cursor has
# passed no event that its handler has not had, verify finds nothing, and service goes on. Some
# images lose power again while they recover.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/disk.sh"

ROUNDS=${ROUNDS:-$(size 4 16)}
EVERY=${EVERY:-$(size 4 1)}   # one flush in EVERY is an image
TORN=${TORN:-$(size 20 300)}
SECOND=${SECOND:-$(size 5 60)} # images that lose power again

log_size() { stat -c %s "$T/log"; }

# note LIST ID...: the ids with the log's size at present.
note() {
	local list=$1 at
	at=$(log_size)
	shift
	printf "$at %s\n" "$@" >>"$T/$list"
}

# killed CALL COMMAND...: the command, killed at its first such call.
killed() {
	local call=$1
	shift
	( # two shells: the death of the inner one goes to the log, not to the terminal
		(strace -qq -f -o /dev/null -u "$SERVER_USER" -e "inject=$call:signal=SIGKILL" \
			"$S/bin/hookspool" "$1" --config "$S/hookspool.conf" "${@:2}")
		exit $?
	) >/dev/null 2>&1
}

handler_make() {
	: >"$T/handled"
	own "$T/handled"
	chmod 755 "$T"
	cat >"$S/bin/handler" <<-END
		#!/bin/sh
		at=\$(stat -c %s "$T/log" 2>/dev/null || echo 0)
		grep -o '"message_id":"[^"]*"' | sed "s/.*:\"\\(.*\\)\"/\$at \\1/" >>"$T/handled"
	END
	chmod 755 "$S/bin/handler"
}

each() { tool each --once --cursor c --batch 50 --on "*=$S/bin/handler" >>"$S/log/each" 2>&1; }

people_of() { # ROUND: two events of a person of this round
	printf '{"type":"track","event":"e","messageId":"p-%s-%s","userId":"person-%s"}\n' "$1" 1 "$1" "$1" 2 "$1"
}

work() {
	local i k size from=1
	: >"$T/ledger.log"
	: >"$T/begun"
	: >"$T/erased"
	for ((i = 1; i <= ROUNDS; i++)); do
		for ((k = 0; k < 3; k++)); do
			size=$((10 + i * 7 % 23))
			batch_body w "$from" $((from + size - 1))
			one w
			[ "$STATUS" = 200 ] || not_ok "$FS: a request of round $i" "$STATUS"
			# shellcheck disable=SC2046
			note ledger.log $(seq -f 'b-%.0f' "$from" $((from + size - 1)))
			from=$((from + size))
		done
		people_of "$i" >"$T/people"
		chmod 644 "$T/people"
		[ $((i % 4)) -ne 2 ] || killed fdatasync import "$T/people"
		tool import "$T/people" >/dev/null 2>&1 && note ledger.log "p-$i-1" "p-$i-2"
		[ $((i % 4)) -ne 3 ] || killed renameat each --once --cursor c --batch 50 --on "*=$S/bin/handler"
		each
		[ $((i % 2)) -ne 0 ] || tool rotate >/dev/null
		[ $((i % 4)) -ne 0 ] || killed renameat2 maintain
		tool maintain >/dev/null 2>&1
		[ "$i" -gt 1 ] || continue
		note begun "p-$((i - 1))-1" "p-$((i - 1))-2"
		[ $((i % 3)) -ne 2 ] || killed "$([ $((i % 2)) -eq 0 ] && echo renameat || echo fdatasync)" erase --user "person-$((i - 1))"
		tool erase --user "person-$((i - 1))" >/dev/null 2>>"$S/log/erase" && note erased "p-$((i - 1))-1" "p-$((i - 1))-2"
	done
}

# until FILE OFFSET: its ids at most that far into the log.
until_() { awk -v o="$2" '$1 <= o { print $2 }' "$T/$1"; }

wrong() { # MESSAGE
	bad=$((bad + 1))
	printf '# %s, %s\n' "$FS" "$*"
}

# judge OFFSET WHAT: the disk is mounted.
judge() {
	local said
	until_ begun "$1" >"$T/may.be.gone"
	until_ ledger.log "$1" | grep -vxFf "$T/may.be.gone" >"$T/ledger"
	until_ erased "$1" >"$T/must.be.gone"
	one 1
	[ "$STATUS" = 200 ] || wrong "$2: service does not go on: $STATUS $(tail -n 1 "$S/log/program.log")"
	said=$("$COUNT" "$SPOOL_DIR" "$T/ledger") || wrong "$2: $said"
	lost=$((lost + $(number lost "$said")))
	tool cat | grep -o '"message_id":"p-[^"]*"' | cut -d'"' -f4 | grep -xFf "$T/must.be.gone" >"$T/back" &&
		wrong "$2: erased, and back: $(tr '\n' ' ' <"$T/back")"
	cp "$T/handled" "$T/handled.all"
	awk -v o="$1" '$1 <= o' "$T/handled.all" >"$T/handled" # what the handler had by then
	each || wrong "$2: each: $(tail -n 1 "$S/log/each")"
	sort -u <(cut -d' ' -f2 "$T/handled") >"$T/had"
	sort "$T/ledger" | comm -23 - "$T/had" >"$T/never"
	[ ! -s "$T/never" ] || wrong "$2: the cursor has passed $(wc -l <"$T/never") that no handler had: $(head -n 3 "$T/never" | tr '\n' ' ')"
	cp "$T/handled.all" "$T/handled"
	tool erase --user nobody >/dev/null 2>&1 # finishes an erase that was cut
	said=$(tool verify 2>&1) || wrong "$2: verify: $(tail -n 3 <<<"$said")"
}

# second_cut OFFSET WHAT: power goes again during what image_check does, at three of the flushes.
second_cut() {
	local entry offset
	cp --sparse=always "$T/image" "$T/first.image"
	logged_start "$T/first.image" "$T/log2"
	if mount_image "$T/export" 2>>"$T/mount.log"; then
		one 1
		tool erase --user nobody >/dev/null 2>&1 # finishes what was cut
		unmount
	fi
	logged_end
	"$REPLAY" points "$T/log2" | shuf -n 3 --random-source=<(yes "$1") >"$T/points2"
	while read -r entry offset; do
		cp --sparse=always "$T/first.image" "$T/image"
		"$REPLAY" apply "$T/log2" "$T/image" 0 "$entry"
		image_check "$1" "$2, and again after entry $entry of the recovery"
		second=$((second + 1))
	done <"$T/points2"
}

at_flushes() {
	local at=0 entry offset n=0
	cp --sparse=always "$T/base" "$T/now"
	while read -r entry offset; do
		n=$((n + 1))
		[ $((n % EVERY)) -eq 0 ] || continue
		"$REPLAY" apply "$T/log" "$T/now" "$at" "$entry"
		at=$entry
		cp --sparse=always "$T/now" "$T/image"
		[ $((n / EVERY % (points / EVERY / SECOND + 1))) -ne 0 ] || second_cut "$offset" "flush at entry $entry"
		cp --sparse=always "$T/now" "$T/image"
		image_check "$offset" "flush at entry $entry"
	done <"$T/points"
}

torn() {
	local at=0 entry offset last i done=0
	cp --sparse=always "$T/base" "$T/now"
	for ((i = 0; done < TORN && i < 20 * TORN; i++)); do
		[ $((i % points)) -ne 0 ] || { cp --sparse=always "$T/base" "$T/now"; at=0; }
		read -r entry offset < <(sed -n "$((i % points + 1))p" "$T/points")
		last=$(sed -n "$((i % points + 2))s/ .*//p" "$T/points")
		[ $((i % (points / TORN + 1))) -eq 0 ] && [ "${last:-0}" -gt $((entry + 1)) ] || continue
		"$REPLAY" apply "$T/log" "$T/now" "$at" "$entry"
		at=$entry
		cp --sparse=always "$T/now" "$T/image"
		"$REPLAY" tear "$T/log" "$T/image" "$entry" "$((last - 1))" "$i"
		image_check "$offset" "torn after entry $entry, seed $i"
		done=$((done + 1))
	done
}

on() { # FILESYSTEM
	FS=$1 images=0 bad=0 lost=0 unmountable=0 second=0
	base_make "$FS"
	sed -i 's/^compress = none/compress = gzip/' "$S/hookspool.conf"
	bodies_make 1
	tool help >/dev/null 2>&1 # copies the program
	logged_start "$T/base" "$T/log"
	mount_image "$T/export" || exit 2
	handler_make
	work
	sync -f "$DISK"
	unmount
	logged_end
	"$REPLAY" points "$T/log" >"$T/points"
	points=$(wc -l <"$T/points")
	is "$FS: all was erased that was to be, and the handler had the rest" \
		"$(wc -l <"$T/erased") $(($(wc -l <"$T/handled") > ROUNDS * 30))" "$((2 * ROUNDS - 2)) 1"
	other_boot
	at_flushes
	torn
	same_boot
	is "$FS: $images images: lost, or wrong" "$lost $bad" '0 0'
	is "$FS: power went again during recovery" "$((second > 0))" 1
	is "$FS: few cannot be mounted ($unmountable)" "$((unmountable <= images / 20))" 1
	figure "$FS: commands at work, $images images ($second cut twice): lost $lost, wrong $bad; $unmountable could not be mounted"
}

for fs in ${ONLY-ext4 xfs btrfs}; do on "$fs"; done
done_testing
