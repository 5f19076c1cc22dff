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
	case $command in
	help | import) ;;
	cursors | send) said 2 'usage: hookspool' "$command" a b c ;;
	load | backup) said 2 "hookspool $command: b: one argument too many" "$command" a b ;;
	*) said 2 "hookspool $command: a: one argument too many" "$command" a b c ;;
	esac
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
# A line above the usage names an argument that is missing, or options that exclude each other.
while IFS='|' read -r arguments words; do
	case $arguments in load* | ship*) [ -x "$HS_BUILD/hookspool-${arguments%% *}" ] || continue ;; esac
	said 2 "hookspool ${arguments%% *}: $words" $arguments
	said 2 "usage: hookspool ${arguments%% *}" $arguments
done <<'END'
each --on track=true|--cursor NAME and --on TYPE=COMMAND are required
each --cursor c|--cursor NAME and --on TYPE=COMMAND are required
forward --cursor c|--to URL is required
erase --dry-run|say whose events: --user ID, --anonymous ID, --from-deletes or --test
backup|name the directory of the copy
cat --aliases|--aliases needs --user ID
cursors nonsense|expected list, reset NAME or remove NAME
cursors remove|expected list, reset NAME or remove NAME
cursors remove c --json|--json is for list
help nonsense|expected one command: hookspool help lists them
help cat tail|expected one command: hookspool help lists them
rules --events F --dry-run 2|--events and --dry-run exclude each other
rules --tenant acme|--tenant is for --events
load --once|name one database: --to URL, or a label of [load] in the settings
load shop --to sqlite:/x|name one database: --to URL, or a label of [load] in the settings
load shop --check --status|--dry-run, --check, --status, --retype and --rebuild exclude each other
load shop --once --json|--json is for --status
ship --verify --check|--dry-run, --verify, --check and --new-receiver exclude each other
ship --mend|--mend is for --verify
ship --from-start --from-now|--from-start and --from-now exclude each other
END
done_testing
