# Which lines and branches the tests run: clang's source-based coverage.

## make coverage   lines and branches run by all suites (COVERAGE_SUITES: some of them); what was not, in build/coverage/uncovered.txt
# Each program has one file of counts: %m names it after the program, %c keeps it mapped, so that killed
# processes count. Programs run as several users, so each is started once, and its file opened to all. ALLOCATIONS: as
# many of each command fail as in a long run, because there are lines that only one of them reaches.
# The runtime of the counts calls ftruncate and mmap, which the tests must not wrap.
# Threads and processes share the counts: one that is lost makes the other side of a condition, which is a difference, 0.
COVERAGE = $(B)/coverage
COVERAGE_RAW = $(abspath $(COVERAGE)/raw)
COVERAGE_FLAGS = -O1 -g -fcoverage-mapping -fprofile-instr-generate=$(COVERAGE_RAW)/%c%m.profraw \
    -fprofile-update=atomic -mllvm -runtime-counter-relocation -Wno-unused-command-line-argument
COVERAGE_CC ?= $(CLANG)
COVERAGE_MAKE = $(MAKE) $(PARALLEL) B=$(COVERAGE) CC='$(COVERAGE_CC)' CFLAGS='$(COVERAGE_FLAGS)' WRAPPED='$(filter-out ftruncate mmap,$(WRAPPED))'
COVERAGE_PROGRAMS = hookspool.fcgi hookspool hookspool-load $(if $(filter no,$(NATS)),,hookspool-ship)

# In the order in which they run; each may be given alone.
COVERAGE_SUITES ?= unit integration faults load ship
COVERAGE_UNIT ?= $(patsubst tests/unit/%.c,%,$(UNIT))
COVERAGE_OF_unit = $(addprefix $(COVERAGE)/unit/,$(COVERAGE_UNIT))
# Those left out look at the build itself.
COVERAGE_OF_integration ?= $(filter-out $(addprefix tests/integration/,bundle.sh hardening.sh install.sh memory.sh rooms.sh runner.sh static.sh units.sh), \
    $(sort $(wildcard tests/integration/*.sh))) $(addprefix tests/documents/,commands.sh examples.sh recipes.sh)
# Those left out count kills by the hundred.
COVERAGE_OF_faults ?= $(filter-out $(addprefix tests/faults/,kill_random.sh kill_syscall.sh storm.sh tail.sh writers.sh),$(FAULTS))
# Those left out measure memory and time.
COVERAGE_OF_load ?= $(filter-out $(addprefix tests/load/,large.sh memory.sh),$(LOAD_TESTS))
COVERAGE_OF_ship ?= $(filter-out $(addprefix tests/ship/,memory.sh selftest.sh),$(SHIP_TESTS))
COVERAGE_TESTS = $(foreach suite,$(COVERAGE_SUITES),$(COVERAGE_OF_$(suite)))

.PHONY: coverage coverage-built coverage-report
coverage: coverage-built
	-$(Q)HS_BUILD=$(COVERAGE) ALLOCATIONS=100 bash tests/lib/run-tests.sh $(COVERAGE_TESTS)
	$(Q)$(MAKE) --no-print-directory coverage-report

coverage-built:
	$(Q)$(DEPS) --missing build test coverage >/dev/null || $(DEPS) build test coverage
	$(Q)rm -rf $(COVERAGE_RAW) && mkdir -p $(COVERAGE_RAW) && chmod 777 $(COVERAGE_RAW)
	$(Q)$(COVERAGE_MAKE) all faults-built $(addprefix $(COVERAGE)/malloc/,hookspool.fcgi hookspool) \
	    $(addprefix $(COVERAGE)/,$(TEST_PROGRAMS)) $(addprefix $(COVERAGE)/unit/,$(COVERAGE_UNIT))
	$(Q)for program in $(COVERAGE_PROGRAMS); do $(COVERAGE)/$$program --version >/dev/null 2>&1; done
	$(Q)chmod 666 $(COVERAGE_RAW)/*

# The same objects, in which chosen allocations fail; the counts go to the files of the programs themselves.
PROGRAMS += $(addprefix $(B)/malloc/,hookspool.fcgi hookspool)
$(B)/malloc/hookspool.fcgi: $(call obj,$(CGI)) $(WEB_OBJ) $(B)/malloc/failmalloc.o $(B)/libhookspool.a
$(B)/malloc/hookspool: $(call obj,$(TOOLS)) $(B)/malloc/failmalloc.o $(B)/libhookspool.a
$(addprefix $(B)/malloc/,hookspool.fcgi hookspool): LINK_FLAGS = $(LDFLAGS) $(FAIL_WRAP)
$(B)/malloc/hookspool.fcgi: LIBS = -lfcgi $(SECCOMP_LIBS) $(LDLIBS_COMMON)
$(B)/malloc/hookspool: LIBS = $(if $(filter no,$(CURL)),,-lcurl) $(LDLIBS_COMMON)

coverage-report:
	$(Q)sh tests/coverage/report.sh $(COVERAGE)
