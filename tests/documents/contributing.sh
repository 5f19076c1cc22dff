# The additions that CONTRIBUTING.md works out are added to a copy of the sources, which must be
# built without a warning, keep the rules of the rooms, and do what the page says.
. "$(dirname "$0")/../lib/server.sh"

# The first line of a block says where it goes: ```c FILE [after|before|instead of TEXT].
C=$T/copy
mkdir "$C"
cp -R "$ROOT"/{Makefile,mk,cgi,common,tools} "$C"
mkdir -p "$C/tests" && cp -R "$ROOT/tests/lib" "$C/tests"

# put FILE HOW TEXT: the lines on standard input, at the one line that has the text.
put() {
	cat >"$T/lines"
	if [ -z "$2" ]; then
		mkdir -p "$(dirname "$C/$1")" && [ ! -e "$C/$1" ] && cp "$T/lines" "$C/$1"
		return
	fi
	[ "$(grep -cF -e "$3" "$C/$1")" -eq 1 ] || { echo "$1 does not have one line with $3"; return 1; }
	awk -v how="$2" -v lines="$T/lines" -v text="$3" '
		function insert(  line) { while ((getline line <lines) > 0) print line }
		!index($0, text) { print; next }
		how == "before" { insert() }
		how != "instead of" { print }
		how != "before" { insert() }' "$C/$1" >"$T/new" && cp "$T/new" "$C/$1"
}

add_all() {
	local line file how text
	awk -v folder="$T/block" '/^```c ./ { n++; inside = 1 } /^```$/ { inside = 0 } inside { print >(folder n) }' "$ROOT/CONTRIBUTING.md"
	for block in $(ls "$T" | grep '^block' | sort -V); do
		read -r _ file how text <"$T/$block"
		[ "$how" != instead ] || { how='instead of' text=${text#of }; }
		echo "$file" >>"$T/touched"
		sed 1d "$T/$block" | put "$file" "$how" "$text" || return
	done
}
check 'every block has its place' add_all
is 'there are five additions' "$(awk '/^### / { title = $0 } /^```c ./ { print title }' "$ROOT/CONTRIBUTING.md" | sort -u | wc -l)" 5
is 'and none touches more than three sources' "$(awk '/^### / { title = $0 } /^```c ./ { print title "\t" $2 }' "$ROOT/CONTRIBUTING.md" |
	sort -u | cut -f 1 | uniq -c | awk '$1 > 3')" ''

# reuse_objects: objects of this build, of sources that include nothing of what was touched. Not of a build
# that is instrumented, which cannot be linked with plain objects.
reuse_objects() {
	mkdir -p "$C/build/obj"
	! nm "$HS_BUILD/hookspool.fcgi" | grep -qE '__(asan|tsan|ubsan|gcov|llvm_profile)_' || return 0
	cd "$HS_BUILD/obj" || return
	find cgi common tools -name '*.d' -exec grep -LwFf "$T/touched" {} + |
		sed 's/d$/o/' | xargs cp --parents -t "$C/build/obj"
}
(reuse_objects)
check 'it builds without a warning' make -s -C "$C" -j2 B="$C/build" WERROR=1 CFLAGS=-O0 CPPFLAGS= LDFLAGS= \
	"$C/build/hookspool.fcgi" "$C/build/hookspool"
check 'the rooms are in order' sh "$C/tests/lib/layers.sh"
[ -x "$C/build/hookspool" ] || done_testing

HS_BUILD=$C/build
SETTINGS='auth = either
gateway = yes
[keys]
acme = key-of-acme'
spool_start
answer() { tr -d '\r' | sed -n '1s/Status: \([0-9]*\).*/\1/p; $p' | xargs; }
# intake BODY [VARIABLE=VALUE]...
intake() {
	local body=$1
	shift
	printf %s "$body" | cgi env REQUEST_METHOD=POST CONTENT_LENGTH="${#body}" "$@" | answer
}
one='{"type":"page","userId":"u-1","messageId":"m1"}'
is 'authentication: the sender that the gateway names' "$(intake "$one" HTTP_X_GATEWAY_SENDER=acme)" \
	'200 {accepted:1,duplicate:0,rejected:0}'
is 'it becomes the tenant' "$(hs cat && jq -r .tenant <<<"$OUT")" acme
is 'and an unknown sender' "$(intake "$one" HTTP_X_GATEWAY_SENDER=globex | cut -c 1-3)" 401
is 'and the keys, as before' "$(intake "$one" HTTP_AUTHORIZATION="Bearer key-of-acme" | cut -c 1-3)" 200
two=$(printf '\036{"type":"page","userId":"u-1","messageId":"m2"}\n\036{"type":"page","userId":"u-1","messageId":"m3"}\n')
is 'a shape of body: two events' "$(intake "$two" HTTP_X_GATEWAY_SENDER=acme)" '200 {accepted:2,duplicate:0,rejected:0}'
is 'an array, as before' "$(intake "[$one]" HTTP_X_GATEWAY_SENDER=acme)" '200 {accepted:0,duplicate:1,rejected:0}'
is 'a route' "$(cgi env REQUEST_METHOD=GET PATH_INFO=/alive </dev/null | answer)" '200 {status:ok}'
is 'with its methods' "$(cgi env REQUEST_METHOD=POST PATH_INFO=/alive </dev/null | answer | cut -c 1-3)" 405
hs stats --json
is 'a counter' "$(jq '.. | .batches? // empty' <<<"$OUT" | head -n 1)" 1
hs weigh
is 'a destination and its command' "$CODE $OUT" "0 $(cat "$S"/spool/events*.jsonl | wc -c)"
server_stop
done_testing
