#!/bin/sh
# The form of the sources: as clang-format writes them, and in cgi, common and tools no function of more
# than 40 lines and no file of more than 600. No comment begins with a word that makes a riddle of it, or
# has lines of more than 120 characters, which the formatter leaves alone. Versions of clang-format differ,
# so only the one that the sources were formatted with is asked.
cd "$(dirname "$0")/../.." || exit 2
version=14
bad=0
long=$(find common cgi tools -name '*.[ch]' -exec awk '
	/^{/ { start = FNR }
	/^}/ && start { if (FNR - start > 39) print FILENAME ":" start ": a function of " FNR - start + 1 " lines"; start = 0 }' {} +)
if [ -n "$long" ]; then
	echo "$long" >&2
	bad=1
fi
long=$(find common cgi tools -name '*.[ch]' -exec awk 'END { if (FNR > 600) print FILENAME ": " FNR " lines" }' {} \;)
if [ -n "$long" ]; then
	echo "$long" >&2
	bad=1
fi
if grep -rnE --include='*.[ch]' '^[[:space:]]*/\* (Of|Who|Whoever|What|One|The same)[ ,;:]' common cgi tools tests >&2; then
	echo 'a comment begins with Of, Who, What, One or The same: name the thing' >&2
	bad=1
fi
if LC_ALL=C.UTF-8 grep -rnE --include='*.[ch]' '^[[:space:]]*/?\* [^"].{117,}$' common cgi tools tests >&2; then
	echo 'a line of a comment has more than 120 characters: break it' >&2
	bad=1
fi
if clang-format --version 2>/dev/null | grep -q "version $version\."; then
	find common cgi tools tests -name '*.[ch]' -exec clang-format --dry-run -Werror {} + || bad=1
else
	echo "clang-format $version is not here: the layout of the sources is not checked" >&2
fi
exit $bad
