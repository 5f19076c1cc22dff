# Commands that root runs work as the spool's owner, and leave no file that the owner cannot use.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

if [ "$(id -u)" -ne 0 ]; then
	echo 'ok 1 - # SKIP needs root'
	echo 1..1
	exit 0
fi

root() { HOOKSPOOL_CONF="$S/hookspool.conf" "$S/bin/hookspool" "$@"; }
# strangers: files of others. One that the server removes meanwhile, as it compresses it, has no owner, and would be
# taken for one of them by "! -user".
strangers() { find "$S/spool" -printf '%u %P\n' 2>/dev/null | awk -v owner="$SERVER_USER" '$1 != owner { printf "%s ", $2 }'; }

spool_start 'rotate_min_gap = 0'
chown root "$S/hookspool.conf" # root reads it before it is no longer root
put a 1 20
printf '{"type":"track","event":"e","userId":"u1","messageId":"i1","timestamp":"2026-11-21T10:00:00Z"}\n' >"$OUT/archive"
chmod 644 "$OUT/archive"
for command in check rotate maintain verify 'cat --type track' 'tail -n 1' 'tail --cursor c' stats 'each --cursor e --once --on *=true' \
	"import $OUT/archive" 'erase --user u3' repair 'erase --from-deletes' adopt; do
	[ "$command" != adopt ] || server_stop # it wants to be alone
	# shellcheck disable=SC2086
	root $command >"$T/out" 2>&1
	code=$?
	is "$command: it succeeds, and the whole spool is its owner's" "$code $(strangers)" "0 "
done
chown "$SERVER_USER" "$S/hookspool.conf"
is "its owner goes on with it" "$(hs cat | wc -l) $(hs tail --cursor c | wc -l) $(hs verify >/dev/null && echo sound)" "17 1 sound"

# Files that root put into the spool as its own: the messages say so, and the remedy of check helps.
hs rotate
segment=$(find "$S/spool" -maxdepth 1 -name 'events-*' | head -n 1)
for file in "$segment" "$S/spool/.hookspool/salt"; do
	chown root:root "$file"
	chmod 600 "$file"
	command=verify says='hookspool check names files of another user'
	[ "$file" != "$segment" ] || command=cat says='a file in it belongs to another user'
	hs $command >"$T/out" 2>"$T/err"
	is "${file##*/}: $command says where to look" "$? $(grep -c "$says" "$T/err")" '74 1'
	hs check >"$T/out" 2>"$T/err"
	is 'check names it' "$? $(grep -c "^FAIL modes  *${file#"$S/spool/"}: another user's" "$T/out")" '1 1'
	remedy=$(grep -A 1 '^FAIL modes' "$T/out" | sed -n 's/^ *-> //p')
	is 'and what root has to do' "$remedy" "sudo chown -R $SERVER_USER $S/spool && sudo chmod -R u+rwX $S/spool"
	sh -c "${remedy//sudo /}"
	hs check >"$T/out" 2>"$T/err"
	is 'after which nothing is wrong' "$? $(hs cat | wc -l) $(strangers)" '0 17 '
done

# No spool yet: it will be that of the owner of the folder above.
mkdir "$S/home"
own "$S/home"
sed "s|^spool_dir.*|spool_dir = $S/home/spool|" "$S/hookspool.conf" >"$S/home.conf"
chmod 600 "$S/home.conf"
"$S/bin/hookspool" rotate --config "$S/home.conf" >"$T/out" 2>&1
is "a new spool belongs to the owner of the folder above" "$(stat -c %U "$S/home/spool" 2>&1)" "$SERVER_USER"
done_testing
