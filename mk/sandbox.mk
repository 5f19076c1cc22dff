# The handler's filter of system calls, by libseccomp: SECCOMP=yes or no. By default yes if the library is there.
# It is linked from its archive, because a shared library costs plain CGI, which has no filter, some 50 us a
# request to load.

SECCOMP_ARCHIVE := $(filter /%,$(shell $(CC) $(CFLAGS) -print-file-name=libseccomp.a))
ifeq ($(origin SECCOMP),undefined)
SECCOMP := $(if $(or $(SECCOMP_ARCHIVE),$(if $(findstring -static,$(LDFLAGS)),,$(shell pkg-config --exists libseccomp && echo yes))),yes,no)
endif
SECCOMP_LIBS := $(if $(filter no,$(SECCOMP)),,$(or $(SECCOMP_ARCHIVE),-lseccomp))
SANDBOX_CALLS = cgi/server/sandbox_calls$(if $(filter no,$(SECCOMP)),_none).c

# Links anew when SECCOMP has changed since the last time; and `hookspool check` says it of the same build.
$(B)/.seccomp-%:
	@mkdir -p $(@D)
	@rm -f $(B)/.seccomp-* && touch $@
$(B)/hookspool.fcgi: $(B)/.seccomp-$(SECCOMP)
$(B)/obj/tools/probe/check_sandbox.o: MORE_CFLAGS = $(if $(filter no,$(SECCOMP)),,-DHS_SECCOMP)
$(B)/obj/tools/probe/check_sandbox.o: $(B)/.seccomp-$(SECCOMP)
