# shellcheck shell=bash
# lib.sh: what the fault harnesses share. Source it first of all; it brings ../lib/server.sh
# (TAP, waiting, real servers, a temporary directory that ends with the script).
#
# Each script runs as it is, compactly; FULL=1 asks for the numbers of `make faults`. It
# prints TAP, and its figures as "# figure: …" lines.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/server.sh"

PROGRAM=$HS_BUILD/hookspool.fcgi
DRIVER=$HS_BUILD/faults_driver
COUNT=$HS_BUILD/faults_count

# size COMPACT FULL: the one that was asked for.
size() { if [ -n "${FULL-}" ]; then echo "$2"; else echo "$1"; fi; }

figure() { printf '# figure: %s\n' "$*"; }

# need COMMAND...: skips the script (a plan of one, skipped) where one is missing.
need() {
	local command
	for command; do
		command -v "$command" >/dev/null && continue
		echo "ok 1 - # SKIP there is no $command"
		echo 1..1
		exit 0
	done
}

need_root() {
	[ "$(id -u)" -eq 0 ] && return
	echo "ok 1 - # SKIP needs root"
	echo 1..1
	exit 0
}

# place_make [SETTING]...: a directory S with a program, settings and an empty place for the
# spool, all of the user the program runs as; nothing is started.
place_make() {
	SETTINGS=
	directory_make
	SPOOL_DIR=$S/spool
	settings_write 'min_free = 0' 'compress = none' 'log_level = warn' "$@"
	cp "$DRIVER" "$S/bin/driver"
	chmod 755 "$S/bin/driver"
	HOOKSPOOL_CONF=$S/hookspool.conf "$PROGRAM" --check >/dev/null || exit 2
}

# drive [OPTION]... TARGET...: the driver, as the user of the servers.
drive() {
	(
		export HOOKSPOOL_CONF=$S/hookspool.conf
		as_server_user "$S/bin/driver" -s "$SECRET" -l "$S/run/ledger" "$@"
	) 2>>"$S/log/program.log"
}

# drive_check NAME [OPTION]... TARGET...
drive_check() {
	local name=$1 said
	shift
	if said=$(drive "$@"); then ok "$name"; else not_ok "$name" "$said"; fi
	DRIVEN=$(tail -n 1 <<<"$said")
	printf '# %s\n' "$DRIVEN"
}

# number WORD TEXT: the number after the word in the text, the last line of the driver or the counter.
number() { sed -n "s/.*$1 \([0-9]*\).*/\1/p" <<<"$2"; }

# count_check NAME [LEDGER]: nothing lost, nothing twice, every line whole.
count_check() {
	local name=$1 said
	shift
	if said=$("$COUNT" "$SPOOL_DIR" "$@"); then ok "$name"; else not_ok "$name" "$said"; fi
	COUNTED=$(tail -n 1 <<<"$said")
	printf '# %s\n' "$COUNTED"
}

# bodies_make N: signed bodies $T/body.I, one event m-I each, and $T/sign.I.
bodies_make() {
	local i
	for ((i = 1; i <= $1; i++)); do
		event "m-$i" >"$T/body.$i"
		sign "$SECRET" "$T/body.$i" >"$T/sign.$i"
	done
	chmod 644 "$T"/body.* "$T"/sign.*
}

# batch_body NAME FROM TO: the same for many events in one body, b-FROM to b-TO.
batch_body() {
	local first
	printf '[%s]' "$(events b- "$2" "$3")" >"$T/body.$1"
	events b- "$2" "$2" >"$T/first"
	first=$(sign "$SECRET" "$T/first")
	printf '%s\n' "$first" >"$T/sign.$1"
	chmod 644 "$T/body.$1" "$T/sign.$1"
}

# one BODY [COMMAND]...: runs the program as a CGI process, by the command if there is
# one (strace …). The answer is in $T/answer (or ANSWER); STATUS is 000 if it is not complete.
#
# Only root sees which files the program has open, as strace -y and -P must: so root traces,
# and strace gives the program its user.
one() {
	local body=$1 as=as_server_user
	shift
	if [ "${1-}" = strace ] && [ "$(id -u)" -eq 0 ]; then
		as=
		set -- strace -u "$SERVER_USER" "${@:2}"
	fi
	( # two shells: the death of the inner one goes to the log, not to the terminal
		($as timeout -k 2 "${LIMIT:-30}" env GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST \
			CONTENT_TYPE=application/json CONTENT_LENGTH="$(stat -c %s "$T/body.$body")" \
			HTTP_X_SIGNATURE="$(<"$T/sign.$body")" HOOKSPOOL_CONF="$S/hookspool.conf" \
			"$@" "$S/bin/hookspool.fcgi" <"$T/body.$body")
		exit $?
	) >"${ANSWER:-$T/answer}" 2>>"$S/log/program.log"
	EXIT=$?
	STATUS=000
	case $(<"${ANSWER:-$T/answer}") in
	*\}) [[ $(head -n 1 "${ANSWER:-$T/answer}") =~ ^Status:\ ([0-9]+) ]] && STATUS=${BASH_REMATCH[1]} ;;
	esac
}

# spool_clear: an empty spool directory.
spool_clear() {
	rm -rf "$SPOOL_DIR"
	mkdir -m 700 "$SPOOL_DIR"
	own "$SPOOL_DIR"
}

# tool COMMAND [OPTION]...: hookspool, as the user of the spool.
tool() {
	local command=$1
	shift
	[ -e "$S/bin/hookspool" ] || { cp "$HS_BUILD/hookspool" "$S/bin/hookspool" && chmod 755 "$S/bin/hookspool"; }
	(as_server_user "$S/bin/hookspool" "$command" --config "$S/hookspool.conf" "$@")
}
