# Links in the documents and manual pages have a target: files, headings, manual pages, folders and
# files of the sources, targets of make, commands of hookspool and their options.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/documents.sh"
MAN=$ROOT/tools/packaging/man
cd "$ROOT" || exit 2

# prose PAGE: without its blocks.
prose() { awk '/^ *```/ { inside = !inside; next } !inside' "$1"; }

# anchors PAGE: of its headings, as GitHub makes them.
anchors() {
	prose "$1" | sed -nE 's/^#+ +//p' | sed -E 's/\[([^]]*)\]\([^)]*\)/\1/g' |
		tr 'A-Z' 'a-z' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# links PAGE: the targets of its links in this project.
links() { prose "$1" | grep -oE '\]\([^) ]+\)' | sed -E 's/^\]\((.*)\)$/\1/' | grep -vE '^(https?|mailto):'; }

# dead_links PAGE
dead_links() {
	local page=$1 target file
	links "$page" | sort -u | while IFS= read -r target; do
		file=${target%%#*}
		file=${file:+$(dirname "$page")/$file}
		file=${file:-$page}
		[ -e "$file" ] || echo "$page: $target is not there"
		case $target in
		*#*) anchors "$file" | grep -qxF "${target#*#}" || echo "$page: $target has no such heading" ;;
		esac
	done
}

# dead_pages FILE: hookspool…(N) that is no page of ours. Manual pages say it by .Xr.
dead_pages() {
	local name section
	{
		grep -oE 'hookspool[a-z.-]*\([158]\)' "$1" | tr '()' '  '
		sed -n 's/^\.Xr \(hookspool[^ ]*\) \([158]\).*/\1 \2/p' "$1"
	} | sort -u | while read -r name section; do
		[ -e "$MAN/$name.$section.in" ] || echo "$1: $name($section)"
	done
}

for page in $(pages); do
	is "$page: no link is dead" "$(dead_links "$page")" ''
done
for page in $(pages) tools/packaging/man/*.in tools/packaging/debian/README.Debian; do
	dead_pages "$page"
done >"$T/dead"
is 'every manual page that is mentioned exists' "$(cat "$T/dead")" ''
for page in tools/packaging/man/*.in; do
	sed -n 's/^\.Sx \(.*[a-z]\).*/\1/p' "$page" | sort -u | while IFS= read -r section; do
		grep -qxE "\.S[hs] $section" "$page" || grep -A 1 -F ".Sx $section" "$page" | grep -qx 'in' || echo "$page: $section"
	done
done >"$T/dead"
is 'every section that a manual page mentions is in it' "$(cat "$T/dead")" ''

# Paths of the sources in backquotes.
for page in $(pages); do
	[ "$page" != CHANGELOG.md ] || continue
	prose "$page" | grep -oE '`(cgi|common|tools|tests|docs|mk|apache-conf|lighttpd-conf)/[^` ]*`' | tr -d '`' | sort -u |
		while IFS= read -r path; do
			# shellcheck disable=SC2086
			ls -d ${path%%:*} >/dev/null 2>&1 || echo "$page: $path"
		done
done >"$T/dead"
is 'every path of the sources exists' "$(cat "$T/dead")" ''

# Commands that the text or a block shows: targets of make, commands and their options.
shown_words() {
	prose "$1" | grep -oE '`[^`]+`' | tr -d '`'
	blocks "$1" sh
}
for page in $(pages); do
	[ "$page" != CHANGELOG.md ] || continue
	shown_words "$page" | grep -oE '(^|[^a-z-])make( [a-z][a-z0-9-]*)+' | sed -E 's/^[^m]//; s/^make //' | tr ' ' '\n' | sort -u |
		while IFS= read -r target; do
			grep -qE "^(\.PHONY:.* )?$target( .*)?:|^\.PHONY:.*\b$target\b" Makefile mk/*.mk || echo "$page: make $target"
		done
	shown_words "$page" | grep -oE "hookspool [a-z]+( [^|;&\`]*)?" | while read -r _ command rest; do
		"$HS_BUILD/hookspool" help "$command" >"$T/help" 2>&1 || { echo "$page: hookspool $command"; continue; }
		grep -oE -- '(^| )--[a-z-]+' <<<"$rest" | while read -r option; do
			grep -qE -- "$option( |\$|\])" "$T/help" || echo "$page: hookspool $command $option"
		done
	done
done | sort -u >"$T/dead"
is 'every target of make, command and option exists' "$(cat "$T/dead")" ''

# The claims of docs/assurance.md: each has a command, of make, of the sources or of systemd.
awk -F ' *[|] *' '/^## / { inside = /Claims/ } inside && /^[|] [^-]/ && $2 != "claim" { print $3 }' docs/assurance.md >"$T/shown"
check 'there are claims' [ "$(wc -l <"$T/shown")" -gt 10 ]
sed 's/`//g' "$T/shown" | while read -r program name last; do
	case $program in
	make) [ -n "$name" ] ;; # which is looked for above
	sh) [ -e "$name" ] ;;
	systemd-analyze) ls tools/packaging/systemd/"$last" ;;
	*) false ;;
	esac >/dev/null 2>&1 || echo "docs/assurance.md: $program $name"
done >"$T/dead"
is 'each with a command that exists' "$(cat "$T/dead")" ''

# Manual pages: one for each command, with all of its options, and in the list of hookspool(1).
"$HS_BUILD/hookspool" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -vx help >"$T/commands"
check 'there are commands' [ "$(wc -l <"$T/commands")" -gt 10 ]
while IFS= read -r command; do
	page=$MAN/hookspool-$command.1.in
	grep -qE "^@options $command@" "$page" 2>/dev/null || echo "hookspool-$command(1)"
	grep -qE "^\.It .*hookspool-$command 1" "$MAN/hookspool.1.in" || echo "$command in hookspool(1)"
done <"$T/commands" >"$T/dead"
is 'each command has a page with its table of options, which hookspool(1) lists' "$(cat "$T/dead")" ''
is 'hookspool(1) ends with every page of a command' "$(sed '1,/^\.Sh SEE ALSO/d' "$MAN/hookspool.1.in" | sed -n 's/^\.Xr hookspool-\(.*\) 1 .*/\1/p')" \
	"$(sort "$T/commands")"
# The variables of a request that the handler reads.
grep -rhoE '"(((HTTP|REQUEST|CONTENT|REMOTE|REDIRECT|SERVER)_[A-Z_]+)|HTTPS|PATH_INFO|QUERY_STRING|SCRIPT_NAME|GATEWAY_INTERFACE)=?"' cgi |
	tr -d '"=' | sort -u >"$T/read"
check 'there are some' [ "$(wc -l <"$T/read")" -gt 20 ]
is 'hookspool.fcgi(8) names them all' "$(grep -vxFf <(sed -n '/^\.Sh ENVIRONMENT/,/^\.Sh FILES/p' "$MAN/hookspool.fcgi.8.in" | grep -oE '[A-Z_]{5,}') "$T/read")" ''
is 'no page belongs to a removed command' "$(ls "$MAN" | sed -n 's/^hookspool-\(.*\)\.1\.in$/\1/p' | grep -vxFf "$T/commands")" ''
done_testing
