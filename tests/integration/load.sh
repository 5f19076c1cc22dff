# Many at once, and signals in the middle of it: every 200 is one whole line in the spool.
. "$(dirname "$0")/../lib/server.sh"

COUNT=640

# storm_prepare PREFIX URL, storm PREFIX: COUNT signed events from 64 clients at once.
# T/PREFIX.answers gets a line "STATUS ID" for each as it is answered.
storm_prepare() {
	local i
	mkdir "$T/$1"
	for ((i = 1; i <= COUNT; i++)); do event "$1-$i" >"$T/$1/$i"; done
	(cd "$T/$1" && openssl dgst -sha1 -hmac "$SECRET" -r $(seq $COUNT)) |
		sed 's/ \*/ /' | awk -v url="$2" -v dir="$T/$1" -v ca="$T/tls/ca.pem" -v p="$1" '
		NR > 1 { print "next" }
		{
			print "url = \"" url "\"\nsilent\nmax-time = 30\noutput = /dev/null"
			print "cacert = \"" ca "\"\nheader = \"X-Signature: " $1 "\""
			print "header = \"Content-Type: application/json\""
			print "data-binary = \"@" dir "/" $2 "\""
			print "write-out = \"%{http_code} " p "-" $2 "\\n\""
		}' >"$T/$1.curl"
}

# storm PREFIX [CLIENTS]
storm() { curl --no-progress-meter --parallel --parallel-immediate --parallel-max "${2:-64}" -K "$T/$1.curl" >"$T/$1.answers"; }

acknowledged() { sed -n 's/^200 //p' "$T/$1.answers" | sort; }

# nothing_lost PREFIX: what was answered 200 and is not in the spool, or is in it twice.
nothing_lost() {
	spool_reopen
	comm -23 <(acknowledged "$1") <(ids)
	ids | grep "^$1-" | uniq -d
}

# On a slow machine some may hear 503, "... try again", and Apache may end a kept connection
# once too often (curl gives up at the fifth time: 000): then they try again, as Segment does, fewer at once.
at_once() {
	local round
	storm_prepare "calm" "$1"
	for round in 1 2 4 8 16 32; do
		storm calm $((64 / round))
		grep -qE '^(503|000)' "$T/calm.answers" || break
	done
	is "$mount: 64 clients at once, every event taken" \
		"$(cut -d ' ' -f 1 "$T/calm.answers" | sort | uniq -c | tr -s ' ')" " $COUNT 200"
	is "$mount: every one of them is in the spool once" "$(nothing_lost calm)" ''
	rm -rf "$T/calm"*
}

# signal_under_load PREFIX COMMAND...: the command runs when a tenth has been answered.
signal_under_load() {
	local prefix=$1 storm
	shift
	storm_prepare "$prefix" "$URL"
	: >"$T/$prefix.answers"
	storm "$prefix" &
	storm=$!
	wait_for 20 eval '[ "$(wc -l <"$T/'"$prefix"'.answers")" -ge '$((COUNT / 10))' ]'
	"$@"
	wait $storm
}

# At most two: mod_fcgid restarts many only after a pause.
terminate_workers() {
	local pid
	for pid in $(workers | head -n 2); do kill -TERM "$pid"; done
}

for mount in $MOUNTS; do
	server_start "$mount"
	case $mount in *-proxy | nginx) at_once "$HTTPS/hookspool" ;; *) at_once "$URL" ;; esac
	case $mount in
	lighttpd-fcgi | apache-fcgid)
		signal_under_load term terminate_workers
		check "$mount: SIGTERM to the program: something was answered" \
			[ "$(acknowledged term | wc -l)" -ge $((COUNT / 10)) ]
		is "$mount: SIGTERM to the program loses nothing acknowledged" "$(nothing_lost term)" ''
		check "$mount: it is started again" wait_for 10 healthy
		;;
	esac
	case $mount in
	lighttpd-* | apache-proxy | nginx)
		signal_under_load stop server_stop
		is "$mount: stopping the server loses nothing acknowledged" "$(nothing_lost stop)" ''
		;;
	*) # Apache kills its busy children only after ten seconds: not in every run
		server_stop ;;
	esac
	cat "$S"/spool/events*.jsonl >"$T/all"
	check "$mount: every line is whole" spool_is_whole "$T/all"
	rm -rf "$T/term"* "$T/stop"*
done
done_testing
