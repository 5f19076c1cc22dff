# bash's completion, made from the tables: what it offers, and that it is bash.
. "$(dirname "$0")/../lib/server.sh"

"$HS_BUILD/hookspool" docs completion >"$T/hookspool.bash"
check 'bash parses it' bash -n "$T/hookspool.bash"
# shellcheck disable=SC1091
. "$T/hookspool.bash"

# offered WORD...: what the last of these words could become, in one line.
offered() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	_hookspool
	echo "${COMPREPLY[*]}"
}

is 'a command' "$(offered hookspool rep)" repair
is 'a command after help' "$(offered hookspool help mai)" maintain
is 'an option' "$(offered hookspool verify --co)" --config
is 'a choice' "$(offered hookspool send --as e)" extensible
is 'a word of a command' "$(offered hookspool cursors res)" reset
is 'no file where a value is expected' "$(offered hookspool send --secret '')" ''
mkdir "$T/with blank" && touch "$T/with blank/a b.conf"
is 'a file with blanks in its name' "$(offered hookspool check --config "$T/with blank/a")" "$T/with blank/a b.conf"
is 'nothing after an unknown command' "$(offered hookspool nothing --)" ''
for command in $(offered hookspool '' | tr ' ' '\n' | grep -v '^--'); do
	for option in $(offered hookspool "$command" --); do
		[ "$option" = --help ] || "$HS_BUILD/hookspool" help "$command" | grep -qe "$option" ||
			echo "$command $option"
	done
done >"$T/unknown"
is 'help knows every option that it offers' "$(cat "$T/unknown")" ''
is '--help prints the help' "$("$HS_BUILD/hookspool" check --help)" "$("$HS_BUILD/hookspool" help check)"
"$HS_BUILD/hookspool" check --nothing 2>"$T/usage"
is 'an unknown option exits 2' $? 2
check 'and shows the usage' grep -q '^usage: hookspool check' "$T/usage"
done_testing
