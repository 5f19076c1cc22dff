/* subprocess: the answers that a handler writes to its standard output; its start and its end, also if calls fail. */
#include "base/buf.h"
#include "base/io.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/sink/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOON_MS = 60000 };

/* --- calls that may be told to fail ---------------------------------------------------------------- */

static struct {
	bool interrupts; /* every other read and write */
	unsigned calls;
	unsigned spawn_fails, spawn_calls; /* the call of that number that prepares a start fails; 0: none */
} fault;

static bool is_interrupted(void)
{
	errno = EINTR;
	return fault.interrupts && fault.calls++ % 2 == 0;
}

ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n)
{
	return is_interrupted() ? -1 : __real_read(fd, p, n);
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	return is_interrupted() ? -1 : __real_write(fd, p, n);
}

static bool spawn_fails(void)
{
	return ++fault.spawn_calls == fault.spawn_fails;
}

int __real_posix_spawn_file_actions_init(posix_spawn_file_actions_t *files);
int __wrap_posix_spawn_file_actions_init(posix_spawn_file_actions_t *files);
int __wrap_posix_spawn_file_actions_init(posix_spawn_file_actions_t *files)
{
	return spawn_fails() ? ENOMEM : __real_posix_spawn_file_actions_init(files);
}

int __real_posix_spawnattr_init(posix_spawnattr_t *attributes);
int __wrap_posix_spawnattr_init(posix_spawnattr_t *attributes);
int __wrap_posix_spawnattr_init(posix_spawnattr_t *attributes)
{
	return spawn_fails() ? ENOMEM : __real_posix_spawnattr_init(attributes);
}

int __real_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *files, int from, int to);
int __wrap_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *files, int from, int to);
int __wrap_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *files, int from, int to)
{
	return spawn_fails() ? ENOMEM : __real_posix_spawn_file_actions_adddup2(files, from, to);
}

/* --- answers ----------------------------------------------------------------------------------------- */

/* The handler's output is a pipe that the test writes to; there is no process. */
static struct scene {
	struct hs_subprocess worker;
	int out;
} s;

FIXTURE(make)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	s.worker = (struct hs_subprocess){ .in = -1, .out = fd[0], .err = -1 };
	s.out = fd[1];
	return 0;
}

FIXTURE(finish)
{
	memset(&fault, 0, sizeof fault);
	close(s.out);
	close(s.worker.out);
	hs_subprocess_free(&s.worker);
	return 0;
}

/* Writes the text in pieces; after each takes the answers, one to a line of *answers. */
static void feed(struct hs_slice text, size_t piece, struct hs_buf *answers)
{
	struct hs_slice answer;

	for (size_t n; text.n > 0; text = hs_slice(text.p + n, text.n - n)) {
		n = piece < text.n ? piece : text.n;
		assert_int_equal(write(s.out, text.p, n), n);
		hs_subprocess_pump(&s.worker);
		while (hs_subprocess_answer(&s.worker, &answer)) {
			hs_buf_put_slice(answers, answer);
			hs_buf_putc(answers, '\n');
		}
	}
}

/* A sender may choose the rest of a long message: none of it becomes an answer to the next record. */
TEST(the_rest_of_a_long_line_is_no_answer)
{
	static const size_t lengths[] = { 0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 69632, 131072, 1000001 };
	static const size_t pieces[] = { 1000, 4096, 32768 };

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0] * 3; i++) {
		size_t n = lengths[i / 3], kept = n < HS_SUBPROCESS_ANSWER ? n : HS_SUBPROCESS_ANSWER;
		struct hs_buf text = { 0 }, expected = { 0 }, answers = { 0 };

		for (size_t k = 0; k < n; k++)
			hs_buf_putc(&text, "65 0"[k % 4]);
		hs_buf_put(&expected, text.p, kept);
		hs_buf_put_slice(&text, HS_SLICE("\n75 try again\n0\n"));
		hs_buf_put_slice(&expected, HS_SLICE("\n75 try again\n0\n"));
		feed(hs_buf_slice(&text), pieces[i % 3], &answers);
		if (!hs_slice_eq(hs_buf_slice(&answers), hs_buf_slice(&expected)))
			fail_msg("%zu bytes in pieces of %zu: %zu bytes of answers, expected %zu", n, pieces[i % 3],
			         answers.n, expected.n);
		hs_buf_free(&text);
		hs_buf_free(&expected);
		hs_buf_free(&answers);
	}
}

TEST(a_line_without_an_end_is_no_answer)
{
	struct hs_buf text = { 0 }, answers = { 0 };

	for (size_t k = 0; k < 200000; k++)
		hs_buf_putc(&text, '0');
	feed(hs_buf_slice(&text), 32768, &answers);
	assert_int_equal(answers.n, 0);
	hs_buf_free(&text);
	hs_buf_free(&answers);
}

/* --- a process ----------------------------------------------------------------------------------- */

static char *no_environment[] = { NULL };

static bool has_ended(int *status)
{
	for (int i = 0; i < SOON_MS; i++) {
		hs_subprocess_pump(&s.worker);
		if (hs_subprocess_ended(&s.worker, status))
			return true;
		hs_io_pause(1);
	}
	return false;
}

static void start(const char *command, bool answers)
{
	close(s.worker.out);
	signal(SIGPIPE, SIG_IGN);
	assert_true(hs_subprocess_start(&s.worker, command, no_environment, answers));
}

TEST(a_process_reads_answers_and_ends)
{
	struct hs_buf noise = { 0 };
	struct hs_slice answer;
	int status;

	start("cat; echo said >&2; exit 3", true);
	hs_subprocess_give(&s.worker, HS_SLICE("{\"a\":1}\n"));
	hs_subprocess_give_last(&s.worker);
	assert_true(has_ended(&status));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	assert_true(hs_subprocess_answer(&s.worker, &answer));
	assert_slice_equal(answer, HS_SLICE("{\"a\":1}"));
	assert_false(hs_subprocess_has_said_more(&s.worker));
	hs_subprocess_put_noise(&s.worker, &noise);
	assert_slice_equal(hs_buf_slice(&noise), HS_SLICE("said\n"));
	assert_int_equal(s.worker.cut, 0);
	assert_false(hs_subprocess_ended(&s.worker, &status)); /* only once */
	hs_buf_free(&noise);
}

/* Its exit code says what that means. */
TEST(a_process_need_not_read_all)
{
	struct hs_buf line = { 0 };
	int status;

	start("exec <&-; exit 0", false);
	for (int i = 0; i < 100000; i++)
		hs_buf_put_slice(&line, HS_SLICE("0123456789\n"));
	hs_subprocess_give(&s.worker, hs_buf_slice(&line));
	hs_subprocess_give_last(&s.worker);
	assert_true(has_ended(&status));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(s.worker.cut, 0);
	hs_buf_free(&line);
}

/* It would take a part of its input for all of it, and the end of its answers for another one. */
TEST(without_memory_a_process_is_killed)
{
	for (int of_answers = 0; of_answers < 2; of_answers++) {
		int status;

		close(s.worker.out);
		hs_subprocess_free(&s.worker);
		s.worker = (struct hs_subprocess){ .in = -1, .out = -1, .err = -1 };
		start("echo answer; cat >/dev/null; sleep 60", true);
		wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
		if (!of_answers)
			hs_subprocess_give(&s.worker, HS_SLICE("line\n"));
		hs_subprocess_pump(&s.worker);
		wrap_reset();
		assert_int_equal(s.worker.cut, ENOMEM);
		assert_true(has_ended(&status));
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

TEST(without_descriptors_nothing_is_left_open)
{
	int first, refused = 0, status;
	struct rlimit was, few;
	size_t before;

	close(s.worker.out);
	before = unit_descriptors();
	first = dup(STDIN_FILENO);
	close(first);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	for (few.rlim_cur = (rlim_t)first;; few.rlim_cur++, refused++) {
		bool started;

		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		errno = 0;
		started = hs_subprocess_start(&s.worker, "exit 4", no_environment, true);
		assert_true(started || errno == EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		if (started)
			break;
		assert_int_equal(unit_descriptors(), before);
	}
	assert_true(refused >= 6); /* three pipes */
	assert_true(has_ended(&status));
	assert_true(WIFEXITED(status));
}

/* The preparations are two objects, and three pipes that become descriptors. */
TEST(a_start_that_fails_leaves_nothing_open)
{
	size_t before;
	int status;

	close(s.worker.out);
	before = unit_descriptors();
	for (fault.spawn_fails = 1; fault.spawn_fails <= 5; fault.spawn_fails++) {
		fault.spawn_calls = 0;
		errno = 0;
		assert_false(hs_subprocess_start(&s.worker, "exit 4", no_environment, true));
		assert_int_equal(errno, ENOMEM);
		assert_int_equal(s.worker.pid, 0);
		assert_int_equal(unit_descriptors(), before);
	}
	fault.spawn_calls = 0;
	assert_true(hs_subprocess_start(&s.worker, "exit 4", no_environment, true));
	assert_true(has_ended(&status));
}

TEST(what_is_interrupted_is_done_again)
{
	struct hs_buf noise = { 0 };
	struct hs_slice answer;
	siginfo_t info;
	int status;

	start("cat; echo said >&2; exit 3", true);
	fault.interrupts = true;
	hs_subprocess_give(&s.worker, HS_SLICE("{\"a\":1}\n"));
	hs_subprocess_give_last(&s.worker);
	hs_subprocess_write(&s.worker);
	assert_int_equal(waitid(P_PID, (id_t)s.worker.pid, &info, WEXITED | WNOWAIT), 0);
	assert_true(hs_subprocess_ended(&s.worker, &status));
	fault.interrupts = false;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	assert_int_equal(s.worker.cut, 0);
	assert_true(hs_subprocess_answer(&s.worker, &answer));
	assert_slice_equal(answer, HS_SLICE("{\"a\":1}"));
	hs_subprocess_put_noise(&s.worker, &noise);
	assert_slice_equal(hs_buf_slice(&noise), HS_SLICE("said\n"));
	hs_buf_free(&noise);
}

/* Standard error of the command cannot be written to: a dead letter has the text all the same. */
TEST(noise_that_cannot_be_shown_is_kept)
{
	struct hs_buf noise = { 0 };
	int status, shown = dup(STDERR_FILENO), none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool ended;

	start("echo said >&2", true);
	dup2(none, STDERR_FILENO);
	ended = has_ended(&status);
	dup2(shown, STDERR_FILENO);
	close(none);
	close(shown);
	assert_true(ended);
	hs_subprocess_put_noise(&s.worker, &noise);
	assert_slice_equal(hs_buf_slice(&noise), HS_SLICE("said\n"));
	hs_buf_free(&noise);
}

TEST(a_process_that_runs_is_left_alone)
{
	pid_t pid;
	int status;

	start("read line; exit 5", false);
	pid = s.worker.pid;
	hs_subprocess_free(&s.worker); /* which ends its input */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	s.worker = (struct hs_subprocess){ .in = -1, .out = -1, .err = -1 };
}

TEST(what_to_wait_for)
{
	struct pollfd p[HS_SUBPROCESS_FDS];
	int status;

	hs_subprocess_poll(&s.worker, p);
	assert_true(p[0].fd == -1 && p[1].fd == -1 && p[2].fd == -1);
	start("cat", true);
	hs_subprocess_poll(&s.worker, p);
	assert_true(p[0].fd == -1 && p[1].fd == s.worker.out && p[2].fd == s.worker.err);
	hs_subprocess_give(&s.worker, HS_SLICE("line\n"));
	hs_subprocess_poll(&s.worker, p);
	assert_true(p[0].fd == s.worker.in && p[0].events == POLLOUT);
	hs_subprocess_give_last(&s.worker);
	assert_true(has_ended(&status));
}

TESTS("subprocess", make, finish)
