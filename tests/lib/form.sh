#!/bin/sh
# The form of the sources: as clang-format writes them, and in cgi, common and tools no function of more
# than 40 lines and no file of more than 600. No comment begins with a word that makes a riddle of it. Versions of clang-format differ, so only the one that the sources were formatted with is asked.
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
if clang-format --version 2>/dev/null | grep -q "version $version\."; then
	find common cgi tools tests -name '*.[ch]' -exec clang-format --dry-run -Werror {} + || bad=1
else
	echo "clang-format $version is not here: the layout of the sources is not checked" >&2
fi
exit $bad
