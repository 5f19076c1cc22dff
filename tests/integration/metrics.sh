# The figures for monitors: at /metrics below the mount, for who shows the token, and by the command.
# promtool's opinion of the text and of the alerts that are shipped. (tests/monitor/ has Prometheus itself.)
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"
TOKEN=0123456789-token-of-a-monitor
RULES=$ROOT/tools/packaging/prometheus

# scrape [CURL OPTION]...: /metrics, with the token.
scrape() { PATH_INFO=/metrics request -H "Authorization: Bearer $TOKEN" "$@"; }
# figure SAMPLE: its value in what was scraped or printed last (T/figures).
figure() { awk -v sample="hookspool_$1" '$1 == sample { print $2 }' "$T/figures"; }
# stranger NAME STATUS [CURL OPTION]...
stranger() {
	local name=$1 status=$2
	shift 2
	PATH_INFO=/metrics request "$@"
	is "$name" "$STATUS" "$status"
	check "$name: and no figure" eval "! grep -q hookspool_ '$T/answer.body'"
}
take() { scrape && cp "$T/answer.body" "$T/figures"; }

### Who may see them ####################################################

spool_start 'rotate_min_gap = 0' 'auth = either' '[keys]' 'acme = key-of-acme'
stranger 'without a token in the settings there is no such path' 404 -H "Authorization: Bearer $TOKEN"
settings=('rotate_min_gap = 0' 'auth = either' "metrics_token = $TOKEN")
settings_write "${settings[@]}" '[keys]' 'acme = key-of-acme'
kill -HUP $(workers)
scraped() { scrape && [ "$STATUS" = 200 ]; }
check 'with one they are there after SIGHUP' wait_for 20 scraped
stranger 'no token' 401
is 'the challenge is Bearer' "$(header WWW-Authenticate)" 'Bearer realm="hookspool"'
stranger 'another token' 401 -H "Authorization: Bearer ${TOKEN}x"
stranger 'the beginning of the token' 401 -H "Authorization: Bearer ${TOKEN%?}"
stranger 'an empty token' 401 -H 'Authorization: Bearer '
stranger 'the token as a password' 401 -u "$TOKEN:$TOKEN"
stranger 'the key of a sender' 401 -H 'Authorization: Bearer key-of-acme'
stranger 'a POST' 405 -X POST -H "Authorization: Bearer $TOKEN" -d ''
printf '%s' '{"type":"page","userId":"u","messageId":"t"}' >"$T/body"
post "$T/body" -H "Authorization: Bearer $TOKEN"
is 'the token lets no event in' "$STATUS" 401
scrape --head
is 'HEAD' "$STATUS $(wc -c <"$T/answer.body")" "200 $(wc -c <"$T/answer.head")"
scrape
is 'the text format' "$(header Content-Type)" 'text/plain; version=0.0.4; charset=utf-8'
is 'no cache keeps it' "$(header Cache-Control)" no-store
PATH_INFO='/metrics?name=x' scrape
is 'a query does not matter' "$STATUS" 200
scrape -H 'Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5'
is 'OpenMetrics, if the monitor asks for it' "$(header Content-Type)" \
	'application/openmetrics-text; version=1.0.0; charset=utf-8'
is 'OpenMetrics ends with its mark' "$(tail -n 1 "$T/answer.body")" '# EOF'
check 'OpenMetrics: a counter has its family'"'"'s name' grep -qx '# TYPE hookspool_events counter' "$T/answer.body"
check 'the log does not have the token' eval "! grep -rqF '$TOKEN' '$S/log'"

### What they are #######################################################

before() { [ -n "$(figure "$1")" ] || echo 0; figure "$1"; }
take
refused_keys=$(before 'rejected_total{reason="key"}' | tail -n 1)
put_one '{"type":"identify","messageId":"m1","userId":"u-1"}'
put_one '{"type":"identify","messageId":"m1","userId":"u-1"}'
printf '%s' '[{"type":"page","messageId":"m2","userId":"u-1"},{"type":"page"},{"type":"page","messageId":"m3","userId":"u-1"}]' >"$T/body"
post "$T/body" -u key-of-acme:
hs tail --cursor crm >/dev/null 2>&1
hs cursors reset crm --from oldest >/dev/null 2>&1
for _ in 1 2 3; do post "$T/body" -u wrong-key:; done
printf '{"type":' >"$T/body"
post "$T/body" -u key-of-acme:
take
is 'accepted, by type' "$(figure 'events_total{result="accepted",type="identify"}') $(figure 'events_total{result="accepted",type="page"}') $(figure 'events_total{result="accepted",type="track"}')" '1 2 0'
is 'duplicates, by type' "$(figure 'events_total{result="duplicate",type="identify"}')" 1
is 'rejected events and bodies' "$(figure 'events_total{result="rejected"}')" 2
is 'why: an event of a batch, a body, a key' "$(figure 'rejected_total{reason="identity"}') $(figure 'rejected_total{reason="json_end"}') $(($(figure 'rejected_total{reason="key"}') - refused_keys))" '1 1 3'
is 'requests, by status' "$(figure 'requests_total{status="200"}') $(figure 'requests_total{status="400"}')" '3 1'
is 'each request whose body came has a time' "$(figure request_seconds_count)" \
	"$(figure 'request_seconds_bucket{le="+Inf"}')"
is 'the syncs served every event' "$(figure commit_events_sum)" 3.000000
check 'a sync takes time' eval "awk -v t='$(figure sync_seconds_sum)' 'BEGIN { exit !(t > 0) }'"
is 'no sync has failed' "$(figure sync_failures_total) $(figure segments_poisoned_total)" '0 0'
is 'events of each sender' "$(figure 'sender_events_total{kind="key",sender="acme"}') $(figure 'sender_events_total{kind="secret",sender="#1"}')" '2 1'
is 'size' "$(figure spool_bytes)" "$(wc -c <"$SPOOL")"
check 'the last event was a moment ago' eval \
	"awk -v at='$(figure last_event_timestamp_seconds)' -v now=$(date +%s) 'BEGIN { exit !(at <= now + 1 && at > now - 300) }'"
is 'a cursor at the start is three records behind' "$(figure 'cursor_lag_records{cursor="crm"}') $(figure 'cursor_lag_bytes{cursor="crm"}')" \
	"3 $(wc -c <"$SPOOL")"
hs rotate && maintain
put_one '{"type":"track","event":"e","messageId":"m4","userId":"u-1"}'
take
is 'a compressed segment before it: its summary tells' "$(figure 'cursor_lag_records{cursor="crm"}') $(figure 'cursor_lag_bytes{cursor="crm"}')" \
	"4 $(hs cat | wc -c)"
is 'segments, by state' "$(figure 'segments{state="open"}') $(figure 'segments{state="compressed"}')" '1 1'
is 'the oldest record is in the compressed one' \
	"$(awk -v age="$(figure oldest_record_seconds)" -v lag="$(figure 'cursor_lag_seconds{cursor="crm"}')" 'BEGIN { print (age > 0 && age - lag < 2 && lag - age < 2) }')" 1
hs rotate && maintain
put_one '{"type":"track","event":"e","messageId":"m5","userId":"u-1"}'
take
is 'two compressed segments and the open one' "$(figure 'cursor_lag_records{cursor="crm"}') $(figure 'cursor_lag_bytes{cursor="crm"}')" \
	"5 $(hs cat | wc -c)"
hs tail --cursor crm >/dev/null 2>&1
printf 'damaged' >"$S/spool/.hookspool/cursors/broken"
own "$S/spool/.hookspool/cursors/broken"
take
is 'a cursor at the end' "$(figure 'cursor_lag_records{cursor="crm"}') $(figure 'cursor_lag_seconds{cursor="crm"}')" '0 0.000'
is 'a damaged cursor' "$(figure 'cursor_usable{cursor="broken"}') $(figure 'cursor_usable{cursor="crm"}')" '0 1'
is 'it has no lag' "$(figure 'cursor_lag_records{cursor="broken"}')" ''
rm "$S/spool/.hookspool/cursors/broken"

### Settings ############################################################

settings_write "${settings[@]}" 'max_body = nonsense'
kill -HUP $(workers)
is_refused() { take && [ "$(figure settings_reload_success)" = 0 ]; }
check 'bad settings are told' wait_for 20 is_refused
check 'and logged: which, and that the old ones stay' grep -q 'SIGHUP: the settings in use stay' "$S/log/hookspool.log"
settings_write "${settings[@]}" '[keys]' 'acme = key-of-acme'
kill -HUP $(workers)
is_good() { take && [ "$(figure settings_reload_success)" = 1 ]; }
check 'good ones, too' wait_for 20 is_good
for when in start SIGHUP; do
	check "the log says at $when what runs" grep -qE \
		"info: $when: hookspool [0-9.]+, FastCGI by a web server's socket, settings $S/hookspool.conf, spool $S/spool\$" "$S/log/hookspool.log"
done
TOKEN=another-token-of-a-monitor
settings[2]="metrics_token = sha256:$(printf %s "$TOKEN" | sha256sum | cut -c 1-64)"
settings_write "${settings[@]}" '[keys]' 'acme = key-of-acme'
kill -HUP $(workers)
check 'the token as its hash' wait_for 20 is_good

### The command #########################################################

hs metrics >"$T/figures"
is 'the command prints the same families' "$(grep '^# TYPE' "$T/figures")" "$(grep '^# TYPE' "$T/answer.body")"
is 'the command needs no token, and counts the same' "$(figure 'events_total{result="accepted",type="page"}')" 2
check 'the command: OpenMetrics' eval "[ \"\$(hs metrics --openmetrics | tail -n 1)\" = '# EOF' ]"
check 'a word too many' eval "! hs metrics x 2>/dev/null"
if command -v promtool >/dev/null; then
	check 'promtool finds no fault with the figures' eval "hs metrics | promtool check metrics 2>&1 | tee '$T/lint'; ! [ -s '$T/lint' ]"
	check 'promtool finds no fault with the alerts' promtool check rules "$RULES/hookspool.rules.yml"
	check 'the alerts come when they should' promtool test rules "$RULES/hookspool.rules.test.yml"
fi
check 'the dashboard shows only figures that there are' eval '
	jq -r ".panels[].targets[].expr" "$RULES/dashboard.json" | grep -o "hookspool_[a-z_]*" | sed -E "s/_(bucket|count|sum)$//" | sort -u |
	while read -r name; do grep -q "^# TYPE $name " "$T/figures" || { echo "$name"; exit 1; }; done'
# As Grafana's schema of dashboards (kinds/dashboard) has it, and no panel on another.
is 'Grafana would take the dashboard' "$(jq -c '
	[(.uid | length >= 8 and length <= 40), (.schemaVersion | type == "number"),
	([.panels[].id] | (unique | length) == length),
	all(.panels[]; (.type | IN("stat", "timeseries")) and (.title | length > 0) and .datasource == {type: "prometheus", uid: "${datasource}"} and
		(.fieldConfig | has("defaults") and .overrides == []) and (.gridPos | .w > 0 and .h > 0 and .x >= 0 and .x + .w <= 24)),
	all(.panels[] | select(.type == "stat"); .fieldConfig.defaults.thresholds.steps[0].value == null),
	all(.panels[]; ([.targets[].refId] | (unique | length) == length) and all(.targets[]; .expr | length > 0)),
	([.panels[].gridPos | . as $p | range($p.x; $p.x + $p.w) as $x | range($p.y; $p.y + $p.h) as $y | [$x, $y]] | (unique | length) == length),
	([.panels[].targets[].expr | scan("\\$([a-z]+)")[]] - [.templating.list[].name] == [])]' "$RULES/dashboard.json")" \
	'[true,true,true,true,true,true,true,true]'
check 'each alert has a test' [ "$(grep -o 'alert: .*' "$RULES/hookspool.rules.yml" | cut -c 8- | sort)" = \
	"$(grep -o 'alertname: .*' "$RULES/hookspool.rules.test.yml" | cut -c 12- | sort -u)" ]
check 'so do the alerts' eval '
	grep -o "hookspool_[a-z_]*" "$RULES/hookspool.rules.yml" | sed -E "s/_bucket$//" | sort -u |
	while read -r name; do grep -q "^# TYPE $name " "$T/figures" || { echo "$name"; exit 1; }; done'

### A spool that is not there ###########################################

wait_for 10 rm -rf "$S/spool/.hookspool/run" && mv "$S/spool" "$S/moved"
hs metrics >"$T/figures" 2>"$T/err"
is 'without a spool: the exit status and the figure tell' "$? $(figure spool_usable)" '74 0'
mv "$S/moved" "$S/spool"
done_testing
