#!/bin/sh
# Installs the Debian packages the project needs, or says which are missing.
#
#	deps.sh GROUP...            install what is missing (with sudo when not root)
#	deps.sh --missing GROUP...  print what is missing; exit 1 if anything is
#
# Groups: build, run, test, load, check, portable, sdk, npm, faults, faults-root, bench, profile, package, fresh, coverage,
#         mutants, release.
# No service is started: invoke-rc.d(8) asks /usr/sbin/policy-rc.d first, and for as long as apt-get
# runs that one says no.
set -eu

# groups package                why
table='
build    gcc                    the compiler
build    libc6-dev              the C library'"'"'s headers
build    make                   runs the Makefile
build    pkg-config             finds the libraries below
build    libfcgi-dev            FastCGI
build    libssl-dev             HMAC-SHA1 and SHA-256
build    liblmdb-dev           the index of event ids
build    zlib1g-dev            reads compressed segments
build    libdeflate-dev        compresses them
build    libsqlite3-dev         hookspool load: SQLite
build    libpq-dev              hookspool load: PostgreSQL
build    libmariadb-dev         hookspool load: MariaDB
build    libseccomp-dev         the handler'"'"'s filter of system calls
build    libcurl4-openssl-dev   hookspool send and check --url speak HTTP
build    libnats-dev            hookspool ship: NATS
test     nats-server            a server of its own for the tests of ship
load     postgresql             a server of their own for the tests of load
load     mariadb-server         another one
load     pgbouncer              between the loader and PostgreSQL
test     libcmocka-dev          unit tests
test     libjson-c-dev          the second opinion on JSON
test     libinih-dev            the second opinion on settings files
run,test curl                   sends the requests
run,test jq                     reads answers and spool
test     sqlite3                loads the spool, as docs/recipes.md says
test     rsync                  mirrors it
test     python3                runs an example of docs/examples
test     ca-certificates        the authorities that send trusts
run,test openssl                signs bodies, makes the certificates
run,test lighttpd               a web server: FastCGI and CGI
run,test lighttpd-mod-openssl   its HTTPS
test     apache2-bin            a web server, without the service that apache2 brings
test     libapache2-mod-fcgid   its FastCGI process manager
test     nginx                  a web server: FastCGI to a socket
check    prometheus             scrapes the figures; its promtool checks them and the alerts
check,coverage clang           fuzzing, a second compiler, static analysis
check,coverage libclang-rt-dev  sanitizers and libFuzzer
coverage llvm                   adds up the counts of a coverage build
mutants  python3-clang          reads C for the mutations
check    cppcheck               static analysis
check    clang-format           the layout of the sources
check    mandoc                 lints the manual pages
portable musl-tools             a compiler with another C library
portable gcc-multilib           compiles for 32 bits
faults   strace                 kills and errors at single system calls
test,faults faketime             certificates of another day; clocks that jump
faults   spin                   checks the model of the commit protocol
faults   procps                 finds the processes to stop
bench,check nodejs             a peer: events received in Node; an example of docs/examples
bench    php-fpm                a peer: events received in PHP
bench    php-cli                says its version
bench    python3-psycopg2       a program that loads PostgreSQL, beside hookspool load
bench    python3-pymysql        and MariaDB
bench    procps                 finds the processes whose time and memory is read
sdk      chromium               a browser for Segment'"'"'s library
npm      nodejs                 runs Segment'"'"'s library for servers, and drives the browser
npm      npm                    fetches the libraries
profile  linux-perf             samples processor time
profile  valgrind               counts instructions, where perf may not record
package  build-essential        dpkg-buildpackage builds nothing without it
package  dpkg-dev               builds the Debian package
package  debhelper              its steps
package  lintian                looks at what came out
package  systemd                systemd-analyze: how much the units allow
fresh    debootstrap            an empty Debian in a folder
fresh    systemd-container      boots it
release  git                    archives the sources
release  jq                     writes the SPDX list
release  openssh-client         signs the sums
release  gcc-aarch64-linux-gnu  compiles for aarch64
release  qemu-user-static       runs its programs
faults-root fuse3               mounts the two below
faults-root nbdkit              a disk that fails when told to
faults-root libnbd-bin          makes a file of it
faults-root qemu-system-common  logs every write of a disk
faults-root xfsprogs            XFS
faults-root e2fsprogs           ext4
faults-root btrfs-progs         btrfs
'

usage()
{
	echo "usage: deps.sh [--missing] GROUP...; the groups stand at the top of deps.sh" >&2
	exit 2
}

rows() { printf '%s' "$table" | awk -v g="$1" 'index("," $1 ",", "," g ",") > 0'; }

# packages GROUP...: their names, one a line.
packages()
{
	for group; do
		names=$(rows "$group" | awk '{ print $2 }')
		[ -n "$names" ] || usage
		printf '%s\n' "$names"
	done
}

installed()
{
	# Prints a line for each architecture; one that is installed is enough.
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing()
{
	packages "$@" | while read -r package; do
		installed "$package" || printf '%s\n' "$package"
	done
}

elsewhere()
{
	echo "This is not Debian or Ubuntu. Install the contents of these packages, then run make again:" >&2
	for group; do
		rows "$group" | sed 's/^[^ ]* */  /'
	done
	exit 1
}

# Keeps package scripts from starting a service, until this script ends.
forbid_services()
{
	policy=/usr/sbin/policy-rc.d
	# noclobber: an administrator's own policy, even one made this instant, stays.
	if (set -C; printf '#!/bin/sh\nexit 101\n' >"$policy") 2>/dev/null; then
		trap 'rm -f "$policy"' EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		chmod 755 "$policy"
	fi
}

install()
{
	export DEBIAN_FRONTEND=noninteractive
	options='-qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0'

	# shellcheck disable=SC2086 # options and names are to be split
	{
		apt-get $options update </dev/null ||
			echo "deps: apt-get update failed; trying with the lists at hand" >&2
		forbid_services
		apt-get $options -y --no-install-recommends install "$@" </dev/null
	}
}

only_say=false
if [ "${1-}" = --missing ]; then
	only_say=true
	shift
fi
[ $# -gt 0 ] || usage
packages "$@" >/dev/null
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	$only_say && exit 0 # dpkg cannot be asked: the build will fail with a reason
	elsewhere "$@"
fi

wanted=$(missing "$@")
if [ -z "$wanted" ]; then
	exit 0
elif $only_say; then
	printf '%s\n' "$wanted"
	exit 1
elif [ "$(id -u)" -eq 0 ]; then
	echo "installing:" $wanted
	# shellcheck disable=SC2086
	install $wanted
elif command -v sudo >/dev/null; then
	echo "installing with sudo:" $wanted
	sudo sh "$0" "$@"
else
	echo "These packages are missing, and there is no sudo. As root, run:" >&2
	echo "  apt-get install --no-install-recommends" $wanted >&2
	exit 1
fi
