#!/bin/bash
# tests/ship/cluster.sh with the nats-server of another Debian: SUITE=trixie. apt fetches the package, and
# nothing is installed: the server is one static program.
set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SUITE=${SUITE:-trixie} MIRROR=${MIRROR:-http://deb.debian.org/debian}
T=$(mktemp -d "${TMPDIR:-/tmp}/hookspool-nats.XXXXXX") || exit 2
trap 'rm -rf "$T"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$T"
mkdir -p "$T/state/lists/partial" "$T/cache/archives/partial" "$T/root"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $MIRROR $SUITE main" >"$T/sources.list"
apt() {
	(cd "$T" && apt-get -qq -o APT::Sandbox::User=root -o Dir::State="$T/state" -o Dir::Cache="$T/cache" -o Dir::State::status=/dev/null \
		-o Dir::Etc::sourcelist="$T/sources.list" -o Dir::Etc::sourceparts=/dev/null "$@")
}
if ! apt update || ! apt download nats-server || ! dpkg -x "$T"/nats-server_*.deb "$T/root"; then
	echo "not ok 1 - nats-server of $SUITE"
	exit 1
fi
NATS_SERVER=$T/root/usr/sbin/nats-server
"$NATS_SERVER" --version | sed 's/^/# /'
export NATS_SERVER
bash "$ROOT/tests/ship/cluster.sh"
