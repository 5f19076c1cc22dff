# shellcheck shell=bash
# documents.sh: reads the pages for tests. Source it after server.sh.
#
# A page shows commands in blocks that begin with ```sh, perhaps indented; every other block is text.
# Each block is run by commands.sh, unless comments before it name the test that does so:
#
#	<!-- run by tests/documents/recipes.sh -->              that script names the page
#	<!-- run by tests/fresh/boot.sh as systemctl enable -->   or has these words
#	<!-- not run: why -->

pages() { (cd "$ROOT" && ls README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs/*.md tests/*/README.md); }

# blocks FILE LANGUAGE: the lines of its blocks in this language.
blocks() {
	awk -v start="\`\`\`$2" '
		{ fence = $0; sub(/^ +/, "", fence) }
		fence == start { inside = 1; next }
		fence ~ /^```/ { inside = 0 }
		inside' "$ROOT/$1"
}

# shown PATTERN: the commands of the mounts' page that match, in a folder D for a root, with no sudo.
shown() {
	local found
	found=$(blocks docs/mounts.md sh | grep -E "^$1") || not_ok "docs/mounts.md has $1"
	sed -e 's/    *# .*//' -e 's/\bsudo //g' -e "s#/etc/#$D/etc/#g; s#/var/lib/#$D/var/lib/#g" <<<"$found"
}
