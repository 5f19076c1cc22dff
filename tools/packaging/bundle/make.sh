#!/bin/sh
# The archive for a host that has a file manager and nothing else: static programs, .htaccess,
# settings, INSTALL.txt. The same sources give the same bytes.
#
#	make.sh BUILD VERSION ARCH >ARCHIVE      BUILD has hookspool.fcgi, hookspool and hookspool-load
#
# For another architecture than this machine's, STRIP is its strip(1) and RUN an emulator of it.
set -eu
umask 022
build=$1 version=$2 arch=$3
here=$(dirname "$0")
name=hookspool-$version-$arch
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
top=$stage/$name

mkdir "$top" "$top/public_html"
mkdir -m 700 "$top/hookspool"
# The id of the build depends on the folder that it was made in.
for pair in hookspool.fcgi:public_html/hookspool.cgi hookspool:hookspool/hookspool \
	hookspool-load:hookspool/hookspool-load; do
	"${STRIP:-strip}" --remove-section=.note.gnu.build-id -o "$top/${pair#*:}" "$build/${pair%%:*}"
	chmod 755 "$top/${pair#*:}"
done
chmod 700 "$top/hookspool/hookspool" "$top/hookspool/hookspool-load"
install -m 644 "$here/../../../apache-conf/htaccess" "$top/public_html/.htaccess"
${RUN-} "$build/hookspool" docs sample |
	sed 's|^spool_dir = .*|spool_dir = /home/you/hookspool/spool|' >"$top/hookspool/hookspool.conf"
chmod 600 "$top/hookspool/hookspool.conf"
sed "s/VERSION/$version/g; s/ARCH/$arch/g" "$here/INSTALL.txt" >"$top/INSTALL.txt"

tar -C "$stage" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
	--mtime="@${SOURCE_DATE_EPOCH:-1767225600}" -cf - "$name" | gzip -9n
