# hookspool load: how the command finds its program, and the targets of the settings.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

if ! command -v sqlite3 >/dev/null; then
	ok 'hookspool load # SKIP no sqlite3'
	done_testing
fi

spool_start 'rotate_min_gap = 0'
D=$S/run
db() { sqlite3 -cmd '.timeout 5000' "$D/w.db" "$1"; }
# load ARGUMENT...: the command's answer in T/out and T/err, its exit code in CODE.
load() {
	hs load "$@" >"$T/out" 2>"$T/err" </dev/null
	CODE=$?
}
order() { # ID TOTAL
	put_one "{\"type\":\"track\",\"event\":\"Order Completed\",\"messageId\":\"$1\",\"userId\":\"u-1\",\"properties\":{\"total\":$2}}"
}
order o1 39.95

### The program #########################################################
load --once --to "sqlite:$D/w.db"
is 'the command starts the program beside it' "$CODE $(db 'SELECT id, total FROM order_completed')" '0 o1|39.95'
hs load --to x --help >"$T/own"
is 'both programs have one help' "$(cat "$T/own")" "$(hs help load)"
mv "$S/bin/hookspool-load" "$S/kept"
(PATH=/usr/bin:/bin load --once --to "sqlite:$D/w.db"; exit $CODE)
is 'without it, the exit code is that of what is not available' $? 69
check 'and the message says what to install' grep -q 'apt-get install hookspool-load.*make LOAD=' "$T/err"
mkdir "$S/lib" "$S/lib/hookspool" && own "$S/lib" "$S/lib/hookspool"
cp "$S/kept" "$S/lib/hookspool/hookspool-load"
load --once --to "sqlite:$D/w.db"
is 'it is found in ../lib/hookspool' $CODE 0
mv "$S/kept" "$S/bin/hookspool-load"

### [load] ##############################################################
settings_add() { printf '%s\n' "$@" >>"$S/hookspool.conf"; }
settings_add '[load]' "shop = sqlite:$D/shop.db prefix=hs_ on_delete=ignore" "private = postgresql:///x?host=$D password=TOPSECRET"
chmod 600 "$S/hookspool.conf"
load shop --once
is 'a label is a database, a prefix and the name of the position' \
	"$CODE $(sqlite3 "$D/shop.db" "SELECT name, records FROM hs_hookspool_load")" '0 shop|1'
check 'and of the cursor' eval 'hs cursors | grep -w shop'
put_one '{"type":"delete","messageId":"d1","userId":"u-1"}'
load shop --once
is 'on_delete=ignore keeps the rows' "$CODE $(sqlite3 "$D/shop.db" 'SELECT count(*) FROM hs_tracks')" '0 1'
load --once --to "sqlite:$D/w.db"
is 'which is not the default' "$CODE $(db 'SELECT count(*) FROM tracks')" '0 0'
load shop --once --name other --prefix other_
is 'the command line is stronger' "$CODE $(sqlite3 "$D/shop.db" 'SELECT name FROM other_hookspool_load')" '0 other'
load nothing --once
is 'an unknown label' "$CODE $(cat "$T/err")" '2 hookspool load: nothing: [load] of the settings has no such label'
load shop --once --to "sqlite:$D/w.db"
is 'a label and --to' $CODE 2
load --once --to postgresql://u:TOPSECRET@localhost/x
is 'a password on the command line' "$CODE $(grep -c 'no password on the command line' "$T/err")" '2 1'
load private --once
check 'no message has the password' eval '[ $CODE -ne 0 ] && ! grep TOPSECRET "$T/err"'

server_stop
done_testing
