# hookspool-ship: a program of its own, because libnats is its alone. NATS=no leaves it out; so does -static,
# because Debian has no libnats.a.
ifeq ($(origin NATS),undefined)
NATS := $(if $(findstring -static,$(LDFLAGS)),no,$(shell pkg-config --exists libnats && echo yes || echo no))
endif

# What speaks to NATS, and what needs neither a connection nor a spool.
SHIP_NATS := $(sort $(wildcard tools/ship/engine_nats*.c tools/ship/nkey.c))
SHIP_PURE := $(wildcard $(addprefix tools/ship/,answer.c place.c place_set.c in_flight.c lacking.c subject.c kept_place.c stream_memory.c stream_rules.c))
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

## make test-ship  hookspool ship into a cluster on loopback: kills, no quorum, a stream that forgets (KILLS=1000 NODE_KILLS=200: the long form)
SHIP_TESTS := $(filter-out $(addprefix %/,lib.sh demo.sh balancer.sh),$(sort $(wildcard tests/ship/*.sh)))
.PHONY: test-ship test-ship-built demo-cluster
ifneq ($(NATS),no)
test-ship-built: $(B)/hookspool.fcgi $(B)/hookspool $(B)/hookspool-ship $(B)/ship_defects $(B)/failmalloc.so
PROGRAMS += $(B)/ship_defects
$(B)/ship_defects: $(call obj,tests/ship/defects.c $(SHIP_CORE) $(SHIP_NATS) $(SHIP_SINK)) $(B)/libhookspool.a
$(B)/ship_defects: LIBS = -lnats $(LDLIBS_COMMON)
$(B)/ship_defects: LINK_FLAGS = $(LDFLAGS) -Wl,--wrap=hs_engine_asked,--wrap=hs_answer_read,--wrap=hs_in_flight_leave
else
test-ship-built: $(B)/hookspool.fcgi $(B)/hookspool
endif
test-ship:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) $(PARALLEL) test-ship-built
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(SHIP_TESTS)

## make demo-cluster  three nats-servers and two receivers on loopback: events arrive at both, and are in one stream
demo-cluster:
	$(Q)$(DEPS) --missing build run test >/dev/null || $(DEPS) build run test
	$(Q)$(MAKE) $(PARALLEL) -s $(B)/hookspool.fcgi $(B)/hookspool $(B)/hookspool-ship
	$(Q)HS_BUILD=$(B) bash tests/ship/demo.sh

## make bench-ship  hookspool ship beside the least publisher to the same servers, and intake beside ship: ROUNDS, RECORDS
.PHONY: bench-ship
PROGRAMS += $(B)/bench/publish
$(B)/bench/publish: $(B)/obj/tests/bench/publish.o
bench-ship:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) $(PARALLEL) -s $(B)/hookspool.fcgi $(B)/hookspool $(B)/hookspool-ship $(B)/bench/publish $(B)/bench/load
	$(Q)HS_BUILD=$(B) bash tests/bench/ship.sh
