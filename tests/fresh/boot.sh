#!/bin/bash
# The package on a Debian (SUITE) that boots: systemd as process 1 of a container, with the units as
# they are installed, nginx in front. Run as root by `make fresh`.
. "$(dirname "$0")/lib.sh"

CONFIG=/etc/hookspool/hookspool.conf SPOOL=/var/lib/hookspool/spool
URL=http://127.0.0.1:$PORT/hookspool

# booted COMMAND...: inside, in the namespaces of its process 1.
booted() {
	nsenter --target "$INIT" --mount --uts --ipc --pid --cgroup --root --wd -- \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}
property() { booted systemctl show --value --property="$2" "$1"; }
property_is() { same "$(property "$1" "$2")" "$3"; }
as_hookspool() { booted setpriv --reuid=hookspool --regid=hookspool --init-groups "$@"; }
spooled() { booted sh -c "cat $SPOOL/events*.jsonl | wc -l"; }
health() { curl -fsS --max-time "${1:-20}" "$URL/health"; }
is_up() { booted systemctl is-system-running | grep -xE 'running|degraded'; }

# boot: INIT is its process 1, as seen from here; T/boot.log is what it writes to its console.
boot() {
	systemd-nspawn --quiet --register=no --keep-unit --boot --console=pipe --resolv-conf=off \
		--timezone=off --link-journal=no --directory="$R" </dev/null >>"$T/boot.log" 2>&1 &
	CONTAINER=$!
	wait_for has_init && SECONDS_MAX=60 wait_for is_up || { tail -n 40 "$T/boot.log"; false; }
}
has_init() {
	INIT=$(cat "/proc/$CONTAINER/task/$CONTAINER/children") && INIT=${INIT%% *} &&
		[ "$(cat "/proc/$INIT/comm")" = systemd ]
}
power_off() { booted systemctl poweroff; wait "$CONTAINER"; }


### The machine #########################################################

nginx_configure() {
	inside sed -i -e "s/listen 80 .*/listen 127.0.0.1:$PORT; include snippets\/hookspool[.]conf;/" \
		-e '/listen \[::\]/d' /etc/nginx/sites-available/default
}
need "Debian $SUITE" base_make
need 'its package: debian.sh builds it' test -s "$PACKAGE"
need 'a fresh machine' root_make boot
need 'its lists of packages' inside apt-get -qq update
services_forbid
need 'systemd as its process 1, and nginx' install systemd-sysv nginx
cp "$PACKAGE" "$R/hookspool.deb"
need 'the package' install /hookspool.deb
check 'nginx includes it' nginx_configure
umount "$R/var/cache/apt/archives" "$R/dev/pts" "$R/dev/shm" "$R/proc"
rm "$R/usr/sbin/policy-rc.d"
mount -t tmpfs tmpfs /run # in our namespace: systemd-nspawn leaves things there


### A boot ##############################################################

need 'it boots' boot
for unit in hookspool.socket hookspool.service nginx.service; do
	check "$unit is active" wait_for property_is "$unit" ActiveState active
done
check 'the socket listens where the web servers look' \
	eval 'booted systemctl list-sockets --no-pager | grep "^/run/hookspool/hookspool.sock *hookspool.socket *hookspool.service"'
check 'only the web server may use it' \
	same "$(booted stat -c '%a %U:%G' /run/hookspool/hookspool.sock)" '660 hookspool:www-data'
check 'nginx is answered that an event would be taken' health
check 'every event of the suite is taken' as_hookspool hookspool send --url "$URL"
sent=$(spooled)
check 'and is in the spool' test "$sent" -gt 20
check 'hookspool check finds no problem, with the mount' as_hookspool hookspool check --url "$URL"


### The service comes and goes ##########################################

restarts() { property hookspool NRestarts; }
process() { property hookspool MainPID; }
restarted() { [ "$(restarts)" -gt "$before" ] && property_is hookspool ActiveState active; }

before=$(restarts) killed=$(process)
check 'SIGKILL' booted sh -c "kill -9 $killed"
check 'a request while it is away waits, and is answered' health
check 'systemd has started another' wait_for restarted
check 'which knows the events of the first one' as_hookspool hookspool send --url "$URL"
is 'so that no event is there twice' "$(spooled)" "$sent"

check 'stopped' booted systemctl stop hookspool.service
check 'the socket stays' property_is hookspool.socket ActiveState active
check 'the next request starts it' health
check 'as its service' property_is hookspool ActiveState active

# asked: requests one after another for as long as there is T/asking; T/asked counts, a wrong one is seen.
ask() {
	while [ -e "$T/asking" ]; do
		if health >"$T/answer" 2>&1; then echo well; else cat "$T/answer"; fi
	done >"$T/asked"
}
touch "$T/asking"
ask &
asking=$!
for _ in 1 2 3 4 5; do booted systemctl restart hookspool || echo "# a restart failed"; done
check 'reload' booted systemctl reload hookspool
rm "$T/asking"
wait "$asking"
check 'five restarts and a reload: no request is refused' not grep -v '^well$' "$T/asked"
check 'and some were answered meanwhile' test "$(grep -c well "$T/asked")" -ge 5

# Settings that are wrong: it ends (78) and is tried again, until they are right.
booted sed -i 's/^secret/sekret/' "$CONFIG"
check 'wrong settings: the start fails' not booted systemctl restart hookspool
check 'the journal names the line and the remedy' \
	eval 'booted journalctl --no-pager -u hookspool | grep "hookspool.conf:[0-9]*: sekret.*see hookspool.conf(5)"'
booted sed -i 's/^sekret/secret/' "$CONFIG"
check 'put right, it answers without anybody starting it' health 30

# The watchdog; of half a minute, here of two seconds.
booted mkdir -p /run/systemd/system/hookspool.service.d
booted sh -c 'printf "[Service]\nWatchdogSec=2\n" >/run/systemd/system/hookspool.service.d/fast.conf'
booted systemctl daemon-reload
check 'a watchdog of two seconds' booted systemctl restart hookspool
before=$(restarts)
check 'that hangs' booted sh -c "kill -STOP $(process)"
check 'systemd ends it and starts another' wait_for restarted
check 'which answers' health


### maintain ############################################################

check 'the timer is enabled' booted systemctl enable --now hookspool-maintain.timer
check 'and listed' eval 'booted systemctl list-timers --no-pager | grep "hookspool-maintain.timer *hookspool-maintain.service"'
booted mkdir -p /run/systemd/system/hookspool-maintain.service.d
booted sh -c 'printf "[Service]\nUser=hookspool\nGroup=hookspool\n" >/run/systemd/system/hookspool-maintain.service.d/user.conf'
booted systemctl daemon-reload
check 'a segment is sealed' as_hookspool hookspool rotate
check 'its service maintains, as the user whose the spool is' booted systemctl start hookspool-maintain.service
check 'the segment is compressed' eval 'booted sh -c "ls $SPOOL/events-*.gz"'
check 'verify finds nothing' as_hookspool hookspool verify


### Another boot ########################################################

check 'it shuts down' power_off
need 'and boots again' boot
check 'the service is there without being asked' wait_for property_is hookspool ActiveState active
check 'the timer, too' property_is hookspool-maintain.timer ActiveState active
check 'it answers' wait_for health
check 'every event once more' as_hookspool hookspool send --url "$URL"
is 'is known' "$(booted sh -c "zcat -f $SPOOL/events*.jsonl* | wc -l")" "$sent"
check 'removed while it runs' booted apt-get -qq -y remove hookspool
check 'socket and service are gone' eval '! booted systemctl is-active hookspool.socket hookspool.service'
check 'the end' power_off
done_testing
