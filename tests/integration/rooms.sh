#!/bin/bash
# make lint accepts the rooms as they are, and reports each rule when it is broken.
. "$(dirname "$0")/../lib/server.sh"

fresh() {
	rm -rf "$T/copy" && mkdir -p "$T/copy/tests/lib"
	cp -R "$ROOT/common" "$ROOT/cgi" "$ROOT/tools" "$T/copy"
	cp "$ROOT/tests/lib/layers.sh" "$T/copy/tests/lib"
}
lint() { sh "$T/copy/tests/lib/layers.sh" >"$T/out" 2>&1; }
broken() { # NAME TEXT FILE LINE: `lint` fails and says TEXT once LINE is put into FILE
	fresh
	printf '%s\n' "$4" >>"$T/copy/$3"
	lint
	is "$1 fails" $? 1
	check "and $3 is named" grep -qF "$2" "$T/out"
}

fresh
check 'the sources as they are pass' lint
broken 'an arrow upwards' 'common/base/hex.h includes common/event/json.h' common/base/hex.h '#include "event/json.h"'
broken 'a tool that includes cgi' 'tools/cmd_cat.c includes cgi/http/request.h' tools/cmd_cat.c '#include "cgi/http/request.h"'
broken 'a room that is not in the list' 'not in the list' common/base/hex.c '#include "somewhere/else.h"'
broken 'a circle of two modules' 'common/base/buf' common/base/buf.c '#include "base/base64.h"'
broken 'a system call in a pure module' 'common/event/snake.c' common/event/snake.c 'int f(void) { return getpid(); }'
broken 'a file opened by a tool' 'tools/cmd_cat.c' tools/cmd_cat.c 'void f(const char *p) { fopen(p, "r"); }'
broken 'FastCGI elsewhere' 'cgi/main.c' cgi/main.c '#include <fcgiapp.h>'
done_testing
