# make install puts everything in place that the pages and the configurations mention; make uninstall removes it.
. "$(dirname "$0")/../lib/server.sh"

I=$T/installed P=$T/installed/usr/local
check 'make install succeeds' eval \
	'make -s -C "$ROOT" install B="$HS_BUILD" DESTDIR="$I" PREFIX=/usr/local >"$T/install.log" 2>&1'
check 'the handler runs' "$P/lib/hookspool/hookspool.fcgi" --version
check 'and under its other name' "$P/lib/hookspool/hookspool.cgi" --version
check 'the command runs' "$P/bin/hookspool" --version
check 'and the loader' "$P/lib/hookspool/hookspool-load" --version
check 'which the command finds there' eval '"$P/bin/hookspool" load 2>&1 | grep "^usage: hookspool load"'
for page in hookspool.1 hookspool-each.1 hookspool.conf.5 hookspool-spool.5 hookspool.fcgi.8; do
	check "$page" test -s "$P/share/man/man${page##*.}/$page"
done
is 'every manual page of the sources' "$(cd "$P/share/man" && ls man*/* | sed 's|.*/||' | sort)" \
	"$(cd "$ROOT/tools/packaging/man" && ls ./*.in | sed 's|./||; s|[.]in$||' | sort)"
for conf in "$ROOT"/apache-conf/* "$ROOT"/lighttpd-conf/*; do
	name=${conf#"$ROOT"/}
	check "$name, as shipped" cmp "$conf" "$P/share/doc/hookspool/examples/$name"
done
check 'nginx/hookspool.conf, as shipped' \
	cmp "$ROOT/tools/packaging/nginx/hookspool.conf" "$P/share/doc/hookspool/examples/nginx/hookspool.conf"
for page in README.md SECURITY.md CHANGELOG.md $(cd "$ROOT/docs" && ls ./*.md); do
	check "${page##*/}" test -s "$P/share/doc/hookspool/${page##*/}"
done
# Pages about the sources are not installed.
is 'the links between the installed pages lead to installed files' "$(cd "$P/share/doc/hookspool" &&
	grep -noE '\]\([^)#: ]+' ./*.md | sed 's/(/ /' | while read -r from file; do
		[ -e "$file" ] || echo "$from $file"
	done | grep -vE ' (https?|CONTRIBUTING[.]md|LICENSE|tests/.*)$')" ''
for handler in "$ROOT"/docs/examples/*; do
	check "${handler##*/}, as shipped" cmp "$handler" "$P/share/doc/hookspool/examples/${handler##*/}"
	check 'which can be run' test -x "$P/share/doc/hookspool/examples/${handler##*/}"
done
is 'the pages call the handlers where they are installed' "$(cd "$P/share/doc/hookspool" && grep -l docs/examples ./*.md)" ''
for unit in "$ROOT"/tools/packaging/systemd/*; do
	check "${unit##*/}, as shipped" cmp "$unit" "$P/lib/systemd/system/${unit##*/}"
done
check 'installed elsewhere, every path is that of the place' eval '
	make -s -C "$ROOT" install B="$HS_BUILD" DESTDIR="$T/else" PREFIX=/opt/hs >"$T/install.log" 2>&1 &&
	grep -q "^ExecStart=/opt/hs/lib/hookspool/hookspool.fcgi$" \
		"$T/else/opt/hs/lib/systemd/system/hookspool.service" &&
	! grep -rI /usr/local "$T/else/opt/hs/lib/systemd" "$T/else/opt/hs/share"'
is 'in the cron lines of the manual pages, too' \
	"$(grep -ho 'www-data .*/hookspool [a-z]*' "$T"/else/opt/hs/share/man/man1/* | sort | xargs)" \
	'www-data /opt/hs/bin/hookspool erase www-data /opt/hs/bin/hookspool maintain'
is 'every page can be read by everybody' "$(find "$T/else/opt/hs/share/man" -type f ! -perm 644)" ''
check "bash's completion" bash -n "$P/share/bash-completion/completions/hookspool"
check 'the sample settings are read, once a secret is set' eval \
	'sed "s/^;secret = .*/secret = x/" "$P/share/doc/hookspool/examples/hookspool.conf" >"$T/sample.conf" &&
	chmod 600 "$T/sample.conf" && HOOKSPOOL_CONF=$T/sample.conf "$P/lib/hookspool/hookspool.fcgi" --check'

# files of others beside them stay
everything() { (cd "$1" && find . ! -type d | sort); }
touch "$P/bin/other" "$P/share/man/man1/other.1" "$P/lib/systemd/system/hookspool.service.mine"
mkdir "$I/etc" && touch "$I/etc/hookspool.conf"
check 'make uninstall succeeds' eval \
	'make -s -C "$ROOT" uninstall B="$T/no-build" DESTDIR="$I" PREFIX=/usr/local >"$T/install.log" 2>&1'
is 'all our files are gone, and no other' "$(everything "$I" | xargs)" \
	'./etc/hookspool.conf ./usr/local/bin/other ./usr/local/lib/systemd/system/hookspool.service.mine ./usr/local/share/man/man1/other.1'
is 'nor a folder of ours' "$(find "$I" -type d -name 'hookspool*')" ''
check 'once more, and nothing is wrong' \
	make -s -C "$ROOT" uninstall B="$T/no-build" DESTDIR="$I" PREFIX=/usr/local
check 'installed elsewhere' eval \
	'make -s -C "$ROOT" uninstall DESTDIR="$T/else" PREFIX=/opt/hs && [ -z "$(everything "$T/else")" ]'
done_testing
