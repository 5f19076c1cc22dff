# Packages: static programs, the bundle, the Debian package, and all of it on empty Debians.

# The programs resolve no name and load no library at run time; the linker would warn about both, and its
# warnings are errors. libfcgi calls gethostbyname(3) only to connect, and SQLite dlopen(3) only
# for extensions, which no program here does. (The C library has a dlopen of its own, so that one is renamed.)
# The map of each program tells a release what is linked.
STATIC_LDFLAGS = -static-pie -Wl,--defsym=gethostbyname=abort -Wl,--wrap=dlopen,--defsym=__wrap_dlopen=abort -Wl,--fatal-warnings \
    -Wl,-Map=$$@.map
.PHONY: static
static:
	$(Q)$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS)) B=$(B)/static LDFLAGS='$(STATIC_LDFLAGS)' \
	    $(addprefix $(B)/static/,hookspool.fcgi hookspool.cgi hookspool hookspool-load)

ARCH := $(shell uname -m)
BUNDLE = $(B)/hookspool-$(VERSION)-$(ARCH).tar.gz
.PHONY: bundle
bundle: static
	$(call say,TAR,$(BUNDLE))
	$(Q)sh tools/packaging/bundle/make.sh $(B)/static $(VERSION) $(ARCH) >$(BUNDLE).new
	$(Q)rm -f $(B)/hookspool-*-$(ARCH).tar.gz && mv $(BUNDLE).new $(BUNDLE)

# debian/ is made here from tools/packaging/debian/, so that it is no folder of the sources. This make's
# flags are not the package's.
DEB_TREE = $(B)/deb/hookspool-$(VERSION)
.PHONY: deb
deb:
	$(Q)$(DEPS) --missing build package >/dev/null || $(DEPS) build package
	$(Q)rm -rf $(B)/deb && mkdir -p $(DEB_TREE)
	$(Q)cp -R Makefile LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs mk cgi common tools tests apache-conf lighttpd-conf $(DEB_TREE)
	$(Q)mv $(DEB_TREE)/tools/packaging/debian $(DEB_TREE)/debian
	$(Q)sed -e 's/@version@/$(VERSION)/' -e "s/@date@/$$(date -R -r CHANGELOG.md)/" \
	    tools/packaging/debian/changelog.in >$(DEB_TREE)/debian/changelog && rm $(DEB_TREE)/debian/changelog.in
	$(call say,DEB,$(B)/deb)
	$(Q)cd $(DEB_TREE) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b -j$(JOBS) \
	    >../build.log 2>&1 || { tail -n 40 ../build.log; exit 1; }
	$(Q)lintian --allow-root --fail-on error $(B)/deb/*.changes
	$(Q)ls $(B)/deb/*.deb

# Needs the network, root and Debian's archives, so it is not part of `make check`.
SUITES ?= bookworm trixie
.PHONY: fresh
fresh: bundle
	$(Q)$(DEPS) --missing build test fresh >/dev/null || $(DEPS) build test fresh
	$(Q)$(MAKE) $(PARALLEL) all
	$(Q)failed=0; for suite in $(SUITES); do for script in debian boot bundle container cluster; do \
	    echo "# $$suite: $$script"; \
	    SUITE=$$suite HS_BUILD=$(B) bash tests/fresh/$$script.sh || failed=1; done; done; exit $$failed
