#!/bin/sh
# append.sh FILE: a handler for `hookspool each` that runs once for each record.
#
#	hookspool each --cursor orders --on 'track:Order Completed=append.sh orders.txt'
#
# It appends a line of columns: message id, time, user, total. A record may be handled again after
# a kill, so a message id that is in the file already is done.
#
# Exit codes: 0 done; 65 this record will never do; 75 try again later.
file=${1:?usage: append.sh FILE} tab=$(printf '\t')

# Senders choose the values, and @tsv escapes tabs and newlines in them.
line=$(jq -rR 'fromjson? | [.message_id, .timestamp, .user_id // .anonymous_id, .properties_total] | @tsv') || exit 75
if [ -z "$line" ]; then
	echo 'not a record' >&2 # goes to failed.jsonl with it
	exit 65
fi
if [ -e "$file" ] && cut -f 1 "$file" | grep -qxF -e "${line%%"$tab"*}"; then
	exit 0
fi
printf '%s\n' "$line" >>"$file" || exit 75
