# Memory of one process with 16 threads: under 8 MB idle, and its buffers back after large bodies.
. "$(dirname "$0")/../lib/server.sh"

LIMIT_KB=8192

# kb FIELD: of /proc/PID/status. VmRSS counts the pages of libraries and of the index, which
# are the page cache's; RssAnon is what the process has taken for itself.
kb() { awk -v f="$1:" '$1 == f { print $2 }' "/proc/$worker/status"; }
small() { [ "$(kb "$1")" -lt $LIMIT_KB ]; }
show() { printf '# %s: %s KB resident, %s KB its own\n' "$1" "$(kb VmRSS)" "$(kb RssAnon)"; }

if grep -q __asan_init "$HS_BUILD/hookspool.fcgi"; then
	ok 'nothing to measure: a sanitizer takes memory of its own # SKIP'
	done_testing
	exit 0
fi

SETTINGS='threads = 16'
server_start lighttpd-fcgi
worker=$(workers)
is 'one process' "$(workers | wc -l)" 1
check '16 threads and no more than three helpers' eval \
	'n=$(ls "/proc/$worker/task" | wc -l); [ "$n" -ge 16 ] && [ "$n" -le 19 ]'
show idle
check "idle: under $LIMIT_KB KB" small VmRSS

{ printf '{"type":"page","userId":"u","messageId":"large","properties":{"text":"'
	head -c 30000000 /dev/zero | tr '\0' x
	printf '"}}'; } >"$T/large"
{ printf '['; events many- 1 40000; printf ']'; } >"$T/many" # 2.7 MB

signed "$T/large"
took 1 0 'a body of 30 MB'
check 'its buffers are returned' wait_for 30 small VmRSS
show 'after 30 MB'

# Bodies whose buffers each thread keeps for the next one, as long as there is a next one.
{ printf '['; events kept- 1 1500; printf ']'; } >"$T/kept" # 100 KB
signature=$(sign "$SECRET" "$T/kept")
for _ in $(seq 400); do
	printf 'url = "%s"\nheader = "X-Signature: %s"\nheader = "Content-Type: application/json"\n' \
		"$URL" "$signature"
	printf 'data-binary = "@%s"\noutput = /dev/null\nwrite-out = "%%{http_code}\\n"\nnext\n' "$T/kept"
done | sed '$d' | curl --no-progress-meter --parallel --parallel-max 32 -K - >"$T/answers"
is '400 batches of 1500' "$(sort "$T/answers" | uniq -c | tr -s ' ')" ' 400 200'
show 'while they are kept'
idle() { [ "$(kb RssAnon)" -lt $((LIMIT_KB / 2 + 512)) ]; }
check 'threads with nothing to do return those, too' wait_for 30 idle
show 'when nothing comes'

# Many threads have their turn: 16 large ones, four at a time.
signature=$(sign "$SECRET" "$T/many")
for _ in $(seq 16); do
	printf 'url = "%s"\nheader = "X-Signature: %s"\nheader = "Content-Type: application/json"\n' \
		"$URL" "$signature"
	printf 'data-binary = "@%s"\noutput = /dev/null\nwrite-out = "%%{http_code}\\n"\nnext\n' \
		"$T/many"
done | sed '$d' | curl --no-progress-meter --parallel --parallel-max 4 -K - >"$T/answers"
is '16 batches of 40000' "$(sort "$T/answers" | uniq -c | tr -s ' ')" ' 16 200'
check 'their buffers are returned' wait_for 30 small RssAnon
show 'after 16 batches'

head -c 30000000 /dev/zero >"$T/zeros"
post "$T/zeros" -H 'X-Signature: 0123456789abcdef0123456789abcdef01234567'
refused 401 'does not match' '30 MB from an unknown sender'
check 'their buffers are returned as well' wait_for 30 small RssAnon
show 'at the end'

# Maintenance counts the properties of the large event for the schema, when the threads have been at rest for long.
check 'maintenance has read what came' wait_for 60 test -s "$S/spool/.hookspool/schema"
check 'and its buffers are returned, although nothing comes' wait_for 20 small RssAnon
show 'after maintenance'
is 'all by the process that began' "$(workers)" "$worker"
server_stop
done_testing
