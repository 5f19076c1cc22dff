#!/bin/sh
# Fills a manual page: fill.sh HOOKSPOOL VERSION < page.in > page
# A line @settings@, @results@ or @options COMMAND@ becomes that table of the program;
# @version@ its version.
program=$1 version=$2
while IFS= read -r line; do
	case $line in
	# shellcheck disable=SC2046 # two words are two arguments
	@settings@ | @results@ | @options\ *@) "$program" docs $(printf '%s' "$line" | tr -d @) || exit 1 ;;
	*@version@*) printf '%s\n' "${line%%@version@*}$version${line#*@version@}" ;;
	*) printf '%s\n' "$line" ;;
	esac
done
