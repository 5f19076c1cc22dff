#!/bin/sh
# The rooms, the lowest first: a file may include its own room and those above it in this list.
# Modules (a .c and its .h) that include each other in a circle fail, too, and so do system calls
# outside io. Fails with the lines that break a rule.
cd "$(dirname "$0")/../.." || exit 2
rooms='
common/base
common/event
common/warehouse
common/config
common/spool/file
common/spool/shared
common/spool/position
common/spool/write
common/spool/summary
common/spool/read
common/schema
common/spool/dedup
common/spool/admin
common/spool/figures
common/spool
cgi/http/auth
cgi/http
cgi/http/console
cgi/server
cgi
tools/report
tools/schema
tools/command
tools/probe
tools/sink
tools/load
tools/ship
tools
'
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
bad=0
fail() { # MESSAGE, and the lines on standard input, if there are any
	if [ -s "$work/found" ]; then
		echo "$1:" >&2
		cat "$work/found" >&2
		bad=1
	fi
}

# FILE INCLUDED, both with their folders.
grep -rnoE --include='*.[ch]' '^#include "[^"]+"' common cgi tools |
	sed -E 's/^([^:]+):[0-9]+:#include "([^"]+)"/\1 \2/' |
	awk '$2 !~ /^(cgi|tools)\// { $2 = "common/" $2 } { print }' >"$work/includes"

echo "$rooms" | awk '
NR == FNR { if ($1 != "") rank[$1] = ++n; next }
function room(file) {
	sub(/\.[ch]$/, "", file)
	if (file in rank)
		return file
	sub(/\/[^\/]*$/, "", file)
	return file
}
{
	from = room($1); to = room($2)
	if (!(from in rank) || !(to in rank))
		print $1 " includes " $2 ": a room that is not in the list"
	else if (rank[to] > rank[from] || (from ~ /^tools/ && to ~ /^cgi/))
		print $1 " includes " $2
}' - "$work/includes" >"$work/found"
fail "an arrow against the order of the rooms"

sed -E 's/\.[ch]( |$)/\1/g' "$work/includes" | awk '$1 != $2' | sort -u >"$work/modules"
tsort "$work/modules" 2>"$work/found" >"$work/order"
fail "modules that include each other in a circle"

only() { # HEADER FILE...: the files that include it
	header=$1
	shift
	grep -rlE --include='*.[ch]' "#include <$header" common cgi tools | grep -vxF "$(printf '%s\n' "$@")" >"$work/found"
	fail "<$header…> is known to $* alone"
}
only fcgi cgi/server/transport_fcgi.c
only nats tools/ship/engine_nats.h
only curl tools/probe/http.c tools/sink/http_posts.c

calls() { # NAMES PLACE...: calls of these functions there
	names=$1
	shift
	grep -rnE --include='*.[ch]' "(^|[^A-Za-z0-9_>.])($names)\\(([^1-9]|\$)" "$@" | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)' >"$work/found"
}
pure='getenv|open|openat|read|write|close|fsync|fdatasync|time|clock_gettime|gettimeofday|fopen|printf|fprintf|exit|abort|getpid|ioctl|mmap|rand|random'
calls "$pure" common/event common/base/slice* common/base/buf* common/base/digest* common/base/timestamp* common/base/hex* \
	common/base/base64* common/base/utf8* common/base/hash* common/base/byte_scan* common/base/result* $(ls common/config/*.[ch] | grep -v settings_file)
fail "a pure module makes a system call"
# Calls that take a path, and calls on a file; bytes through pipes and sockets do not concern io.
disk='open|openat|creat|fopen|freopen|opendir|scandir|rename|renameat|link|linkat|symlink|unlink|unlinkat|mkdir|mkdirat|rmdir|access'
disk="$disk|stat|lstat|fstatat|readlink|chmod|fchmod|chown|fchown|truncate|ftruncate|fallocate|pread|pwrite|fdatasync|fsync|flock"
disk="$disk|statvfs|fstatvfs|fstatfs|mmap|munmap|inotify_init1|inotify_add_watch"
calls "$disk" $(find common cgi tools -name '*.[ch]' ! -path 'common/base/io.*' ! -path 'common/base/io_map.c' ! -path 'common/base/log.c')
fail "the disk is touched outside common/base/io.c and io_map.c"
exit $bad
