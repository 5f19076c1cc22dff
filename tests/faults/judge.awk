# judge.awk: reads what strace -y saw of requests to one spool, in order, and says whether each
# answer 200 was true: the event's line had been written, a sync of that file had succeeded
# after it with none failed before (Linux reports lost bytes only once), and the file's
# name had been synced, if the file was new. "# request ID" lines stand between the requests.
# Prints what is false. Exit 1 if anything is.

function path_of(text) { return substr(text, index(text, "<") + 1, index(text, ">") - index(text, "<") - 1) }
function dir_of(path) { sub(/\/[^\/]*$/, "", path); return path }
function worked() { return $0 ~ /= [0-9]+(<[^>]*>)?$/ && $0 !~ /INJECTED/ }

# The i-th quoted text.
function quoted(i, parts) { split($0, parts, "\""); return parts[2 * i] }

# "dir<path>, "name"" number i of the line, as a path
function named(i, parts, dirs) {
	split($0, parts, "\"")
	dirs = parts[2 * i - 1]
	sub(/.*</, "", dirs)
	sub(/>.*/, "", dirs)
	return parts[2 * i] ~ /^\// ? parts[2 * i] : dirs "/" parts[2 * i]
}

function move(from, to, id) {
	for (id in all) {
		if ((from, id) in written) written[to, id] = 1; else delete written[to, id]
		if ((from, id) in safe) safe[to, id] = 1; else delete safe[to, id]
		delete written[from, id]
		delete safe[from, id]
	}
	lost[to] = lost[from]
	unnamed[to] = unnamed[from] || (dir_of(from) != dir_of(to))
	delete lost[from]
	delete unnamed[from]
}

function forget(path, id) {
	for (id in all) { delete written[path, id]; delete safe[path, id] }
	delete lost[path]
	delete unnamed[path]
}

/^# request / { request = $3; next }
{ sub(/^[0-9]+ +/, "") }

/^openat\(.*O_EXCL/ && worked() { path = named(1); forget(path); unnamed[path] = 1 }
/^unlinkat\(/ && worked() { forget(named(1)) }
/^renameat\(/ && worked() { move(named(1), named(2)) }
/^linkat\(/ && worked() { next }

/^pwrite64\([0-9]+<[^>]*jsonl>|^pwrite64\([0-9]+<[^>]*\/copy-events>/ && worked() {
	path = path_of($0)
	text = $0
	while (match(text, /message_id\\":\\"[^\\]*/)) {
		id = substr(text, RSTART + 15, RLENGTH - 15)
		written[path, id] = 1
		delete safe[path, id]
		all[id] = 1
		text = substr(text, RSTART + RLENGTH)
	}
}

/^fdatasync\(/ {
	path = path_of($0)
	if (!worked())
		lost[path] = 1
	else if (!lost[path])
		for (id in all)
			if ((path, id) in written)
				safe[path, id] = 1
}

/^fsync\(/ && worked() {
	dir = path_of($0)
	for (path in unnamed)
		if (dir_of(path) == dir)
			unnamed[path] = 0
}

/^writev\(1<[^>]*>, \[\{iov_base="Status: 200/ {
	good = 0
	for (key in safe) {
		split(key, part, SUBSEP)
		good += part[2] == request && !unnamed[part[1]]
	}
	if (!good) {
		print "answered 200, but " request " was not on stable storage"
		bad = 1
	}
}

END { exit bad }
