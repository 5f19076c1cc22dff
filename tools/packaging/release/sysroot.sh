#!/bin/sh
# Unpacks the Debian packages that the programs and their unit tests are linked with, for ARCH, into
# DIR/root, and lists them in DIR/packages (name, version, source, version of the source, architecture)
# and their archives in DIR/archives (path below DIR/root, name of the package).
# apt downloads and verifies them by a state of its own, so the machine's packages, architectures and
# lists stay as they are. Needs Debian's archive, but not root.
#
#	sysroot.sh ARCH DIR       ARCH is x86_64 or aarch64
set -eu
case $1 in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) echo "sysroot.sh: unknown architecture $1" >&2; exit 2 ;;
esac
rm -rf "$2"
mkdir -p "$2/root" "$2/state/lists/partial" "$2/cache/archives/partial"
dir=$(cd "$2" && pwd)
: >"$dir/status"
cat >"$dir/apt.conf" <<END
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Dir::State "$dir/state";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
END
export APT_CONFIG="$dir/apt.conf"
apt-get -qq update
apt-get -qq -y --download-only install libc6-dev libfcgi-dev liblmdb-dev zlib1g-dev libdeflate-dev \
	libssl-dev libsqlite3-dev libseccomp-dev libcmocka-dev libjson-c-dev libinih-dev
for package in "$dir"/cache/archives/*.deb; do
	dpkg-deb -x "$package" "$dir/root"
	dpkg-deb --fsys-tarfile "$package" | tar -t | sed -n 's|^\.\(/.*\.a\)$|\1|p' |
		sed "s|\$|\t$(dpkg-deb -f "$package" Package)|" >>"$dir/archives"
	dpkg-deb -W --showformat='${Package}\t${Version}\t${source:Package}\t${source:Version}\t${Architecture}\n' "$package"
done >"$dir/packages"
rm -rf "$dir/cache" "$dir/state"
