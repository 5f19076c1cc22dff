#!/bin/bash
# limits.sh: descriptors or processes run out (RLIMIT_NOFILE, RLIMIT_NPROC). Refused or not
# started, never a false 200; and served when the limit is raised.
. "$(dirname "$0")/lib.sh"

place_make
bodies_make 40
: >"$T/ledger"
bad=0 refused=0
for ((n = 3; n <= 24; n++)); do
	one "$n" prlimit --nofile="$n"
	case $STATUS in
	200) echo "m-$n" >>"$T/ledger" ;;
	000 | 500 | 503) refused=$((refused + 1)) ;;
	*) bad=$((bad + 1)); echo "# $n descriptors: $STATUS" ;;
	esac
	[ "$EXIT" -lt 128 ] || { bad=$((bad + 1)); echo "# $n descriptors: exit $EXIT"; }
done
is 'CGI with 3 to 24 descriptors: refused, or served' "$bad" 0
is 'few descriptors are felt' "$((refused > 0 && refused < 22))" 1
one 1
echo m-1 >>"$T/ledger"
is 'served with the usual number' "$STATUS" 200
count_check 'each event once' "$T/ledger"

# few LIMIT...: the program behind prlimit, for the driver to start; limited after the exec.
few() {
	printf '#!/bin/sh\nexec prlimit %s %s "$@"\n' "$*" "$S/bin/hookspool.fcgi" >"$S/bin/few"
	chmod 755 "$S/bin/few"
}

spool_clear
few --nofile=26
drive_check 'FastCGI with 26 descriptors, 16 senders: all acknowledged in the end' -p nofile -e 2000 \
	-b 5 -t 60 "listen=16:$S/bin/few:$S/run/a.sock"
count_check 'few descriptors: each event once' "$S/run/ledger"

# Threads count as processes. Root has no such limit, hence only for an ordinary user.
if [ "$SERVER_USER" != "$(id -un)" ] || [ "$(id -u)" -ne 0 ]; then
	spool_clear
	few --nproc=$(($(ps -L -u "$SERVER_USER" -o pid= | wc -l) + 22))
	drive_check 'FastCGI with too few threads: all acknowledged in the end' -p nproc -e 2000 \
		-b 5 -t 60 "listen=16:$S/bin/few:$S/run/a.sock"
	count_check 'few threads: each event once' "$S/run/ledger"
	check 'few threads: the log says what to do' grep -q 'lower threads' "$S/log/program.log"
fi
figure "descriptors from 3 to 24: $refused of 22 requests refused, $bad crashes or wrong answers"
done_testing
