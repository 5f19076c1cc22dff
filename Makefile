# hookspool. `make help` lists the targets; V=1 shows the commands. mk/ has the rules, one file for each subject.

VERSION := 0.3.0
PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/lib/hookspool
UNITDIR ?= $(PREFIX)/lib/systemd/system
B ?= build

CC ?= cc
CLANG ?= clang
CFLAGS ?= -O2 -g -fstack-protector-strong
# CURL=no leaves out what `hookspool send` and `check --url` need; so does -static, because Debian's
# libcurl.a needs libraries that exist only as shared ones.
CURL ?= $(if $(findstring -static,$(LDFLAGS)),no,yes)
JOBS := $(shell nproc 2>/dev/null || echo 2)

## make            build into build/; CURL=no leaves libcurl out, SECCOMP=no the filter of system calls
## make static     build/static/hookspool.fcgi, hookspool and hookspool-load (SQLite), which need no library of the host
## make bundle     build/hookspool-VERSION-ARCH.tar.gz, for a host with a file manager and no more
## make run        lighttpd with a throwaway spool; ONCE=1 stops after one event of each type and one sent directly
## make test       the tests of units and of whole programs, against real servers
## make check      test, documents, what fails, static analysis, layering, portable, ten seconds of each fuzzer, suites
## make asan       every test again, under the address and undefined-behaviour sanitizers
## make faults     kills, failing calls, full disks, many writers: the whole numbers
## make faults-root      the same for what needs root: write-back errors, power cuts
## make faults-selftest  shows that the harness catches deliberate defects
## make fuzz       each fuzzer for FUZZ_SECONDS (600)
## make deps       install the Debian packages that build and tests need
## make install    into DESTDIR, PREFIX (/usr/local); make uninstall removes it again
## make deb        a Debian package in build/deb/
## make release    build/release/: sources, bundles for x86_64 and aarch64, sums, SPDX list, notes; KEY=FILE signs the sums
## make fresh      as root, on empty Debians (SUITES): the two commands, package, bundle, a boot
## make clean

.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all help deps run clean

all: $(B)/hookspool.fcgi $(B)/hookspool.cgi $(B)/hookspool $(B)/hookspool-load man $(B)/hookspool.conf $(B)/hookspool.bash

help:
	@sed -n 's/^## //p' $(filter Makefile mk/%,$(MAKEFILE_LIST))

CGI_ALL := $(sort $(shell find cgi -name '*.c'))
COMMON := $(sort $(shell find common -name '*.c'))
CGI = $(filter-out $(if $(filter no,$(SECCOMP)),%/sandbox_calls.c,%/sandbox_calls_none.c),$(CGI_ALL))
TOOLS := $(filter-out tools/load/% tools/ship/% $(foreach c,tools/probe/http tools/sink/http_posts,$(c)$(if $(filter no,$(CURL)),,_none).c),$(sort $(shell find tools -name '*.c'))) \
    tools/load/option_table.c tools/ship/option_table.c

include mk/build.mk mk/sandbox.mk mk/console.mk mk/documents.mk

$(B)/libhookspool.a: $(call obj,$(COMMON))
$(B)/hookspool.fcgi: $(call obj,$(CGI)) $(WEB_OBJ) $(B)/libhookspool.a
$(B)/hookspool.fcgi: LIBS = -lfcgi $(SECCOMP_LIBS) $(LDLIBS_COMMON)
$(B)/hookspool: $(call obj,$(TOOLS)) $(B)/libhookspool.a $(B)/.curl-$(CURL)
$(B)/hookspool: LIBS = $(if $(filter no,$(CURL)),,-lcurl) $(LDLIBS_COMMON)
PROGRAMS = $(addprefix $(B)/,hookspool.fcgi hookspool)

$(B)/hookspool.cgi: $(B)/hookspool.fcgi
	$(Q)cp $< $@

deps:
	$(Q)$(DEPS) build test check

run:
	$(Q)$(DEPS) --missing build run >/dev/null || $(DEPS) build run
	$(Q)$(MAKE) $(PARALLEL) -s $(B)/hookspool.fcgi
	$(Q)HS_BUILD=$(B) ONCE=$(ONCE) bash tests/lib/demo.sh

clean:
	rm -rf $(B)

include mk/load.mk mk/ship.mk mk/sdk.mk mk/install.mk mk/package.mk mk/release.mk mk/tests.mk mk/tsan.mk mk/coverage.mk mk/mutants.mk mk/check.mk mk/bench.mk mk/faults.mk mk/link.mk
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
