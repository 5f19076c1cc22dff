/*
 * command_in_child: runs a command of hookspool in a child of the test, with calls that fail (wrap.h) or a signal, and
 * keeps what it prints. The test's spool is that of temp_spool.h.
 */
#ifndef HS_TEST_COMMAND_IN_CHILD_H
#define HS_TEST_COMMAND_IN_CHILD_H

#include "base/io.h"
#include "event/json.h"
#include "event/top_counts.h"
#include "spool/position/cursor.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/temp_spool.h"
#include "tools/command.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* clang-format off */
#define COMMANDS(X) \
	X(adopt) X(backup) X(docs) X(erase) X(help) X(import) X(maintain) X(passwd) X(repair) X(rules) X(schema) X(stats) \
	X(verify)
#define DECLARE(name) extern const struct hs_command hs_command_##name;
#define ROW(name) &hs_command_##name,
COMMANDS(DECLARE)
static inline int cmd_probe(int argc, char **argv);
static const struct hs_option probe_options[] = {
	{ "in", "DIR", 'i', ".a \\ leads" }, { "one", "a|b", HS_OPT_OWN, "'quoted'" }, HS_OPTIONS_END
};
static const struct hs_command hs_command_probe = { .name = "probe", .run = cmd_probe, .options = probe_options };
const struct hs_command *const hs_commands[] = { COMMANDS(ROW) &hs_command_probe, NULL };
/* clang-format on */

static inline int cmd_probe(int argc, char **argv)
{
	while (hs_option(argc, argv) != -1)
		;
	return 0;
}

enum { WORDS = 16, SIGNALLED = -1 };

static struct {
	char conf[PATH_MAX];
	const char *words;
	void (*fault)(void); /* called in the child, before the command */
	int input, output;   /* its standard input and output; -1: /dev/null, and a file */
	char out[65536], err[8192];
	unsigned *calls; /* that the command made, of each kind; shared with the child */
} run;

/* --- a command -------------------------------------------------------------------------- */

static inline char *read_back(int fd, char *to, size_t size)
{
	ssize_t n = pread(fd, to, size - 1, 0);

	assert_true(n >= 0);
	to[n] = '\0';
	close(fd);
	return to;
}

static inline int in_child(void *context)
{
	const int *fd = context;
	char text[4096], *word[WORDS + 1] = { 0 }, *rest = text;
	int code, argc = 0;

	dup2(run.input >= 0 ? run.input : open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(run.output >= 0 ? run.output : fd[0], STDOUT_FILENO);
	dup2(fd[1], STDERR_FILENO);
	signal(SIGSEGV, SIG_DFL);
	snprintf(text, sizeof text, "%s", run.words);
	for (char *next; argc < WORDS - 1 && (next = strsep(&rest, " ")) != NULL; argc++) {
		word[argc] = next;
		if (next[0] == '@')
			assert_true(asprintf(&word[argc], "%s/%s", s.d.above, next + 1) > 0);
	}
	if (hs_command_find(word[0])->options != NULL && strcmp(word[0], "passwd") != 0)
		assert_true(asprintf(&word[argc++], "--config=%s", run.conf) > 0);
	wrap_reset();
	wrap_space(INT64_C(1) << 40);
	if (run.fault != NULL)
		run.fault();
	code = hs_command_end(word[0], hs_command_find(word[0])->run(argc, word));
	for (int call = 0; call < WRAP_CALLS; call++)
		run.calls[call] = wrap_count((enum wrap_call)call);
	return code;
}

/* Runs a command; "@x" is x beside the spool. Its exit code, or SIGNALLED. */
static inline int command(const char *words)
{
	int fd[2] = { memfd_create("out", MFD_CLOEXEC), memfd_create("err", MFD_CLOEXEC) }, code;

	run.words = words;
	code = child_run(in_child, fd);
	read_back(fd[0], run.out, sizeof run.out);
	read_back(fd[1], run.err, sizeof run.err);
	return code;
}

/* Expects the code and these parts of what it prints; NULL: nothing at all. */
#define expect(words, code, out, err) expect_at((words), (code), (out), (err), __LINE__)
static inline void expect_at(const char *words, int code, const char *out, const char *err, int line)
{
	int got = command(words);

	if (got != code || (out == NULL ? run.out[0] != '\0' : strstr(run.out, out) == NULL) ||
	    (err == NULL ? run.err[0] != '\0' : strstr(run.err, err) == NULL))
		fail_msg("line %d: %s: %d\nstdout: %s\nstderr: %s", line, words, got, run.out, run.err);
}

static inline void write_beside(const char *name, const char *text)
{
	spooldir_write_beside(&s.d, name, 0644, text);
}

/* Settings of the commands, beside those of the spool that the test itself opens. */
static inline void configure(const char *more)
{
	char text[8192];

	snprintf(text, sizeof text, "spool_dir = %s\nauth = none\nmin_free = 0\nrotate_min_gap = 0\n%s", s.d.path,
	         more);
	snprintf(run.conf, sizeof run.conf, "%.*s/hookspool.conf", PATH_MAX / 2, s.d.above);
	write_beside("hookspool.conf", text);
	chmod(run.conf, 0600);
}

static inline int start(__attribute__((unused)) void **state)
{
	if (run.calls == NULL)
		run.calls = mmap(NULL, WRAP_CALLS * sizeof *run.calls, PROT_READ | PROT_WRITE,
		                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(run.calls != MAP_FAILED);
	run.input = run.output = -1;
	run.fault = NULL;
	make("rotate_min_gap = 0\n");
	configure("");
	return 0;
}

/* Makes a spool without events. */
static inline void make_empty(void)
{
	struct hs_opened_spool o;

	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	hs_spool_dir_close(&o);
}

/* --- calls that fail ------------------------------------------------------------------------ */

static struct {
	enum wrap_call call;
	unsigned nth;
} failing;

static inline void fail_one(void)
{
	wrap_fail(failing.call, failing.nth, 1, wrap_error(failing.call));
}

static inline bool takes_memory(enum wrap_call call)
{
	return call == WRAP_MALLOC || call == WRAP_CALLOC || call == WRAP_REALLOC;
}

/* The answer `whole`; a file that cannot be read may leave a figure unknown, but not the first line. */
static inline bool is_same(enum wrap_call call, const char *whole)
{
	size_t n = takes_memory(call) ? sizeof run.out : strcspn(whole, "\n");

	return strncmp(run.out, whole, n) == 0;
}

/*
 * Allocations, each in turn, and some calls on files fail in a command that changes nothing: the command prints what
 * it prints otherwise, or fails with a message.
 */
static inline void fail_each_call(const char *words)
{
	static const enum wrap_call calls[] = { WRAP_MALLOC, WRAP_CALLOC, WRAP_REALLOC,
		                                WRAP_PREAD,  WRAP_OPENAT, WRAP_FSTAT };
	static char whole[sizeof run.out];
	unsigned count[WRAP_CALLS];
	int code;

	run.fault = NULL;
	code = command(words);
	assert_true(code == 0 || code == 1);
	memcpy(whole, run.out, sizeof whole);
	memcpy(count, run.calls, sizeof count);
	run.fault = fail_one;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		unsigned step = takes_memory(calls[i]) ? 1 : 1 + count[calls[i]] / 10;

		for (failing.call = calls[i], failing.nth = 1; failing.nth <= count[calls[i]]; failing.nth += step) {
			int got = command(words);

			if (got == code ? !is_same(calls[i], whole) : got < EX__BASE || run.err[0] == '\0')
				fail_msg("%s, call %d, %u: %d\n%s%s", words, (int)failing.call, failing.nth, got,
				         run.out, run.err);
		}
	}
	run.fault = NULL;
}

#define SEALED "events-20260101T000000.000Z-000001.jsonl"

/* --- signals -------------------------------------------------------------------------------- */

static inline void stop_it(void *context)
{
	(void)context;
	raise(SIGTERM);
}

static inline void stop_at(void)
{
	wrap_before(failing.call, failing.nth, stop_it, NULL);
}

/* A command that is stopped ends by the signal, and says `says` or nothing; it may be too late. */
static inline void stop_anywhere(const char *words, enum wrap_call call, const char *says)
{
	unsigned count, said = 0;
	int code = command(words);

	assert_true(code == 0 || code == 1);
	count = run.calls[call];
	run.fault = stop_at;
	for (failing.call = call, failing.nth = 1; failing.nth <= count; failing.nth++) {
		int got = command(words);

		if (got != SIGNALLED)
			assert_int_equal(got, code);
		else if (strstr(run.out, says) != NULL)
			said++;
		else if (says[0] == '\0')
			assert_string_equal(run.out, "");
	}
	run.fault = NULL;
	assert_true(said > 0);
}

/* More names than a summary has. */
enum { LINES = HS_TOP_COUNTS_NAMES + 1 };

static inline void put_lines(void)
{
	struct hs_buf lines = { 0 };

	for (unsigned i = 0; i < LINES; i++)
		hs_buf_printf(&lines,
		              "{\"type\":\"track\",\"event\":\"%u\",\"message_id\":\"%u\",\"spooled_at\":"
		              "\"2026-01-01T00:00:00.000Z\"}\n",
		              i, i);
	make_empty();
	spooldir_write(&s.d, SEALED, hs_buf_slice(&lines));
	spooldir_write(&s.d, "rejected.jsonl", HS_SLICE("{\"message\":\"no\"}\n{}\n"));
	hs_buf_free(&lines);
}

static inline void cannot_lock(void)
{
	wrap_fail(WRAP_FLOCK, failing.nth, 1, EWOULDBLOCK);
}

#endif
