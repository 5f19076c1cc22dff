# Whether the tests notice a wrong program: random mutants, see tests/mutants.

## make mutants    N (200) random mutants of common/ and cgi/ must each make a test fail; SEED repeats a run or goes on with it, MINUTES ends it
N ?= 200
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
MUTANTS = $(B)/mutants
.PHONY: mutants
mutants:
	$(Q)$(DEPS) --missing build test mutants >/dev/null || $(DEPS) build test mutants
	$(Q)$(MAKE) $(PARALLEL) B=$(MUTANTS) CFLAGS='-O1 -g' all faults-built $(addprefix $(MUTANTS)/,$(TEST_PROGRAMS)) $(UNIT:tests/unit/%.c=$(MUTANTS)/unit/%)
	$(Q)$(MAKE) $(PARALLEL) B=$(MUTANTS)/asan CFLAGS='-O1 -g $(SANITIZE)' unit-objects
	$(Q)$(MAKE) $(PARALLEL) B=$(MUTANTS)/tsan CFLAGS='$(TSAN_FLAGS)' unit-objects
	$(Q)CC='$(CC)' bash tests/mutants/run.sh $(MUTANTS) $(N) $(SEED)

# All that the units have in common: few of them are asked under the sanitizers.
.PHONY: unit-objects
unit-objects: $(call obj,$(CGI_TESTED) $(CGI_PURE) $(TOOLS_PURE) $(TESTLIB) $(COMMON)) $(WEB_OBJ)
