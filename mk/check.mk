# Everything that must hold before a change is ready; other compilers and C libraries; fuzzers.

.PHONY: check check-code check-documents check-faults check-suites lint
check:
	$(Q)$(MAKE) --no-print-directory check-code
	$(Q)$(MAKE) --no-print-directory test
	$(Q)$(MAKE) --no-print-directory check-documents
	$(Q)$(MAKE) --no-print-directory check-faults
	$(Q)$(MAKE) --no-print-directory check-suites

check-code:
	$(Q)$(DEPS) --missing build test check >/dev/null || $(DEPS) build test check
	$(Q)$(MAKE) --no-print-directory lint
	$(Q)$(MAKE) --no-print-directory scalar
	$(Q)$(MAKE) --no-print-directory portable
	$(Q)$(MAKE) $(PARALLEL) fuzzers
	$(Q)bash tests/fuzz/run.sh replay $(B)/fuzz
	$(Q)SEED=1 bash tests/fuzz/run.sh fuzz $(B)/fuzz 10

# Every command of every page and manual page, the additions of CONTRIBUTING.md, the links.
DOCUMENTS := $(sort $(wildcard tests/documents/*.sh))
check-documents:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) $(PARALLEL) tests-built
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(DOCUMENTS)

# The short forms of `make faults`, and the units of what fails.
check-faults:
	$(Q)$(DEPS) --missing build test faults >/dev/null || $(DEPS) build test faults
	$(Q)$(MAKE) $(PARALLEL) tests-built faults-built faults-malloc
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(FAULT_UNIT) $(FAULTS) $(wildcard tests/model/run.sh)

# What needs servers of others, a browser, or most of an hour.
check-suites:
	$(Q)$(DEPS) --missing build test check load >/dev/null || $(DEPS) build test check load
	$(Q)$(MAKE) $(PARALLEL) tests-built
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(wildcard tests/load/*.sh tests/monitor/*.sh)
	$(Q)$(MAKE) --no-print-directory test-ship
	$(Q)$(MAKE) --no-print-directory test-sdk
	$(Q)$(MAKE) --no-print-directory test-console

lint:
	$(Q)$(MAKE) $(PARALLEL) B=$(B)/gcc WERROR=1 all
	$(Q)$(MAKE) $(PARALLEL) B=$(B)/clang CC=$(CLANG) WERROR=1 all
	$(Q)sh tests/lib/layers.sh
	$(Q)sh tests/lib/form.sh
	$(Q)mandoc -T lint -W warning $(addprefix $(B)/gcc/man/,$(notdir $(MAN)))
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
	    -I. -Icommon -D__GNUC__ $(COMMON) $(CGI) $(sort $(shell find tools -name '*.c'))

## make portable   compiles with musl, and for 32 bits; the libraries are not there to link with
# Debian has no libraries for musl. Built from source by musl-gcc (OpenSSL alone takes minutes) they link
# statically, and the result passes tests/integration. Warnings are errors, except -Wpsabi, which says that
# an older gcc laid out atomics differently. The headers of the libraries and of the kernel are the same
# for every C library, but glibc's beside them must not be found.
MULTIARCH = /usr/include/$(shell $(CC) -print-multiarch)
BORROWED = $(B)/portable/include
.PHONY: portable objects
objects: $(call obj,$(COMMON) $(CGI) $(TOOLS) $(LOAD_SRC) $(if $(filter no,$(NATS)),,$(SHIP_CORE) $(SHIP_NATS)))

portable:
	$(Q)$(DEPS) --missing build portable >/dev/null || $(DEPS) build portable
	$(Q)rm -rf $(BORROWED) && mkdir -p $(BORROWED)/openssl
	$(Q)ln -s /usr/include/linux /usr/include/asm-generic $(MULTIARCH)/asm \
	    $(wildcard $(addprefix /usr/include/,lmdb.h nats seccomp*.h libdeflate.h z*.h fcg*.h fastcgi.h sqlite3.h mariadb)) $(BORROWED)
	$(Q)ln -s $(wildcard /usr/include/openssl/*.h $(MULTIARCH)/openssl/*.h) $(BORROWED)/openssl
	$(Q)$(MAKE) $(PARALLEL) WERROR=1 CURL=no B=$(B)/portable/musl \
	    CC='musl-gcc -isystem $(abspath $(BORROWED))' objects
	$(Q)$(MAKE) $(PARALLEL) WERROR=1 CURL=no B=$(B)/portable/32 \
	    CC='$(CC) -m32 -Wno-psabi -isystem $(abspath $(BORROWED))' objects

## make test-monitor   Prometheus scrapes a mount
.PHONY: test-monitor
test-monitor: tests-built
	$(Q)$(DEPS) --missing test check >/dev/null || $(DEPS) test check
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(wildcard tests/monitor/*.sh)

FUZZ_SECONDS ?= 600
# The console reads a spool by itself; a target that has requests does without it.
FUZZ_SRC = $(COMMON) $(filter-out cgi/http/console/%,$(CGI_PURE)) cgi/http/console/session_file.c tests/fuzz/no_console.c tools/probe/response_verdict.c
FUZZ_OBJ = $(FUZZ_SRC:%.c=$(B)/fuzz/obj/%.o)
FUZZ_FLAGS = -g -O1 -std=c11 $(CPPFLAGS) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
.PHONY: fuzz fuzzers
fuzzers: $(addprefix $(B)/fuzz/,$(FUZZ))

$(B)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -MMD -MP -c $< -o $@
FUZZ_CC ?= $(CLANG)

# What a target needs besides.
$(B)/fuzz/fuzz_ship: $(patsubst %.c,$(B)/fuzz/obj/%.o,$(SHIP_PURE) $(filter-out %/engine_nats_info.c,$(SHIP_NATS)))
$(B)/fuzz/fuzz_ship: FUZZ_LIBS = -lnats
$(B)/fuzz/obj/tools/ship/%.o $(B)/fuzz/obj/tests/fuzz/fuzz_ship.o: FUZZ_FLAGS += $(shell pkg-config --cflags libnats)

$(B)/fuzz/fuzz_http: $(FUZZ_HTTP_SRC:%.c=$(B)/fuzz/obj/%.o)
$(B)/fuzz/fuzz_http: FUZZ_LIBS = -lcurl
$(B)/fuzz/fuzz_handler: $(B)/fuzz/obj/tools/sink/subprocess.o $(B)/fuzz/obj/tools/sink/ack_tracker.o

$(B)/fuzz/fuzz_%: $(B)/fuzz/obj/tests/fuzz/fuzz_%.o $(FUZZ_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(FUZZ_FLAGS) $^ -o $@ $(FUZZ_LIBS) -ljson-c $(LDLIBS_COMMON)
-include $(shell find $(B)/fuzz/obj -name '*.d' 2>/dev/null)

fuzz:
	$(Q)$(DEPS) --missing build test check >/dev/null || $(DEPS) build test check
	$(Q)$(MAKE) $(PARALLEL) fuzzers
	$(Q)bash tests/fuzz/run.sh fuzz $(B)/fuzz $(FUZZ_SECONDS)
