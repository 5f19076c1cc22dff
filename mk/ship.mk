# hookspool-ship: a program of its own, because libnats is its alone. NATS=no leaves it out; so does -static,
# because Debian has no libnats.a.
ifeq ($(origin NATS),undefined)
NATS := $(if $(findstring -static,$(LDFLAGS)),no,$(shell pkg-config --exists libnats && echo yes || echo no))
endif

# What speaks to NATS, and what needs neither a connection nor a spool.
SHIP_NATS := $(sort $(wildcard tools/ship/engine_nats*.c tools/ship/nkey.c))
SHIP_PURE := $(wildcard $(addprefix tools/ship/,answer.c members.c place.c place_set.c in_flight.c subject.c kept_place.c stream_memory.c stream_rules.c))
$(call obj,$(SHIP_NATS)): MORE_CFLAGS = $(shell pkg-config --cflags libnats)

SHIP_CORE := $(filter-out $(SHIP_NATS),$(sort $(wildcard tools/ship/*.c)))
SHIP_SINK := $(addprefix tools/sink/,pump.c pump_input.c keyed_scheduler.c retry_policy.c ack_tracker.c stop_signals.c \
    event_source.c dead_letter_source.c) $(wildcard tools/report/*.c) tools/command.c
ifneq ($(NATS),no)
PROGRAMS += $(B)/hookspool-ship
all: $(B)/hookspool-ship
$(B)/hookspool-ship: $(call obj,$(SHIP_CORE) $(SHIP_NATS) $(SHIP_SINK)) $(B)/libhookspool.a
$(B)/hookspool-ship: LIBS = -lnats $(LDLIBS_COMMON)
endif
