# Compiling: flags, objects, the library. Programs are linked in link.mk.

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
override CPPFLAGS += -I. -Icommon -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DHS_VERSION='"$(VERSION)"' \
    $(if $(findstring -static,$(LDFLAGS)),-ffile-prefix-map=$(CURDIR)=.)
# The core is short, and every byte passes through it. It stores small fields one by one and reads them
# again at once: joined in a vector register first, they arrive too late.
CORE_CFLAGS := $(if $(filter file,$(origin CFLAGS)),-O3 -fno-tree-slp-vectorize)
LDLIBS_COMMON = -llmdb -ldeflate -lz -lcrypto -lpthread

# The compiler's and the linker's defences against memory errors; a sanitizer's build has its own. Each
# flag is used only if the compiler has it for the target. _FORTIFY_SOURCE needs optimisation, and a
# level that the caller sets is kept.
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

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1) '$(2)')
PARALLEL = --no-print-directory -j$(JOBS)
DEPS = sh tests/lib/deps.sh

$(B)/obj/common/base/%.o $(B)/obj/common/event/%.o $(B)/obj/common/spool/dedup/%.o: MORE_CFLAGS = $(CORE_CFLAGS)
$(B)/obj/%.o: %.c Makefile mk/build.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(MORE_CFLAGS) -MMD -MP -c $< -o $@ || \
	    { $(DEPS) --missing build >/dev/null || echo 'Packages are missing: make deps installs them.' >&2; exit 1; }

$(B)/libhookspool.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Links hookspool anew when CURL has changed since the last time.
$(B)/.curl-%:
	@mkdir -p $(@D)
	@rm -f $(B)/.curl-* && touch $@
