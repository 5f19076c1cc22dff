#!/bin/sh
# pack.sh PAGE FILE...: prints the C file of web_files.h. In the page, @app.js@ becomes app.HASH.js.
set -e
page=$1
shift
named=$(cat "$page"; echo .)

hashed() { # FILE: its name with its hash
	name=${1##*/}
	hash=$(sha256sum "$1" | cut -c 1-16)
	echo "${name%.*}.$hash.${name##*.}"
}
type_of() {
	case $1 in
	*.html) echo 'text/html; charset=utf-8' ;;
	*.js) echo 'text/javascript; charset=utf-8' ;;
	*.css) echo 'text/css; charset=utf-8' ;;
	*.svg) echo image/svg+xml ;;
	esac
}
bytes() { # NAME: an array from standard input
	printf 'static const unsigned char %s[] = {\n' "$1"
	od -An -v -tx1 | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
	printf '};\n'
}
row() { # ARRAY NAME TYPE
	printf '\t{ { "%s", sizeof("%s") - 1 }, { "%s", sizeof("%s") - 1 }, { (const char *)%s, sizeof %s } },\n' \
		"$2" "$2" "$3" "$3" "$1" "$1"
}

echo '#include "cgi/http/console/web_files.h"'
n=0 rows=$(row file0 "${page##*/}" "$(type_of "$page")")
for file; do
	n=$((n + 1)) name=$(hashed "$file")
	bytes "file$n" <"$file"
	rows="$rows
$(row "file$n" "$name" "$(type_of "$file")")"
	named=$(printf '%s' "$named" | sed "s|@${file##*/}@|$name|g")
done
printf '%s' "${named%.}" | bytes file0
printf 'const struct hs_web_file hs_web_files[] = {\n%s\n};\n' "$rows"
printf 'const size_t hs_web_files_count = %d;\n' $((n + 1))
