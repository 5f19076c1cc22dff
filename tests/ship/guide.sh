#!/bin/bash
# docs/scaling.md: its configurations and commands, as they are there, with the addresses of this test; and the demo.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/lib/documents.sh"
need_ship
PAGE=docs/scaling.md

# The servers: the page's file, with three names.
ports=()
for i in 0 1 2 3 4 5 6 7 8; do ports[i]=$(port_random); done
# conf I: the configuration of server I.
conf() {
	awk '/^```text/ { inside = 1; found = ""; next } /^```/ { if (inside && found ~ /server_name/) printf "%s", found; inside = 0 }
		inside { found = found $0 "\n" }' "$ROOT/$PAGE" |
		sed -e "s#^server_name: n1#server_name: n$(($1 + 1))#; s#0.0.0.0:4222#127.0.0.1:${ports[$1]}#; s#127.0.0.1:8222#127.0.0.1:${ports[$1 + 3]}#" \
			-e "s#0.0.0.0:6222#127.0.0.1:${ports[$1 + 6]}#; s#/var/lib/nats#$T/nats-n$(($1 + 1))/store#" \
			-e "s#n1:6222#127.0.0.1:${ports[6]}#; s#n2:6222#127.0.0.1:${ports[7]}#; s#n3:6222#127.0.0.1:${ports[8]}#" \
			-e "s#max_file: 100G#max_file: 1G#; \$a ports_file_dir: \"$T/nats-n$(($1 + 1))\""
}
NODES=(n1 n2 n3)
for i in 0 1 2; do
	mkdir -p "$T/nats-n$((i + 1))/store"
	conf $i >"$T/nats-n$((i + 1))/server.conf"
done
if nodes_start; then ok 'the servers start with the configuration of the page'; else give_up 'the servers start'; fi

# The section [ship], without TLS and credentials, which these servers do not ask for.
spool_make "$(blocks $PAGE ini | sed "s#^to = .*#to = $(servers)#; /^ca = /d; /^creds = /d")"
add 100
mkdir "$S/shims"
cat >"$S/shims/hookspool" <<END
#!/bin/sh
# these servers may be older than ship likes
[ "\$1" != ship ] || { shift; set -- ship --old-server "\$@"; }
exec "$S/bin/hookspool" "\$@"
END
chmod 755 "$S/shims/hookspool"

# Each block that says so is run line by line.
awk -v claim='<!-- run by tests/ship/guide.sh -->' '
	$0 == claim { next_one = 1; next }
	$0 == "```sh" { inside = next_one; next_one = 0; next }
	/^```/ { inside = 0 }
	inside' "$ROOT/$PAGE" >"$T/commands"
check 'the page has commands' [ "$(wc -l <"$T/commands")" -ge 8 ]
shown() { (export PATH=$S/shims:$PATH HOOKSPOOL_CONF=$S/hookspool.conf; as_server_user bash -eo pipefail -c "$1"); }
while IFS= read -r command; do
	shown "$command" >"$T/out" 2>"$T/said" </dev/null
	code=$?
	# check may warn of what a test's host is like; what it says of ship is to be fine, but for Debian's old server
	case $command in
	'hookspool check') is "$command" "$(grep -iE '^ *fail.*ship' "$T/out" | grep -v 'the server is older')" '' ;;
	*) if [ $code -eq 0 ]; then ok "$command"; else not_ok "$command" "exit $code" "$(cat "$T/out" "$T/said")"; fi ;;
	esac
done <"$T/commands"
is 'every record is in the stream once' "$(python3 "$ROOT/tests/ship/subjects.py" "${NATS_URL[n1]}" | awk '!/mark$/ { n += $1 } END { print n }')" 100
nodes_end

check 'make demo-cluster' make -s -C "$ROOT" demo-cluster B="$HS_BUILD"
done_testing
