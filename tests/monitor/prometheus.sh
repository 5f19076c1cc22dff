# Prometheus scrapes a real mount with the configuration that is shipped, and its own queries give the figures.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"
TOKEN=0123456789-token-of-a-monitor
RULES=$ROOT/tools/packaging/prometheus

spool_start "metrics_token = $TOKEN"
put m 1 30
put_one '{"type":"page","messageId":"p1","userId":"u-1"}'
put_one '{"type":"page","messageId":"p1","userId":"u-1"}'
hs tail --cursor crm >/dev/null
put m 31 40
port=$(port_random)
printf '%s\n' "$TOKEN" >"$T/token"
sed -e "s|/etc/prometheus/rules|$RULES|" -e 's|https$|http|' -e "s|/etc/prometheus/hookspool.token|$T/token|" \
	-e "s|your.host:443|${HTTP#http://}|" "$RULES/scrape.yml" >"$T/prometheus.yml"
printf 'global: { scrape_interval: 2s, scrape_timeout: 2s }\n' >>"$T/prometheus.yml"
prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/tsdb" --log.level=warn \
	--web.listen-address="127.0.0.1:$port" >"$T/prometheus.log" 2>&1 &
prometheus=$!
# query EXPRESSION: the value of its one result.
query() { curl -s --data-urlencode "query=$1" "http://127.0.0.1:$port/api/v1/query" | jq -r '.data.result[].value[1]'; }
knows() { [ "$(query 'hookspool_events_total{result="accepted",type="track"}')" = 40 ]; }
check 'Prometheus has the figures, as the shipped configuration collects them' wait_for 60 knows
is 'it finds the mount well' "$(query 'up{job="hookspool"}')" 1
is 'it has histograms' "$(query 'hookspool_commit_events_sum')" 41
is 'duplicates' "$(query 'hookspool_events_total{result="duplicate",type="page"}')" 1
is 'a cursor' "$(query 'hookspool_cursor_lag_records{cursor="crm"}')" 10
is 'the alerts are loaded' "$(curl -s "http://127.0.0.1:$port/api/v1/rules" | jq '.data.groups[0].rules | length')" \
	"$(grep -c 'alert:' "$RULES/hookspool.rules.yml")"
unwell() { curl -s "http://127.0.0.1:$port/api/v1/rules" | jq -r '.data.groups[].rules[] | select(.health != "ok") | "\(.name): \(.health) \(.lastError // "")"'; }
are_well() { [ -z "$(unwell)" ]; }
check 'and Prometheus can evaluate each' wait_for 60 are_well

# Each query of the dashboard, with what Grafana would put in: all instances, and times that suit a scrape each two
# seconds. T/empty has those that still show nothing, while all that they are about goes on. (The figures of hookspool
# ship need a NATS server: ship.sh has them.)
empty_panels() {
	local expression
	jq -r '.panels[].targets[].expr | select(contains("hookspool_ship_") | not)' "$RULES/dashboard.json" | sed 's/\$instance/.+/; s/\$__rate_interval/20s/; s/\$__range/60s/' |
		while IFS= read -r expression; do
			query "$expression" | grep -qE '^[-0-9.e+]+$' || printf '%s\n' "$expression"
		done
}
round=0
all_show() {
	round=$((round + 1))
	put "r$round-" 1 5
	printf '{"type":"track"}' >"$T/put"
	signed "$T/put"
	empty_panels >"$T/empty"
	[ ! -s "$T/empty" ]
}
check 'each query of the dashboard shows something' eval "wait_for 60 all_show || { cat '$T/empty'; false; }"
end_process "$prometheus"
done_testing
