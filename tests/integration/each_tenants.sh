# hookspool each, for several tenants: a user is one of a tenant, and cursors of a build that did not know that.
. "$(dirname "$0")/../lib/server.sh"
. "$(dirname "$0")/../lib/consume.sh"

spool_start 'auth = key' 'rotate_min_gap = 0' '[keys]' 'acme = K1' 'globex = K2'
CURSOR=$S/spool/.hookspool/cursors/crm
take() {
	is "event $2 is taken" "$(cgi_post '{"type":"track","event":"order","userId":"'"$1"'","messageId":"'"$2"'"}' \
		HTTP_AUTHORIZATION="Bearer $3" | status_and_body | cut -c 1-3)" 200
}
take 1 m1 K1
take 1 m2 K2
take 2 m3 K2
take 1 m4 K1
touch "$OUT/FAILING"
handler="[ \$HS_MESSAGE_ID = m1 ] && [ -e $OUT/FAILING ] && exit 75; echo \$HS_MESSAGE_ID >>$OUT/done"

(hs_exec each --cursor crm --from oldest --on "*=$handler" 2>"$T/said") &
EACH=$!
check "a record that is tried again holds up no user of another tenant" wait_for 20 has 2 "$OUT/done"
check "… and all that is done is saved" wait_for 20 eval \
	'[ "$(jq -c "[.offset, .hash, (.held | length)]" "$CURSOR" 2>/dev/null)" = "[0,2,1]" ]'
kill "$EACH"
wait "$EACH"
is "… its own user's records wait" "$(xargs <"$OUT/done")" "m2 m3"
cp "$CURSOR" "$T/cursor"

# run: to the end with a handler that takes all; what it was given.
run() {
	rm -f "$OUT/FAILING" "$OUT/done"
	hs each --cursor crm --once --on "*=$handler" 2>"$T/said"
	echo "$? $(cat "$OUT/done" 2>/dev/null | xargs)"
}
is "the next run handles them, and no other again" "$(run)" "0 m1 m4"

# The hash of a user "1", and the form of the file, are those of a build that hashed no tenant.
sed 's/"hash":2,"held":\[\["[0-9a-f]*"/"held":[["ccdd94259bdd378b"/' "$T/cursor" >"$T/old"
check "a cursor of an earlier build is another file" [ "$(cmp "$T/cursor" "$T/old" | wc -l)" = 1 ]
cat "$T/old" >"$CURSOR"
is "a cursor of an earlier build: nothing is lost, what came after its position is handled again" "$(run)" "0 m1 m2 m3 m4"
is "… once" "$(run)" "0 "

# A handler that had records of several people may have written about any of them.
letters() { # how many there are, and whom they tell of who is another person
	jq -r '.record.message_id as $own | .stderr | scan("m[1-4]") | select(. != $own)' "$S/spool/failed.jsonl" >"$T/others"
	echo "$(wc -l <"$S/spool/failed.jsonl") $(sort -u "$T/others" | xargs)"
}
hs each --cursor batch --once --batch 9 --retry-for 0s --on '*=cat >&2; exit 75' 2>"$T/said"
is "a dead letter has nothing of what was written about other records of a batch" "$(letters)" "4 "
rm "$S/spool/failed.jsonl"
three='read -r a && read -r b && read -r c; echo "$a $b $c" >&2; echo 65 no; echo 65 no; echo 65 no; while read -r d; do echo 0; done'
hs each --cursor stream --once --stream --on "*=$three" 2>"$T/said"
is "… nor of what was written while a stream had several" "$(letters)" "3 "
check "… which is shown all the same" grep -q '"m1".*"m2".*"m3"' "$T/said"
server_stop
done_testing
