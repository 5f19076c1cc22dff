# The commands of the documents, run twice: no existing file is lost, and no web server is
# left that cannot start, even when the program or the package is gone. Temporary folders replace /etc and
# /var/lib; the servers are real, and only check their configuration.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/documents.sh"

run() { (cd "$ROOT" && sh -ec "$1") >"$T/out" 2>&1 || { cat "$T/out"; false; }; }
D=$T/root
mkdir -p "$D/etc" "$D/var/lib"
chmod 755 "$D"

### What the README shows #############################################
# Its commands to mount are those of docs/mounts.md, which are run below.
is 'the README mounts as docs/mounts.md does' "$(blocks README.md sh | grep -vE '^(make (run|test)|hookspool |sqlite3 )' |
	grep -vxFf <(blocks docs/mounts.md sh))" ''
check 'the README has at most 220 lines' [ "$(wc -l <"$ROOT/README.md")" -le 220 ]

### Settings and spool ##################################################
if [ "$(id -u)" -eq 0 ]; then
	make=$(shown 'sudo (test|install) ' | sed "s#build/hookspool.conf#$HS_BUILD/hookspool.conf#")
	check 'settings and spool are created' run "$make"
	is 'with their modes' "$(stat -c '%a %U:%G' "$D/etc/hookspool/hookspool.conf" "$D/var/lib/hookspool/spool" | xargs)" \
		'640 root:www-data 700 www-data:root'
	echo 'secret = of this machine' >>"$D/etc/hookspool/hookspool.conf"
	before=$(cat "$D/etc/hookspool/hookspool.conf")
	touch "$D/var/lib/hookspool/spool/events.jsonl" && chown www-data: "$D/var/lib/hookspool/spool/events.jsonl"
	# a service, whose user is nobody here; and readers, a group of their own
	service=$(shown 'sudo chown ' | sed 's/root:hookspool/root:nogroup/; s/hookspool: /nobody: /')
	check 'the service becomes the owner of the spool' run "$service"
	is 'all of it' "$(stat -c %U:%G "$D"/etc/hookspool/hookspool.conf "$D"/var/lib/hookspool{,/spool,/spool/events.jsonl} | xargs)" \
		'root:nogroup nobody:nogroup nobody:nogroup nobody:nogroup'
	chgrp -R users "$D/var/lib/hookspool/spool"
	chmod 2750 "$D/var/lib/hookspool/spool"
	check 'the same commands once more' run "$make
$service"
	is 'the secret stays' "$(cat "$D/etc/hookspool/hookspool.conf")" "$before"
	is 'and so do mode, owner, and the group of readers' \
		"$(stat -c '%a %U:%G' "$D"/var/lib/hookspool/spool "$D"/var/lib/hookspool/spool/events.jsonl | xargs)" \
		'2750 nobody:users 644 nobody:users'
else
	ok 'settings and spool # SKIP owners are given by root'
fi

### Web servers #########################################################
mkdir -p "$D"/etc/{lighttpd,apache2}/{conf-available,conf-enabled} "$D/etc/nginx/snippets" "$D/var/lib/apache2/conf/enabled_by_admin" \
	"$T/www" "$T/log" "$T/modules"
PORT=$(port_random) LINK_L=../conf-available/50-hookspool.conf LINK_A=../conf-available/hookspool.conf

# lighttpd with what is enabled; paths below /usr/local are those in D.
cat >"$T/lighttpd.conf" <<END
server.document-root = "$T/www"
server.bind = "127.0.0.1"
server.port = $PORT
include_shell "cat $D/etc/lighttpd/conf-enabled/*.conf 2>/dev/null | sed 's#\"/usr/local#\"$D/usr/local#; s#\"/run/lighttpd#\"$T/log#; s#\"/var/log/lighttpd#\"$T/log#'"
END
lighttpd_likes() { lighttpd -tt -f "$T/lighttpd.conf"; }
cat >"$T/nginx.conf" <<END
pid $T/log/nginx.pid; error_log $T/log/nginx.log; events { }
http { access_log off; client_body_temp_path $T/log/b; fastcgi_temp_path $T/log/f; proxy_temp_path $T/log/p;
scgi_temp_path $T/log/s; uwsgi_temp_path $T/log/u; server { listen 127.0.0.1:$PORT;
$(sed -n 's/.*in server { }: \(include .*;\)$/\1/p' "$ROOT/docs/mounts.md" | sed "s#snippets#$D/etc/nginx/snippets#") } }
END
nginx_likes() { nginx -t -q -c "$T/nginx.conf" -e "$T/log/nginx.log"; }
{
	echo "ServerRoot $T/log"
	echo "ServerName localhost"
	echo "PidFile $T/log/apache.pid"
	echo "DefaultRuntimeDir $T/log"
	echo "ErrorLog $T/log/apache.log"
	echo "Mutex pthread default"
	echo "Listen 127.0.0.1:$PORT"
	sed -nE 's|^LoadModule +([a-z_]+) +\$\{HS_MODULES\}/|\1 |p' "$ROOT"/apache-conf/*.conf | awk '!seen[$1]++' |
		sed 's|\(.*\) \(.*\)|LoadModule \1 /usr/lib/apache2/modules/\2|'
	echo "IncludeOptional $D/etc/apache2/conf-enabled/*.conf"
} >"$T/apache.conf"
apache_likes() { apache2 -t -f "$T/apache.conf"; }
all_start() {
	check "$1: lighttpd starts" lighttpd_likes
	check "$1: nginx starts" nginx_likes
	check "$1: Apache starts" apache_likes
}

install_ours() { make -s -C "$ROOT" install B="$HS_BUILD" DESTDIR="$D" PREFIX=/usr/local; }
uninstall_ours() { make -s -C "$ROOT" uninstall B="$HS_BUILD" DESTDIR="$D" PREFIX=/usr/local; }
installed() { (cd "$D" && find . \( -type f -o -type l \) -path '*hookspool*' -exec sha256sum {} + | sort -k 2); }
# The enabling is that of lighty-enable-mod and a2enconf, which this machine may lack.
enable() {
	run "$(shown "sed .*$1")" &&
		ln -sf $LINK_L "$D/etc/lighttpd/conf-enabled/50-hookspool.conf" &&
		ln -sf $LINK_A "$D/etc/apache2/conf-enabled/hookspool.conf"
}
all_mounts() {
	enable lighttpd-conf && enable apache-conf && enable tools/packaging/nginx &&
		sed -i "s#/run/apache2#$T/log#" "$D/etc/apache2/conf-available/hookspool.conf" # Debian makes it at the start
}

# The modules that a page enables are those which its configuration loads, but for what Debian has enabled
# and what comes with them.
for conf in fcgid proxy-fcgi cgi; do
	modules=$(sed -nE 's/^LoadModule +([a-z_]+)_module.*/\1/p' "$ROOT/apache-conf/hookspool-$conf.conf" |
		grep -vxE 'mpm_event|authz_core|reqtimeout|socache_shmcb|proxy' | sort | xargs)
	is "a2enmod: those of hookspool-$conf.conf" "$(blocks docs/mounts.md sh | sed -n 's/^a2enmod \(.*\) && a2enconf hookspool && service apache2 restart$/\1/p' |
		while read -r line; do tr ' ' '\n' <<<"$line" | sort | xargs; done | grep -xF "$modules")" "$modules"
done

all_start 'before'
check 'make install' install_ours
check 'the mounts of docs/mounts.md' all_mounts
first=$(installed)
check 'lighttpd has its mount' eval 'lighttpd -p -f "$T/lighttpd.conf" | grep bin-path'
check 'and nginx' eval 'nginx -T -q -c "$T/nginx.conf" -e "$T/log/nginx.log" | grep fastcgi_pass'
check 'and Apache' eval 'apache2 -t -f "$T/apache.conf" -D DUMP_INCLUDES | grep hookspool.conf'
all_start 'mounted'
check 'make install once more' install_ours
check 'the mounts once more' all_mounts
is 'the same files, to the byte' "$(installed)" "$first"
all_start 'mounted twice'
check 'make uninstall' uninstall_ours
check 'once more' uninstall_ours
all_start 'uninstalled'
lighttpd -D -f "$T/lighttpd.conf" >"$T/out" 2>&1 &
SERVER_PID=$!
check 'and lighttpd, which looks for the program when it starts, really starts' eval 'wait_for 10 listens "$SERVER_PID" "$PORT" || { cat "$T/out"; false; }'
end_process "$SERVER_PID"
SERVER_PID=

# The package: its configurations are where those of docs/mounts.md are. dpkg deletes them, and then the script
# runs; links are there under the usual names, and under another.
sed '1,/^override_dh_auto_install/d' "$ROOT/tools/packaging/debian/rules" | grep -q 'snippets/hookspool.conf' ||
	not_ok 'the package has the snippet for nginx'
cp "$ROOT/tools/packaging/debian/lighttpd.conf" "$D/etc/lighttpd/conf-available/50-hookspool.conf"
ln -sf $LINK_L "$D/etc/lighttpd/conf-enabled/50-hookspool.conf"
sed '/^### 2/,/^### 3/{/^### 3/!d}' "$ROOT/apache-conf/hookspool-proxy-fcgi.conf" >"$D/etc/apache2/conf-available/hookspool.conf"
touch "$D/var/lib/apache2/conf/enabled_by_admin/hookspool"
sed "s#/etc/#$D/etc/#g; s#/var/lib/#$D/var/lib/#g" "$ROOT/tools/packaging/debian/hookspool.postrm" >"$T/postrm"
all_start 'the package'
check 'removed' sh "$T/postrm" remove
all_start 'removed'
ln -s $LINK_A "$D/etc/apache2/conf-enabled/zz-events.conf"
rm "$D"/etc/*/conf-available/*hookspool.conf "$D/etc/nginx/snippets/hookspool.conf" # dpkg's work
check 'purged' sh "$T/postrm" purge
check 'and purged again' sh "$T/postrm" purge
all_start 'purged'
is 'none of our files is left' "$(find "$D" -name '*hookspool*' ! -path '*/usr/*')" ''
mkdir -p "$D/etc/nginx/sites-available"
echo '  include snippets/hookspool.conf;' >"$D/etc/nginx/sites-available/default"
check 'an include of the exact name causes a warning' eval 'sh "$T/postrm" purge 2>&1 | grep "nginx does not start"'
echo '  # include snippets/hookspool.conf; include snippets/hookspool[.]conf;' >"$D/etc/nginx/sites-available/default"
is 'a comment and a pattern cause none' "$(sh "$T/postrm" purge 2>&1)" ''
for file in docs/mounts.md tools/packaging/nginx/hookspool.conf tools/packaging/debian/README.Debian; do
	check "$file: nginx is to include a pattern" eval 'grep -q "include snippets/hookspool\[\.\]conf;" "$ROOT/$file" &&
		! grep "include snippets/hookspool\.conf" "$ROOT/$file"'
done

### A program that runs already #########################################
spool_start
event one >"$T/body"
(as_server_user env HOOKSPOOL_CONF="$S/hookspool.conf" timeout 60 "$S/bin/hookspool.fcgi" \
	--listen "unix:$S/run/hookspool.sock") >"$T/out" 2>&1 </dev/null
code=$?
is 'a second program on its socket ends at once' "$([ $code -ne 0 ] && [ $code -ne 124 ] && echo ended)" ended
check 'and says why' grep -qi 'in use\|listens\|already' "$T/out"
check 'the first program serves' eval 'raw_health "unix:$S/run/hookspool.sock" | grep -aq "Status: 200"'
for again in '' ' again'; do
	hs rotate
	is "rotate$again" $CODE 0
	hs maintain
	is "maintain$again" $CODE 0
	hs erase --user u-1 --suppress
	is "erase --suppress$again" $CODE 0
	hs erase --from-deletes
	is "erase --from-deletes$again" $CODE 0
	hs repair
	is "repair$again" $CODE 0
done
server_stop
for again in '' ' again'; do
	hs adopt
	is "adopt$again" $CODE 0
done
done_testing
