# `make release` twice, by two clones in folders of other names and depths, at another time of day and with
# another umask: the same bytes. Their bundles run, and the lists say what is inside.
. "$(dirname "$0")/../lib/server.sh"
VERSION=$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")
ARCHES='x86_64 aarch64'

# clone FOLDER: of the last commit, whose changelog's first section is made this version's.
clone() {
	mkdir -p "$(dirname "$1")" && git clone -q --no-hardlinks "$ROOT" "$1" && cd "$1" &&
		sed -i "0,/^## \[.*/s//## [$VERSION] - 2026-01-01/" CHANGELOG.md && git add -A &&
		GIT_COMMITTER_DATE='2026-01-01T12:00:00Z' git -c user.name=test -c user.email=test@localhost \
			commit -q --allow-empty --date='2026-01-01T12:00:00Z' -m 'Release'
}
release() { (clone "$1" && umask "$2" && make -s release B=build KEY="$3"); }

check 'a key' ssh-keygen -q -t ed25519 -N '' -C release -f "$T/key"
check 'a release' release "$T/a" 022 "$T/key"
check 'another, elsewhere' release "$T/other/folder/deeper" 077 ''
A=$T/a/build/release B=$T/other/folder/deeper/build/release
is 'the same files' "$(cd "$A" && ls | grep -v sig | xargs)" "$(cd "$B" && ls | xargs)"
for file in "$B"/*; do
	check "${file##*/} has the same bytes" cmp "$A/${file##*/}" "$file"
done
cd "$A" || exit 2

### What is inside ######################################################
is 'its files' "$(ls | xargs)" "NOTES.md SHA256SUMS SHA256SUMS.sig $(printf 'hookspool-%s-%s.tar.gz ' \
	"$VERSION" aarch64 "$VERSION" x86_64)hookspool-$VERSION.licences.txt hookspool-$VERSION.spdx.json hookspool-$VERSION.tar.gz"
is 'the sums are those of all others' "$(sha256sum -c SHA256SUMS | grep -c ': OK$')" "$(($(ls | wc -l) - 2))"
is 'the sources are those of the commit' "$(tar tzf "hookspool-$VERSION.tar.gz" | grep -v '/$' | sed 's|^[^/]*/||' | sort)" \
	"$(git -C "$T/a" ls-files | sort)"
is 'their files belong to nobody in particular and have the time of the commit' \
	"$(tar tvzf "hookspool-$VERSION.tar.gz" --numeric-owner --full-time | awk '{ print $2, $4, $5 }' | sort -u)" '0/0 2026-01-01 12:00:00'
is 'and so do those of the bundles' "$(for arch in $ARCHES; do
	tar tvzf "hookspool-$VERSION-$arch.tar.gz" --full-time | awk '{ print $2, $4, $5 }'; done | sort -u)" '0/0 2026-01-01 12:00:00'
check 'the notes are the section of the changelog' eval 'grep -q "^### Added" NOTES.md && ! grep -q "^## " NOTES.md'

### The programs ########################################################
for arch in $ARCHES; do
	run=
	[ "$arch" = "$(uname -m)" ] || run=qemu-$arch-static
	mkdir "$T/$arch"
	tar -C "$T/$arch" --strip-components=1 -xzf "hookspool-$VERSION-$arch.tar.gz"
	is "$arch: the version" "$($run "$T/$arch/hookspool/hookspool" --version)" "hookspool $VERSION"
	is "$arch: no folder of the builder is in the programs" "$(grep -rlF -e "$T" -e build/ "$T/$arch/public_html" "$T/$arch/hookspool")" ''
	mkdir -m 700 "$T/$arch/spool"
	event "of-$arch" >"$T/body"
	settings=(HOOKSPOOL_SPOOL_DIR="$T/$arch/spool" HOOKSPOOL_SECRET="$SECRET")
	is "$arch: it takes a signed event" "$(env "${settings[@]}" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST \
		CONTENT_TYPE=application/json CONTENT_LENGTH="$(stat -c %s "$T/body")" HTTP_X_SIGNATURE="$(sign "$SECRET" "$T/body")" \
		$run "$T/$arch/public_html/hookspool.cgi" <"$T/body" 2>&1 | status_and_body)" '200 {accepted:1,duplicate:0,rejected:0}'
	is "$arch: the handler has its filter of system calls" "$(env "${settings[@]}" $run "$T/$arch/hookspool/hookspool" check 2>&1 |
		grep -c '^ok .*sandbox.*, seccomp')" 1
	is "$arch: and reads it" "$(env "${settings[@]}" $run "$T/$arch/hookspool/hookspool" cat | jq -r .message_id)" "of-$arch"
done

### The SPDX list #######################################################
list=hookspool-$VERSION.spdx.json
is 'SPDX 2.3' "$(jq -r .spdxVersion "$list")" SPDX-2.3
is 'every archive with its sum' "$(jq -r '.packages[] | select(.checksums) | "\(.checksums[0].checksumValue)  \(.name)"' "$list" | sort)" \
	"$(sha256sum -- *.tar.gz | sort)"
is 'every relation is between things of the list' "$(jq '([.packages[].SPDXID] + [.SPDXID]) as $ids |
	[.relationships[] | .spdxElementId, .relatedSpdxElement] - $ids' -c "$list")" '[]'
# What the link line of the handler and the two commands names, and the C library.
wanted='libc6-dev libdeflate-dev libfcgi-dev libgcc liblmdb-dev libseccomp-dev libsqlite3-dev libssl-dev zlib1g-dev'
for arch in $ARCHES; do
	is "$arch: its libraries" "$(jq -r --arg file "hookspool-$VERSION-$arch.tar.gz" '(.packages | map({ (.SPDXID): .name }) | add) as $name |
		.relationships[] | select($name[.spdxElementId] == $file and .relationshipType == "STATIC_LINK") | $name[.relatedSpdxElement]' "$list" |
		sed 's/^libgcc-.*/libgcc/' | sort | xargs)" "$wanted"
done
for library in $wanted; do
	check "the licence of $library" grep -q "^$library\(-[0-9].*\)\?$" "hookspool-$VERSION.licences.txt"
done
is 'each with a version and a licence' "$(jq '[.packages[] | select((.versionInfo and .licenseDeclared) | not)]' -c "$list")" '[]'

### The signature #######################################################
printf 'release %s\n' "$(cut -d ' ' -f 1,2 "$T/key.pub")" >"$T/signers"
verify() { ssh-keygen -Y verify -f "$T/signers" -I release -n hookspool -s SHA256SUMS.sig <"$1"; }
check 'the sums are signed' verify SHA256SUMS
sed 's/0/1/' SHA256SUMS >"$T/forged"
is 'others are not' "$(verify "$T/forged" >/dev/null 2>&1 && echo taken)" ''

### Refused #############################################################
cd "$T/a" || exit 2
echo >>README.md
is 'changes that are not committed' "$(make -s release B=build 2>&1 | head -n 1)" \
	'release: commit the changes first: it is made from the last commit'
git checkout -q README.md
is 'a version that the changelog does not know' "$(make -s release B=build VERSION=99.0.0 2>&1 | head -n 1)" \
	'release: CHANGELOG.md has no section for 99.0.0'
done_testing
