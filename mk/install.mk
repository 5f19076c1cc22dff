# Installation. The files name the places of PREFIX=/usr/local; for another PREFIX the paths are replaced.

DOC = $(PREFIX)/share/doc/hookspool
EXAMPLES = $(DOC)/examples
COMPLETIONS = $(PREFIX)/share/bash-completion/completions
CONFIGURATIONS := $(wildcard apache-conf/* lighttpd-conf/* tools/packaging/nginx/* tools/packaging/prometheus/*)
UNITS := $(wildcard tools/packaging/systemd/*)
PAGES := README.md SECURITY.md CHANGELOG.md $(wildcard docs/*.md)
PICTURES := $(wildcard docs/images/*)
HANDLERS := $(wildcard docs/examples/*)
PLACED = sed -e 's|/usr/local/lib/hookspool|$(LIBEXECDIR)|g' -e 's|/usr/local/bin|$(PREFIX)/bin|g'
# The pages are installed in one folder, so the links between them lose theirs.
LINKED = -e 's|](docs/|](|g' -e 's|]([.][.]/|](|g' -e 's|docs/examples/|$(EXAMPLES)/|g'
.PHONY: install uninstall

install: all
	install -d $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(PREFIX)/bin $(addprefix $(DESTDIR)$(PREFIX)/share/man/man,1 5 8) \
	    $(addprefix $(DESTDIR)$(EXAMPLES)/,apache-conf lighttpd-conf nginx prometheus) \
	    $(DESTDIR)$(DOC)/images $(DESTDIR)$(COMPLETIONS) $(DESTDIR)$(UNITDIR)
	install -m 755 $(B)/hookspool.fcgi $(DESTDIR)$(LIBEXECDIR)/hookspool.fcgi
	install -m 755 $(B)/hookspool-load $(DESTDIR)$(LIBEXECDIR)/hookspool-load
	$(if $(filter no,$(NATS)),,install -m 755 $(B)/hookspool-ship $(DESTDIR)$(LIBEXECDIR)/hookspool-ship)
	ln -sf hookspool.fcgi $(DESTDIR)$(LIBEXECDIR)/hookspool.cgi
	install -m 755 $(B)/hookspool $(DESTDIR)$(PREFIX)/bin/hookspool
	set -e; for page in $(notdir $(MAN)); do \
	    $(PLACED) $(B)/man/$$page >$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page; done
	install -m 644 $(B)/hookspool.conf $(DESTDIR)$(EXAMPLES)
	install -m 644 $(B)/hookspool.bash $(DESTDIR)$(COMPLETIONS)/hookspool
	set -e; for file in $(CONFIGURATIONS); do \
	    $(PLACED) $$file >$(DESTDIR)$(EXAMPLES)/$${file#tools/packaging/}; done
	set -e; for unit in $(UNITS); do \
	    $(PLACED) $$unit >$(DESTDIR)$(UNITDIR)/$${unit##*/}; done
	set -e; for page in $(PAGES); do \
	    $(PLACED) $(LINKED) $$page >$(DESTDIR)$(DOC)/$${page##*/}; done
	install -m 644 $(PICTURES) $(DESTDIR)$(DOC)/images
	install -m 755 $(HANDLERS) $(DESTDIR)$(EXAMPLES)
	chmod 644 $(foreach page,$(notdir $(MAN)),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(page))
	chmod 644 $(addprefix $(DESTDIR)$(DOC)/,$(notdir $(PAGES))) $(DESTDIR)$(EXAMPLES)/*/* $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS)))

# Removes what `install` has installed, and its folders. Settings and spool stay. lighttpd would not start
# without the program, so it is disabled there; the other web servers start.
uninstall:
	rm -f $(addprefix $(DESTDIR)$(LIBEXECDIR)/hookspool,.fcgi .cgi -load -ship) $(DESTDIR)$(PREFIX)/bin/hookspool \
	    $(foreach page,$(notdir $(MAN)),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(page)) \
	    $(DESTDIR)$(COMPLETIONS)/hookspool $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS))) \
	    $(addprefix $(DESTDIR)$(DOC)/,$(notdir $(PAGES))) $(addprefix $(DESTDIR)$(DOC)/images/,$(notdir $(PICTURES))) \
	    $(addprefix $(DESTDIR)$(EXAMPLES)/,hookspool.conf $(notdir $(HANDLERS)) $(CONFIGURATIONS:tools/packaging/%=%))
	conf=$(DESTDIR)/etc/lighttpd/conf-enabled/50-hookspool.conf; \
	    if grep -qs '"$(LIBEXECDIR)/hookspool.fcgi"' "$$conf"; then rm "$$conf"; \
	    echo "$$conf is disabled: lighttpd would not start without the program"; fi
	for folder in $(LIBEXECDIR) $(addprefix $(EXAMPLES)/,apache-conf lighttpd-conf nginx prometheus .) $(DOC)/images $(DOC); do \
	    [ ! -d $(DESTDIR)$$folder ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$${folder%/.}; done
