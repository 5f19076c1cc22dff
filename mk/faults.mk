# The fault harness: tests/faults.

FAULTS_ROOT := $(wildcard $(addprefix tests/faults/,power.sh power_commands.sh remount.sh writeback.sh))
FAULTS := $(filter-out %/lib.sh %/disk.sh %/sweep.sh %/selftest.sh $(FAULTS_ROOT),$(sort $(wildcard tests/faults/*.sh)))
FAULT_BIN := $(addprefix $(B)/faults_,driver count replay)
.PHONY: faults faults-root faults-selftest faults-built
faults-built: $(B)/hookspool.fcgi $(B)/hookspool $(FAULT_BIN) $(B)/failmalloc.so $(B)/fcgi_raw

PROGRAMS += $(FAULT_BIN)
$(FAULT_BIN): $(B)/faults_%: $(B)/obj/tests/faults/%.o
$(B)/faults_driver: $(call obj,tests/faults/transport.c)
$(B)/faults_driver: LIBS = -lcrypto -lpthread
$(B)/faults_count: LIBS = -ljson-c -lz

$(B)/failmalloc.so: tests/faults/failmalloc.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared $< -o $@ -ldl

# The programs under the sanitizers, in which chosen allocations fail.
FAIL_WRAP = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
.PHONY: faults-malloc
faults-malloc: $(B)/malloc/failmalloc.o
	$(Q)$(MAKE) --no-print-directory B=$(B)/malloc CFLAGS='-O1 -g $(SANITIZE)' LDFLAGS='$(FAIL_WRAP) $<' \
	    $(B)/malloc/hookspool.fcgi $(B)/malloc/hookspool

$(B)/malloc/failmalloc.o: tests/faults/failmalloc.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 -O1 -g -fPIE -DFAIL_WRAP -c $< -o $@

RUN_FAULTS = HS_BUILD=$(B) FULL=1 JOBS=1 bash tests/lib/run-tests.sh
faults:
	$(Q)$(DEPS) --missing build test faults >/dev/null || $(DEPS) build test faults
	$(Q)$(MAKE) $(PARALLEL) faults-built faults-malloc
	$(Q)$(RUN_FAULTS) $(FAULTS)

faults-root:
	$(Q)$(DEPS) --missing build test faults faults-root >/dev/null || $(DEPS) build test faults faults-root
	$(Q)$(MAKE) $(PARALLEL) faults-built
	$(Q)ROOT_TESTS=1 $(RUN_FAULTS) $(FAULTS_ROOT) tests/faults/full.sh

faults-selftest:
	$(Q)$(DEPS) --missing build test faults >/dev/null || $(DEPS) build test faults
	$(Q)$(MAKE) $(PARALLEL) faults-built
	$(Q)for n in 1 2 3 4 5; do $(MAKE) $(PARALLEL) B=$(B)/defect/$$n \
	    CPPFLAGS=-DHS_DEFECT=$$n faults-built || exit 1; done
	$(Q)HS_BUILD=$(B) bash tests/faults/selftest.sh
