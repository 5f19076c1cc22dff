# The owner may read a spool and, with spool_mode = 0640, a group that changes nothing.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

if [ "$(id -u)" -ne 0 ] || ! getent passwd games >/dev/null || ! getent passwd news >/dev/null; then
	echo 'ok 1 - # SKIP needs root, and the users games and news'
	echo 1..1
	exit 0
fi

GROUP=$(id -g man) # of the readers; neither the owner nor the stranger is in it
modes() { (cd "$S/spool" && find . -type f -printf '%m %P\n' | sort -k 2); }
left() { # MODE of files: what does not have it, and should; a file that goes meanwhile has none
	(cd "$S/spool" && find . \( -name '*.jsonl' -o -name '*.gz' \) ! -name erased.jsonl -printf '%m %P\n'
	find .hookspool/edits .hookspool/cursors/* .hookspool/run/state .hookspool/run/metrics .hookspool/run/edits.lock -printf '%m %p\n') |
		awk -v mode="$1" '$1 != mode { printf "%s ", $2 }'
}
all_follow() { [ -z "$(left 600)" ]; }
# as USER GROUP COMMAND...: with settings of that user's own, which hold no secret.
as() {
	local user=$1 group=$2
	shift 2
	setpriv --reuid "$user" --regid "$(id -g "$user")" --groups "${group:-$(id -g "$user")}" \
		env -i HOOKSPOOL_SPOOL_DIR="$S/spool" HOOKSPOOL_AUTH=none PATH="$PATH" "$S/bin/hookspool" "$@"
}
reader() { as games "$GROUP" "$@"; }
stranger() { as news '' "$@"; }
mode_is() {
	sed -i '/^spool_mode/d' "$S/hookspool.conf"
	sed -i "1i spool_mode = $1" "$S/hookspool.conf"
}
# all_files: what a reader may not change. The server may write to its state and its metrics at any time, so that those
# count without their times.
all_files() {
	(cd "$S/spool" && find . -path ./.hookspool/run/state -printf '%P %m %u %g %s\n' \
		-o -path ./.hookspool/run/metrics -printf '%P %m %u %g %s\n' -o -printf '%P %m %u %g %s %T@\n' | sort)
}

spool_start 'rotate_min_gap = 0' 'compress = gzip'
chmod 711 "$S" "$S/bin" 2>/dev/null
chmod 755 "$S/bin/hookspool"
put a 1 20
hs rotate
put b 1 5
hs tail --cursor c >/dev/null
hs erase --user u3 >/dev/null # makes erased.jsonl, edits, the salt
maintain
printf '{"type":"track"}' >"$T/put"
signed "$T/put" # refused
is 'there is something of each kind' "$(cd "$S/spool" && ls -d events-*.gz erased.jsonl rejected.jsonl .hookspool/edits | wc -l)" 5

# Mode 0600: only the owner may read; others learn whose the spool is.
for who in reader stranger; do
	$who cat >"$T/out" 2>"$T/err"
	is "0600: $who gets nothing" "$? $(wc -c <"$T/out")" '74 0'
	check "0600: $who learns how to read it" grep -q "sudo -u $SERVER_USER hookspool" "$T/err"
done

# To 0640, by the maintenance of a command; then by the server's.
# A server sets the modes once for its settings: see that it has done so.
HOOKSPOOL_SPOOL_MODE=0640 maintain
kill -HUP $(workers)
wait_for 30 all_follow
maintain # until the server's own pass is through: all files follow before it ends
mode_is 0640
hs check >"$T/check"
check 'check reports files with other modes' grep -q 'modes.*not follow spool_mode = 0640' "$T/check"
maintain
is '0640: all files follow' "$(left 640)" ''
sleep 2.5
if [ -n "$(left 640)" ]; then # on a busy machine its pass for the SIGHUP may have come only now: it is the last one
	maintain
	sleep 2.5
fi
is 'a server that has not read the settings again does not undo it' "$(left 640)" ''
kill -HUP $(workers)
chgrp "$GROUP" "$S/spool" # and no more: its owner is not in that group
maintain
hs check >"$T/check"
remedy=$(sed -n 's/.*sudo \(chgrp.*\) && sudo/\1 \&\&/p' "$T/check")
check 'check says what root has to do about the group' test -n "$remedy"
sh -c "$remedy"
maintain >"$T/maintain" 2>&1
is '0640: all files that readers need follow' "$(left 640)" ''
is '0640: the rest is its owner'\''s' "$(modes | awk '$1 != 600 && $2 !~ /jsonl|edits|cursors|state|metrics|summary/')" ''
is '0640: receipts, salt' "$(cd "$S/spool" && stat -c %a erased.jsonl .hookspool/salt | tr '\n' ' ')" '600 600 '
hs check >"$T/check"
check 'check: all follow' grep -q 'all files follow spool_mode = 0640' "$T/check"
put d 1 7
hs rotate
maintain
is 'what is made from now on, compressed, too, has mode and group' \
	"$(left 640)$(find "$S/spool" ! -group "$GROUP" -printf '%P ')" ''
# How long a sender is silent grows while the two are asked, and the room on the disk changes.
timeless() { sed -E 's|silent for [0-9]+ [a-z]+||; /^room for /d; s/"room":(\{[^}]*\}|null),?//'; }
all_files >"$T/before"
n=0
for command in cat 'tail -n 3' stats 'stats --json' 'cat --rejected' 'cat --failed' cursors schema 'cat --user u1 --aliases'; do
	# shellcheck disable=SC2086
	reader $command >"$T/said$n" 2>&1
	n=$((n + 1))
done
is 'a reader has changed nothing' "$(all_files | diff "$T/before" -)" ''
n=0
for command in cat 'tail -n 3' stats 'stats --json' 'cat --rejected' 'cat --failed' cursors schema 'cat --user u1 --aliases'; do
	# shellcheck disable=SC2086
	is "a reader has what the owner has: $command" "$(timeless <"$T/said$n" | sha256sum)" "$(hs $command 2>&1 | timeless | sha256sum)"
	n=$((n + 1))
done
all_files >"$T/before"
for command in 'tail --cursor c' 'tail --cursor mine' 'cursors remove c' 'each --cursor e --once --on *=true' \
	'each --failed --cursor e --on *=true' rotate maintain verify repair 'erase --user u1' adopt; do
	# shellcheck disable=SC2086
	reader $command >"$T/out" 2>"$T/err" </dev/null
	is "a reader may not: $command" "$? $(grep -c "sudo -u $SERVER_USER hookspool" "$T/err")" '74 1'
done
is 'a reader has still changed nothing' "$(all_files | diff "$T/before" -)" ''
for command in cat stats 'tail -n 1'; do
	# shellcheck disable=SC2086
	stranger $command >"$T/out" 2>"$T/err"
	is "0640: a stranger may not: $command" "$? $(wc -c <"$T/out")" '74 0'
done

# A follower among writers, rotation, compression and erasing.
reader tail -f -n 0 >"$T/follow" 2>"$T/follow.err" &
follower=$!
wait_for 10 watches "$follower"
: >"$T/busy"
while [ -e "$T/busy" ]; do
	reader cat >"$T/cat" 2>"$T/cat.err" || { echo "exit $?"; head -n 2 "$T/cat.err"; }
	ids_of <"$T/cat" | sort | uniq -d | sed 's/^/twice: /'
	echo read
done >"$T/cats" &
cats=$!
for i in 1 2 3 4 5 6; do
	put "f$i-" 1 50
	hs rotate
	maintain
	hs erase --user "u$((i % 5))" >/dev/null
	wait_for 10 eval '[ "$(grep -c read "$T/cats")" -ge '"$i"' ]'
done
put 'end' 1 1
rm "$T/busy"
wait "$cats"
is 'others read all of it again and again without an error' "$(grep -v read "$T/cats" | head -n 3) $([ "$(wc -l <"$T/cats")" -gt 5 ] && echo often)" ' often'
if wait_for 10 grep -q '"end1"' "$T/follow"; then ok 'a reader follows'; else not_ok 'a reader follows' "$(tail -n 3 "$T/follow.err")"; fi
kill "$follower"
wait "$follower" 2>/dev/null
is 'it had each event once' "$(ids_of <"$T/follow" | sort | uniq -d | wc -l) $(ids_of <"$T/follow" | wc -l)" '0 301'
is 'erased events are shown to no reader' "$(reader cat | grep -c '"user_id":"u[0-4]"')" "$(hs cat | grep -c '"user_id":"u[0-4]"')"
is 'and all others are shown' "$(reader cat | sha256sum)" "$(hs cat | sha256sum)"

# And back, by a reload of the server: within a second or two, with nothing sent.
mode_is 0600
kill -HUP $(workers)
check '0600: all files follow' wait_for 30 all_follow
is '0600: the folders, too' "$(find "$S/spool" -type d -perm /077 -printf '%P ')" ''
reader cat >"$T/out" 2>"$T/err"
is '0600: a reader gets nothing' "$? $(wc -c <"$T/out")" '74 0'
mode_is 0640
kill -HUP $(workers)
wait_for 5 eval '[ "$(stat -c %a "$SPOOL")" = 640 ]'
chgrp -R "$GROUP" "$S/spool"
find "$S/spool" -type d -exec chmod 2750 {} +
maintain

# The state of another boot may not be believed, and the message says so.
server_stop
state=$S/spool/.hookspool/run/state
cp -p "$state" "$T/state"
boot=$(cat /proc/sys/kernel/random/boot_id)
LC_ALL=C sed -i "s/$boot/00000000-0000-0000-0000-000000000000/" "$state"
chown "$SERVER_USER:$GROUP" "$state"
chmod 640 "$state"
reader cat >"$T/out" 2>"$T/err"
is 'after a reboot a reader waits until the owner has opened the spool' "$? $(wc -c <"$T/out") $(grep -c 'the spool has not been opened' "$T/err")" '74 0 2'
hs stats >/dev/null
is 'then it reads all' "$(reader cat | sha256sum)" "$(hs cat | sha256sum)"

# Files from a backup get the mode, too: after adopt, the next process that opens the spool looks at everything.
find "$S/spool" -maxdepth 1 -name 'events-*' -exec chmod 600 {} +
hs adopt >/dev/null
maintain
is 'adopted files follow' "$(left 640)" ''

# A rewrite log that cannot be read: no line rather than a wrong one.
chmod 600 "$S/spool/.hookspool/edits"
reader cat >"$T/out" 2>"$T/err"
is 'without the rewrite log nothing is shown' "$?" 74
hs check >"$T/check"
check 'check names the file' grep -q 'hookspool/edits does not follow' "$T/check"
chmod 640 "$S/spool/.hookspool/edits"

done_testing
