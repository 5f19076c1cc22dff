# Every command that a page shows runs here as it is printed, on a real spool behind a real mount,
# and must succeed; or the page names the test that runs it (tests/lib/documents.sh). So do the
# examples in the manual pages.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"
. "$(dirname "$0")/../lib/documents.sh"

### Blocks ##############################################################

# blocks_of PAGE: writes T/blocks/N, and T/blocks/N.claims with the comments before it.
blocks_of() {
	rm -rf "$T/blocks"
	mkdir "$T/blocks"
	awk -v folder="$T/blocks/" '
		{ fence = $0; sub(/^ +/, "", fence) }
		fence ~ /^<!-- (run by|not run:)/ { claims = claims fence "\n"; next }
		fence == "```sh" { n++; file = folder n; inside = 1; printf "%s", claims >(file ".claims"); claims = ""; next }
		fence ~ /^```/ { inside = 0; next }
		inside { print >file; next }
		{ claims = "" }' "$ROOT/$1"
}

# claim_holds PAGE LINE: the script exists, and names the page or has the words.
claim_holds() {
	local page=$1 line=$2 script words
	case $line in
	'<!-- not run: '?*) return ;;
	esac
	line=${line#'<!-- run by '} line=${line%' -->'}
	script=${line%% as *}
	words=$page
	case $line in *' as '*) words=${line#* as } ;; esac
	grep -qF -e "$words" "$ROOT/$script"
}

### A place to run them in ##############################################
# The server takes a secret or a key. Commands with --tenant run with its settings, which have labels;
# the others with settings that have none.
sources=('[sources]' 'shop = key-of-a-page browser origin=https://shop.example rate=none' 'orders = KEY server')
spool_start 'public_url = https://your.host/hookspool' 'address_rate = none' 'rotate_min_gap = 0' 'auth = either' \
	'[keys]' 'acme = key-of-acme' 'segment-review = key-of-a-reviewer' "${sources[@]}"
{ sed '/^auth/,$d' "$S/hookspool.conf"; printf '%s\n' "${sources[@]}"; } >"$S/plain.conf"
chmod 600 "$S/plain.conf"
own "$S/plain.conf"
WORK=$S/work
mkdir -p "$WORK/docs" "$WORK/logs" "$S/standby" "$S/backup" "$S/shims"
ln -s ../spool "$WORK/spool"
cp -R "$ROOT/docs/examples" "$WORK/docs/examples"
event archived | gzip >"$WORK/logs/a.gz"
event tried >"$WORK/events.jsonl"
{ echo 'hash_key = 00112233445566778899aabbccddeeff'; cat "$S/plain.conf"; printf '[fields]\ntraits_email = hash\n'; } >"$WORK/new.conf"
printf '%s' "$SECRET" >"$WORK/secret"
printf 'key-of-acme' >"$WORK/key"
printf '#!/bin/sh\nexec cat >/dev/null\n' >"$WORK/handler"
cp "$WORK/handler" "$WORK/update-contact"
cp "$WORK/handler" "$WORK/book-order"
cat >"$S/shims/sudo" <<-'END' # we are that user already
	#!/bin/sh
	[ "$1" != -u ] || shift 2
	exec "$@"
END
printf '#!/bin/sh\nexec /usr/bin/curl -fsS "$@"\n' >"$S/shims/curl" # a refusal is a failure
printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >"$S/shims/ssh"        # HOST COMMAND...
chmod 755 "$S/shims"/* "$WORK"/handler "$WORK"/update-contact "$WORK"/book-order
chmod -R a+rX "$WORK"
chmod 600 "$WORK/new.conf"
own "$WORK" "$WORK/new.conf" "$WORK/logs" "$S/standby" "$S/backup"
put_one "$(event first)"
put_one '{"type":"track","event":"Order Completed","messageId":"o1","userId":"u-1","properties":{"total":1,"products":[{"name":"Tea","id":1}]}}'
put_one '{"type":"identify","messageId":"i1","userId":"u-1","anonymousId":"a-1","traits":{"email":"a@example.com"}}'
printf '{"type":"track"}' >"$T/bad"
signed "$T/bad" # for rejected.jsonl
# refill: makes sealed segments, and dead letters of the cursor crm, whatever ran before.
refill() {
	put_one "{\"type\":\"track\",\"event\":\"Order Completed\",\"messageId\":\"f$((++refills))\",\"userId\":\"u-7\",\"properties\":{\"products\":[{\"id\":1}]}}"
	hs rotate
	hs each --cursor crm --once --on 'track:Order Completed=exit 65' --on '*=true' >/dev/null 2>&1
	put_one '{"type":"track","event":"Order Completed","userId":"u-7"}' # an open segment that is not empty
}
refills=0

# localised FILE: the file with the paths and addresses of this test.
localised() {
	sed -e "s#https://your.host#$HTTP#g" -e "s#/backup/#$S/backup/#g" -e "s#standby:/var/spool/hookspool/#standby:$S/standby/#g" \
		-e "s#/usr/local/bin/hookspool#hookspool#g" "$1"
}

# try FILE [SECONDS]: runs it; 0 if it succeeds, or still runs after the seconds. It is run again if it is to
# wait for the server's maintenance (75).
try() {
	local code
	for _ in {1..100}; do
		try_once "$@"
		code=$?
		[ $code -eq 75 ] || break
		sleep 0.2
	done
	[ $code -eq 0 ] || { [ $code -eq 124 ] && [ -n "${2-}" ]; } || { echo "exit $code"; cat "$T/script" "$T/said"; false; }
}

try_once() {
	localised "$1" >"$T/script"
	chmod 644 "$T/script"
	(
		cd "$WORK" || exit
		export PATH=$S/shims:$S/bin:/usr/bin:$PATH HOME=$WORK HOOKSPOOL_CONF=$S/plain.conf RSYNC_RSH=$S/shims/ssh secret=$SECRET
		! grep -q -e --tenant "$T/script" || HOOKSPOOL_CONF=$S/hookspool.conf
		as_server_user timeout "${2:-60}" bash -eo pipefail "$T/script"
	) >"$T/out" 2>"$T/said" </dev/null
}

# run_block FILE: runs a block; one that follows for ever line by line, for a second each.
run_block() {
	local line bad=0
	grep -qE 'tail -[fF]' "$1" || { try "$1"; return; }
	while IFS= read -r line; do
		printf '%s\n' "$line" >"$T/line"
		try "$T/line" 1 || bad=1
	done <"$1"
	[ $bad -eq 0 ]
}

### Pages ###############################################################
for page in $(pages); do
	blocks_of "$page"
	refill
	for n in $(cd "$T/blocks" && ls | grep -v claims | sort -n); do
		name="$page: $(head -n 1 "$T/blocks/$n" | cut -c 1-60)"
		if [ -s "$T/blocks/$n.claims" ]; then
			while IFS= read -r line; do
				check "$name: $(sed 's/^<!-- //; s/ -->//' <<<"$line")" claim_holds "$page" "$line"
			done <"$T/blocks/$n.claims"
		else
			check "$name" run_block "$T/blocks/$n"
		fi
	done
done

### Manual pages ########################################################
# One command a line: .Dl, and the blocks of EXAMPLES that are commands; cron's lines without their head.
examples() {
	awk '/^\.Sh / { inside = $2 == "EXAMPLES" }
		inside && /^\.Dl / { sub(/^\.Dl /, ""); print }
		inside && /^\.Bd / { literal = 1; next }
		/^\.Ed/ { literal = 0 }
		literal { printf "%s", $0; if (/\\e$/ || /\|$/) printf " "; else print "" }' "$1" |
		sed -e 's/\\(dq/"/g' -e 's/\\e */ /g' -e 's/^[*0-9/]* [*0-9]* \* \* \* www-data //'
}
for page in "$ROOT"/tools/packaging/man/*.in; do
	examples "$page" | while IFS= read -r line; do
		case $line in
		'tail -F '*) echo "1 $line" ;;
		*' -f '* | 'hookspool tail -f'*) echo "1 $line" ;;
		hookspool\ each*) echo "each $line" ;;
		hookspool\ adopt*) ;; # adopt.sh: nothing may serve
		hookspool\ * | HOOKSPOOL_* | zcat* | jq* | grep* | printf*) echo "- $line" ;;
		esac
	done >"$T/examples"
	while read -r how line; do
		refill
		[ "$how" != each ] || case $line in *--failed*) ;; *) line="$line --once" ;; esac
		printf '%s\n' "$line" >"$T/line"
		case $how in
		1) check "${page##*/}: ${line:0:60}" try "$T/line" 1 ;;
		*) check "${page##*/}: ${line:0:60}" try "$T/line" ;;
		esac
	done <"$T/examples"
done
server_stop
done_testing
