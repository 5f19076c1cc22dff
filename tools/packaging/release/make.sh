#!/bin/sh
# A release of the last commit in OUT: the sources, a static bundle for each ARCH, an SPDX list of what is
# linked in, the changelog's section, and SHA256SUMS over all of them, signed if KEY names a key for
# ssh-keygen(1). The same commit, compilers and Debian packages give the same bytes.
#
#	make.sh OUT VERSION ARCH...
set -eu
export LC_ALL=C TZ=UTC
umask 022
out=$1 version=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
name=hookspool-$version
[ -z "${KEY-}" ] || KEY=$(realpath -e "$KEY")

fail() { echo "release: $*" >&2; exit 1; }
git_here() { git -C "$top" -c tar.umask=0022 -c core.autocrlf=false "$@"; }

git_here rev-parse -q --verify HEAD >/dev/null || fail 'it is made from a git checkout'
[ -z "$(git_here status --porcelain)" ] || fail 'commit the changes first: it is made from the last commit'
commit=$(git_here rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git_here log -1 --format=%ct)
export SOURCE_DATE_EPOCH

notes() {
	awk -v heading="## [$version]" 'index($0, "## ") == 1 { inside = index($0, heading) == 1; next }
		inside && (/[^ ]/ || seen) { seen = 1; print }
		END { exit !seen }' "$top/CHANGELOG.md"
}
rm -rf "$out" && mkdir -p "$out"
out=$(cd "$out" && pwd)
notes >"$out/NOTES.md" || fail "CHANGELOG.md has no section for $version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# bundle ARCH: from the archive of the sources, so that it is known to be complete.
bundle() {
	sysroot=$work/sysroot
	sh "$here/sysroot.sh" "$1" "$sysroot"
	compiler=$(sh "$here/compiler.sh" "$1" "$sysroot/root")
	cat "$sysroot/packages" >>"$work/packages"
	libgcc=$(dpkg -S "$(readlink -f "$("$1-linux-gnu-gcc" -print-libgcc-file-name)")" | sed 's/[:,].*//')
	dpkg-query -W -f '${Package}\t${Version}\t${source:Package}\t${source:Version}\t' "$libgcc" >>"$work/packages"
	sed -n 's/^libc6-dev\t.*\t//p' "$sysroot/packages" >>"$work/packages"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$work/$name" bundle B="$work/$1" ARCH="$1" \
		CC="$compiler" AR="$1-linux-gnu-ar" STRIP="$1-linux-gnu-strip" RUN="$(emulator "$1")"
	mv "$work/$1/$name-$1.tar.gz" "$out"
}
emulator() { [ "$1" = "$(uname -m)" ] || echo "qemu-$1-static"; }

git_here archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$out/$name.tar.gz"
tar -C "$work" -xzf "$out/$name.tar.gz"
for arch; do bundle "$arch"; done
cd "$out"
jq -n --arg version "$version" --arg commit "$commit" --arg epoch "$SOURCE_DATE_EPOCH" \
	--arg archives "$(sha256sum -- *.tar.gz)" --arg packages "$(cat "$work/packages")" \
	-f "$here/spdx.jq" >"$name.spdx.json"
sha256sum -- * >"$work/sums"
mv "$work/sums" SHA256SUMS
if [ -n "${KEY-}" ]; then
	ssh-keygen -Y sign -q -f "$KEY" -n hookspool SHA256SUMS
fi
