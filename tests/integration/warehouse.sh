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

server_stop
done_testing
