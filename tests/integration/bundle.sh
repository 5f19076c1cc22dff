# The archive of `make bundle` on a shared host: an unprivileged user follows INSTALL.txt,
# sees in the browser what is missing, and ends with the whole suite over HTTPS.
. "$(dirname "$0")/../lib/server.sh"

if [ ! -d "$HS_BUILD/static" ]; then
	ok 'no bundle: static programs and sanitizers do not go together # SKIP'
	done_testing
fi
ARCHIVE=$(ls "$HS_BUILD"/hookspool-*.tar.gz)
NAME=$(basename "$ARCHIVE" .tar.gz)

by_user() { (cd "$S" && as_server_user "$@"); }

# Steps 1 to 3, but for a settings file; called by server_start in place of its own.
shared_hosting_make() {
	own "$S"
	by_user tar xzf - <"$ARCHIVE"
	by_user mv "$NAME/public_html/.htaccess" "$NAME/public_html/hookspool.cgi" www/
	by_user mv "$NAME/hookspool" .
	by_user chmod 755 www/hookspool.cgi
	by_user chmod 700 hookspool/hookspool hookspool/hookspool-load
	mv "$S/hookspool/hookspool.conf" "$S/shipped.conf"
	rm "$S/hookspool.conf"
}

# Step 4; SETTINGS_EDIT does one thing more.
settings_edit() {
	by_user cp shipped.conf hookspool/hookspool.conf
	by_user sed -i -e "s|^spool_dir = .*|spool_dir = $S/hookspool/spool|" \
		-e "s|^;secret = .*|secret = $SECRET|" "$@" hookspool/hookspool.conf
	by_user chmod 600 hookspool/hookspool.conf
}

browse() { request -H 'Accept: text/html,application/xhtml+xml,*/*;q=0.8'; }

# page NAME TEXT: the last answer is the page, with this text and nothing that is a secret.
page() {
	local body
	body=$(cat "$T/answer.body")
	if [ "$STATUS $(header Content-Type)" != '503 text/plain; charset=utf-8' ]; then
		not_ok "$1" "$STATUS $(header Content-Type)" "$body"
	elif ! tr '\n' ' ' <"$T/answer.body" | grep -qF "$2"; then
		not_ok "$1" "not said: $2" "$body"
	elif grep -qF -e "$SECRET" -e "$T" -e /home -e pearl "$T/answer.body"; then
		not_ok "$1" 'it reveals what it must not' "$body"
	else
		ok "$1"
	fi
}


### The archive #########################################################

tar tzf "$ARCHIVE" | grep -v '/$' | sed "s|^$NAME/||" | sort >"$T/files"
is 'its contents' "$(xargs <"$T/files")" \
	'INSTALL.txt hookspool/hookspool hookspool/hookspool-load hookspool/hookspool.conf public_html/.htaccess public_html/hookspool.cgi'
is 'its files belong to no user and have a fixed time' \
	"$(tar tvzf "$ARCHIVE" --full-time | awk '{ print $2, $4 }' | sort -u)" '0/0 2026-01-01'
is 'settings and what is beside them are for their owner alone' \
	"$(tar tvzf "$ARCHIVE" | awk '$6 ~ "/hookspool/" { print substr($1, 5) }' | sort -u)" '------'
version=${NAME#hookspool-}
sh "$ROOT/tools/packaging/bundle/make.sh" "$HS_BUILD/static" "${version%-*}" "${version##*-}" >"$T/again.tar.gz"
check 'a second archive has the same bytes' cmp "$ARCHIVE" "$T/again.tar.gz"
tar xzf "$ARCHIVE" -C "$T" "$NAME/INSTALL.txt"
for file in $(grep -v INSTALL "$T/files"); do
	check "INSTALL.txt mentions $file" grep -qF "${file##*/}" "$T/$NAME/INSTALL.txt"
done
is 'in five steps' "$(grep -c '^[0-9]\. ' "$T/$NAME/INSTALL.txt")" 5


### Before it is set up #################################################

START_UNHEALTHY=1 server_start apache-htaccess
MOUNT=$HTTPS/hookspool
for URL in $MOUNT $MOUNT/health $HTTPS/hookspool.cgi; do
	browse
	page "${URL#"$HTTPS"} in a browser, without settings" 'there is no hookspool.conf'
done
URL=$MOUNT request -H 'Accept: */*'
page 'the mount opened by anything' 'there is no hookspool.conf'
event e-1 >"$T/body"
URL=$MOUNT signed "$T/body"
refused 503 'not configured' 'a sender gets JSON that asks it to retry'
URL=$MOUNT/health request
refused 503 'not configured' 'and so does a monitor'

URL=$MOUNT/health
by_user cp shipped.conf hookspool/hookspool.conf
by_user chmod 600 hookspool/hookspool.conf
browse
page 'the settings as shipped' 'set a secret'
settings_edit -e 's/^spool_dir/;spool_dir/'
browse
page 'without spool_dir' 'The line spool_dir'
settings_edit -e 's/^spool_dir.*/[keys]\npearl oyster = pearl/'
browse
page 'a wrong line: its number, nothing of its text' 'cannot read line'
settings_edit
by_user chmod 644 hookspool/hookspool.conf
browse
page 'settings that everyone may read' 'permissions 600'
check 'the log names the remedy' grep -q 'everybody may read it: chmod 640' "$S/log/error.log"
if [ "$(id -u)" -eq 0 ]; then
	chown root "$S/hookspool/hookspool.conf"
	chmod 600 "$S/hookspool/hookspool.conf"
	browse
	page "settings of another user" 'cannot read it'
	chown root "$S/hookspool"
	browse
	page 'in a folder that others may not enter' 'cannot read it'
	own "$S/hookspool"
	chown 54321 "$S/hookspool/hookspool.conf"
	browse
	page 'settings of a stranger do not count' 'there is no hookspool.conf'
	check 'the log says why' grep -q 'hookspool.conf is not read: chown it' "$S/log/error.log"
	own "$S/hookspool/hookspool.conf"
fi
settings_edit -e 's|^spool_dir.*|spool_dir = /nowhere/spool|'
browse
refused 503 'spool unavailable' 'an impossible spool_dir'
check 'the log says why' grep -q 'spool_dir: No such file' "$S/log/error.log"


### Set up ##############################################################

settings_edit
browse
answer_check 200 '. == { "status": "ok" }' 'a browser gets the health answer and nothing else'
URL=$MOUNT browse
refused 405 'not allowed' 'and nothing at the mount'

suite() {
	"$HS_BUILD/hookspool" send --url "$MOUNT" --config "$S/hookspool/hookspool.conf" \
		--cacert "$T/tls/ca.pem" "$@" >"$T/out" 2>&1
	echo "$? $(sed -n 's/.* requests as [a-z]*: //p' "$T/out")"
}
if grep -q curl <<<"$(ldd "$HS_BUILD/hookspool")"; then
	is 'the whole suite over HTTPS' "$(suite)" '0 26 green, 1 yellow, 0 red'
	is 'is in the spool' "$(lines "$S/hookspool/spool/events.jsonl")" 26
fi
is 'no new file is accessible to others' \
	"$(find "$S/hookspool" \( -perm /007 -o ! -user "$SERVER_USER" \) -printf '%P ' 2>&1)" ''
look() { by_user hookspool/hookspool check >"$T/out" 2>&1; echo "$? $(cut -c 1-4 "$T/out" | sort -u | xargs)"; }
is 'the shipped command finds no problem' "$(look)" '0 ok'
check 'and maintains, as cron will call it' by_user hookspool/hookspool maintain

for file in hookspool/hookspool.conf www/.htaccess; do
	by_user sed -i 's/$/\r/' "$file"
done
URL=$MOUNT/health browse
answer_check 200 '.status == "ok"' 'settings and .htaccess uploaded as text, with CR at each end'
is 'the command reads them, too' "$(look)" '0 ok'
event text-mode >"$T/body"
URL=$MOUNT signed "$T/body"
took 1 0 'and the CR is no part of the secret'
server_stop


### Everything in the document root #####################################

START_UNHEALTHY=1 server_start apache-htaccess
settings_edit -e "s|^spool_dir.*|spool_dir = $S/www/spool|"
by_user mv hookspool/hookspool.conf hookspool/hookspool www/
event e-2 >"$T/body"
URL=$HTTPS/hookspool signed "$T/body"
took 1 0 'settings and spool also work in the document root'
by_user mkdir -p www/spool/deeper
by_user chmod -R a+rX www/spool
for path in hookspool.conf spool/events.jsonl spool/.hookspool/run/index spool/deeper/ .htaccess; do
	URL=$HTTPS/$path request
	is "/$path is denied" "$STATUS" 403
done
by_user www/hookspool check >"$T/out"
check 'and check warns of it' grep -q '^warn place .*settings' "$T/out"
check 'of both' grep -q "^warn place .*$S/www/spool" "$T/out"
server_stop
done_testing
