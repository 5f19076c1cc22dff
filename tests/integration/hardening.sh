# The programs are built with protection against their own mistakes, and another process
# cannot find their secrets.
. "$(dirname "$0")/../lib/server.sh"


### The files ###########################################################

sanitized() { nm "$HS_BUILD/hookspool.fcgi" 2>/dev/null | grep -q __asan_init; }
has() { grep -qE "$1" <<<"$2" || { echo "$2" | head -n 20; false; }; }

# hardened FILE
hardened() {
	local name=${1#"$HS_BUILD"/} dynamic segments
	dynamic=$(readelf -dW "$1") segments=$(readelf -lW "$1")
	check "$name: is loaded at another address each time (PIE)" has 'FLAGS_1.* PIE' "$dynamic"
	check "$name: and is not a library" has '^ *Type: +DYN|^Elf file type is DYN' "$segments"
	check "$name: the linker's tables are read-only before it runs (full RELRO)" \
		eval 'has GNU_RELRO "$segments" && has "BIND_NOW|FLAGS_1.* NOW" "$dynamic"'
	check "$name: no code on the stack" has 'GNU_STACK .* RW +0x' "$segments"
	check "$name: no memory is both writable and executable" not has 'LOAD .* RWE ' "$segments"
	check "$name: the C library checks sizes (_FORTIFY_SOURCE)" \
		has ' [TtUWi] __v?snprintf_chk' "$(nm "$1")"
	# what leaves no mark in the file is in the compiler's own note of its options
	built_with=$(readelf -wi --dwarf-depth=1 "$1" 2>/dev/null | grep DW_AT_producer | grep 'GNU C11')
	[ -n "$built_with" ] || { ok "$name: options of the compiler # SKIP it noted none"; return; }
	check "$name: the stack grows page by page" not grep -v -e -fstack-clash-protection <<<"$built_with"
	check "$name: and is guarded" not grep -v -e -fstack-protector-strong <<<"$built_with"
	case $(uname -m) in
	x86_64) check "$name: calls and jumps go to where they may" \
		not grep -v -e -fcf-protection <<<"$built_with" ;;
	aarch64) check "$name: calls and jumps go to where they may" \
		not grep -v -e -mbranch-protection <<<"$built_with" ;;
	esac
}
not() { ! "$@"; }

if sanitized; then
	ok 'the files: a sanitizer has its own means # SKIP'
elif ! command -v readelf >/dev/null; then
	ok 'the files # SKIP no readelf'
else
	for file in "$HS_BUILD"/hookspool.fcgi "$HS_BUILD"/hookspool "$HS_BUILD"/static/hookspool{.fcgi,}; do
		[ ! -e "$file" ] || hardened "$file"
	done
fi


### The process #########################################################

server_start listener
check 'it writes no core' grep -qE '^Max core file size +0 +0 ' "/proc/$PROGRAM_PID/limits"
is 'and only root may read its memory' "$(stat -c %U "/proc/$PROGRAM_PID/mem")" root

if [ "$(id -u)" -ne 0 ]; then
	ok 'what is in its memory # SKIP only root can look'
	done_testing
elif sanitized; then
	ok 'what is in its memory # SKIP a sanitizer keeps what was freed'
	done_testing
fi

# in_memory HEX...: how many times each of the bytes are found in the program.
cat >"$T/memory.pl" <<'END'
my ($pid, @hex) = @ARGV;
my %count = map { $_ => 0 } @hex;
open(my $maps, "<", "/proc/$pid/maps") or die; open(my $mem, "<:raw", "/proc/$pid/mem") or die;
while (<$maps>) {
	/^([0-9a-f]+)-([0-9a-f]+) rw.. (?!.*\/)/ or next; # what is no file
	no warnings; my ($at, $n) = (hex($1), hex($2) - hex($1));
	sysseek($mem, $at, 0) or next; my $all = "";
	while (length($all) < $n) { sysread($mem, $all, $n - length($all), length($all)) or last }
	for my $h (@hex) { my ($b, $i) = (pack("H*", $h), -1); $count{$h}++ while ($i = index($all, $b, $i + 1)) >= 0 }
}
print join(" ", map { $count{$_} } @hex), "\n";
END
hex() { printf '%s' "$1" | od -An -tx1 | tr -d ' \n'; }
in_memory() { perl "$T/memory.pl" "$PROGRAM_PID" "$@"; }
sha() { printf '%s' "$1" | sha256sum | cut -c 1-64; }

secret=$(openssl rand -hex 24) key=$(openssl rand -hex 24)
settings_with() {
	{ printf 'spool_dir = %s\nauth = either\n' "$S/spool"; printf '%s\n' "$@"; } >"$S/hookspool.conf.new"
	chmod 600 "$S/hookspool.conf.new"
	own "$S/hookspool.conf.new"
	mv "$S/hookspool.conf.new" "$S/hookspool.conf"
}
reload() {
	kill -HUP "$PROGRAM_PID"
	wait_for 10 eval '[ "$(grep -c "settings read again" "$S/log/program.log")" -ge '"$1"' ]'
}
# four hundred keys: the file and the list are larger than what either begins with
mkdir "$T/numbers"
for i in {1..400}; do printf '%s' "$i" >"$T/numbers/$i"; done
more=$(cd "$T/numbers" && sha256sum * | sed -E 's/^(.{40}).* (.*)$/k\2 = \1/')
settings_with "secret = $secret" '[keys]' "customer = $key" "$more"
check 'a secret and a key are added' reload 1
is 'neither is in memory in clear text; the hash of the key is' \
	"$(in_memory "$(hex "$secret")" "$(hex "$key")" "$(sha "$key")")" '0 0 1'
settings_with 'secret = another' '[keys]' "$more"
check 'and removed' reload 2
is 'no trace of them is left' \
	"$(in_memory "$(hex "$secret")" "$(hex "$key")" "$(sha "$key")" "$(sha "$(sha 7 | cut -c 1-40)")")" '0 0 0 1'
server_stop
done_testing
