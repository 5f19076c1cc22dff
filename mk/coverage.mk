# Which lines and branches the tests run: clang's source-based coverage.

## make coverage   lines and branches run by the tests; what was not, in build/coverage/uncovered.txt
# Each program has one file of counts: %m names it after the program, %c keeps it mapped, so that killed
# processes count. Programs run as several users, so each is started once, and its file opened to all.
# The runtime of the counts calls ftruncate, which the tests must not wrap.
COVERAGE = $(B)/coverage
COVERAGE_RAW = $(abspath $(COVERAGE)/raw)
COVERAGE_FLAGS = -O1 -g -fcoverage-mapping -fprofile-instr-generate=$(COVERAGE_RAW)/%c%m.profraw \
    -mllvm -runtime-counter-relocation -Wno-unused-command-line-argument
COVERAGE_CC ?= $(CLANG)
COVERAGE_UNIT ?= $(patsubst tests/unit/%.c,%,$(UNIT))
# Those left out look at the build itself.
COVERAGE_SCRIPTS ?= $(filter-out $(addprefix tests/integration/,bundle.sh contributing.sh documents.sh hardening.sh \
    install.sh links.sh memory.sh rooms.sh runner.sh static.sh units.sh),$(sort $(wildcard tests/integration/*.sh)))
.PHONY: coverage
coverage:
	$(Q)$(DEPS) --missing build test coverage >/dev/null || $(DEPS) build test coverage
	$(Q)rm -rf $(COVERAGE_RAW) && mkdir -p $(COVERAGE_RAW) && chmod 777 $(COVERAGE_RAW)
	$(Q)$(MAKE) $(PARALLEL) B=$(COVERAGE) CC='$(COVERAGE_CC)' CFLAGS='$(COVERAGE_FLAGS)' \
	    WRAPPED='$(filter-out ftruncate,$(WRAPPED))' all \
	    $(addprefix $(COVERAGE)/,$(TEST_PROGRAMS)) $(addprefix $(COVERAGE)/unit/,$(COVERAGE_UNIT))
	$(Q)for program in hookspool.fcgi hookspool hookspool-load hookspool-ship; do $(COVERAGE)/$$program --version >/dev/null 2>&1; done
	$(Q)chmod 666 $(COVERAGE_RAW)/*
	-$(Q)HS_BUILD=$(COVERAGE) bash tests/lib/run-tests.sh $(addprefix $(COVERAGE)/unit/,$(COVERAGE_UNIT)) $(COVERAGE_SCRIPTS)
	$(Q)sh tests/coverage/report.sh $(COVERAGE)
