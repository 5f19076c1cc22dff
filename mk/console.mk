# The files of the console, put into the program: a C file with their bytes, each under a name with its hash.

WEB := $(addprefix cgi/http/console/web/,page.html app.js icon.svg style.css)
WEB_C = $(B)/gen/console_web.c
WEB_OBJ = $(B)/gen/console_web.o

$(WEB_C): $(WEB) cgi/http/console/web/pack.sh
	@mkdir -p $(@D)
	$(call say,PACK,$@)
	$(Q)sh cgi/http/console/web/pack.sh $(WEB) > $@.new && mv $@.new $@

$(WEB_OBJ): $(WEB_C) cgi/http/console/web_files.h Makefile
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

## make test-console   the console in Chromium, with axe-core from npm; screenshots in build/console/shots
.PHONY: test-console
test-console: tests-built
	$(Q)$(DEPS) --missing test sdk >/dev/null || $(DEPS) test sdk
	$(Q)command -v node >/dev/null && command -v npm >/dev/null || $(DEPS) npm
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh tests/console/run.sh
