# ThreadSanitizer over what runs threads: the server and its spool, the import, the compression of written files.

## make tsan       data races and lock orders: units with threads, scripts of server and console
TSAN_UNIT := $(addprefix test_,accept file_writer foreign_segments group_commit import metrics partial_poller pump reader \
    semaphore shared_state spool spool_faults write_batcher)
TSAN_SCRIPTS := $(addprefix tests/integration/,batches.sh chunked.sh console.sh each.sh forward.sh metrics.sh \
    records.sh signals.sh slow.sh)
TSAN = $(B)/tsan
TSAN_REPORTS = $(abspath $(TSAN)/reports)
TSAN_FLAGS = -O1 -g -fsanitize=thread -fno-omit-frame-pointer
# scrypt in one thread: instrumented, it takes longer than a request may.
ifneq ($(findstring -fsanitize=thread,$(CFLAGS)),)
$(B)/obj/common/base/password.o: MORE_CFLAGS = -O2 -fno-sanitize=thread
endif
.PHONY: tsan
tsan:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)rm -rf $(TSAN_REPORTS) && mkdir -p $(TSAN_REPORTS) && chmod 1777 $(TSAN_REPORTS)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 $(TSAN_FLAGS) -DTSAN_REPORTS='"$(TSAN_REPORTS)"' -c tests/tsan/runtime.c -o $(TSAN)/runtime.o
	$(Q)$(MAKE) $(PARALLEL) B=$(TSAN) CFLAGS='$(TSAN_FLAGS)' \
	    LDFLAGS='-Wl,--wrap=pthread_mutex_clocklock,--wrap=siglongjmp $(TSAN)/runtime.o' all $(addprefix $(TSAN)/,$(TEST_PROGRAMS)) $(addprefix $(TSAN)/unit/,$(TSAN_UNIT))
	$(Q)HS_BUILD=$(TSAN) bash tests/lib/run-tests.sh $(addprefix $(TSAN)/unit/,$(TSAN_UNIT)) $(TSAN_SCRIPTS)
	$(Q)cat $(TSAN_REPORTS)/report.* 2>/dev/null && exit 1 || echo 'ThreadSanitizer: no report'
