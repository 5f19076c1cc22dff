# Linking: each file of mk/ adds its programs to PROGRAMS, their prerequisites (objects, sources,
# archives) and LIBS. Objects come before archives, whatever their order. Included last, because a
# rule's targets are expanded when it is read.

LIBS =
LINK_FLAGS = $(LDFLAGS)
$(PROGRAMS):
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(if $(filter %.c,$^),$(CPPFLAGS)) $(CFLAGS) $(LINK_FLAGS) $(filter %.c %.o,$^) $(filter %.a,$^) -o $@ $(LIBS)
