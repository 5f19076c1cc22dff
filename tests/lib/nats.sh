# shellcheck shell=bash
# nats.sh: nats-servers of our own with JetStream, for the integration scripts. Source it after server.sh.
#
#	nats_start one [LINE]...        # with these lines in its configuration; false if nats-server is missing
#	nats_end one [SIGNAL]           # TERM; KILL is a crash. nats_again one: on the same ports and store
#	nats_cluster a b c [LINE]...    # three servers of one cluster; LINEs after the names are for each
#	"${NATS_URL[one]}"              # nats://127.0.0.1:PORT; also NATS_HTTP and NATS_PID
#
# Everything is in T/nats-NAME: server.conf, store/, log. NATS_SERVER is the program, by default the one in PATH.
# Ports are port_random's: one that the kernel chose could be an outgoing connection's when a server starts again. Lines come after those below, so that they may add, say, `tls { … }`.

declare -A NATS_URL=() NATS_HTTP=() NATS_PID=()
NATS_SERVER=${NATS_SERVER:-nats-server}

# nats_ports NAME KEY: a port that the running server has told.
nats_ports() { jq -r --arg key "$2" '.[$key][0] | sub(".*:"; "")' "$T/nats-$1"/*.ports; }

nats_healthy() { [ "$(curl -s -o /dev/null --max-time 5 -w '%{http_code}' "${NATS_HTTP[$1]}/healthz")" = 200 ]; }

# nats_run NAME: starts it and waits until JetStream works.
nats_run() { nats_launch "$1" && nats_learn "$1" && wait_for 30 nats_healthy "$1"; }

nats_launch() {
	local folder=$T/nats-$1
	rm -f "$folder"/*.ports
	"$NATS_SERVER" -c "$folder/server.conf" >>"$folder/log" 2>&1 </dev/null &
	NATS_PID[$1]=$!
}

# nats_learn NAME: waits for its ports.
nats_learn() {
	wait_for 20 nats_told "$1" || return
	NATS_URL[$1]=nats://127.0.0.1:$(nats_ports "$1" nats)
	NATS_HTTP[$1]=http://127.0.0.1:$(nats_ports "$1" monitoring)
}

nats_told() { jq -e .nats "$T/nats-$1"/*.ports; }

# nats_conf NAME PORT HTTP-PORT [LINE]...
nats_conf() {
	local name=$1 folder=$T/nats-$1
	mkdir -p "$folder/store"
	{
		printf 'server_name: %s\n' "$name"
		printf 'listen: 127.0.0.1:%s\nhttp: 127.0.0.1:%s\n' "$2" "$3"
		printf 'ports_file_dir: "%s"\n' "$folder"
		printf 'jetstream { store_dir: "%s", max_file: 1G, max_mem: 64M }\n' "$folder/store"
		[ $# -lt 4 ] || printf '%s\n' "${@:4}"
	} >"$folder/server.conf"
}

nats_start() {
	command -v "$NATS_SERVER" >/dev/null || return
	nats_conf "$1" "$(port_random)" "$(port_random)" "${@:2}"
	nats_run "$1"
}

nats_end() {
	local pid=${NATS_PID[$1]-}
	[ -n "$pid" ] || return 0
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	unset "NATS_PID[$1]"
}

nats_again() { nats_run "$1"; }

# nats_cluster NAME NAME NAME [LINE]...: a port for routes must be known beforehand, and can be taken meanwhile.
nats_cluster() {
	local names=("${@:1:3}") lines=("${@:4}") try
	command -v "$NATS_SERVER" >/dev/null || return
	for try in 1 2 3; do
		nats_cluster_try && return
		for name in "${names[@]}"; do nats_end "$name" KILL; done
	done
	return 1
}

nats_cluster_try() {
	local name routes='' ports=() i
	for i in 0 1 2; do
		ports[i]=$(port_random)
		routes+="${routes:+, }nats://127.0.0.1:${ports[i]}"
	done
	for i in 0 1 2; do
		name=${names[i]}
		nats_conf "$name" "$(port_random)" "$(port_random)" "cluster { name: hookspool, listen: 127.0.0.1:${ports[i]}, routes: [ $routes ] }" "${lines[@]}"
		nats_launch "$name"
	done
	for name in "${names[@]}"; do nats_learn "$name" || return; done
	for name in "${names[@]}"; do wait_for 30 nats_healthy "$name" || return; done
}

# fake_nats [ARGUMENT]...: the scripted server of fake_nats.py; FAKE_URL and FAKE_PID.
fake_nats() {
	rm -f "$T/fake.port"
	python3 "$ROOT/tests/lib/fake_nats.py" "$@" >"$T/fake.port" 2>>"$T/fake.log" &
	FAKE_PID=$!
	wait_for 20 test -s "$T/fake.port" || return
	FAKE_URL=nats://127.0.0.1:$(cat "$T/fake.port")
}
