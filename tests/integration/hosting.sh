# Shared hosting: the .htaccess beside the program gives away nothing but the mount. And on
# every Apache: the shipped line that passes Authorization on is what lets API keys work.
. "$(dirname "$0")/../lib/server.sh"

SETTINGS='auth = key
[keys]
acme = key-of-acme'

with_key() { post "$T/body" -u key-of-acme:; }

server_start apache-htaccess
for path in hookspool hookspool/ hookspool.cgi; do
	event "id-$path" >"$T/body"
	URL=$HTTP/$path with_key
	took 1 0 "/$path is the mount"
done
URL=$HTTP/hookspool.cgi PATH_INFO=/health request
answer_check 200 '.status == "ok"' '/hookspool.cgi/health'
URL=$HTTP/hookspool PATH_INFO=/x with_key
refused 404 'no such' '/hookspool/x'

# denied NAME: what the document root may have of the settings, a spool and hidden files.
denied() {
	mkdir -p "$S/www/spool" "$S/www/.git"
	for path in .htaccess hookspool.conf hookspool.conf.bak .git/config .env spool/events.jsonl \
		spool/events-1.jsonl.gz spool/.hookspool/run/state spool/.hookspool/schema spool/x rejected.jsonl; do
		mkdir -p "$S/www/$(dirname "$path")"
		[ -e "$S/www/$path" ] || echo 'for nobody' >"$S/www/$path"
		chmod 644 "$S/www/$path" 2>/dev/null
		URL=$HTTP/$path request
		is "$1/$path is denied" "$STATUS" 403
	done
	chmod 600 "$S/www/hookspool.conf"
}
denied ''
mkdir -p "$S/www/.well-known/acme-challenge"
for path in index.txt .well-known/acme-challenge/token; do
	echo 'for all' >"$S/www/$path"
	URL=$HTTP/$path request
	is "/$path is served as before" "$STATUS" 200
done
server_stop

# Hosts that do not allow them: with all lines taken out that may be.
server_start apache-htaccess
sed -i '/^CGIPassAuth/d; /^Rewrite/d' "$S/www/.htaccess"
denied 'without the lines marked 1 and 2: '
URL=$HTTP/hookspool.cgi PATH_INFO=/health request
is '/hookspool.cgi is the mount' "$STATUS" 200
server_stop

# Each of the two ways in .htaccess passes Authorization alone; without both, 401.
for without in '/^CGIPassAuth/d' '/HTTP.Authorization/d'; do
	HTACCESS_EDIT=$without server_start apache-htaccess
	event one >"$T/body"
	with_key
	took 1 0 ".htaccess without $without still passes the key"
	server_stop
done
HTACCESS_EDIT='/^CGIPassAuth/d; /HTTP.Authorization/d' server_start apache-htaccess
with_key
refused 401 'API key required' '.htaccess without both ways: no key arrives'
server_stop

for mount in apache-fcgid apache-proxy apache-cgi; do
	CONF_EDIT='/CGIPassAuth/d' server_start $mount
	with_key
	refused 401 'API key required' "$mount without CGIPassAuth: no key arrives"
	is "$mount: WWW-Authenticate is passed" "$(header WWW-Authenticate)" 'Basic realm="hookspool"'
	server_stop
done

CONF_EDIT='/^FcgidMaxRequestLen/d' server_start apache-fcgid
event one >"$T/body"
head -c 200000 /dev/zero >"$T/zeros"
with_key
took 1 0 'mod_fcgid without FcgidMaxRequestLen: a small body'
post "$T/zeros" -u key-of-acme:
is 'mod_fcgid without FcgidMaxRequestLen: 200 KB are a 500' "$STATUS" 500
server_stop
done_testing
