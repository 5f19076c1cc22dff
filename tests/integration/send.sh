# hookspool send: the suite against real servers, as each sender, and every way it ends.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='auth = either
[keys]
gone = revoked:key-of-gone
globex = sha256:0000000000000000000000000000000000000000000000000000000000000000
acme = key-of-acme'

# send OPTION...: to the server at URL; CODE, T/out, T/err.
send() {
	"$HS_BUILD/hookspool" send --url "$URL" "$@" >"$T/out" 2>"$T/err"
	CODE=$?
}
mine() { send --config "$S/hookspool.conf" "$@"; }
rows() { grep -c "^$1 " "$T/out"; }
sum() { sed -n 's/.* requests as [a-z]*: //p' "$T/out"; }

printf %s "$SECRET" >"$T/secret"
printf 'key-of-acme\n' >"$T/key"

server_start lighttpd-fcgi
mine
is 'the whole suite passes' "$CODE $(sum)" '0 26 green, 1 yellow, 0 red'
is 'one record an event' "$(lines)" 26
is 'of every type' "$(jq -r .type "$SPOOL" | sort -u | tr '\n' ' ')" \
	'alias delete group identify page screen track '
check 'no colours in a file' eval '! grep -q "$(printf "\033")" "$T/out"'
on_terminal() { script -qec "'$HS_BUILD/hookspool' send --url $URL --config '$S/hookspool.conf'" /dev/null; }
check 'colours on a terminal' eval 'on_terminal </dev/null | grep -q "$(printf "\033\\[32mgreen")"'
check 'but not with NO_COLOR' eval '! NO_COLOR=1 on_terminal </dev/null | grep -q "$(printf "\033")"'
mine
is 'again: every one a duplicate' "$(grep -c ' duplicate$' "$T/out") $(lines)" '26 26'
mine --new-ids
is 'with new ids: every one new' "$CODE $(grep -c ' accepted$' "$T/out") $(lines)" '0 26 52'
mine --count 2
is '--count 2: the second round is new' "$(grep -c ' duplicate$' "$T/out") $(lines)" '26 78'

for sender in subscription webhook actions extensible; do
	mine --as $sender
	is "as $sender" "$CODE $(sum)" '0 26 green, 1 yellow, 0 red'
done
for method in PUT PATCH; do
	mine --method $method
	is "by $method" "$CODE $(rows green)" '0 26'
done
for sender in actions extensible; do
	mine --as $sender --batch 10 --new-ids --json
	is "as $sender in batches" "$CODE $(jq -s 'map(.accepted) | add, length' "$T/out" | xargs)" '0 26 3'
	mine --as $sender --batch 5 --json --unsigned
	is "as $sender unsigned: red" "$CODE $(jq -r .colour "$T/out" | sort -u)" '1 red'
done
send --secret "@$T/secret" --as extensible --batch 4
is 'the secret from a file' "$CODE $(rows green)" '0 7'
send --key "@$T/key"
is 'the key from a file' "$CODE $(rows green)" '0 26'
is 'which makes it a subscription' "$(grep -c 'as subscription:' "$T/out")" 1
send --secret wrong
is 'a wrong secret: exit 1, all red' "$CODE $(rows red)" '1 27'
check 'with the remedy, once' [ "$(grep -c 'compare the shared secret' "$T/out")" = 1 ]

"$HS_BUILD/hookspool" send --url "$URL" --secret "$SECRET" --rate 1 >"$T/slow" 2>&1 &
wait_for 10 test -s "$T/slow"
tr '\0' ' ' <"/proc/$!/cmdline" >"$T/cmdline"
kill $!
check 'a secret on the command line does not stay there' eval \
	'grep -q -- "--rate 1" "$T/cmdline" && ! grep -q shared "$T/cmdline"'

{ event f-1; echo; event f-2 page; printf '\r\n\n{"type":\n'; } >"$T/lines"
mine --file "$T/lines"
is 'a file of lines, as they are' "$CODE $(rows green) $(rows red)" '1 2 1'
check 'and says which line is refused' grep -q '^red .* line 4 .*JSON ends too early' "$T/out"
printf ' [ %s , %s\n]' "$(event f-3)" "$(event f-4)" >"$T/array"
mine --file - <"$T/array"
is 'an array on standard input' "$CODE $(rows green) $(record f-4 .message_id)" '0 2 f-4'
{ printf '['; events n- 1 100; printf ']'; } >"$T/array"
start=${EPOCHREALTIME/./}
mine --file "$T/array" --batch 10 --rate 200
is '--rate: 100 events' "$CODE $(rows green)" '0 10'
check '--rate 200: the last of ten batches is not before 450 ms' \
	[ $((${EPOCHREALTIME/./} - start)) -ge 450000 ]
echo '[{},' >"$T/array"
mine --file "$T/array"
is 'a broken array: exit 65' "$CODE" 65

URL=$HTTPS/hookspool mine --new-ids
is 'a certificate of an unknown authority: exit 69' "$CODE" 69
check 'which names the remedy' grep -q -e '--cacert FILE' "$T/err"
URL=$HTTPS/hookspool mine --cacert "$T/tls/ca.pem"
is '--cacert' "$CODE $(rows green)" '0 26'
URL=$HTTPS/hookspool mine --insecure
is '--insecure' "$CODE $(rows green)" '0 26'
URL=$HTTP/elsewhere mine
is 'no mount there: red' "$CODE $(rows red)" '1 27'
check 'which differs from an answer of the handler' grep -q "404 is the web server's answer" "$T/out"

for wrong in '--batch 2 --as webhook' '--as nobody' '--method GET' '--rate 0' '--count x' '--unsigned --key k' \
	'--new-ids --file x' '--secret @/nowhere' 'more' '--nothing'; do
	# shellcheck disable=SC2086 # options are words
	send --secret x $wrong
	is "usage: $wrong" "$CODE" 2
done
URL=ftp://x send --secret x
is 'usage: an ftp URL' "$CODE" 2
send --config "$T/nothing"
is 'no settings, no secret: exit 78' "$CODE" 78
check 'which names the remedy' grep -q 'give --secret' "$T/err"
server_stop
check 'the spool is whole' spool_is_whole
is '--method PATCH is what the server saw' "$(grep -c '"PATCH /hookspool' "$S/log/access.log")" 27
mine
is 'no server: exit 69' "$CODE" 69
check 'and no table' [ ! -s "$T/out" ]
done_testing
