#!/bin/sh
# Prints LICENSE, then what Debian says of each package that is linked into the programs, and the licences that
# it refers to. FOLDER has the file "copyright" of each, under the package's name.
#
#	licences.sh LICENSE FOLDER
set -eu
title() { printf '\n%s\n%s\n\n' "$1" "$(printf '%s' "$1" | tr -c '' =)"; }

cat "$1"
cd "$2"
for package in *; do
	title "$package"
	cat "$package"
done
grep -hoE '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' -- * | sort -u | while read -r text; do
	title "$text"
	cat "$text" || exit
done
