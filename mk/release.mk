# Releases: `make release` needs git, Debian's archive and x86_64, but not root.

RELEASE_ARCHES ?= x86_64 aarch64
.PHONY: release
release:
	$(Q)$(DEPS) --missing build release >/dev/null || $(DEPS) build release
	$(Q)sh tools/packaging/release/make.sh $(B)/release $(VERSION) $(RELEASE_ARCHES)
	$(Q)ls $(B)/release

## make test-release   builds a release twice and compares; the unit tests of aarch64 under qemu
SYSROOT = $(B)/sysroot-aarch64
AARCH64 = B=$(B)/aarch64 CC="$$(sh tools/packaging/release/compiler.sh aarch64 $(abspath $(SYSROOT))/root)" \
    AR=aarch64-linux-gnu-ar CURL=no LOAD=sqlite
.PHONY: test-release test-aarch64
test-release: test-aarch64
	$(Q)bash tests/lib/run-tests.sh $(wildcard tests/release/*.sh)

test-aarch64:
	$(Q)$(DEPS) --missing build test release >/dev/null || $(DEPS) build test release
	$(Q)sh tools/packaging/release/sysroot.sh aarch64 $(SYSROOT)
	$(Q)$(MAKE) $(PARALLEL) $(AARCH64) units
	$(Q)RUN='qemu-aarch64-static -L $(SYSROOT)/root' bash tests/lib/run-tests.sh \
	    $(patsubst $(B)/%,$(B)/aarch64/%,$(UNIT_BIN))
