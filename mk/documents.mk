# Documents: the tables of the code, put into the pages.

MAN := $(patsubst tools/packaging/man/%.in,$(B)/man/%,$(sort $(wildcard tools/packaging/man/*.in)))
.PHONY: man
man: $(MAN)

$(B)/man/%: tools/packaging/man/%.in $(B)/hookspool tools/packaging/man/fill.sh
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)sh tools/packaging/man/fill.sh $(B)/hookspool $(VERSION) < $< > $@

$(B)/hookspool.conf: $(B)/hookspool
	$(Q)$(B)/hookspool docs sample > $@

$(B)/hookspool.bash: $(B)/hookspool
	$(Q)$(B)/hookspool docs completion > $@
