#!/bin/sh
# The rooms and who may enter: core <- store <- { cgi, tools }. Fails with the line that breaks it.
cd "$(dirname "$0")/../.." || exit 2
bad=0
no() { # MESSAGE PATTERN PLACE...
	message=$1 pattern=$2
	shift 2
	found=$(grep -rnE --include='*.[ch]' "$pattern" "$@") || return 0
	echo "$message:" >&2
	echo "$found" >&2
	bad=1
}
no "core includes a room above it" '#include "(store|cgi|tools)/' common/core
no "store includes a room above it" '#include "(cgi|tools)/' common/store
no "tools and cgi do not know each other" '#include "cgi/' tools
no "cgi and tools do not know each other" '#include "tools/' cgi
no "FastCGI is known to cgi/gw_fcgi.c alone" '#include <fcgi' common tools
found=$(grep -rlE '#include <fcgi' cgi | grep -v '^cgi/gw_fcgi\.c$') &&
	{ echo "FastCGI is known to cgi/gw_fcgi.c alone: $found" >&2; bad=1; }
found=$(grep -rlE '#include <curl' common cgi tools | grep -v '^tools/http\.c$') &&
	{ echo "libcurl is known to tools/http.c alone: $found" >&2; bad=1; }
no "core makes a system call" \
	'(^|[^a-z_>.])(getenv|open|openat|read|write|close|fsync|fdatasync|time|clock_gettime|gettimeofday|fopen|printf|fprintf|exit|abort|getpid|ioctl|mmap|rand|random)\(([^1-9]|$)' \
	common/core
no "the disk is touched in common/store/io.c alone" \
	'(^|[^a-z_>.])(openat|pwrite|fdatasync|fsync|renameat|unlinkat|mkdirat|fallocate|ftruncate|flock|fstatvfs|fstatfs|mmap)\(([^2]|$)' \
	$(ls common/store/*.c | grep -v '/io\.c$') cgi tools
exit $bad
