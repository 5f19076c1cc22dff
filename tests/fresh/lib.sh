# shellcheck shell=bash
# lib.sh: fresh machines, each a folder that debootstrap filled. Source it first of all; as root.
#
#	root_make NAME             # a Debian SUITE (bookworm) with nothing more, in R
#	install apache2            # there
#	inside COMMAND...          # there, with nothing of our environment
#	check 'what' COMMAND...
#	done_testing
#
# The folder that debootstrap made the first time is kept in build/fresh, with the packages that apt fetched.
# Mounts and processes live in namespaces that end with the script, however it ends; the network
# is the host's, and servers listen on its loopback.
set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HS_BUILD=$(cd "${HS_BUILD:-$ROOT/build}" && pwd) || exit 2
SUITE=${SUITE:-bookworm} MIRROR=${MIRROR:-http://deb.debian.org/debian}
CACHE=$HS_BUILD/fresh
PACKAGE=$CACHE/hookspool-$SUITE.deb # built there: debian.sh
until PORT=$((20000 + RANDOM % 12000)); ! (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; do :; done
[ "$(id -u)" -eq 0 ] || { echo "$0: only root can make a root folder: sudo make fresh" >&2; exit 2; }
[ $$ -eq 1 ] || exec unshare --mount --pid --fork --kill-child --mount-proc bash "$0" "$@"

T=$(mktemp -d "${TMPDIR:-/tmp}/hookspool-fresh.XXXXXX") || exit 2
chmod 711 "$T"
trap 'clean_up' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
test_count=0 failures=0

clean_up() {
	local status=$? at
	trap - EXIT INT TERM HUP
	# shellcheck disable=SC2046
	[ -z "$(jobs -p)" ] || kill $(jobs -p) 2>/dev/null # the others end with this process
	for at in $(awk -v t="$T/" 'index($2, t) == 1 { print $2 }' /proc/mounts | sort -r); do
		umount "$at" || umount -l "$at"
	done
	rm -rf --one-file-system "$T"
	exit "$status"
}

# check NAME COMMAND...: shows the end of the output of a failing command. T/said has all of it.
check() {
	local name=$1
	shift
	if "$@" >"$T/says" 2>&1; then
		printf 'ok %d - %s\n' $((++test_count)) "$name"
	else
		printf 'not ok %d - %s\n' $((++test_count)) "$name"
		tail -n 60 "$T/says" | sed 's/^/#   /'
		failures=$((failures + 1))
	fi
	mv "$T/says" "$T/said"
}

# need NAME COMMAND...: a check that all others depend on.
need() {
	local failed=$failures
	check "$@"
	[ "$failures" -eq "$failed" ] || done_testing
}

# is NAME GOT WANT
is() { check "$1" same "$2" "$3"; }
same() { [ "$1" = "$2" ] || { printf 'got:      %s\nexpected: %s\n' "$1" "$2"; false; }; }

not() { ! "$@"; }

done_testing() {
	printf '1..%d\n' "$test_count"
	[ "$failures" -eq 0 ]
	exit
}

# wait_for COMMAND...: at most thirty seconds, or SECONDS_MAX.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + ${SECONDS_MAX:-30} * 1000000))
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.05
	done
}


### The folders #########################################################

# base_make: what debootstrap installs, as an archive.
base_make() {
	[ ! -s "$CACHE/$SUITE.tar" ] || return 0
	mkdir -p "$CACHE"
	debootstrap --variant=minbase "$SUITE" "$T/base" "$MIRROR" &&
		tar -C "$T/base" --numeric-owner -cf "$CACHE/$SUITE.tar.new" . &&
		mv "$CACHE/$SUITE.tar.new" "$CACHE/$SUITE.tar"
	rm -rf "$T/base"
}

# root_make NAME: a fresh machine in R; debootstrap has made its devices. "${INSIDE[@]}" COMMAND...
# runs there, with nothing of our environment but its way to the net.
root_make() {
	R=$T/$1
	INSIDE=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
		DEBIAN_FRONTEND=noninteractive ${http_proxy+"http_proxy=$http_proxy"} chroot "$R")
	mkdir "$R" "$R/dev" 2>/dev/null
	tar -C "$R" --numeric-owner -xpf "$CACHE/$SUITE.tar" &&
		mount -t proc proc "$R/proc" &&
		mkdir -p "$R/dev/shm" "$R/dev/pts" "$CACHE/archives" &&
		mount -t tmpfs -o mode=1777 tmpfs "$R/dev/shm" &&
		mount -t devpts -o newinstance,ptmxmode=666 devpts "$R/dev/pts" &&
		ln -sf pts/ptmx "$R/dev/ptmx" &&
		mount --bind "$CACHE/archives" "$R/var/cache/apt/archives" &&
		cp -L /etc/resolv.conf "$R/etc/resolv.conf" &&
		echo '127.0.0.1 localhost' >"$R/etc/hosts" && # an installer writes it
		rm -f "$R/etc/apt/apt.conf.d/docker-clean"
}

inside() { "${INSIDE[@]}" "$@"; }

# inside_as USER COMMAND...: as that user, in the groups that /etc/group has it in.
inside_as() { inside setpriv --reuid="$1" --regid="$1" --init-groups "${@:2}"; }

# services_forbid: no package starts its service; we start the servers ourselves.
services_forbid() {
	printf '#!/bin/sh\nexit 101\n' >"$R/usr/sbin/policy-rc.d"
	chmod 755 "$R/usr/sbin/policy-rc.d"
}

# install PACKAGE...: one script at a time, since they share what apt fetches.
install() {
	flock "$CACHE/lock" "${INSIDE[@]}" apt-get -qq -y -o Dpkg::Use-Pty=0 -o APT::Keep-Downloaded-Packages=true \
		--no-install-recommends install "$@"
}

# certificates_make ADDRESS...: T/tls has an authority, and a server's certificate for these.
certificates_make() {
	mkdir "$T/tls" && (
		cd "$T/tls" && umask 077 &&
			printf 'subjectAltName = %s\n' "$(printf 'IP:%s,' "$@" | sed 's/,$//')" >names &&
			openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
				-subj '/CN=hookspool test CA' -keyout ca.key -out ca.pem &&
			openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' \
				-keyout key.pem -out request.pem &&
			openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -days 2 -extfile names \
				-out cert.pem
	)
}
