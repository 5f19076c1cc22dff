# shellcheck shell=bash
# consume.sh: shared by the tests of the commands that read a spool. Source it after server.sh.

# hs ARGUMENT...: the command, as the owner of the spool. hs_exec replaces the shell.
hs_exec() {
	HOOKSPOOL_CONF=$S/hookspool.conf
	export HOOKSPOOL_CONF
	as_server_user "$S/bin/hookspool" "$@"
}
hs() { (hs_exec "$@"); }

# spool_start [SETTING]...: lighttpd in front of a fresh spool, and the command beside it.
# OUT is a directory into which handlers may write.
spool_start() {
	SETTINGS=$(printf '%s\n' "$@")
	server_start lighttpd-fcgi
	cp "$HS_BUILD/hookspool" "$HS_BUILD/hookspool-load" "$S/bin"
	OUT=$S/run
}

# back_up ARGUMENT...: hookspool backup, again while the server's maintenance is in its way (75).
back_up() {
	local code
	for _ in {1..200}; do
		hs backup "$@"
		code=$?
		[ $code -eq 75 ] || break
		sleep 0.1
	done
	return $code
}

# put PREFIX FROM TO [USERS]: posts one batch of small events; their users take turns.
put() {
	seq "$2" "$3" | awk -v p="$1" -v users="${4:-5}" '
		BEGIN { printf "[" }
		{ printf "%s{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u%d\",\"messageId\":\"%s%d\"}",
			comma, $1 % users, p, $1; comma = "," }
		END { printf "]" }' >"$T/put"
	signed "$T/put"
	[ "$STATUS" = 200 ] || { not_ok "batch $1$2 to $3 is taken" "status $STATUS"; return 1; }
}

# write_on: batches of ten, k1 and so on, until T/enough is there; T/written has the last number.
write_on() {
	local i
	for i in $(seq 1 10 100000); do
		[ ! -e "$T/enough" ] || break
		put k "$i" $((i + 9))
		echo $((i + 9)) >"$T/written"
	done
}

# put_one JSON: posts one event.
put_one() {
	printf '%s' "$1" >"$T/put"
	signed "$T/put"
	[ "$STATUS" = 200 ] || not_ok "event is taken" "$1" "status $STATUS"
}

# whole_lines FILE...: without a last line that a kill has cut.
whole_lines() {
	local file
	for file; do
		if [ -n "$(tail -c 1 "$file")" ]; then head -n -1 "$file"; else cat "$file"; fi
	done
}

# position NUMBER OFFSET: the file of a cursor at that place.
position() {
	printf '{"number":%d,"offset":%d,"edit":0,"before":"0000000000000000","spool":"%s","epoch":%d,"saved_at":"2026-11-24T10:15:00.123Z"}\n' \
		"$1" "$2" "$(jq -r .id "$S/spool/.hookspool/spool")" "$(jq .epoch "$S/spool/.hookspool/spool")"
}

# has LINES FILE: the file has at least that many.
has() { [ "$(wc -l <"$2" 2>/dev/null || echo 0)" -ge "$1" ]; }

# has_moved CURSOR FILE: the cursor has moved since it was copied to the file.
has_moved() { ! cmp -s "$S/spool/.hookspool/cursors/$1" "$2"; }
