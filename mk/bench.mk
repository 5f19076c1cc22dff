# Figures.

## make bench            every comparison with empty responders and peers: ROUNDS, ONLY (tests/bench/run.sh)
.PHONY: bench bench-built
bench:
	$(Q)$(DEPS) --missing build test bench >/dev/null || $(DEPS) build test bench
	$(Q)$(MAKE) $(PARALLEL) bench-built
	$(Q)$(MAKE) --no-print-directory -s static
	$(Q)HS_BUILD=$(B) bash tests/bench/run.sh

# Empty responders run in the program's place, so they have its file name. Those in keep append the body
# and sync (tests/bench/keep.h).
EMPTY := $(addprefix $(B)/bench/,$(addsuffix /hookspool.fcgi,empty empty-cgi keep keep-cgi))
BENCH := $(addprefix $(B)/bench/,load core fill gzip sync stops profile answer make_events)
bench-built: $(B)/hookspool.fcgi $(filter-out %/answer %/make_events,$(BENCH)) $(EMPTY)

PROGRAMS += $(BENCH) $(EMPTY) $(B)/bench_index
$(BENCH): $(B)/bench/%: $(B)/obj/tests/bench/%.o
$(B)/bench/load: LIBS = -lcrypto -ldeflate
$(B)/bench/gzip: $(B)/libhookspool.a
$(B)/bench/gzip: LIBS = $(LDLIBS_COMMON)
# These run the program's own code in one process.
IN_PROCESS := $(addprefix $(B)/bench/,core fill profile)
$(IN_PROCESS): $(call obj,tests/bench/inputs.c tests/bench/path.c $(CGI_PURE)) $(WEB_OBJ) $(B)/libhookspool.a
$(IN_PROCESS): LIBS = -ljson-c $(LDLIBS_COMMON)
$(B)/bench/empty/hookspool.fcgi: $(call obj,tests/bench/empty_fcgi.c)
$(B)/bench/empty-cgi/hookspool.fcgi: $(call obj,tests/bench/empty_cgi.c)
$(B)/bench/keep/hookspool.fcgi: tests/bench/empty_fcgi.c tests/bench/keep.h
$(B)/bench/keep-cgi/hookspool.fcgi: tests/bench/empty_cgi.c tests/bench/keep.h
$(addprefix $(B)/bench/,empty/hookspool.fcgi keep/hookspool.fcgi): LIBS = -lfcgi -lpthread
$(B)/bench/keep/hookspool.fcgi: LINK_FLAGS = -DKEEP $(LDFLAGS)
$(B)/bench/empty-cgi/hookspool.fcgi: LINK_FLAGS = -static
$(B)/bench/keep-cgi/hookspool.fcgi: LINK_FLAGS = -DKEEP -static

## make bench-core       the parts of a request in one process, beside json-c's parse: ROUNDS
## make profile          where the time of a single event and of a batch goes
.PHONY: bench-core profile
bench-core:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) $(PARALLEL) -s $(B)/bench/core
	$(Q)rm -rf $(B)/bench/core.spools && mkdir -p $(B)/bench/core.spools
	$(Q)$(B)/bench/core --rounds $(or $(ROUNDS),5) tests/bench/event.json $(abspath $(B))/bench/core.spools
	$(Q)rm -rf $(B)/bench/core.spools

profile:
	$(Q)$(DEPS) --missing build test bench profile >/dev/null || $(DEPS) build test bench profile
	$(Q)$(MAKE) $(PARALLEL) -s B=$(B)/profile CFLAGS='-O2 -g -fno-omit-frame-pointer' bench-built
	$(Q)HS_BUILD=$(B)/profile bash tests/bench/profile.sh

## make bench-read       cat beside grep, each --stream, how late tail -f is: ROUNDS, MEGABYTES
.PHONY: bench-read
bench-read:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) $(PARALLEL) -s all $(B)/bench/answer
	$(Q)HS_BUILD=$(B) bash tests/bench/read.sh

## make bench-tools      how fast the commands work through a spool: ROUNDS, EVENTS
.PHONY: bench-tools
bench-tools: $(B)/hookspool
	$(Q)HS_BUILD=$(B) bash tests/bench/tools.sh

## make bench-index      what the index of ids costs at MILLIONS (10) of them
MILLIONS ?= 10
.PHONY: bench-index
bench-index: $(B)/bench_index
	$(Q)rm -rf $(B)/bench/index && mkdir -p $(B)/bench/index
	$(Q)$(B)/bench_index $(abspath $(B))/bench/index/spool $(MILLIONS)
	$(Q)rm -rf $(B)/bench/index

$(B)/bench_index: $(call obj,tests/bench/index.c) $(B)/libhookspool.a
$(B)/bench_index: LIBS = $(LDLIBS_COMMON)

## make bench-scale      questions, verify, repair, erase, and service beside them and after a reboot, with a spool of EVENTS (10000000), which it makes and keeps
.PHONY: bench-scale
bench-scale:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) $(PARALLEL) -s all $(B)/bench/load $(B)/bench/make_events $(B)/bench/gzip
	$(Q)HS_BUILD=$(B) bash tests/bench/scale.sh

## make bench-views      the console's first views of EVENTS (7500000) in segments of 2 MB, a spool that it makes and keeps: ROUNDS
.PHONY: bench-views
bench-views:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) $(PARALLEL) -s all $(B)/bench/make_events
	$(Q)HS_BUILD=$(B) bash tests/bench/views.sh

## make format     lays the sources out
.PHONY: format
format:
	$(Q)find common cgi tools tests -name '*.[ch]' -exec clang-format -i {} +

## make soak             HOURS of even load: memory, descriptors, index and latency, as rows and a picture: RATE, MINUTES
.PHONY: soak
soak:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) $(PARALLEL) -s all $(B)/bench/load
	$(Q)HS_BUILD=$(B) bash tests/bench/soak.sh
