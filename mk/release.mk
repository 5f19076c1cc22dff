# Releases: `make release` needs git, Debian's archive and x86_64, but not root.

RELEASE_ARCHES ?= x86_64 aarch64
.PHONY: release
release:
	$(Q)$(DEPS) --missing build release >/dev/null || $(DEPS) build release
	$(Q)sh tools/packaging/release/make.sh $(B)/release $(VERSION) $(RELEASE_ARCHES)
	$(Q)ls $(B)/release

## make test-release   builds a release twice and compares; the unit tests of aarch64 under qemu
SYSROOT = $(abspath $(B))/sysroot-aarch64
# What is built is found in the sysroot, never among the libraries of this machine.
AARCH64 = PKG_CONFIG_LIBDIR=$(SYSROOT)/root/usr/lib/aarch64-linux-gnu/pkgconfig $(MAKE) $(PARALLEL) B=$(B)/aarch64 SYSROOT=$(SYSROOT) \
    CC="$$(sh tools/packaging/release/compiler.sh aarch64 $(SYSROOT)/root)" AR=aarch64-linux-gnu-ar CURL=no
.PHONY: test-release test-aarch64 run-aarch64
test-release: test-aarch64
	$(Q)bash tests/lib/run-tests.sh $(wildcard tests/release/*.sh)

test-aarch64:
	$(Q)$(DEPS) --missing build test release >/dev/null || $(DEPS) build test release
	$(Q)sh tools/packaging/release/sysroot.sh aarch64 $(SYSROOT)
	$(Q)$(AARCH64) run-aarch64

# The list of tests is that of the libraries of aarch64.
run-aarch64: units
	$(Q)RUN='qemu-aarch64-static -L $(SYSROOT)/root' bash tests/lib/run-tests.sh $(UNIT_BIN)
