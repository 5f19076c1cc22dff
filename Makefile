# hookspool. `make help` lists the targets; V=1 shows the commands.

VERSION := 0.1.0
PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/lib/hookspool
EXAMPLES = $(PREFIX)/share/doc/hookspool/examples
COMPLETIONS = $(PREFIX)/share/bash-completion/completions
UNITDIR ?= $(PREFIX)/lib/systemd/system
B ?= build

CC ?= cc
CLANG ?= clang
CFLAGS ?= -O2 -g -fstack-protector-strong
# CURL=no: `hookspool send` and `check --url` say what they lack; -static always lacks it,
# because Debian's libcurl.a wants libraries that exist only as shared ones.
CURL ?= $(if $(findstring -static,$(LDFLAGS)),no,yes)
LDLIBS_COMMON = -llmdb -ldeflate -lz -lcrypto -lpthread
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
override CPPFLAGS += -I. -Icommon -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DHS_VERSION='"$(VERSION)"'
# The core is short, and every byte passes it. Its small fields are stored one by one, as they are
# read again: joined in a vector register first, they come too late.
CORE_CFLAGS := $(if $(filter file,$(origin CFLAGS)),-O3 -fno-tree-slp-vectorize)
# What the compiler and the linker do against mistakes of ours; a sanitizer's build has its own
# means. Each flag only where the compiler has it for the target; _FORTIFY_SOURCE works by
# optimisation, and a level that is asked for by the caller stays.
HARDENING = -fPIE -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard
HARDENED := $(if $(findstring -fsanitize,$(CFLAGS)),,yes)
ifdef HARDENED
SET_LEVEL = $(findstring _FORTIFY_SOURCE,$(CFLAGS) $(CPPFLAGS))
FORTIFY = $(if $(SET_LEVEL),,$(if $(filter-out -O0,$(filter -O%,$(CFLAGS))),3 2))
HARDENING := $(shell has() { $(CC) $(CFLAGS) -Werror -include stdio.h $$1 $$2 -c -x c /dev/null \
        -o /dev/null 2>/dev/null && echo $$1 $$2; }; \
    for flag in $(HARDENING); do has $$flag; done; \
    for level in $(FORTIFY); do has -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$$level && break; done)
override CFLAGS += $(HARDENING)
PIE := $(if $(findstring -static,$(LDFLAGS)),,-pie)
override LDFLAGS += $(PIE) -Wl,-z,relro,-z,now
endif
override CFLAGS += -std=c11 $(WARN)
ifdef WERROR
override CFLAGS += -Werror
endif

COMMON := $(sort $(shell find common -name '*.c'))
CGI := $(sort $(shell find cgi -name '*.c'))
CGI_PURE := $(sort $(wildcard cgi/http/*.c cgi/http/*/*.c)) cgi/server/sd_notify.c cgi/server/fcgi_records.c
TOOLS := $(filter-out tools/probe/http$(if $(filter no,$(CURL)),,_none).c,$(sort $(shell find tools -name '*.c')))
TOOLS_PURE := tools/sink/ack_tracker.c tools/probe/response_verdict.c tools/report/bar_table.c tools/report/projection.c tools/report/filter.c tools/report/record_head.c tools/report/findings.c tools/sink/routing_rules.c tools/probe/sender.c tools/probe/sample_events.c tools/report/terminal.c
UNIT := $(sort $(wildcard tests/unit/test_*.c))
TESTLIB := tests/lib/cases.c tests/lib/spooldir.c tests/lib/wrap.c

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
MAN := $(patsubst tools/packaging/man/%.in,$(B)/man/%,$(sort $(wildcard tools/packaging/man/*.in)))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1) '$(2)')

.SECONDARY:
.PHONY: all help deps run test check asan fuzz install uninstall clean
.DELETE_ON_ERROR:

all: $(B)/hookspool.fcgi $(B)/hookspool.cgi $(B)/hookspool man $(B)/hookspool.conf $(B)/hookspool.bash

help:
	@sed -n 's/^## //p' Makefile

## make            build into build/; CURL=no leaves libcurl out
## make static     build/static/hookspool.fcgi and hookspool, which need no library of the host
## make bundle     build/hookspool-VERSION-ARCH.tar.gz, for a host with a file manager and no more
## make run        lighttpd with a throwaway spool; ONCE=1 stops after seven events
## make test       every test, against real servers
## make check      test, static analysis, layering, manual pages, portable, ten seconds of each fuzzer
## make asan       every test again, under the address and undefined-behaviour sanitizers
## make faults     kills, failing calls, full disks, many writers: the whole numbers
## make faults-root      the same for what needs root: write-back errors, power cuts
## make faults-selftest  shows that the harness catches deliberate defects
## make fuzz       each fuzzer for FUZZ_SECONDS (600)
## make deps       install the Debian packages that build and tests need
## make install    into DESTDIR, PREFIX (/usr/local); make uninstall removes it again
## make deb        a Debian package in build/deb/
## make fresh      as root, on empty Debians (SUITES): the two commands, package, bundle, a boot
## make clean

# --- programs -----------------------------------------------------------------

$(B)/obj/common/base/%.o $(B)/obj/common/event/%.o $(B)/obj/common/spool/dedup/%.o: MORE_CFLAGS = $(CORE_CFLAGS)
$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(MORE_CFLAGS) -MMD -MP -c $< -o $@ || \
	    { $(DEPS) --missing build >/dev/null || echo 'Packages are missing: make deps installs them.' >&2; exit 1; }

$(B)/libhookspool.a: $(call obj,$(COMMON))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/hookspool.fcgi: $(call obj,$(CGI)) $(B)/libhookspool.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ -lfcgi $(LDLIBS_COMMON)

$(B)/hookspool.cgi: $(B)/hookspool.fcgi
	$(Q)cp $< $@

$(B)/hookspool: $(call obj,$(TOOLS)) $(B)/libhookspool.a $(B)/.curl-$(CURL)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o %.a,$^) -o $@ $(if $(filter no,$(CURL)),,-lcurl) $(LDLIBS_COMMON)

# Another choice of CURL than the last time links anew.
$(B)/.curl-%:
	@mkdir -p $(@D)
	@rm -f $(B)/.curl-* && touch $@

# No name is looked up and no library loaded at run time: the linker would warn of that, and
# its warnings are errors. libfcgi's gethostbyname(3) is for who connects; nobody here does.
STATIC_LDFLAGS = -static-pie -Wl,--defsym=gethostbyname=abort -Wl,--fatal-warnings
.PHONY: static
static:
	$(Q)$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS)) B=$(B)/static LDFLAGS='$(STATIC_LDFLAGS)' \
	    $(addprefix $(B)/static/,hookspool.fcgi hookspool.cgi hookspool)

ARCH := $(shell uname -m)
BUNDLE = $(B)/hookspool-$(VERSION)-$(ARCH).tar.gz
.PHONY: bundle
bundle: static
	$(call say,TAR,$(BUNDLE))
	$(Q)sh tools/packaging/bundle/make.sh $(B)/static $(VERSION) $(ARCH) >$(BUNDLE).new
	$(Q)mv $(BUNDLE).new $(BUNDLE)

# --- documents: the tables of the code, put into the pages ---------------------

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

# --- tests --------------------------------------------------------------------

DEPS = sh tests/lib/deps.sh
JOBS := $(shell nproc 2>/dev/null || echo 2)

deps:
	$(Q)$(DEPS) build test check

run:
	$(Q)$(DEPS) --missing build run >/dev/null || $(DEPS) build run
	$(Q)$(MAKE) --no-print-directory -s -j$(JOBS) $(B)/hookspool.fcgi
	$(Q)HS_BUILD=$(B) ONCE=$(ONCE) bash tests/lib/demo.sh

test:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) run-tests

.PHONY: run-tests tests-built
tests-built: all $(UNIT_BIN) $(B)/fcgi_raw $(B)/supervise $(B)/deny $(if $(findstring -fsanitize,$(CFLAGS)),,bundle)

run-tests: tests-built
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(UNIT_BIN) $(sort $(wildcard tests/integration/*.sh))

# Unit tests make single calls of the C library fail (tests/lib/wrap.h).
WRAPPED = calloc clock_gettime fallocate fallocate64 fchmod fdatasync flock fstat fstat64 fstatat fstatat64 \
    fstatvfs fstatvfs64 fsync ftruncate ftruncate64 openat openat64 pread pread64 pwrite pwrite64 realloc renameat unlinkat
WRAP = $(addprefix -Wl$(comma)--wrap=,$(WRAPPED))
comma := ,

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(call obj,cgi/server/accept.c cgi/server/partial_request.c cgi/server/partial_poller.c cgi/server/listen.c cgi/server/runtime.c cgi/server/thread.c $(CGI_PURE) $(TOOLS_PURE) $(TESTLIB)) $(B)/libhookspool.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) $(filter %.o,$^) $(filter %.a,$^) -o $@ -lcmocka -linih -ljson-c $(LDLIBS_COMMON)

# The pump with sinks of the test's own.
$(B)/unit/test_pump: $(call obj,$(addprefix tools/sink/,pump.c pump_input.c keyed_scheduler.c retry_policy.c stop_signals.c event_source.c dead_letter_source.c) tools/report/progress.c tools/command.c)

$(B)/fcgi_raw $(B)/supervise $(B)/deny: $(B)/%: $(B)/obj/tests/lib/%.o
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan:
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan CFLAGS='-O1 -g $(SANITIZE)' test replay

# The fuzzers' seeds without libFuzzer, by any compiler.
.PHONY: replay
replay: $(addprefix $(B)/replay/,$(FUZZ))
	$(Q)for target in $(FUZZ); do $(B)/replay/$$target tests/fuzz/corpus/$${target#fuzz_} || exit 1; done

$(B)/replay/%: $(call obj,tests/fuzz/replay.c $(CGI_PURE)) $(B)/libhookspool.a tests/fuzz/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) tests/fuzz/$*.c $(filter-out %.c,$^) -o $@ -ljson-c $(LDLIBS_COMMON)

## make scalar     the tests of what uses vector instructions, without them
SCALAR := $(addprefix $(B)/scalar/unit/test_,timestamp event flatten dedup_key json record_fields ingest byte_scan)
.PHONY: scalar
scalar:
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) B=$(B)/scalar CPPFLAGS=-DHS_SCALAR $(SCALAR)
	$(Q)HS_BUILD=$(B)/scalar bash tests/lib/run-tests.sh $(SCALAR)

.PHONY: lint
check:
	$(Q)$(DEPS) --missing build test check faults >/dev/null || $(DEPS) build test check faults
	$(Q)$(MAKE) --no-print-directory lint
	$(Q)$(MAKE) --no-print-directory scalar
	$(Q)$(MAKE) --no-print-directory portable
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) fuzzers
	$(Q)bash tests/fuzz/run.sh replay $(B)/fuzz
	$(Q)bash tests/fuzz/run.sh fuzz $(B)/fuzz 10
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) run-tests faults-built faults-malloc
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(FAULTS) $(wildcard tests/model/run.sh)

lint:
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) B=$(B)/gcc WERROR=1 all
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) B=$(B)/clang CC=$(CLANG) WERROR=1 all
	$(Q)sh tests/lib/layers.sh
	$(Q)sh tests/lib/form.sh
	$(Q)mandoc -T lint -W warning $(addprefix $(B)/gcc/man/,$(notdir $(MAN)))
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
	    -I. -Icommon -D__GNUC__ $(COMMON) $(CGI) $(TOOLS)

## make portable   compiles with musl, and for 32 bits; the libraries are not there to link with
# Debian has none for musl. Built from its sources by musl-gcc (OpenSSL alone takes minutes) they
# link, statically, and tests/integration pass with what comes out.
# Warnings are errors, but for -Wpsabi, which tells that an older gcc laid atomics out otherwise.
# The headers of the libraries and of the kernel, without glibc's beside them, are the same for all.
MULTIARCH = /usr/include/$(shell $(CC) -print-multiarch)
BORROWED = $(B)/portable/include
.PHONY: portable objects
objects: $(call obj,$(COMMON) $(CGI) $(TOOLS))

portable:
	$(Q)$(DEPS) --missing build portable >/dev/null || $(DEPS) build portable
	$(Q)rm -rf $(BORROWED) && mkdir -p $(BORROWED)/openssl
	$(Q)ln -s /usr/include/linux /usr/include/asm-generic $(MULTIARCH)/asm \
	    $(wildcard $(addprefix /usr/include/,lmdb.h libdeflate.h z*.h fcg*.h fastcgi.h)) $(BORROWED)
	$(Q)ln -s $(wildcard /usr/include/openssl/*.h $(MULTIARCH)/openssl/*.h) $(BORROWED)/openssl
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) WERROR=1 CURL=no B=$(B)/portable/musl \
	    CC='musl-gcc -isystem $(abspath $(BORROWED))' objects
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) WERROR=1 CURL=no B=$(B)/portable/32 \
	    CC='$(CC) -m32 -Wno-psabi -isystem $(abspath $(BORROWED))' objects

FUZZ_SECONDS ?= 600
FUZZ_SRC = $(filter common/base/% common/config/% common/event/%,$(COMMON)) common/spool/write/rejected.c $(addprefix common/spool/,summary/summary.c summary/summary_builder.c file/gzip.c file/line_reader.c file/segment_list.c shared/history.c) $(CGI_PURE)
FUZZ_FLAGS = -g -O1 -std=c11 $(CPPFLAGS) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
.PHONY: fuzzers
fuzzers: $(addprefix $(B)/fuzz/,$(FUZZ))

$(B)/fuzz/%: tests/fuzz/%.c $(FUZZ_SRC) $(shell find common cgi tests/fuzz -name '*.h')
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(FUZZ_FLAGS) $< $(FUZZ_SRC) -o $@ -ljson-c $(LDLIBS_COMMON)

fuzz:
	$(Q)$(DEPS) --missing build test check >/dev/null || $(DEPS) build test check
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) fuzzers
	$(Q)bash tests/fuzz/run.sh fuzz $(B)/fuzz $(FUZZ_SECONDS)

# --- figures ---------------------------------------------------------------------

## make bench            every comparison with empty responders and peers: ROUNDS, ONLY (tests/bench/run.sh)
.PHONY: bench bench-built
bench:
	$(Q)$(DEPS) --missing build test bench >/dev/null || $(DEPS) build test bench
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) bench-built
	$(Q)$(MAKE) --no-print-directory -s static
	$(Q)HS_BUILD=$(B) bash tests/bench/run.sh

bench-built: $(B)/hookspool.fcgi $(addprefix $(B)/bench/,load core fill gzip sync stops profile \
    empty/hookspool.fcgi empty-cgi/hookspool.fcgi keep/hookspool.fcgi keep-cgi/hookspool.fcgi)

$(B)/bench/load: $(call obj,tests/bench/load.c)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ -lcrypto

$(B)/bench/sync $(B)/bench/stops: $(B)/bench/%: $(B)/obj/tests/bench/%.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@

# These drive the program's own code, in one process.
BENCH_PATH = tests/bench/inputs.c tests/bench/path.c $(CGI_PURE)
$(addprefix $(B)/bench/,core fill profile): $(B)/bench/%: $(B)/obj/tests/bench/%.o $(call obj,$(BENCH_PATH)) $(B)/libhookspool.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ -ljson-c $(LDLIBS_COMMON)

$(B)/bench/gzip: $(call obj,tests/bench/gzip.c) $(B)/libhookspool.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LDLIBS_COMMON)

# The empty responders stand in the program's place: they have its file name.
$(B)/bench/empty/hookspool.fcgi: $(call obj,tests/bench/empty_fcgi.c)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ -lfcgi -lpthread

$(B)/bench/empty-cgi/hookspool.fcgi: $(call obj,tests/bench/empty_cgi.c)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -static $^ -o $@

# The same, but they append the body and sync: keep.h.
$(B)/bench/keep/hookspool.fcgi: tests/bench/empty_fcgi.c tests/bench/keep.h
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CPPFLAGS) -DKEEP $(CFLAGS) $(LDFLAGS) $< -o $@ -lfcgi -lpthread

$(B)/bench/keep-cgi/hookspool.fcgi: tests/bench/empty_cgi.c tests/bench/keep.h
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CPPFLAGS) -DKEEP $(CFLAGS) -static $< -o $@

## make bench-core       the parts of a request in one process, beside json-c's parse: ROUNDS
## make profile          where the time of a single event and of a batch goes
.PHONY: bench-core profile
bench-core:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) --no-print-directory -s -j$(JOBS) $(B)/bench/core
	$(Q)rm -rf $(B)/bench/core.spools && mkdir -p $(B)/bench/core.spools
	$(Q)$(B)/bench/core --rounds $(or $(ROUNDS),5) tests/bench/event.json $(abspath $(B))/bench/core.spools
	$(Q)rm -rf $(B)/bench/core.spools

profile:
	$(Q)$(DEPS) --missing build test bench profile >/dev/null || $(DEPS) build test bench profile
	$(Q)$(MAKE) --no-print-directory -s -j$(JOBS) B=$(B)/profile CFLAGS='-O2 -g -fno-omit-frame-pointer' bench-built
	$(Q)HS_BUILD=$(B)/profile bash tests/bench/profile.sh

## make bench-read       cat beside grep, each --stream, how late tail -f is: ROUNDS, MEGABYTES
.PHONY: bench-read
bench-read:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) --no-print-directory -s -j$(JOBS) all $(B)/bench/answer
	$(Q)HS_BUILD=$(B) bash tests/bench/read.sh

$(B)/bench/answer: $(call obj,tests/bench/answer.c)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@

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
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LDLIBS_COMMON)

# --- faults ---------------------------------------------------------------------

FAULTS_ROOT := $(wildcard $(addprefix tests/faults/,power.sh remount.sh writeback.sh))
FAULTS := $(filter-out %/lib.sh %/sweep.sh %/selftest.sh $(FAULTS_ROOT),$(sort $(wildcard tests/faults/*.sh)))
FAULT_BIN := $(addprefix $(B)/,faults_driver faults_count faults_replay failmalloc.so)
.PHONY: faults faults-root faults-selftest faults-built
faults-built: $(B)/hookspool.fcgi $(B)/hookspool $(FAULT_BIN) $(B)/fcgi_raw

# The program under the sanitizers, its own allocations failing when they are told to.
.PHONY: faults-malloc
faults-malloc:
	@mkdir -p $(B)/malloc
	$(Q)$(CC) $(CPPFLAGS) -std=c11 -O1 -g -DFAIL_WRAP -c tests/faults/failmalloc.c -o $(B)/malloc/failmalloc.o
	$(Q)$(MAKE) --no-print-directory B=$(B)/malloc CFLAGS='-O1 -g $(SANITIZE)' \
	    LDFLAGS='-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup $(B)/malloc/failmalloc.o' $(B)/malloc/hookspool.fcgi

$(B)/faults_driver: $(call obj,tests/faults/driver.c tests/faults/transport.c)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ -lcrypto -lpthread

$(B)/faults_count: $(call obj,tests/faults/count.c)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ -ljson-c -lz

$(B)/faults_replay: $(call obj,tests/faults/replay.c)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@

$(B)/failmalloc.so: tests/faults/failmalloc.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared $< -o $@ -ldl

RUN_FAULTS = HS_BUILD=$(B) FULL=1 JOBS=1 bash tests/lib/run-tests.sh
faults:
	$(Q)$(DEPS) --missing build test faults >/dev/null || $(DEPS) build test faults
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) faults-built faults-malloc
	$(Q)$(RUN_FAULTS) $(FAULTS)

faults-root:
	$(Q)$(DEPS) --missing build test faults faults-root >/dev/null || $(DEPS) build test faults faults-root
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) faults-built
	$(Q)ROOT_TESTS=1 $(RUN_FAULTS) $(FAULTS_ROOT) tests/faults/full.sh

faults-selftest:
	$(Q)$(DEPS) --missing build test faults >/dev/null || $(DEPS) build test faults
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) faults-built
	$(Q)for n in 1 2 3 4 5; do $(MAKE) --no-print-directory -j$(JOBS) B=$(B)/defect/$$n \
	    CPPFLAGS=-DHS_DEFECT=$$n faults-built || exit 1; done
	$(Q)HS_BUILD=$(B) bash tests/faults/selftest.sh

# --- installation ---------------------------------------------------------------

# What is shipped names the places of PREFIX=/usr/local; elsewhere the paths are put right.
CONFIGURATIONS := $(wildcard apache-conf/* lighttpd-conf/* tools/packaging/nginx/*)
UNITS := $(wildcard tools/packaging/systemd/*)
PLACED = sed -e 's|/usr/local/lib/hookspool|$(LIBEXECDIR)|g' -e 's|/usr/local/bin|$(PREFIX)/bin|g'

install: all
	install -d $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(PREFIX)/bin $(addprefix $(DESTDIR)$(PREFIX)/share/man/man,1 5 8) \
	    $(addprefix $(DESTDIR)$(EXAMPLES)/,apache-conf lighttpd-conf nginx) \
	    $(DESTDIR)$(COMPLETIONS) $(DESTDIR)$(UNITDIR)
	install -m 755 $(B)/hookspool.fcgi $(DESTDIR)$(LIBEXECDIR)/hookspool.fcgi
	ln -sf hookspool.fcgi $(DESTDIR)$(LIBEXECDIR)/hookspool.cgi
	install -m 755 $(B)/hookspool $(DESTDIR)$(PREFIX)/bin/hookspool
	install -m 644 $(B)/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(B)/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 $(B)/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 $(B)/hookspool.conf $(DESTDIR)$(EXAMPLES)
	install -m 644 $(B)/hookspool.bash $(DESTDIR)$(COMPLETIONS)/hookspool
	set -e; for file in $(CONFIGURATIONS); do \
	    $(PLACED) $$file >$(DESTDIR)$(EXAMPLES)/$${file#tools/packaging/}; done
	set -e; for unit in $(UNITS); do \
	    $(PLACED) $$unit >$(DESTDIR)$(UNITDIR)/$${unit##*/}; done
	chmod 644 $(DESTDIR)$(EXAMPLES)/*/* $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS)))

# The files of `install`, and the folders that are only its own. Settings and spool stay. The other
# web servers start without the program; lighttpd looks for it.
uninstall:
	rm -f $(addprefix $(DESTDIR)$(LIBEXECDIR)/hookspool.,fcgi cgi) $(DESTDIR)$(PREFIX)/bin/hookspool \
	    $(foreach page,$(notdir $(MAN)),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(page)) \
	    $(DESTDIR)$(COMPLETIONS)/hookspool $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS))) \
	    $(addprefix $(DESTDIR)$(EXAMPLES)/,hookspool.conf $(CONFIGURATIONS:tools/packaging/%=%))
	conf=$(DESTDIR)/etc/lighttpd/conf-enabled/50-hookspool.conf; \
	    if grep -qs '"$(LIBEXECDIR)/hookspool.fcgi"' "$$conf"; then rm "$$conf"; \
	    echo "$$conf is disabled: lighttpd would not start without the program"; fi
	for folder in $(LIBEXECDIR) $(addprefix $(EXAMPLES)/,apache-conf lighttpd-conf nginx .) $(dir $(EXAMPLES)); do \
	    [ ! -d $(DESTDIR)$$folder ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$${folder%/.}; done

# debian/ is made here out of tools/packaging/debian/, so that it is no folder of the sources. The flags of
# this make are not those of the package.
DEB_TREE = $(B)/deb/hookspool-$(VERSION)
.PHONY: deb
deb:
	$(Q)$(DEPS) --missing build package >/dev/null || $(DEPS) build package
	$(Q)rm -rf $(B)/deb && mkdir -p $(DEB_TREE)
	$(Q)cp -R Makefile LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs cgi common tools tests apache-conf lighttpd-conf $(DEB_TREE)
	$(Q)mv $(DEB_TREE)/tools/packaging/debian $(DEB_TREE)/debian
	$(Q)sed -e 's/@version@/$(VERSION)/' -e "s/@date@/$$(date -R -r CHANGELOG.md)/" \
	    tools/packaging/debian/changelog.in >$(DEB_TREE)/debian/changelog && rm $(DEB_TREE)/debian/changelog.in
	$(call say,DEB,$(B)/deb)
	$(Q)cd $(DEB_TREE) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b -j$(JOBS) \
	    >../build.log 2>&1 || { tail -n 40 ../build.log; exit 1; }
	$(Q)lintian --allow-root --fail-on error $(B)/deb/*.changes
	$(Q)ls $(B)/deb/*.deb

# The network, root, and Debian's own archives: not in every run.
SUITES ?= bookworm trixie
.PHONY: fresh
fresh: bundle
	$(Q)$(DEPS) --missing build test fresh >/dev/null || $(DEPS) build test fresh
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)failed=0; for suite in $(SUITES); do for script in debian boot bundle; do \
	    echo "# $$suite: $$script"; \
	    SUITE=$$suite HS_BUILD=$(B) bash tests/fresh/$$script.sh || failed=1; done; done; exit $$failed

## make format     lays the sources out
.PHONY: format
format:
	$(Q)find common cgi tools tests -name '*.[ch]' -exec clang-format -i {} +

clean:
	rm -rf $(B)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
