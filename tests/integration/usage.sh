# Every command: a word that it does not know, and settings that are not there, end it with a code and the remedy.
. "$(dirname "$0")/../lib/server.sh"

H=$HS_BUILD/hookspool
commands=$("$H" help | awk '/^  [a-z]/ { print $1 }')
check 'there are commands' [ "$(wc -l <<<"$commands")" -gt 20 ]

# said CODE WORDS COMMAND...: it ends with the code, prints nothing, and says the words.
said() {
	local code=$1 words=$2
	shift 2
	"$H" "$@" >"$T/out" 2>"$T/err" </dev/null
	is "$*: $code" "$? $(wc -c <"$T/out")" "$code 0"
	check "$*: $words" grep -qF -e "$words" "$T/err"
}

for command in $commands; do
	case $command in load | ship) [ -x "$HS_BUILD/hookspool-$command" ] || continue ;; esac # may be left out
	said 2 "usage: hookspool $command" "$command" --nonsense
	said 2 "hookspool help $command says more" "$command" --nonsense
	case $command in help | import) ;; *) said 2 'usage: hookspool' "$command" a b c ;; esac
	is "$command --help and help $command are the same" "$("$H" "$command" --help)" "$("$H" help "$command")"
done
for arguments in check cat tail 'each --cursor c --on track=true' 'forward --cursor c --to http://localhost/' stats schema cursors metrics \
	rotate maintain verify repair 'backup D' adopt 'import F' 'erase --user u' rules; do
	case $arguments in
	check) "$H" check --config "$T/nowhere" >"$T/err" 2>&1 ;;
	*) said 78 "$T/nowhere" ${arguments%% *} --config "$T/nowhere" $(cut -s -d ' ' -f 2- <<<"$arguments") ;;
	esac
done
said 2 'usage: hookspool help' help nonsense
said 2 'usage: hookspool COMMAND' nonsense
said 2 'usage: hookspool docs' docs nonsense
said 2 'usage: hookspool docs' docs options nonsense
said 2 'expected a time' schema --since never
said 2 'one of --json, --typescript, --json-schema and --diff' schema --json --typescript
said 2 'expected oldest, now, a time' adopt --from never
said 2 'expected a time (90s, 30m, 1h, 2d)' check --quiet-for never
said 2 'expected a number from 1' stats --top 0
done_testing
