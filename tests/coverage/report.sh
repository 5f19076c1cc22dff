#!/bin/sh
# report.sh BUILD: lines and branches that the tests of a coverage build have run, for each room and in all.
# The lines that no test reached are in BUILD/uncovered.txt, without the lines that excluded.txt names.
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
llvm-profdata merge -sparse "$build"/raw/*.profraw -o "$build/all.profdata"
set --
for program in hookspool hookspool-load hookspool-ship; do [ ! -x "$build/$program" ] || set -- "$@" -object "$build/$program"; done
llvm-cov export -format=lcov -instr-profile="$build/all.profdata" "$build/hookspool.fcgi" "$@" >"$build/lcov" 2>"$build/llvm-cov.log"

awk -v excluded="$here/excluded.txt" -v root="$PWD/" -v out="$build/uncovered.txt" '
# FILE <tab> LINE <tab> REASON: the text of the line, without the white space around it.
function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }
function read_excluded(  line, part) {
	while ((getline line <excluded) > 0) {
		if (line ~ /^#/ || line == "")
			continue
		split(line, part, "\t+")
		reason[part[1] SUBSEP trim(part[2])] = part[3]
	}
}
function read_source(file,  line, n) {
	delete text
	while ((getline line <(root file)) > 0)
		text[++n] = trim(line)
	close(root file)
}
function is_excluded(line) { return ((file SUBSEP text[line]) in reason) }
BEGIN {
	read_excluded()
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
	if (is_excluded(part[1]))
		next
	lines[top]++; file_lines[file]++
	if (part[2] > 0) {
		lines_run[top]++; file_run[file]++
	} else {
		print file ":" part[1] ": " text[part[1]] >out
	}
}
/^BRDA:/ {
	split(substr($0, 6), part, ",")
	if (is_excluded(part[1]))
		next
	branches[top]++
	if (part[4] != "-" && part[4] > 0)
		branches_run[top]++
	else if (!((file, part[1]) in told)) {
		told[file, part[1]] = 1
		print file ":" part[1] ": branch: " text[part[1]] >out
	}
}
function share(part, all) { return all > 0 ? sprintf("%5.1f %% (%d of %d)", 100 * part / all, part, all) : "-" }
END {
	for (i = 1; i <= rooms; i++)
		printf "%-8s lines %s, branches %s\n", room[i], share(lines_run[room[i]], lines[room[i]]), share(branches_run[room[i]], branches[room[i]])
	print "files with most lines that no test ran:"
	for (f in file_lines)
		if (file_lines[f] > file_run[f])
			printf "%5d  %s\n", file_lines[f] - file_run[f], f | "sort -rn | head -15"
}' "$build/lcov"
