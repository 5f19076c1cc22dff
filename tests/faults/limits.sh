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

# The FastCGI program: first it has not descriptors enough for its senders, then it has.
spool_clear
listener_start
is 'a server starts' "$?" 0
few=$(($(find "/proc/$PROGRAM_PID/fd" -type l | wc -l) + 6)) # some connections, and no spool
(as_server_user prlimit --pid "$PROGRAM_PID" --nofile="$few:") || not_ok 'a limit is set' # the soft one
refusals() { grep -c 'Too many open files' "$S/log/program.log"; }
before=$(refusals)
drive -p few -e 1000000 -b 5 -t 3 "fcgi=16:$S/run/hookspool.sock" >/dev/null
cp "$S/run/ledger" "$T/ledger.few"
(as_server_user prlimit --pid "$PROGRAM_PID" --nofile=256:)
# A sender that waits to be accepted counts no request as sent again: the log is what tells.
check 'few descriptors are felt by FastCGI' [ "$(refusals)" -gt "$before" ]
drive_check 'FastCGI: 6 descriptors for 16 senders, then enough: all acknowledged' -p more -e 2000 \
	-b 5 -t 60 "fcgi=16:$S/run/hookspool.sock"
cat "$T/ledger.few" "$S/run/ledger" >"$T/ledger"
end_process "$PROGRAM_PID"
PROGRAM_PID=
count_check 'FastCGI, few descriptors: each event once' "$T/ledger"

# few LIMIT...: a script for the driver to start, which runs the program under prlimit.
few() {
	printf '#!/bin/sh\nexec prlimit %s %s "$@"\n' "$*" "$S/bin/hookspool.fcgi" >"$S/bin/few"
	chmod 755 "$S/bin/few"
}

# Threads count as processes. Root has no such limit, hence only for an ordinary user. Other tests
# are this user, too: they are counted at each start.
if [ "$SERVER_USER" != "$(id -un)" ] || [ "$(id -u)" -ne 0 ]; then
	spool_clear
	few "--nproc=\$((\$(ps -L -u $SERVER_USER -o pid= | wc -l) + 10))"
	drive_check 'FastCGI with too few threads: all acknowledged in the end' -p nproc -e 2000 \
		-b 5 -t 60 "listen=16:$S/bin/few:$S/run/a.sock"
	count_check 'few threads: each event once' "$S/run/ledger"
	check 'few threads: the log says what to do' grep -q 'lower threads' "$S/log/program.log"
fi
figure "descriptors from 3 to 24: $refused of 22 requests refused, $bad crashes or wrong answers"
done_testing
