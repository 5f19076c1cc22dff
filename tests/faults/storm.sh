#!/bin/bash
# storm.sh: all commands at once, each of them killed at random and run again, beside senders whose
# programs are killed, too. No acknowledged event is lost or doubled, erased ones stay away, the
# cursor has passed nothing that its handler has not had, and verify finds nothing in the end.
. "$(dirname "$0")/lib.sh"

KILLS=${KILLS:-$(size 60 600)} # of programs that receive
SMALL='rotate_size = 64K'
place_make "$SMALL" 'threads = 4' 'rotate_min_gap = 0'
sed -i 's/^compress = none/compress = gzip/' "$S/hookspool.conf"
tool help >/dev/null 2>&1 # copies the program
mkdir -m 700 "$S/backup"
own "$S/backup"
touch "$T/handled" "$T/storm" "$T/imported" "$T/begun" "$T/erased" "$T/killed"
chmod 755 "$T"
own "$T/handled"
cat >"$S/bin/handler" <<-END
	#!/bin/sh
	grep -o '"message_id":"[^"]*"' | cut -d'"' -f4 >>"$T/handled"
END
chmod 755 "$S/bin/handler"

# try COMMAND...: two times out of three it is killed soon. True: it succeeded.
try() {
	local limits=(60 "0.0$(printf %02d $((1 + RANDOM % 40)))" "0.$(printf %03d $((1 + RANDOM % 300)))") status
	( # two shells: the death of the inner one goes to the log, not to the terminal
		(as_server_user timeout -s KILL "${limits[RANDOM % 3]}" "$S/bin/hookspool" "$1" \
			--config "$S/hookspool.conf" "${@:2}")
		exit $?
	) >/dev/null 2>&1
	status=$?
	[ $status -ne 137 ] || echo "$1" >>"$T/killed"
	return $status
}

until_done() { until try "$@" || [ ! -e "$T/storm" ]; do :; done; }
again() { while [ -e "$T/storm" ]; do try "$@"; done; }
each() { echo --once --cursor c --batch 50 --on "*=$S/bin/handler"; }

# people: each one's two events are imported and, a round later, erased.
people() {
	local i
	for ((i = 1; ; i++)); do
		printf '{"type":"track","event":"e","messageId":"p-%s-%s","userId":"person-%s"}\n' $i 1 $i $i 2 $i >"$T/people.$i"
		chmod 644 "$T/people.$i"
		until_done import "$T/people.$i"
		[ -e "$T/storm" ] || return
		printf 'p-%s-1\np-%s-2\n' $i $i >>"$T/imported"
		[ $i -gt 1 ] || continue
		printf 'p-%s-1\np-%s-2\n' $((i - 1)) $((i - 1)) >>"$T/begun"
		until_done erase --user "person-$((i - 1))"
		[ -e "$T/storm" ] || return
		printf 'p-%s-1\np-%s-2\n' $((i - 1)) $((i - 1)) >>"$T/erased"
	done
}

people &
# shellcheck disable=SC2046
again each $(each) &
for command in maintain verify repair rotate cat stats "backup $S/backup"; do
	# shellcheck disable=SC2086
	again $command &
done
drive_check 'senders: all acknowledged' -k "$KILLS" -m 100 -b 20 -d 10 -t 900 \
	"listen=2:$S/bin/hookspool.fcgi:$S/run/a.sock" "cgi=2:$S/bin/hookspool.fcgi"
erased() { [ "$(wc -l <"$T/erased")" -ge "$(size 6 60)" ]; }
check 'people were erased' wait_for "$(size 120 900)" erased
rm "$T/storm"
wait

bodies_make 1
one 1
is 'service continues' "$STATUS" 200
tool erase --user nobody >/dev/null 2>&1 # finishes an erase that was cut
# shellcheck disable=SC2046
check 'each reaches the end' tool each $(each)
cat "$S/run/ledger" "$T/imported" | grep -vxFf "$T/begun" >"$T/ledger"
count_check 'every acknowledged event once, whole lines' "$T/ledger"
is 'erased, and not back' "$(tool cat | grep -o '"message_id":"p-[^"]*"' | cut -d'"' -f4 | grep -cxFf "$T/erased")" 0
is 'no handler missed an event' "$(sort -u "$T/ledger" | comm -23 - <(sort -u "$T/handled") | wc -l)" 0
check 'hookspool verify finds nothing' tool verify
is 'commands were killed' "$(($(wc -l <"$T/killed") > KILLS / 3))" 1
figure "killed: $(sort "$T/killed" | uniq -c | awk '{ printf "%s%s %s", comma, $2, $1; comma = ", " }')"
figure "$(number kills "$DRIVEN") kills of receivers, $(wc -l <"$T/killed") of commands, $(wc -l <"$T/erased") events erased: lost $(number lost "$COUNTED"), twice $(number twice "$COUNTED")"
done_testing
