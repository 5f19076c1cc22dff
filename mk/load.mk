# hookspool-load: a program of its own, because the databases' libraries bring some twenty others.

LOAD_PACKAGE_sqlite = sqlite3
LOAD_PACKAGE_postgresql = libpq
LOAD_PACKAGE_mariadb = libmariadb
LOAD_DEFINE_sqlite = -DHS_LOAD_SQLITE
LOAD_DEFINE_postgresql = -DHS_LOAD_POSTGRESQL
LOAD_DEFINE_mariadb = -DHS_LOAD_MARIADB
LOAD_SRC_sqlite = tools/load/target_sqlite.c tools/load/sqlite_session.c tools/load/sqlite_catalogue.c
LOAD_SRC_postgresql = tools/load/target_postgresql.c tools/load/postgresql_link.c \
	tools/load/postgresql_catalogue.c tools/load/postgresql_types.c tools/load/postgresql_rows.c \
	tools/load/postgresql_copy.c
LOAD_SRC_mariadb = tools/load/target_mysql.c tools/load/mysql_session.c tools/load/mysql_statement.c \
	tools/load/mysql_arrays.c tools/load/mysql_catalogue.c tools/load/mysql_rows.c
LOAD_LIBS_sqlite = -lsqlite3 -lm
LOAD_LIBS_postgresql = -lpq
LOAD_LIBS_mariadb = -lmariadb

# The databases that it knows: LOAD="sqlite postgresql mariadb". By default those whose library is installed, so
# that nobody needs three databases to build the rest; a static program has SQLite alone, because the others'
# libraries need what exists only as a shared one.
ifeq ($(origin LOAD),undefined)
LOAD_FOUND := $(shell for package in sqlite3 $(if $(findstring -static,$(LDFLAGS)),,libpq libmariadb); do \
    pkg-config --exists $$package && echo $$package; done)
LOAD := $(strip $(foreach database,sqlite postgresql mariadb,$(if $(and $(filter $(LOAD_PACKAGE_$(database)),$(LOAD_FOUND)), \
    $(wildcard $(firstword $(LOAD_SRC_$(database))))),$(database))))
endif

LOAD_CORE := $(filter-out $(LOAD_SRC_sqlite) $(LOAD_SRC_postgresql) $(LOAD_SRC_mariadb),$(sort $(wildcard tools/load/*.c)))
LOAD_SRC := $(LOAD_CORE) $(foreach database,$(LOAD),$(LOAD_SRC_$(database))) \
    $(filter-out tools/sink/sink_process.c tools/sink/subprocess.c tools/sink/handler_environment.c tools/sink/sink_http.c tools/sink/http_posts.c \
        tools/sink/http_posts_none.c tools/sink/segment_shape.c,$(wildcard tools/sink/*.c)) \
    $(wildcard tools/report/*.c) tools/command.c
$(call obj,$(LOAD_SRC_postgresql)): MORE_CFLAGS = $(shell pkg-config --cflags libpq)
$(B)/obj/tools/load/target.o: MORE_CFLAGS = $(foreach database,$(LOAD),$(LOAD_DEFINE_$(database)))
$(B)/obj/tools/load/target.o: $(B)/.load

# hookspool looks for its companions beside itself, and where they are installed; check --url names the handler there.
PLACE_OBJ := $(addprefix $(B)/obj/,tools/probe/companion.o tools/probe/check_url.o tests/unit/test_check_parts.o)
$(PLACE_OBJ): MORE_CFLAGS = -DHS_LIBEXECDIR='"$(LIBEXECDIR)"'
$(PLACE_OBJ): mk/load.mk

# Compiles the table of databases anew when LOAD has changed since the last time.
.PHONY: look-at-load
$(B)/.load: look-at-load
	@mkdir -p $(@D)
	@echo '$(LOAD)' | cmp -s - $@ || echo '$(LOAD)' >$@

## make test-load  hookspool load against SQLite and real servers: kills, restarts, any order (KILLS=300 RUNS=500 CRASHES=60 …: the long form)
# With servers of their own they take minutes: `make check` runs them, and `make asan`.
LOAD_TESTS := $(sort $(wildcard tests/load/*.sh))
LOAD_SERVERS := $(addprefix tests/load/,postgresql.sh mariadb.sh servers.sh crashes.sh)
.PHONY: test-load
test-load:
	$(Q)$(DEPS) --missing build test load >/dev/null || $(DEPS) build test load
	$(Q)$(MAKE) $(PARALLEL) tests-built $(B)/failmalloc.so
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(LOAD_TESTS)

PROGRAMS += $(B)/hookspool-load
$(B)/hookspool-load: $(call obj,$(LOAD_SRC)) $(B)/libhookspool.a
$(B)/hookspool-load: LIBS = $(foreach database,$(LOAD),$(LOAD_LIBS_$(database))) $(LDLIBS_COMMON)

## make bench-load processor time a record of both sides, beside the recipes that import lines and programs in Python; how late a loader is that follows
.PHONY: bench-load
bench-load:
	$(Q)$(DEPS) --missing build test load bench >/dev/null || $(DEPS) build test load bench
	$(Q)$(MAKE) $(PARALLEL) -s $(B)/hookspool.fcgi $(B)/hookspool $(B)/hookspool-load $(B)/bench/load
	$(Q)HS_BUILD=$(B) bash tests/bench/warehouse.sh
	$(Q)HS_BUILD=$(B) bash tests/bench/warehouse_lag.sh
