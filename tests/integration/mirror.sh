# A spool that is mirrored by rsync: the standby reads what comes, again and again, takes over,
# and later gets what the other host had still written. Each event is there once, for everybody.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

# post SPOOL-DIRECTORY ID...: an event each, by CGI; the answers' counts.
post() {
	local id body counts=
	for id in "${@:2}"; do
		body="{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"messageId\":\"$id\"}"
		printf %s "$body" >"$T/body"
		counts+="$(as_server_user env GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST \
			CONTENT_TYPE=application/json CONTENT_LENGTH=${#body} HOOKSPOOL_CONF="$1/hookspool.conf" \
			HTTP_X_SIGNATURE="$(sign "$SECRET" "$T/body")" "$S/bin/hookspool.fcgi" <"$T/body" |
			sed -n 's/.*"accepted":\([0-9]*\),"duplicate":\([0-9]*\).*/\1\2/p') "
	done
	echo "${counts% }"
}

# host NAME: a directory with settings and an empty spool; its path.
host() {
	mkdir -p "$S/$1/spool"
	chmod 700 "$S/$1/spool"
	sed "s|^spool_dir.*|spool_dir = $S/$1/spool|" "$S/hookspool.conf" >"$S/$1/hookspool.conf"
	chmod 600 "$S/$1/hookspool.conf"
	own "$S/$1" "$S/$1/spool" "$S/$1/hookspool.conf"
	echo "$S/$1"
}

# on HOST COMMAND...: hookspool there.
on() { (as_server_user env HOOKSPOOL_CONF="$1/hookspool.conf" "$S/bin/hookspool" "${@:2}") 2>>"$T/said"; }
mirror() { # [OPTION]...
	on "$A" rotate && rsync -a "$@" --include='events-*' --exclude='*' "$A/spool/" "$B/spool/"
}
ids() { ids_of | tr '\n' ' '; }

directory_make
settings_write 'rotate_min_gap = 0' 'compress = none' 'min_free = 0'
cp "$HS_BUILD/hookspool" "$S/bin/hookspool"
A=$(host a) B=$(host b)

for i in 1 2 3; do
	post "$A" "m$i" >/dev/null
	on "$A" rotate
done
mirror --delete
chmod 700 "$B/spool"
is "the standby reads the first mirror" "$(on "$B" cat | ids)" "m1 m2 m3 "
is "so does its consumer" "$(on "$B" tail --cursor c | ids)" "m1 m2 m3 "
(as_server_user env HOOKSPOOL_CONF="$B/hookspool.conf" "$S/bin/hookspool" tail -f -n 0) >"$T/followed" 2>>"$T/said" &
TAIL=$!
wait_for 10 watches "$TAIL"

for i in 4 5 6; do
	post "$A" "m$i" >/dev/null
	on "$A" rotate
done
on "$A" maintain
mirror --delete
is "and the second one" "$(on "$B" cat | ids)" "m1 m2 m3 m4 m5 m6 "
is "its consumer continues" "$(on "$B" tail --cursor c | ids)" "m4 m5 m6 "
check "one that follows sees them come" wait_for 10 has 3 "$T/followed"
is "each once" "$(ids <"$T/followed")" "m4 m5 m6 "
# a mirror of the sealed segments alone has no private folder, which verify reports until it is adopted
is "verify finds nothing else" "$(on "$B" verify | grep -c ' 1 problems$') $(on "$B" verify | head -n 1)" \
	"1 .hookspool/spool: lost: restore .hookspool from a backup, or run hookspool adopt"

post "$A" m7 >/dev/null
on "$A" rotate
post "$A" m8 >/dev/null # not mirrored: the host fails
rsync -a --include='events-*' --exclude='*' "$A/spool/" "$B/spool/"
is "taken over: what came with the last mirror is known" "$(post "$B" m1 m6 m7 n1 n1)" "01 01 01 10 01"
on "$B" rotate
is "nothing of it vanishes" "$(on "$B" cat | ids)" "m1 m2 m3 m4 m5 m6 m7 n1 "
is "nothing comes twice" "$(on "$B" tail --cursor c | ids)" "m7 n1 "
is "no two segments have one number" \
	"$(ls "$B/spool" | sed -n 's/^events-.*-\([0-9]*\)\.jsonl.*/\1/p' | sort | uniq -d)" ""

# The failed host is repaired, and what it had not sent is copied: its number is in use here.
is "an event while that happens" "$(post "$B" n2)" "10"
is "the consumer has it" "$(on "$B" tail --cursor c | ids)" "n2 "
mirror
is "two segments have one number, and both are read" \
	"$(ls "$B/spool" | sed -n 's/^events-.*-\([0-9]*\)\.jsonl.*/\1/p' | sort | uniq -d | wc -l) $(on "$B" cat | ids | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/^ //')" \
	"1 m1 m2 m3 m4 m5 m6 m7 m8 n1 n2 "
is "its events are known" "$(post "$B" m8 n2 n3)" "01 01 10"
is "its consumer gets what is new, once" "$(on "$B" tail --cursor c | ids)" "m8 n3 "
mirror
is "mirrored again, nothing comes again" "$(on "$B" tail --cursor c | ids)" ""
is "verify finds nothing else" "$(on "$B" verify | grep -c ' 1 problems$')" 1
is "repair has nothing to lose" "$(on "$B" repair | grep -c ' 1 problems, 0 segments repaired')" 1
on "$B" maintain
is "every event is there once" "$(on "$B" cat | ids_of | sort | tr '\n' ' ')" "m1 m2 m3 m4 m5 m6 m7 m8 n1 n2 n3 "
check "one that follows has had all that is new" wait_for 10 has 8 "$T/followed"
is "once" "$(ids_of <"$T/followed" | sort | tr '\n' ' ')" "m4 m5 m6 m7 m8 n1 n2 n3 "
kill "$TAIL"
wait "$TAIL" 2>/dev/null

# A file that is copied by hand is read when it is whole.
line='{"type":"track","event":"E","user_id":"u","message_id":"h1","spooled_at":"2026-11-23T10:15:00.123Z"}'
by_hand=$B/spool/events-20261123T101500.123Z-000099.jsonl
printf %s "${line:0:50}" >"$by_hand"
own "$by_hand"
is "copied in part: not read yet" "$(on "$B" tail --cursor c | ids)" ""
printf '%s\n' "${line:50}" >>"$by_hand"
is "whole: read" "$(on "$B" tail --cursor c | grep -c h1)" 1
done_testing
