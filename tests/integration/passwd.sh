# passwd asks twice at a terminal, which does not show what is typed and is afterwards as it was, even after Ctrl-C.
. "$(dirname "$0")/../lib/server.sh"

PASSWORD='correct horse battery'
mkfifo "$T/keys"

shows() { grep -aqF -e "$1" "$T/shown"; }

# asks [ANSWER]...: passwd at a terminal; each answer is typed when it asks. CODE; T/shown is the terminal, stty's words last.
asks() {
	local question
	: >"$T/shown"
	# a job in the background ignores SIGINT, and the program would, too
	env --default-signal script -qfec "sh -c 'trap : INT; \"$HS_BUILD/hookspool\" passwd; echo code \$?; stty -a'" /dev/null <"$T/keys" >"$T/shown" 2>&1 &
	exec 7>"$T/keys"
	for question in 'Password of the console: ' 'Again: '; do
		[ $# -gt 0 ] || break
		wait_for 10 shows "$question" || break
		printf '%b' "$1" >&7
		shift
	done
	wait_for 10 shows 'code ' && wait_for 10 shows echonl
	exec 7>&-
	wait $!
	CODE=$(sed -n 's/^code \([0-9]*\).*/\1/p' "$T/shown")
}
echoes() { grep -aqE '(^|[ ;])echo[ ;]' "$T/shown"; }

asks "$PASSWORD\n" "$PASSWORD\n"
is 'asked twice, the same twice' "$CODE" 0
check 'it prints the setting' grep -aqE '^console_password = scrypt:' "$T/shown"
check 'the password is not shown' eval '! shows "$PASSWORD"'
check 'afterwards the terminal shows what is typed' echoes

asks "$PASSWORD\n" "$PASSWORD.\n"
is 'twice, but not the same' "$CODE" 65
check 'says so' shows 'hookspool passwd: the two differ'
asks "$PASSWORD\n" "${PASSWORD%y}i\n"
is 'twice, with another letter' "$CODE" 65
asks 'short\n' 'short\n'
is 'a short one' "$CODE" 65
check 'says how long it should be' shows 'take 12 characters or more'
asks '\004'
is 'no answer (Ctrl-D)' "$CODE" 65
check 'the terminal is as it was' echoes
for keys in '\003' 'half\003' '\034\032\003'; do
	asks "$keys"
	is "Ctrl-C ($keys) ends it as a signal does" "$CODE" 130
	check 'and the terminal is as it was' echoes
	check 'without a message' eval '! shows "hookspool passwd:"'
done
asks "$PASSWORD\n" '\003'
is 'Ctrl-C at the second question' "$CODE" 130
check 'then, too, the terminal is as it was' echoes

# from a pipe: once
piped() { "$HS_BUILD/hookspool" passwd "$@" 2>"$T/said"; }
is 'a password of 1024 bytes' "$(printf 'x%.0s' {1..1024} | piped | cut -c 1-18)" 'console_password ='
printf 'x%.0s' {1..1025} | piped >"$T/out"
is 'one of 1025 is refused' "$? $(cat "$T/said" "$T/out")" '65 hookspool passwd: it is longer than 1024 bytes'
for bytes in '\0' '\r' '\351' '\355\240\200'; do
	printf "correct horse${bytes} battery staple\n" | piped >"$T/out"
	is "a byte that no browser sends ($bytes)" "$? $(cut -c 1-53 "$T/said") $(cat "$T/out")" \
		'65 hookspool passwd: it has bytes that a browser cannot  '
done
printf 'correct horse battery\r\n' | piped >"$T/out"
is 'the end of a line of Windows' "$? $(cat "$T/out")" '65 '
is 'letters beyond ASCII' "$(printf 'caf\303\251 au lait \342\230\225\n' | piped | cut -c 1-18)" 'console_password ='
is 'a line without its end' "$(printf 'correct horse battery' | piped | cut -c 1-18)" 'console_password ='
piped </dev/null
is 'none' "$? $(cat "$T/said")" '65 hookspool passwd: there is no password on standard input'
piped surplus </dev/null
is 'an argument' "$? $(head -n 2 "$T/said" | xargs)" '2 hookspool passwd: surplus: one argument too many usage: hookspool passwd'
done_testing
