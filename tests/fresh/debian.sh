#!/bin/bash
# On a Debian (SUITE) with nothing installed: the README's two commands, its `make deb`, and the
# package. Run as root by `make fresh`; it wants the network, and some minutes.
#
#	debian.sh [build|package|commands]...    the parts; all of them by default
. "$(dirname "$0")/lib.sh"


### The machines ########################################################

# sources_in NAME: a fresh machine with make, and the sources in /root/hookspool.
sources_in() {
	need 'a fresh machine' root_make "$1"
	check 'it has no compiler, no web server, no make' \
		inside sh -c '! command -v cc && ! command -v lighttpd && ! command -v make'
	need 'its lists of packages' inside apt-get -qq update
	need 'make, which nothing can do without' install make
	mkdir "$R/root/hookspool"
	tar -C "$ROOT" --exclude=./build --exclude=./.git -cf - . | tar -C "$R/root/hookspool" -xf -
}

# tests NAME COMMAND...: with what failed.
tests() {
	check "$@"
	grep -aE '^  .* FAILED$|^ +not ok|passed, [0-9]+ failed$' "$T/said" | sed "s/^/# $1: /"
}


### The README's two commands ###########################################

commands() {
	sources_in commands
	check 'make run ONCE=1' inside make -C /root/hookspool run ONCE=1
	check 'all records arrived' grep -q 'all eight records arrived' "$T/said"
	check 'it installed lighttpd, and no other web server' inside sh -c \
		'command -v lighttpd && ! command -v apache2 && ! command -v nginx'
	tests 'make test' inside make -C /root/hookspool test
	tests 'make check-documents' inside make -C /root/hookspool check-documents
	check 'make install' inside make -C /root/hookspool install
	check 'the command is there' inside hookspool --version
	check 'make uninstall' inside make -C /root/hookspool uninstall
	is 'and nothing of it is left' "$(inside find /usr/local -name '*hookspool*')" ''
	inside useradd --create-home user
	cp -a "$R/root/hookspool" "$R/home/user/hookspool"
	inside chown -R user:user /home/user/hookspool
	tests 'make test, by an ordinary user' inside_as user env HOME=/home/user make -C /home/user/hookspool test
}


### make deb ############################################################

build() {
	sources_in build
	check 'make deb has all that it asks for' inside make -C /root/hookspool deb
	check 'there is a package' eval 'cp "$R"/root/hookspool/build/deb/hookspool_*.deb "$PACKAGE"'
	for name in load ship; do
		check "hookspool-$name is a package of its own, with program, page and unit" eval \
			'[ "$(dpkg-deb -c "$R"/root/hookspool/build/deb/hookspool-'$name'_*.deb | grep -cE "(/lib/hookspool/hookspool-'$name'|[.]1[.]gz|[.]service)$")" = 3 ]'
	done
	check 'the receiver does without the library of NATS' not grep -q libnats <<<"$(dpkg-deb -f "$PACKAGE" Depends)"
	check 'it has the pages' eval 'dpkg-deb -c "$PACKAGE" | grep " ./usr/share/doc/hookspool/operating.md$"'
}


### The package #########################################################

AS_HOOKSPOOL=(setpriv --reuid=hookspool --regid=www-data --groups=hookspool)
as_hookspool() { inside "${AS_HOOKSPOOL[@]}" "$@"; }

healthy() { inside curl -fsS http://127.0.0.1:$PORT/hookspool/health; }
spooled() { inside sh -c 'cat /var/lib/hookspool/spool/events*.jsonl | wc -l'; }

# The steps of README.Debian for each web server, on another port, with the server in front.
mount_of() {
	case $1 in
	apache2)
		inside sed -i -e "s/^Listen 80$/Listen 127.0.0.1:$PORT/" -e '/443/d' /etc/apache2/ports.conf
		inside sh -c 'a2enmod -q proxy_fcgi env setenvif ssl && a2enconf -q hookspool'
		;;
	lighttpd)
		inside sed -i -e "s/^server.port .*/server.port = $PORT\nserver.bind = \"127.0.0.1\"/" \
			-e '/use-ipv6/d' /etc/lighttpd/lighttpd.conf
		inside lighty-enable-mod hookspool
		;;
	nginx)
		inside sed -i -e "s/listen 80 .*/listen 127.0.0.1:$PORT; include snippets\/hookspool[.]conf;/" \
			-e '/listen \[::\]/d' /etc/nginx/sites-available/default
		;;
	esac
}

# Does what the services' scripts would do; the process becomes the server.
in_foreground() {
	case $1 in
	apache2) echo '. /etc/apache2/envvars; mkdir -p $APACHE_RUN_DIR; exec apache2 -D FOREGROUND' ;;
	lighttpd)
		echo 'install -d -o www-data /run/lighttpd'
		echo 'exec lighttpd -D -f /etc/lighttpd/lighttpd.conf'
		;;
	nginx) echo "exec nginx -g 'daemon off;'" ;;
	esac
}

# served_by SERVER: sends an event through the package's configuration of it.
served_by() {
	local pid before
	before=$(spooled)
	check "$1 is installed" install "$1"
	check "$1: the package's configuration is put to use" mount_of "$1"
	check "$1: and once more" again "$1"
	server_run "$1"
	check "$1: it answers that an event would be taken" wait_for healthy
	check "$1: hookspool check --url finds nothing" \
		as_hookspool hookspool check --url http://127.0.0.1:$PORT/hookspool
	check "$1: hookspool send, with the secret of the installation" \
		as_hookspool hookspool send --new-ids --url http://127.0.0.1:$PORT/hookspool
	check "$1: events are in the spool" test "$(spooled)" -gt "$before"
	check "$1: it is the one that served" kill "$pid"
	wait "$pid"
}

# again SERVER: the commands of README.Debian a second time. lighty-enable-mod says 2 then, which is
# why a semicolon follows it there.
again() {
	case $1 in
	lighttpd) inside sh -c 'lighty-enable-mod hookspool; lighttpd -tt -f /etc/lighttpd/lighttpd.conf' ;;
	apache2) inside sh -c 'a2enmod proxy_fcgi env headers setenvif ssl && a2enconf hookspool && apache2ctl configtest' ;;
	nginx) inside nginx -t ;;
	esac
}

# server_run SERVER: pid is the process.
server_run() {
	"${INSIDE[@]}" sh -c "$(in_foreground "$1")" >"$T/$1.log" 2>&1 &
	pid=$!
}

# starts SERVER: as its service would start it, and answers, be it that nothing is mounted.
starts() {
	local pid good=0
	server_run "$1"
	wait_for inside curl -s -o /dev/null http://127.0.0.1:$PORT/ && kill "$pid" || good=1
	wait "$pid"
	[ "$good" = 0 ] || { cat "$T/$1.log"; false; }
}
servers_start() {
	local server
	for server in nginx lighttpd apache2; do check "$1: $server starts" starts "$server"; done
}

mode_of() { inside stat -c '%a %U:%G' "$1" | grep -x "$2"; }

package() {
	local program server
	need 'it has been built' test -s "$PACKAGE"
	need 'a fresh machine' root_make package
	need 'its lists of packages' inside apt-get -qq update
	services_forbid
	cp "$PACKAGE" "$R/hookspool.deb"
	need 'the package is installed, with what it needs' install /hookspool.deb curl
	check 'settings: root writes, hookspool reads' \
		mode_of /etc/hookspool/hookspool.conf '640 root:hookspool'
	check 'their secret is 256 bits' inside grep -qxE 'secret = [0-9a-f]{64}' /etc/hookspool/hookspool.conf
	check 'the state directory is its own' mode_of /var/lib/hookspool '750 hookspool:hookspool'
	check 'the handler likes its settings' as_hookspool /usr/lib/hookspool/hookspool.fcgi --check
	check 'its manual page is there' inside test -s /usr/share/man/man8/hookspool.fcgi.8.gz

	inside install -d -o hookspool -g www-data -m 750 /run/hookspool
	"${INSIDE[@]}" "${AS_HOOKSPOOL[@]}" /usr/lib/hookspool/hookspool.fcgi \
		--listen unix:/run/hookspool/hookspool.sock >"$T/program.log" 2>&1 &
	program=$!
	check 'the handler listens' wait_for inside test -S /run/hookspool/hookspool.sock
	for server in nginx lighttpd apache2; do served_by "$server"; done
	check 'hookspool check is content' as_hookspool hookspool check
	kill "$program"
	wait "$program"
	check 'SIGTERM ends the handler well' test $? -eq 0

	inside sha256sum /etc/hookspool/hookspool.conf >"$T/before"
	check 'installed again, the settings stay' \
		inside apt-get -qq -y -o Dpkg::Use-Pty=0 install --reinstall /hookspool.deb
	check 'and again' inside dpkg -i /hookspool.deb
	check 'to the byte' eval 'inside sha256sum /etc/hookspool/hookspool.conf | cmp - "$T/before"'
	check 'removed' inside apt-get -qq -y remove hookspool
	servers_start removed
	check 'the spool stays' test "$(spooled)" -gt 0
	check 'and the settings' inside test -s /etc/hookspool/hookspool.conf
	# enabled by hand under another name
	inside ln -s ../conf-available/hookspool.conf /etc/apache2/conf-enabled/zz-events.conf
	check 'purged, and nothing is asked' inside apt-get -qq -y purge hookspool
	check 'nginx as the documents have it: no warning' not grep -q 'nginx does not start' "$T/said"
	check 'nothing is left' eval '! ls -d "$R"/var/lib/hookspool "$R"/etc/hookspool \
		"$R"/etc/*/*/*hookspool* "$R"/var/lib/apache2/conf/*/hookspool 2>/dev/null | grep .'
	check 'nor a link to what is gone' eval '! find "$R"/etc/apache2 "$R"/etc/lighttpd "$R"/etc/nginx -xtype l | grep .'
	servers_start purged
	inside sed -i 's/hookspool\[[.]\]conf/hookspool.conf/' /etc/nginx/sites-available/default
	install /hookspool.deb >/dev/null 2>&1
	inside apt-get -qq -y purge hookspool >"$T/said" 2>&1
	check 'an include of the exact name: purging warns of it' grep -q 'nginx does not start' "$T/said"
}

need "Debian $SUITE" base_make
for part in ${*:-build package commands}; do
	case $part in
	build | package | commands) "$part" ;;
	*) echo "usage: debian.sh [build|package|commands]..." >&2; exit 2 ;;
	esac
done
done_testing
