#!/bin/sh
# report.sh BUILD: lines and branches that the tests of a coverage build have run, for each room and in all.
# The lines that no test reached are in BUILD/uncovered.txt, without the lines that excluded.txt names. The branches of a
# function in a header, which is compiled into many files, count once, and have run if they have run in any of them.
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
llvm-profdata merge -sparse "$build"/raw/*.profraw -o "$build/all.profdata"
set --
for program in hookspool hookspool-load hookspool-ship; do [ ! -x "$build/$program" ] || set -- "$@" -object "$build/$program"; done
set -- -instr-profile="$build/all.profdata" "$build/hookspool.fcgi" "$@"
llvm-cov export -format=lcov "$@" >"$build/lcov" 2>"$build/llvm-cov.log"
# file, line, column, runs of either side
llvm-cov export -format=text -skip-expansions "$@" 2>>"$build/llvm-cov.log" | jq -r '.data[0].functions[] | .filenames[0] as $file |
	select($file | endswith(".h")) | .branches[] | select(.[6] == 0) | [$file, .[0], .[1], .[4], .[5]] | @tsv' >"$build/inline"

awk -v excluded="$here/excluded.txt" -v inline="$build/inline" -v root="$PWD/" -v out="$build/uncovered.txt" '
# FILE <tab> LINE <tab> REASON: the text of the line, without the white space around it. FILE *: lines that begin so.
function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }
function read_excluded(  line, part) {
	while ((getline line <excluded) > 0) {
		if (line ~ /^#/ || line == "")
			continue
		split(line, part, "\t+")
		if (part[1] == "*")
			beginning[++beginnings] = trim(part[2])
		else
			reason[part[1] SUBSEP trim(part[2])] = part[3]
	}
}
# Sums up the branches of each function in a header over all files.
function read_inline(  line, part, place, side) {
	while ((getline line <inline) > 0) {
		split(line, part, "\t")
		sub("^" root, "", part[1])
		for (side = 0; side < 2; side++)
			runs_inline[part[1], part[2], part[3], side] += part[4 + side]
	}
}
function read_source(file,  line, n) {
	delete text
	while ((getline line <(root file)) > 0)
		text[++n] = trim(line)
	close(root file)
}
function is_excluded(line,  i) {
	for (i = 1; i <= beginnings; i++)
		if (index(text[line], beginning[i]) == 1)
			return 1
	return ((file SUBSEP text[line]) in reason)
}
function count_branch(line, runs) {
	if (is_excluded(line))
		return
	branches[top]++
	if (runs > 0)
		branches_run[top]++
	else if (!((file, line) in told)) {
		told[file, line] = 1
		print file ":" line ": branch: " text[line] >out
	}
}
function count_inline(  place, part) {
	for (place in runs_inline) {
		split(place, part, SUBSEP)
		if (part[1] == file)
			count_branch(part[2], runs_inline[place])
	}
}
BEGIN {
	read_excluded()
	read_inline()
	printf "" >out
	rooms = split("common cgi tools", room, " ")
}
/^SF:/ {
	file = substr($0, 4)
	sub("^" root, "", file)
	top = file
	sub("/.*", "", top)
	wanted = top ~ /^(common|cgi|tools)$/
	if (wanted)
		read_source(file)
}
!wanted { next }
/^DA:/ {
	split(substr($0, 4), part, ",")
	# llvm-cov gives some lines the count of the assertion above them that fails
	if (is_excluded(part[1]) || (part[2] == 0 && index(text[part[1] - 1], "assert(") == 1))
		next
	lines[top]++; file_lines[file]++
	if (part[2] > 0) {
		lines_run[top]++; file_run[file]++
	} else {
		print file ":" part[1] ": " text[part[1]] >out
	}
}
/^BRDA:/ && file ~ /\.h$/ { next }
/^BRDA:/ {
	split(substr($0, 6), part, ",")
	count_branch(part[1], part[4] == "-" ? 0 : part[4])
}
/^end_of_record/ && file ~ /\.h$/ { count_inline() }
function share(part, all) { return all > 0 ? sprintf("%5.1f %% (%d of %d)", 100 * part / all, part, all) : "-" }
END {
	for (i = 1; i <= rooms; i++)
		printf "%-8s lines %s, branches %s\n", room[i], share(lines_run[room[i]], lines[room[i]]), share(branches_run[room[i]], branches[room[i]])
	print "files with most lines that no test ran:"
	for (f in file_lines)
		if (file_lines[f] > file_run[f])
			printf "%5d  %s\n", file_lines[f] - file_run[f], f | "sort -rn | head -15"
}' "$build/lcov"
