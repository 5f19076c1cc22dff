#!/bin/sh
# Fills a manual page: fill.sh HOOKSPOOL VERSION < page.in > page
# A line @settings@, @results@ or @options COMMAND@ becomes that table of the program;
# @version@ its version. An empty table, which mdoc(7) does not allow, becomes "none."
program=$1 version=$2
while IFS= read -r line; do
	case $line in
	@settings@ | @results@ | @options\ *@)
		# shellcheck disable=SC2046 # two words are two arguments
		table=$("$program" docs $(printf '%s' "$line" | tr -d @)) || exit 1
		case $table in
		*.It*) printf '%s\n' "$table" ;;
		*) echo 'none.' ;;
		esac
		;;
	*@version@*) printf '%s\n' "${line%%@version@*}$version${line#*@version@}" ;;
	*) printf '%s\n' "$line" ;;
	esac
done
