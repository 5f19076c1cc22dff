# Customers apart: three of them, each with a settings file, a spool, a user and a mount, from the template
# of docs/operating.md. None can read another's files, or be let in at another's mount. customers_made is
# what the page's commands do, for the folders of this test.
. "$(dirname "$0")/../lib/server.sh"

if [ "$(id -u)" -ne 0 ] || ! command -v lighttpd >/dev/null; then
	ok 'customers apart # SKIP needs root, and lighttpd'
	done_testing
fi

NAMES=(acme globex initech) USERS=(games news irc) # of Debian's own, instead of hookspool-acme …
directory_make
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
chmod 755 "$S" "$S/bin"
mkdir "$T/run" "$T/etc" "$T/var" "$T/web"
own "$T/web"
chmod 755 "$T" "$T/run" "$T/etc" "$T/var"
PIDS=()
trap 'kill "${PIDS[@]}" 2>/dev/null; clean_up' EXIT

by() { setpriv --reuid="${USERS[$1]}" --regid="$(id -g "${USERS[$1]}")" --clear-groups "${@:2}"; }

# customers_made N: settings, folder and running instance of the Nth customer.
customers_made() {
	local name=${NAMES[$1]} user=${USERS[$1]} group
	group=$(id -gn "$user")
	install -d -m 750 -o "$user" -g "$group" "$T/var/$name"
	install -d -m 2750 -o "$user" -g "$SERVER_GROUP" "$T/run/$name"
	printf 'spool_dir = %s\nsecret = secret-of-%s\n' "$T/var/$name/spool" "$name" >"$T/etc/$name.conf"
	chown "root:$group" "$T/etc/$name.conf"
	chmod 640 "$T/etc/$name.conf"
	(export HOOKSPOOL_CONF=$T/etc/$name.conf && by "$1" "$S/bin/hookspool.fcgi" --listen "unix:$T/run/$name/$name.sock") \
		>>"$T/$name.log" 2>&1 </dev/null &
	PIDS+=($!)
	wait_for 20 listens_at "$T/run/$name/$name.sock"
	chmod 660 "$T/run/$name/$name.sock"
	sed -e "s/CUSTOMER/$name/g" -e "s|/run/hookspool/$name.sock|$T/run/$name/$name.sock|" "$ROOT/lighttpd-conf/customer.conf" >>"$T/blocks.conf"
}
for n in 0 1 2; do customers_made $n; done

web_made() {
	http_port=$(port_random)
	{
		printf 'server.modules = ( "mod_fastcgi" )\nserver.bind = "127.0.0.1"\nserver.port = %s\n' "$http_port"
		printf 'server.document-root = "%s"\nserver.errorlog = "%s/web/error.log"\n' "$T/etc" "$T"
		printf 'server.username = "%s"\nserver.groupname = "%s"\n' "$SERVER_USER" "$SERVER_GROUP"
		cat "$T/blocks.conf"
	} >"$T/lighttpd.conf"
	lighttpd -D -f "$T/lighttpd.conf" >>"$T/lighttpd.out" 2>&1 </dev/null &
	WEB=$!
	wait_for 10 eval "gone $WEB || listens $WEB $http_port"
	listens "$WEB" "$http_port"
}
for try in 1 2 3 4 5; do web_made && break; done
PIDS+=("$WEB")

# send MOUNT SECRET-OF ID: STATUS.
send() {
	printf '{"type":"page","userId":"u-of-%s","messageId":"%s"}' "$2" "$3" >"$T/body"
	STATUS=$(curl -s -o "$T/answer" -w '%{http_code}' -H 'Content-Type: application/json' -H "X-Signature: $(sign "secret-of-$2" "$T/body")" \
		--data-binary "@$T/body" "http://127.0.0.1:$http_port/$1")
}
for n in 0 1 2; do
	name=${NAMES[$n]} other=${NAMES[$(((n + 1) % 3))]} next=$(((n + 1) % 3))
	send "$name" "$name" "m-$name"
	is "$name: an event arrives" "$STATUS $(jq -r .user_id "$T/var/$name/spool/events.jsonl")" "200 u-of-$name"
	send "$name" "$other" "x-$name"
	is "… and one that $other has signed is refused" "$STATUS $(wc -l <"$T/var/$name/spool/events.jsonl")" "401 1"
	is "the commands work with --config" \
		"$(by "$n" "$S/bin/hookspool" stats --config "$T/etc/$name.conf" --json | jq -c '[.records, .path]')" \
		"$(by "$n" "$S/bin/hookspool" stats --config "$T/etc/$name.conf" --json | jq -c '[1, .path]')"
	is "its user cannot read $other's settings, spool and socket" \
		"$(for path in "etc/$other.conf" "var/$other/spool/events.jsonl" "var/$other"; do by "$n" cat "$T/$path" 2>&1 | grep -c 'Permission denied\|Is a directory'; done | xargs)" "1 1 1"
	by "$n" "$S/bin/hookspool" cat --config "$T/etc/$other.conf" >"$T/out" 2>&1
	is "nor does the command give it anything" "$? $(grep -c u-of "$T/out")" "78 0"
	by "$n" ls "$T/run/$other" >"$T/out" 2>&1
	is "nor may it connect to the socket" "$? $(grep -c sock$ "$T/out")" "2 0"
	is "the process of $other has no file of $name open" \
		"$(ls -l "/proc/${PIDS[$next]}/fd" 2>/dev/null | grep -c "/$name/")" 0
done
is "every command that reads settings takes --config" "$("$HS_BUILD/hookspool" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' |
	while read -r command; do "$HS_BUILD/hookspool" "$command" --help | grep -q -- --config || echo "$command"; done | grep -vxE 'help|passwd' | xargs)" ""
done_testing
