# Unit and integration tests.

CGI_PURE := $(sort $(wildcard cgi/http/*.c cgi/http/*/*.c)) cgi/server/sd_notify.c cgi/server/fcgi_records.c
CGI_TESTED := $(addprefix cgi/server/,accept.c heap.c partial_request.c partial_poller.c listen.c runtime.c sandbox.c thread.c) $(SANDBOX_CALLS)
TOOLS_PURE := $(addprefix tools/sink/,ack_tracker.c routing_rules.c segment_shape.c) \
    $(addprefix tools/probe/,response_verdict.c sample_events.c sender.c direct_cases.c) \
    $(wildcard tools/schema/*.c) $(addprefix tools/report/,bar_table.c filter.c fold.c ship_report.c findings.c projection.c record_head.c terminal.c)
TEST_PROGRAMS := fcgi_raw supervise deny
TESTLIB := $(filter-out $(patsubst %,tests/lib/%.c,$(TEST_PROGRAMS)),$(sort $(wildcard tests/lib/*.c)))
# Tests of the loader's commands, over a file of SQLite.
LOAD_COMMAND_TESTS := $(addprefix tests/unit/test_,rebuild.c retype.c target_sqlite.c)
UNIT := $(filter-out $(if $(filter no,$(NATS)),tests/unit/test_ship_engine%) \
    $(if $(filter no,$(CURL)),tests/unit/test_http.c tests/unit/test_http_posts.c) $(if $(filter sqlite,$(LOAD)),,$(LOAD_COMMAND_TESTS)), \
    $(sort $(wildcard tests/unit/test_*.c)))
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT))
TEST_BIN := $(addprefix $(B)/,$(TEST_PROGRAMS))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(filter-out $(if $(filter no,$(NATS)),%/fuzz_ship.c) $(if $(filter no,$(CURL)),%/fuzz_http.c), \
    $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_HTTP_SRC = tools/probe/http.c tools/report/terminal.c $(addprefix tools/sink/,ack_tracker.c http_posts.c segment_shape.c sink_http.c)
# Each makes one call or allocation after the other fail, which takes long: make check-faults runs them.
FAULT_UNIT := $(filter %_faults,$(UNIT_BIN))
.PHONY: test units run-units run-tests tests-built asan asan-units

test:
	$(Q)$(DEPS) --missing build test >/dev/null || $(DEPS) build test
	$(Q)$(MAKE) $(PARALLEL) run-tests

tests-built: all $(UNIT_BIN) $(TEST_BIN) $(if $(findstring -fsanitize,$(CFLAGS)),,bundle)

units: $(UNIT_BIN)

run-units: units
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(UNIT_BIN)

run-tests: tests-built
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh $(filter-out $(FAULT_UNIT),$(UNIT_BIN)) $(sort $(wildcard tests/integration/*.sh)) \
	    $(if $(findstring -fsanitize,$(CFLAGS)),$(FAULT_UNIT) $(DOCUMENTS) $(LOAD_SERVERS))

# Unit tests make single calls of the C library, of libcrypto and of LMDB fail (tests/lib/wrap.h).
WRAPPED = accept4 calloc clock_gettime epoll_ctl fallocate fallocate64 fchmod fdatasync fdopendir flock fstat fstat64 fstatat fstatat64 \
    fstatfs fstatfs64 fstatvfs fstatvfs64 fsync ftruncate ftruncate64 linkat malloc mkdirat mmap mmap64 openat openat64 pread pread64 pwrite pwrite64 \
    readdir readdir64 realloc renameat strdup strndup unlinkat $(foreach call,Init Update Final,SHA1_$(call) SHA256_$(call)) \
    pthread_mutex_init pthread_rwlock_init $(addprefix mdb_,env_create env_open env_info env_get_fd env_set_assert env_set_mapsize txn_begin \
    txn_renew txn_commit dbi_open dbi_flags stat get cursor_open cursor_renew cursor_get cursor_put cursor_del)
comma := ,
WRAP = $(addprefix -Wl$(comma)--wrap=,$(WRAPPED))

PROGRAMS += $(UNIT_BIN) $(TEST_BIN)
$(UNIT_BIN): $(B)/unit/%: $(B)/obj/tests/unit/%.o $(call obj,$(CGI_TESTED) $(CGI_PURE) $(TOOLS_PURE) $(TESTLIB)) $(WEB_OBJ) $(B)/libhookspool.a
$(UNIT_BIN): LINK_FLAGS = $(LDFLAGS) $(WRAP)
$(UNIT_BIN): LIBS = -lcmocka -linih -ljson-c $(SECCOMP_LIBS) $(LDLIBS_COMMON)
# The pump, with the test's own sinks.
$(B)/unit/test_pump $(B)/unit/test_pump_faults: $(call obj,$(addprefix tools/sink/,pump.c pump_input.c keyed_scheduler.c retry_policy.c stop_signals.c event_source.c dead_letter_source.c) tools/report/progress.c tools/command.c)
$(B)/unit/test_pump_faults: LINK_FLAGS = $(LDFLAGS) $(WRAP) -Wl,--wrap=signalfd
$(B)/unit/test_request_pool: $(call obj,cgi/server/request_pool.c)
$(B)/unit/test_rejected_reader: $(call obj,tools/report/rejected_reader.c)
# Tests of the loader, over the target in memory of tests/lib.
LOAD_UNIT := $(addprefix $(B)/unit/test_,loader loader_faults catalogue fold members trial)
$(LOAD_UNIT): $(call obj,$(filter-out $(addprefix tools/load/,main.c sink_load.c options.c status.c dry_run.c retype.c rebuild.c erase_requests.c),$(filter tools/load/%,$(LOAD_SRC))))
LOAD_COMMAND_UNIT := $(filter $(LOAD_COMMAND_TESTS:tests/unit/%.c=$(B)/unit/%),$(UNIT_BIN))
$(LOAD_COMMAND_UNIT): $(call obj,$(filter-out tools/load/main.c,$(LOAD_SRC)))
$(LOAD_UNIT) $(LOAD_COMMAND_UNIT): LIBS = -lcmocka -linih -ljson-c $(SECCOMP_LIBS) $(foreach database,$(LOAD),$(LOAD_LIBS_$(database))) $(LDLIBS_COMMON)
$(B)/unit/test_postgresql_types: $(call obj,tools/load/postgresql_types.c)
# Tests of ship; those of the engine talk to servers of their own.
SHIP_ENGINE_UNIT := $(filter $(B)/unit/test_ship_engine%,$(UNIT_BIN))
$(filter $(B)/unit/test_ship_%,$(UNIT_BIN)): $(call obj,$(SHIP_PURE))
$(SHIP_ENGINE_UNIT): $(call obj,$(SHIP_NATS))
$(B)/unit/test_ship_sink: $(call obj,$(addprefix tools/ship/,sink_ship_run.c sink_ship_ask.c sink_ship_start.c walk_back.c) $(filter tools/sink/% tools/report/progress.c tools/command.c,$(SHIP_SINK)))
$(B)/unit/test_ship_verify: $(call obj,$(addprefix tools/ship/,ship_verify.c dry_run.c) tools/sink/event_source.c tools/report/progress.c tools/command.c)
$(B)/unit/test_ship_options: $(call obj,$(addprefix tools/ship/,options.c option_table.c) tools/sink/event_source.c tools/report/progress.c tools/command.c)
$(B)/unit/test_ship_receiver $(B)/unit/test_ship_walk_back: $(B)/unit/test_ship_%: $(B)/obj/tools/ship/%.o
$(SHIP_ENGINE_UNIT): LIBS = -lcmocka -linih -ljson-c $(SECCOMP_LIBS) -lnats $(LDLIBS_COMMON)
$(B)/unit/test_dead_letter_source: $(call obj,tools/sink/dead_letter_source.c)
$(B)/unit/test_handler_environment: $(call obj,tools/sink/handler_environment.c)
$(B)/unit/test_probe_input: $(call obj,tools/probe/credentials.c tools/probe/event_input.c)
$(B)/unit/test_http: $(call obj,tools/probe/http.c)
# The whole command, over answers of the test's own instead of http.c, and calls that the test makes fail.
$(B)/unit/test_check: $(call obj,tools/cmd_check.c tools/command.c $(filter-out tools/probe/http%.c,$(wildcard tools/probe/*.c)) \
    $(addprefix tools/report/,erase_waiting.c progress.c))
$(B)/unit/test_check: LINK_FLAGS += $(addprefix -Wl$(comma)--wrap=hs_,io_stat_outside io_own_path io_is_network spool_health spool_known)
$(B)/unit/test_send: $(call obj,tools/cmd_send.c tools/command.c tools/probe/credentials.c tools/probe/event_input.c)
$(B)/unit/test_check_parts: $(call obj,$(addprefix tools/probe/,check_consumers.c check_loads.c check_program.c check_rules.c check_sandbox.c \
    companion.c) tools/report/erase_waiting.c)
$(B)/unit/test_check_parts: LINK_FLAGS += $(addprefix -Wl$(comma)--wrap=hs_,io_stat_outside io_own_path landlock_version)
$(B)/unit/test_check_url: $(call obj,tools/probe/check_url.c tools/probe/check_direct.c tools/report/progress.c)
$(B)/unit/test_settings_file: LINK_FLAGS += -Wl,--wrap=hs_io_own_path
$(B)/unit/test_http: LINK_FLAGS += $(addprefix -Wl$(comma)--wrap=curl_,easy_perform easy_getinfo global_init slist_append)
$(B)/unit/test_http_posts: $(call obj,tools/probe/http.c tools/sink/http_posts.c)
$(B)/unit/test_http_posts: LINK_FLAGS = $(LDFLAGS) $(WRAP) $(addprefix -Wl$(comma)--wrap=curl_,global_init multi_add_handle multi_timeout multi_fdset multi_info_read)
$(B)/unit/test_http $(B)/unit/test_http_posts: LIBS = -lcmocka -linih -ljson-c -lcurl $(SECCOMP_LIBS) $(LDLIBS_COMMON)
$(B)/unit/test_rules_trial: $(call obj,tools/report/rules_trial.c)
$(B)/unit/test_erase_report: $(call obj,tools/report/erase_waiting.c tools/report/link_text.c)
$(B)/unit/test_stats_report: $(call obj,tools/report/metrics_report.c tools/report/room.c)
$(B)/unit/test_sink_process: $(call obj,$(addprefix tools/sink/,sink_process.c handler_environment.c))
$(B)/unit/test_subprocess: $(call obj,tools/sink/subprocess.c)
$(B)/unit/test_subprocess: LINK_FLAGS = $(LDFLAGS) $(WRAP) \
    $(addprefix -Wl$(comma)--wrap=,read write posix_spawnattr_init $(addprefix posix_spawn_file_actions_,init adddup2))
$(B)/unit/test_keyed_scheduler $(B)/unit/test_sink_http: $(B)/unit/test_%: $(B)/obj/tools/sink/%.o
$(B)/unit/test_command: $(call obj,tools/command.c)
# Commands, in one program with the calls that fail.
$(B)/unit/test_commands $(B)/unit/test_commands_admin: $(call obj,$(filter-out $(TOOLS_PURE),$(wildcard tools/report/*.c)) tools/command.c \
    $(patsubst %,tools/cmd_%.c,adopt backup docs erase import passwd rules schema spool stats) \
    $(addprefix tools/sink/,dead_letter_source.c event_source.c id_spelling.c) tools/probe/event_input.c)
$(B)/unit/test_retry_policy: $(call obj,$(addprefix tools/sink/,retry_policy.c pump_input.c event_source.c dead_letter_source.c) tools/report/progress.c tools/command.c)
$(B)/unit/test_output $(B)/unit/test_progress: $(call obj,tools/report/output.c tools/report/progress.c)
$(TEST_BIN): $(B)/%: $(B)/obj/tests/lib/%.o

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan:
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan CFLAGS='-O1 -g $(SANITIZE)' test replay

# Of these, those that need no server: minutes instead of the better part of an hour on a slow machine.
asan-units:
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) B=$(B)/asan CFLAGS='-O1 -g $(SANITIZE)' run-units
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) B=$(B)/asan CFLAGS='-O1 -g $(SANITIZE)' replay

# Runs the fuzzers' seeds without libFuzzer, with any compiler.
REPLAY := $(addprefix $(B)/replay/,$(FUZZ))
.PHONY: replay
replay: $(REPLAY)
	$(Q)for target in $(FUZZ); do $(B)/replay/$$target tests/fuzz/corpus/$${target#fuzz_} || exit 1; done

PROGRAMS += $(REPLAY)
$(REPLAY): $(B)/replay/%: $(B)/obj/tests/fuzz/%.o $(call obj,tests/fuzz/replay.c tools/probe/response_verdict.c $(CGI_PURE)) $(WEB_OBJ) $(B)/libhookspool.a
$(REPLAY): LIBS = -ljson-c $(LDLIBS_COMMON)
$(B)/replay/fuzz_http: $(call obj,$(FUZZ_HTTP_SRC))
$(B)/replay/fuzz_http: LIBS = -lcurl -ljson-c $(LDLIBS_COMMON)
$(B)/replay/fuzz_handler: $(call obj,tools/sink/subprocess.c tools/sink/ack_tracker.c)
$(B)/replay/fuzz_ship: $(call obj,$(SHIP_PURE) $(filter-out %/engine_nats_info.c,$(SHIP_NATS)))
$(B)/replay/fuzz_ship: LIBS = -lnats -ljson-c $(LDLIBS_COMMON)
$(call obj,tests/fuzz/fuzz_ship.c): MORE_CFLAGS = $(shell pkg-config --cflags libnats)

## make scalar     the tests of what uses vector instructions, without them
SCALAR := $(addprefix $(B)/scalar/unit/test_,timestamp event flatten dedup_key json json_elements json_strings record_fields \
	ingest ingest_auth ingest_batch ingest_many byte_scan summary_line)
.PHONY: scalar
scalar:
	$(Q)$(MAKE) $(PARALLEL) B=$(B)/scalar CPPFLAGS=-DHS_SCALAR $(SCALAR)
	$(Q)HS_BUILD=$(B)/scalar bash tests/lib/run-tests.sh $(SCALAR)
