#!/bin/bash
# The archive of `make bundle` on a Debian (SUITE) with Apache, and nothing else that we need: two
# accounts on one machine do what INSTALL.txt says. Apache runs CGI programs as their owners
# (suEXEC), with HTTPS on an address for each. Run as root by `make fresh`.
. "$(dirname "$0")/lib.sh"

ARCHIVE=$(ls "$HS_BUILD"/hookspool-*.tar.gz) || exit 2
NAME=$(basename "$ARCHIVE" .tar.gz)
declare -A ADDRESS=([alice]=127.0.0.1 [bob]=127.0.0.2)
ACCOUNTS='alice bob'

# do_in USER COMMAND...: at home, with what a login would give.
do_in() { inside_as "$1" env HOME="/home/$1" LOGNAME="$1" sh -c 'cd && umask 022 && "$@"' sh "${@:2}"; }
mount_of() { echo "https://${ADDRESS[$1]}:$PORT/hookspool"; }

# status_of USER [CURL OPTION]...: of /health, as a browser sees it; T/page is the answer.
status_of() {
	curl -s -o "$T/page" -w '%{http_code}' --max-time 20 --cacert "$T/tls/ca.pem" -H 'Accept: text/html' \
		"${@:2}" "$(mount_of "$1")/health"
}
answers() { same "$(status_of "$1")" "$2"; }
page_says() { cat "$T/page" && tr '\n' ' ' <"$T/page" | grep -qF "$1"; }
secret_of() { printf 'the secret of %s' "$1"; }

# send USER SECRET [OPTION]...: as Segment would, from outside.
send() {
	printf '%s' "$2" >"$T/secret"
	"$HS_BUILD/hookspool" send --url "$(mount_of "$1")" --secret "@$T/secret" --cacert "$T/tls/ca.pem" "${@:3}"
}
lines_of() { inside_as "$1" sh -c 'cat ~'"$1"'/hookspool/spool/events*.jsonl | wc -l'; }


### The machine #########################################################

# A customer of a web host: a home that others may pass through, but not list.
account_make() {
	inside useradd --create-home --shell /bin/bash "$1" && inside chmod 711 "/home/$1" &&
		do_in "$1" mkdir public_html && do_in "$1" touch public_html/index.html
}

# suEXEC is told (in its own file) that programs lie in public_html below /home.
apache_configure() {
	local user
	cp "$T/tls/cert.pem" "$T/tls/key.pem" "$R/etc/apache2/" && chmod 600 "$R/etc/apache2/key.pem" &&
		printf '/home\npublic_html\n' >"$R/etc/apache2/suexec/www-data" &&
		: >"$R/etc/apache2/ports.conf" &&
		inside a2enmod -q cgid suexec ssl rewrite && inside a2dissite -q 000-default || return
	{
		printf 'ServerName localhost\n<Directory /home/*/public_html>\n'
		printf '\tAllowOverride All\n\tRequire all granted\n</Directory>\n'
		for user in $ACCOUNTS; do
			printf 'Listen %s:%s https\n' "${ADDRESS[$user]}" "$PORT"
			printf '<VirtualHost %s:%s>\n' "${ADDRESS[$user]}" "$PORT"
			printf '\tSSLEngine On\n\tSSLCertificateFile /etc/apache2/cert.pem\n'
			printf '\tSSLCertificateKeyFile /etc/apache2/key.pem\n\tSuexecUserGroup %s %s\n' "$user" "$user"
			printf '\tDocumentRoot /home/%s/public_html\n' "$user"
			printf '\tErrorLog /var/log/apache2/%s.log\n</VirtualHost>\n' "$user"
		done
	} >"$R/etc/apache2/sites-enabled/accounts.conf"
	inside apache2ctl configtest
}

# In a group of its own: with processes it ends by a SIGTERM to all of its group.
apache_start() {
	setsid "${INSIDE[@]}" sh -c '. /etc/apache2/envvars; mkdir -p $APACHE_RUN_DIR; exec apache2 -D FOREGROUND' \
		>"$T/apache.log" 2>&1 &
	apache=$!
}
served() { curl -s -o "$T/page" --cacert "$T/tls/ca.pem" "https://${ADDRESS[bob]}:$PORT/"; }

# With threads Apache starts CGI programs by mod_cgid, with processes by mod_cgi.
apache_with_processes() {
	kill "$apache" && { wait "$apache"; true; } &&
		inside a2dismod -q mpm_event cgid && inside a2enmod -q mpm_prefork cgi
}

need "Debian $SUITE" base_make
need 'certificates' certificates_make "${ADDRESS[alice]}" "${ADDRESS[bob]}"
need 'a fresh machine' root_make bundle
need 'its lists of packages' inside apt-get -qq update
services_forbid
need 'Apache, and its suEXEC' install apache2 apache2-suexec-custom
check 'it has no compiler, and none of the libraries' inside sh -c '
	! command -v cc && ! command -v make &&
	! find /usr/lib /lib -name "libfcgi*" -o -name "libinih*" -o -name "liblmdb*" -o -name "libjson-c*" | grep .'
for user in $ACCOUNTS; do check "an account for $user" account_make "$user"; done
need 'Apache serves them' apache_configure
apache_start
check 'and runs' wait_for served


### Five steps, by each of the two ######################################

# Steps 1 to 3.
unpack() {
	inside_as "$1" sh -c "cd /home/$1 && tar xzf -" <"$ARCHIVE" &&
		do_in "$1" mv "$NAME/public_html/.htaccess" "$NAME/public_html/hookspool.cgi" public_html/ &&
		do_in "$1" mv "$NAME/hookspool" . &&
		do_in "$1" chmod 755 public_html/hookspool.cgi &&
		do_in "$1" chmod 700 hookspool/hookspool &&
		do_in "$1" chmod 600 hookspool/hookspool.conf
}

# Step 4.
settings_edit() {
	do_in "$1" sed -i -e "s|/home/you/|/home/$1/|" -e "s|^;secret = .*|secret = $(secret_of "$1")|" \
		hookspool/hookspool.conf
}

# Files of the account that others could read: by mode bits, or by an owner who is not the account.
for_others() {
	inside find "/home/$1/hookspool" \( -perm /077 -o ! -user "$1" -o ! -group "$1" \) -printf '%m %u:%g %p\n'
}

for user in $ACCOUNTS; do
	check "$user: unpacked, moved, permissions seen to" unpack "$user"
	check "$user: without a secret a browser is answered 503" answers "$user" 503
	check "$user: and what is missing" page_says 'set a secret'
	check "$user: two lines of the settings" settings_edit "$user"
	check "$user: a browser is shown {\"status\":\"ok\"}" answers "$user" 200
	check "$user: and nothing else" page_says '{"status":"ok"}'
	check "$user: the whole suite over HTTPS" send "$user" "$(secret_of "$user")"
	check "$user: is taken" grep -q ': 26 green, 1 yellow, 0 red$' "$T/said"
	is "$user: and is in the spool" "$(lines_of "$user")" 26
	check "$user: hookspool check finds all well" do_in "$user" hookspool/hookspool check
	is "$user: says nothing but ok" "$(cut -c 1-4 "$T/said" | sort -u | xargs)" ok
done


### Each on their own ###################################################

PRIVATE='hookspool hookspool/spool hookspool/hookspool.conf hookspool/spool/events.jsonl hookspool/spool/.hookspool/run/state'

# may_not USER OWNER: USER can open nothing of OWNER's, for all that file modes say.
may_not() {
	local path
	for path in $PRIVATE; do
		inside test -e "/home/$2/$path" || { echo "no $path"; return 1; }
		! inside_as "$1" sh -c "exec 3<'/home/$2/$path'" || { echo "$1 opens $path"; return 1; }
		! inside_as "$1" sh -c "exec 3>>'/home/$2/$path'" || { echo "$1 writes to $path"; return 1; }
		! inside_as "$1" ls "/home/$2/$path" || { echo "$1 lists $path"; return 1; }
	done
}

for pair in alice:bob bob:alice; do
	user=${pair#*:} other=${pair%:*}
	is "$user: settings and spool have one owner, and no modes for others" "$(for_others "$user")" ''
	check "$user: $other cannot open them" may_not "$other" "$user"
	check "$user: nor can the web server's user" may_not www-data "$user"
	check "$user: the secret of $other is refused" not send "$user" "$(secret_of "$other")"
	check "$user: nothing came of it" same "$(lines_of "$user")" 26
done

# A customer who names a neighbour's spool gets no further than the neighbour's folder.
do_in bob sed -i 's|^spool_dir.*|spool_dir = /home/alice/hookspool/spool|' hookspool/hookspool.conf
check "bob names alice's spool: 503" answers bob 503
check "the machine's log says why, for mod_cgid knows no other" \
	grep -q 'spool_dir: Permission denied' "$R/var/log/apache2/error.log"
check 'Apache with processes instead of threads' apache_with_processes
apache_start
check 'runs' wait_for served
check 'and answers the same' answers bob 503
check 'his own log says why, for mod_cgi knows it' \
	grep -q 'spool_dir: Permission denied.*only this user may write' "$R/var/log/apache2/bob.log"
check 'hers says nothing' not grep 'Permission denied' "$R/var/log/apache2/alice.log"
check 'hookspool check says so' not do_in bob hookspool/hookspool check
check 'with the remedy' grep -q '^FAIL spool .*/home/alice/hookspool/spool' "$T/said"
do_in bob sed -i 's|^spool_dir.*|spool_dir = /home/bob/hookspool/spool|' hookspool/hookspool.conf
check 'he puts it right' answers bob 200
is "and her spool is as it was" "$(lines_of alice) $(for_others alice)" '26 '
check 'all events are sent to her once more' send alice "$(secret_of alice)"
is 'and none is there twice' "$(lines_of alice)" 26


### Refusals of suEXEC #################################################

with_mode() { do_in alice chmod "$2" "$1" && answers alice "$3"; }

# refused PATH MODE SUEXEC'S-WORDS: 500; what INSTALL.txt says of that, step 3, mends it.
refused() {
	check "$1 with mode $2: 500" with_mode "$1" "$2" 500
	do_in alice hookspool/hookspool check >"$T/looked"
	check 'hookspool check names it, and the remedy' grep -A 1 "^[wF].* program .*/$1" "$T/looked"
	check 'which is this' grep 'chmod 755' "$T/said"
	check 'suexec.log says why' grep -q "$3" "$R/var/log/apache2/suexec.log"
	check 'with mode 755 it runs' with_mode "$1" 755 200
}
tar xzOf "$ARCHIVE" "$NAME/INSTALL.txt" | tr -s ' \n' ' ' | sed '$a\' >"$T/INSTALL.txt"
check 'INSTALL.txt refers from a 500 to step 3' \
	grep -q 'Only hookspool says 500: permissions of step 3 (the folder must not be writable' "$T/INSTALL.txt"
refused public_html/hookspool.cgi 775 'file is writable by others'
refused public_html 775 'directory is writable by others'
refused public_html/hookspool.cgi 644 'file has no execute permission'
do_in alice cp public_html/hookspool.cgi whole.cgi
do_in alice sed -i 's/$/\r/' public_html/hookspool.cgi
check 'uploaded in text mode: 500' answers alice 500
check 'INSTALL.txt mentions that, too' grep -q 'says 500: .* or the upload was in text mode' "$T/INSTALL.txt"
do_in alice cp whole.cgi public_html/hookspool.cgi
check 'uploaded in binary mode it runs' answers alice 200
do_in alice sed -i '$a SetEnv HOOKSPOOL_SPOOL_DIR /nowhere/spool' public_html/.htaccess
check 'no setting of the server arrives, as hookspool.fcgi(8) says' answers alice 200


### cron ################################################################

# The line of INSTALL.txt, every minute instead of every five, in the crontab of each.
crontab_of() {
	sed -n 's|.* run this every five minutes: /home/you/\(hookspool/hookspool maintain\) .*|* * * * * /home/USER/\1|p' \
		"$T/INSTALL.txt" | sed "s/USER/$1/"
}
crontab_set() { crontab_of "$1" | grep -q maintain && crontab_of "$1" | inside crontab -u "$1" -; }
compressed() { ls "$R/home/$1"/hookspool/spool/events-*.gz; }

check 'cron is installed' install cron
for user in $ACCOUNTS; do
	check "$user: a segment is sealed" do_in "$user" hookspool/hookspool rotate
	check "$user: the line is entered" crontab_set "$user"
done
"${INSIDE[@]}" cron -f >"$T/cron.log" 2>&1 &
for user in $ACCOUNTS; do
	SECONDS_MAX=90 check "$user: cron has compressed it" wait_for compressed "$user"
	is "$user: nothing is for others then" "$(for_others "$user")" ''
	check "$user: all events are there" eval 'do_in "$user" hookspool/hookspool cat | wc -l | grep -qx 26'
	check "$user: verify finds nothing" do_in "$user" hookspool/hookspool verify
done
check 'the server is the one that served' kill "$apache"
done_testing
