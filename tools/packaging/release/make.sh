#!/bin/sh
# A release of the last commit in OUT: the sources, a static bundle for each ARCH, an SPDX list of what is
# linked in and its licences, the changelog's section, and SHA256SUMS over all of them, signed if KEY names a
# key for ssh-keygen(1). The same commit, compilers and Debian packages give the same bytes.
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

work=$(cd "$(mktemp -d)" && pwd -P) # as the maps of the linker name it
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# bundle ARCH: from the archive of the sources, so that it is known to be complete.
bundle() {
	sysroot=$work/sysroot
	sh "$here/sysroot.sh" "$1" "$sysroot"
	compiler=$(sh "$here/compiler.sh" "$1" "$sysroot/root")
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL PKG_CONFIG_LIBDIR="$sysroot/root/usr/lib/$1-linux-gnu/pkgconfig" \
		make -C "$work/$name" bundle B="$work/$1" ARCH="$1" \
		CC="$compiler" AR="$1-linux-gnu-ar" STRIP="$1-linux-gnu-strip" RUN="$(emulator "$1")"
	linked "$1"
	mv "$work/$1/$name-$1.tar.gz" "$out"
}

# linked ARCH: notes the packages, and their licences, of the archives that the linker took members from, as its maps say.
linked() {
	sed -n 's|^\(/.*\.a\)(.*|\1|p' "$work/$1"/static/*.map | sort -u | xargs realpath >"$work/linked"
	[ -s "$work/linked" ] || fail 'the maps of the linker name no archive'
	while read -r archive; do
		case $archive in
		"$work/$1"/*) ;; # our own
		"$sysroot"/root/*) package_of_sysroot "${archive#"$sysroot/root"}" ;;
		*) package_of_compiler "$archive" ;;
		esac || fail "no package has $archive"
	done <"$work/linked" >>"$work/packages"
}
package_of_sysroot() { # ARCHIVE
	package=$(awk -F '\t' -v archive="$1" '$1 == archive { print $2 }' "$sysroot/archives")
	cp "$sysroot/root/usr/share/doc/$package/copyright" "$work/licences/$package" &&
		grep "^$package	" "$sysroot/packages"
}
# A cross-compiler's package is for all machines: the list has it under the one whose code is in it.
package_of_compiler() { # ARCHIVE
	package=$(dpkg -S "$1") || return
	package=${package%%[:,]*}
	cp "/usr/share/doc/$package/copyright" "$work/licences/$package" &&
		dpkg-query -W -f '${Package}\t${Version}\t${source:Package}\t${source:Version}\t' "$package" &&
		sed -n 's/^libc6-dev\t.*\t//p' "$sysroot/packages"
}
emulator() { [ "$1" = "$(uname -m)" ] || echo "qemu-$1-static"; }

git_here archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$out/$name.tar.gz"
tar -C "$work" -xzf "$out/$name.tar.gz"
mkdir "$work/licences"
for arch; do bundle "$arch"; done
cd "$out"
jq -n --arg version "$version" --arg commit "$commit" --arg epoch "$SOURCE_DATE_EPOCH" \
	--arg archives "$(sha256sum -- *.tar.gz)" --arg packages "$(cat "$work/packages")" \
	-f "$here/spdx.jq" >"$name.spdx.json"
sh "$here/licences.sh" "$top/LICENSE" "$work/licences" >"$name.licences.txt"
sha256sum -- * >"$work/sums"
mv "$work/sums" SHA256SUMS
if [ -n "${KEY-}" ]; then
	ssh-keygen -Y sign -q -f "$KEY" -n hookspool SHA256SUMS
fi
