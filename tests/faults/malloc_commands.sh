#!/bin/bash
# malloc_commands.sh: each allocation that a command makes itself fails, once and from then on for good. It does
# not crash or hang; it either says what is wrong and ends with an error, or writes what it writes with enough memory;
# and the next run is as before. For the allocations of a request see malloc.sh.
. "$(dirname "$0")/lib.sh"

place_make 'rotate_min_gap = 0' 'auth = either' 'hash_key = 00112233445566778899aabbccddeeff' 'retain_days = 30' '[keys]' 'acme = key-of-acme' \
	'[sources]' 'web = KEY-1 tenant=acme' '[events]' 'drop = type:screen' '[fields]' 'traits_email = hash'
# only allocations of the program, or also those of IN, a library; failmalloc.so forks before each of them (FAIL_EACH), or is started for each
cp "$HS_BUILD/failmalloc.so" "$HS_BUILD/hookspool" "$S/bin/"
chmod 755 "$S/bin/failmalloc.so"
STEP=${STEP:-$(size 3 1)} # of those that are started anew, one in STEP

# faulty ENVIRONMENT... -- COMMAND...: with standard input from T/input. CODE
faulty() {
	local environment=()
	while [ "$1" != -- ]; do environment+=("$1"); shift; done
	shift
	( # two shells: the death of the inner one goes to the log
		(as_server_user timeout -k 2 60 env HOOKSPOOL_CONF="$S/hookspool.conf" FAIL_IN="${IN-program}" "${environment[@]}" \
			LD_PRELOAD="$S/bin/failmalloc.so" "$S/bin/${PROGRAM_NAME-hookspool}" "$@" <"$T/input")
		exit $?
	) >"$S/run/out" 2>"$S/run/err"
	CODE=$?
}

# steady TEXT: without what differs from run to run: times, the room on the disk, a salt.
steady() { sed -E 's/[0-9]{4}-[0-9-]+T[0-9:.]+Z/TIME/g; s/[0-9]+ (ms|s|min|h)\b/DURATION/g; s/"(age|last|at|started|now|left)[a-z_]*":[0-9.]+/AGE/g; s/room for .*/ROOM/; s/scrypt:.*/SCRYPT/; s/[0-9.]+ [KMGT]?B free/FREE/; s/"microseconds":[0-9]+/US/; s/nats-server [0-9.]*/NATS/; s/^(hookspool_[a-z_]*(free|time|since|seconds)[a-z_]*(\{.*\})?) .*/\1/; s/"room":\{[^}]*\}/ROOM/' "$@"; }

# differ OUTPUT: how it differs from what was expected.
differ() { diff <(echo "$EXPECTED") <(echo "$(steady "$1")") | grep '^[<>]' | head -n 4 | cut -c 1-300 | xargs -0; }

# judge WHICH CODE OUT ERR: PROBLEM says what is wrong with this run, if anything is.
judge() {
	PROBLEM=
	case $2 in
	"$EXPECTED_CODE") # also an answer may be an error, such as that of check
		[ "$2" != 0 ] || [ "$(<"$3")" = "$RAW" ] || [ "$(steady "$3")" = "$EXPECTED" ] || PROBLEM='other output'
		[ "$2" = 0 ] || [ -s "$4" ] || [ -s "$3" ] || PROBLEM='an error without a word' ;;
	12[4-9] | 1[3-9]? | 2??) PROBLEM='a crash, or it hangs' ;;
	0) PROBLEM='success, which it is not' ;;
	*) [ -s "$4" ] || [ -s "$3" ] || PROBLEM='an error without a word' ;;
	esac
	# check tells as a warning what it could not read
	[ -z "${NO_MEMORY_IS_A_FINDING-}" ] || [ "$PROBLEM" != 'other output' ] || ! grep -qE 'memory|cannot be read' "$3" || PROBLEM=
	[ -z "${MAY_LACK-}" ] || [ "$PROBLEM" != 'other output' ] || grep -q '>' <(differ "$3") || PROBLEM=
	[ "$PROBLEM" != 'other output' ] || PROBLEM="$PROBLEM: $(differ "$3")"
	[ -z "$PROBLEM" ] || printf '# %s: allocation %s: exit %s: %s: %s\n' "$NAME" "$1" "$2" "$PROBLEM" "$(head -n 1 "$4")"
	[ -z "$PROBLEM" ] || bad=$((bad + 1))
}

# learn COMMAND...: what it says with enough memory.
learn() {
	NAME=$* bad=0 points=0
	faulty -- "$@"
	faulty FAIL_COUNT="$S/run/count" -- "$@"
	EXPECTED_CODE=$CODE EXPECTED=$(steady "$S/run/out") RAW=$(<"$S/run/out")
	[ "$CODE" -lt "${ERRORS_FROM-64}" ] || not_ok "$NAME: it runs" "exit $CODE" "$(<"$S/run/err")"
}

# unharmed COMMAND...: and the next run is as before.
unharmed() {
	faulty -- "$@"
	is "$NAME: $points times without memory, it says so or does it" "$bad $((points > 1)) $CODE" "0 1 $EXPECTED_CODE"
	is "$NAME: then as before" "$(differ "$S/run/out")" ''
}

# reads COMMAND...: of a command that only reads.
reads() {
	local n on code
	learn "$@"
	rm -rf "$S/run/each"
	mkdir "$S/run/each"
	own "$S/run/each"
	faulty FAIL_EACH="$S/run/each" -- "$@"
	while read -r n on code; do
		points=$((points + 1))
		judge "$n, for good $on" "$code" "$S/run/each/$n.$on.out" "$S/run/each/$n.$on.err"
	done <"$S/run/each/status"
	unharmed "$@"
}

# works COMMAND...: of one that changes something or starts processes, started anew each time. BEFORE runs before each.
works() {
	local n on count
	${BEFORE-:}
	learn "$@"
	count=$(<"$S/run/count")
	for ((n = 1 + RANDOM % STEP; n <= count; n += STEP)); do
		for on in 0 1; do
			points=$((points + 1))
			${BEFORE-:}
			faulty FAIL_AT="$n" FAIL_ON="$on" -- "$@"
			judge "$n, for good $on" "$CODE" "$S/run/out" "$S/run/err"
		done
	done
	${BEFORE-:}
	unharmed "$@"
}

### What there is to read ###############################################

events_of() { # FROM TO
	seq "$1" "$2" | awk '{ u = "u-" $1 % 7
		print "{\"type\":\"track\",\"event\":\"e-" $1 % 5 "\",\"userId\":\"" u "\",\"messageId\":\"m-" $1 "\",\"properties\":{\"n\":" $1 ",\"s\":\"x\"}}"
		print "{\"type\":\"identify\",\"userId\":\"" u "\",\"anonymousId\":\"a-" u "\",\"messageId\":\"i-" $1 "\",\"traits\":{\"email\":\"e@x\"}}" }'
}
: >"$T/input"
tool help >/dev/null 2>&1
events_of 1 20 >"$T/archive"
events_of 100 103 >"$T/more"
echo '{"type":"delete","userId":"u-1","messageId":"d-1"}' >>"$T/archive"
jq -cs . "$T/archive" >"$T/array"
printf 'drop = type:track\n[fields]\nproperties_s = drop\n' >"$T/rules"
chmod 644 "$T"/{archive,more,array,rules,input}
tool import --tenant acme "$T/archive" >/dev/null
tool rotate >/dev/null
tool maintain >/dev/null
tool import --tenant acme "$T/more" >/dev/null
tool each --once --cursor c --retry-for 0s --on 'identify=true' --on 'track=exit 65' >/dev/null 2>&1
tool tail --cursor t >/dev/null
tool schema --json >"$T/schema"
chmod 644 "$T/schema"

### Commands that read ##################################################

reads stats
reads stats --json --top 2
reads stats --type track --tenant acme --since 1d
reads cursors
reads cursors --json
MAY_LACK=yes reads metrics --openmetrics # a figure that is not known is left out
reads cat --type track --event e-1 --user u-1 --tenant acme --since 1d --until 2100-01-01
reads cat --fields type,event,user_id
reads cat --aliases --user u-1
reads cat --failed
reads cat --rejected
reads tail -n 3
reads schema
reads schema --json-schema --event e-1
reads schema --diff "$T/schema" --event e-1
reads rules
reads rules --dry-run 5
reads rules --events "$T/array" --json
reads erase --dry-run --user u-2 --aliases --json
reads erase --dry-run --from-deletes
echo 'a long enough password' >"$T/input"
reads passwd
: >"$T/input"

### Commands that work ##################################################

erase_no_one() { tool import --tenant acme --again "$T/more" >/dev/null; }
works verify --json
works import --tenant acme --dry-run --again "$T/array"
NO_MEMORY_IS_A_FINDING=yes works check
NO_MEMORY_IS_A_FINDING=yes works check --json --quiet-for 1d
BEFORE=erase_no_one
works import --tenant acme --again --json "$T/archive"
works erase --user nobody --json
unset BEFORE
works tail --cursor t
works rotate
works maintain
works each --once --cursor c --failed --retry-for 0s --on 'identify=true' --on 'track=true'
works each --once --stream --cursor s --from oldest --on '*=while read -r line; do echo 0; done'
works each --once --cursor d --batch 3 --jobs 2 --on "*=cat >/dev/null"

### Commands that talk to a web server ####################################

python3 "$ROOT/tests/lib/wrong_server.py" 1 'answer=POST /hook 200' >"$T/port" 2>/dev/null &
HOOK_PID=$!
trap 'kill "$HOOK_PID"; clean_up' EXIT
wait_for 20 test -s "$T/port"
HOOK=http://127.0.0.1:$(<"$T/port")/hook
forget_all() { rm -f "$SPOOL_DIR/.hookspool/cursors/forward"; }
BEFORE=forget_all
works forward --to "$HOOK" --once --retry-for 0s --jobs 2
STEP=$((STEP * 3))
IN=libcurl works forward --to "$HOOK" --once --retry-for 0s
unset BEFORE
IN=libcurl works send --url "$HOOK" --unsigned --file "$T/more" --json
IN=libcurl works check --url "$HOOK" --json

### hookspool ship ########################################################

if [ -x "$HS_BUILD/hookspool-ship" ] && . "$ROOT/tests/lib/nats.sh" && nats_start one; then
	trap 'nats_end one KILL; kill "$HOOK_PID"; clean_up' EXIT
	cp "$HS_BUILD/hookspool-ship" "$S/bin/"
	PROGRAM_NAME=hookspool-ship
	ship=(ship --to "${NATS_URL[one]}" --old-server --ack-wait 2s)
	faulty -- "${ship[@]}" --once --quiet --create --replicas 1
	is 'ship has sent all there is' "$CODE" 0
	works "${ship[@]}" --dry-run
	faulty -- "${ship[@]}" --verify
	is 'ship has sent each event once' "$CODE $(grep -o ' 0 lacking.* 0 twice' "$S/run/out" | cut -d ',' -f 1)" '0  0 lacking'
fi
done_testing
