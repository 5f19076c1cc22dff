# What a command prints has been written when it returns 0: on a full disk, or with nowhere to write to, it fails and
# says so. A monitor never takes a check that did not run, or whose answer is lost, for one that found nothing.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

spool_start 'rotate_min_gap = 0'
put a 1 3
echo '{"type":"track","event":"e","userId":"u","messageId":"i"}' >"$S/in.jsonl"
printf 'correct horse battery\n' >"$S/password"
own "$S/in.jsonl" "$S/password"

# full COMMAND...: standard output is a full disk. STATUS, T/said.
full() {
	hs "$@" >/dev/full 2>"$T/said" <"$S/password"
	STATUS=$?
}
told() { grep -qx "hookspool ${1%% *}: standard output: .*: make room, or write it elsewhere" "$T/said"; }

while read -r command; do
	full $command
	is "$command on a full disk" $STATUS 74
	check "$command: says why" told "$command"
done <<'END'
--version
--help
help
help cat
load --help
cat --help
docs settings
docs results
docs sample
docs options cat
docs completion
passwd
check
check --json
stats
stats --json
schema
schema --json
rules
rules --json
rules --dry-run 2
cursors
cursors --json
metrics
verify
verify --json
END
full backup "$S/run/copy"
is 'backup on a full disk' $STATUS 74
check 'which is whole for all that' test -s "$S/run/copy/events.jsonl"
full import "$S/in.jsonl"
is 'import on a full disk' $STATUS 74
full erase --user u
is 'erase on a full disk' $STATUS 74
is 'which has erased for all that' "$(hs cat | grep -c '"user_id":"u"')" 0
for command in cat 'tail -n 1' 'cat --fields event'; do
	full $command
	is "$command on a full disk" $STATUS 74
	check "$command: says why" told "$command"
done
for option in --help --version --check; do
	(HOOKSPOOL_CONF=$S/hookspool.conf "$S/bin/hookspool.fcgi" "$option") >/dev/full 2>"$T/said"
	is "hookspool.fcgi $option on a full disk" $? 74
	check "$option: says why" grep -qx 'hookspool.fcgi: standard output: .*: make room, or write it elsewhere' "$T/said"
done

# cat has read no more than it could print when the reader of its output stops.
seq 20000 | jq -c '{type: "track", event: "e", messageId: "e\(.)", userId: (if . == 20000 then "anna" else "u" end)}' >"$T/events"
chmod 644 "$T/events"
hs import - <"$T/events" >/dev/null
hs cat --event e | {
	head -n 1
	touch "$T/begun"
	until [ -e "$T/go" ]; do sleep 0.02; done
	tail -n 1
} >"$T/ends" &
wait_for 20 test -e "$T/begun"
hs erase --user anna >/dev/null
touch "$T/go"
wait $!
is 'cat prints nothing that was erased before it was read' "$(jq -r .message_id "$T/ends" | xargs)" 'a1 e19999'

# A closed stream is no place for a file of the spool: what is printed must not get into that.
before=$(hs cat | cksum)
for closed in '1>&-' '0<&- 1>&-' '0<&- 1>&- 2>&-'; do
	eval "hs verify $closed" 2>"$T/said"
	is "verify with $closed" $? 74
	check "cat with $closed" eval "! hs cat $closed"
done
eval 'hs verify 2>&-' >/dev/null
is 'verify prints, with standard error closed' $? 0
is 'the spool is as it was' "$(hs cat | cksum)" "$before"

full check --nagios
is 'a monitor that gets no line gets UNKNOWN' $STATUS 3
is 'else OK' "$(hs check --nagios | sed 's/:.*//')" 'HOOKSPOOL OK'
if [ "$(id -u)" -eq 0 ]; then
	# as in a container whose root may not change its user
	limited() { setpriv --bounding-set=-setuid,-setgid "$S/bin/hookspool" "$@" --config "$S/hookspool.conf" 2>"$T/said"; }
	chown root "$S/hookspool.conf"
	limited check --nagios >"$T/out"
	is 'root that may not become the owner: a monitor gets CRITICAL' $? 2
	check 'with the reason' grep -q '^HOOKSPOOL CRITICAL: spool: .* was not checked' "$T/out"
	limited check >"$T/out"
	is 'a person the code of wrong settings' $? 78
	check 'the reason' grep -q "^FAIL spool .*$S/spool was not checked" "$T/out"
	check 'the remedy' grep -q "sudo -u '#[0-9]*' hookspool" "$T/said"
	limited stats
	is 'the other commands, too' $? 78
	check 'with the remedy' grep -q "belongs to user .* sudo -u '#[0-9]*' hookspool" "$T/said"
else
	ok 'root that may not become the owner # SKIP needs root'
fi
server_stop
own "$S/hookspool.conf"
full adopt
is 'adopt on a full disk' $STATUS 74
check 'adopt: says why' told adopt
done_testing
