/* recent_ids: a process believes another's notes only as far as they are complete. */
#include "spool/shared/recent_ids.h"
#include "tests/lib/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES = 10 }; /* of a line */

FIXTURE(begin)
{
	*state = calloc(1, sizeof(struct hs_recent_ids));
	return *state == NULL;
}

FIXTURE(finish)
{
	free(*state);
	return 0;
}

static struct hs_dedup_key id_of(uint64_t n)
{
	struct hs_dedup_key id = { { 0 } };

	memcpy(id.bytes, &n, sizeof n);
	return id;
}

/* Notes lines from `at` on, each with its end as its id; returns where they end. */
static uint64_t note(struct hs_recent_ids *r, uint64_t at, uint64_t lines)
{
	for (uint64_t i = 0; i < lines; i++) {
		uint64_t end = at + (i + 1) * BYTES;

		hs_recent_ids_note(r, i, (struct hs_unflushed_id){ id_of(end), end, 7 });
	}
	return at + lines * BYTES;
}

static uint64_t append(struct hs_recent_ids *r, uint64_t generation, uint64_t at, uint64_t lines)
{
	uint64_t end;

	hs_recent_ids_begin(r, generation, at);
	end = note(r, at, lines);
	hs_recent_ids_end(r, lines, end);
	return end;
}

/* Expects notes of all lines in (from, to], which append made. */
static void assert_knows(const struct hs_recent_ids *r, uint64_t generation, uint64_t from, uint64_t to)
{
	uint64_t number, next;
	bool right = true;

	assert_true(hs_recent_ids_between(r, generation, from, to, &number, &next));
	assert_int_equal(next - number, (to - from) / BYTES);
	for (uint64_t end = from + BYTES; number < next; number++, end += BYTES) {
		struct hs_dedup_key id = id_of(end);

		right &= hs_recent_ids_at(r, number)->end == end &&
		         memcmp(&hs_recent_ids_at(r, number)->id, &id, sizeof id) == 0;
	}
	assert_true(right);
}

static void assert_does_not(const struct hs_recent_ids *r, uint64_t generation, uint64_t from, uint64_t to)
{
	uint64_t number, next;

	assert_false(hs_recent_ids_between(r, generation, from, to, &number, &next));
}

TEST(appended_ids_are_known)
{
	struct hs_recent_ids *r = *state;

	assert_does_not(r, 1, 0, BYTES);
	append(r, 1, 0, 3);
	append(r, 1, 30, 2);
	assert_knows(r, 1, 0, 50);
	assert_knows(r, 1, 10, 50);
	assert_knows(r, 1, 50, 50);
	assert_does_not(r, 1, 0, 60);
	assert_does_not(r, 1, 0, 30); /* it does not end at what is written */
}

TEST(another_segment_starts_afresh)
{
	struct hs_recent_ids *r = *state;

	append(r, 1, 0, 5);
	assert_does_not(r, 2, 0, 50);
	append(r, 2, 50, 1); /* could be taken for the next line of the first */
	assert_does_not(r, 1, 0, 60);
	assert_does_not(r, 2, 0, 60);
	assert_knows(r, 2, 50, 60);
}

TEST(lines_that_were_not_noted_are_a_gap)
{
	struct hs_recent_ids *r = *state;

	append(r, 1, 0, 5);
	append(r, 1, 70, 2);
	assert_does_not(r, 1, 0, 90);
	assert_does_not(r, 1, 50, 90);
	assert_knows(r, 1, 70, 90);
}

TEST(the_oldest_are_given_up)
{
	struct hs_recent_ids *r = *state;
	uint64_t at = 0;

	for (int i = 0; i < 3 * HS_RECENT_IDS; i += 1000)
		at = append(r, 1, at, 1000);
	assert_does_not(r, 1, 0, at);
	assert_does_not(r, 1, at - (HS_RECENT_IDS + 1) * BYTES, at);
	assert_knows(r, 1, at - HS_RECENT_IDS * BYTES, at);
	assert_knows(r, 1, at - BYTES, at);
}

TEST(more_than_fit_at_once)
{
	struct hs_recent_ids *r = *state;
	uint64_t end = append(r, 1, append(r, 1, 0, 9), 2 * HS_RECENT_IDS + 5);

	assert_does_not(r, 1, 90, end);
	assert_knows(r, 1, end - HS_RECENT_IDS * BYTES, end);
}

/* A write fails, or its process is killed, after some lines were noted. */
TEST(an_append_that_did_not_happen)
{
	static const uint64_t noted[] = { 0, 1, 5, HS_RECENT_IDS - 10, HS_RECENT_IDS, 2 * HS_RECENT_IDS + 5 };
	struct hs_recent_ids *r = *state;
	uint64_t at = 0;

	for (size_t i = 0; i < sizeof noted / sizeof *noted; i++) {
		at = append(r, 1, at, 20);
		hs_recent_ids_begin(r, 1, at);
		note(r, at + 1, noted[i]); /* their ends differ from those of later lines */
		if (noted[i] <= HS_RECENT_IDS - 20)
			assert_knows(r, 1, at - 20 * BYTES, at);
		at = append(r, 1, at, 3);
		if (noted[i] <= HS_RECENT_IDS - 20)
			assert_knows(r, 1, at - 23 * BYTES, at);
		else
			assert_does_not(r, 1, at - 23 * BYTES, at);
		assert_knows(r, 1, at - 3 * BYTES, at);
	}
}

/* A write succeeds, but its process is killed before it says so. */
TEST(an_append_that_was_not_ended)
{
	struct hs_recent_ids *r = *state;
	uint64_t at = append(r, 1, 0, 20), end;

	hs_recent_ids_begin(r, 1, at);
	end = note(r, at, 4);
	assert_does_not(r, 1, 0, end);
	assert_does_not(r, 1, at, end);
	append(r, 1, end, 2);
	assert_does_not(r, 1, at, end + 2 * BYTES);
	assert_knows(r, 1, end, end + 2 * BYTES);
}

/* Killed in hs_recent_ids_end, between its two steps. */
TEST(an_end_that_was_half_written)
{
	struct hs_recent_ids *r = *state;
	uint64_t at = append(r, 1, 0, 20), end;

	hs_recent_ids_begin(r, 1, at);
	end = note(r, at, 4);
	hs_recent_ids_end(r, 4, at); /* the numbers, not the offset */
	assert_does_not(r, 1, 0, end);
	assert_does_not(r, 1, 0, at);
	append(r, 1, end, 2);
	assert_does_not(r, 1, 0, end + 2 * BYTES);
	assert_knows(r, 1, end, end + 2 * BYTES);
}

/* --- killed before any instruction ---------------------------------------------------- */

/* In the child: appends three lines, after it was stopped once. */
static pid_t start_traced(struct hs_recent_ids *r, uint64_t at, int *status)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(77);
		kill(getpid(), SIGSTOP);
		append(r, 1, at, 3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, status, 0), pid);
	return pid;
}

/* Steps one instruction. False: the child has ended. */
static bool step(pid_t pid, int *status)
{
	assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, status, 0), pid);
	return WIFSTOPPED(*status);
}

/* Expects complete notes of the lines in (from, to], or none. */
static void assert_true_if_any(const struct hs_recent_ids *r, uint64_t from, uint64_t to)
{
	uint64_t number, next;

	if (hs_recent_ids_between(r, 1, from, to, &number, &next))
		assert_knows(r, 1, from, to);
}

static void assert_true_of_all(const struct hs_recent_ids *r, uint64_t to)
{
	assert_true_if_any(r, to - HS_RECENT_IDS * BYTES, to);
	assert_true_if_any(r, to - (HS_RECENT_IDS - 3) * BYTES, to);
	assert_true_if_any(r, to - 5 * BYTES, to);
	assert_true_if_any(r, to - 3 * BYTES, to);
}

/*
 * The state that a kill here would leave. Whether or not its lines were written
 * before, the next append goes on after them.
 */
static void assert_can_be_killed(const struct hs_recent_ids *left, uint64_t at)
{
	struct hs_recent_ids *r = malloc(sizeof *r);

	assert_non_null(r);
	for (uint64_t end = at; end <= at + 3 * BYTES; end += 3 * BYTES) {
		*r = *left;
		assert_true_of_all(r, end);
		append(r, 1, end, 2);
		assert_true_of_all(r, end + 2 * BYTES);
		assert_knows(r, 1, end, end + 2 * BYTES);
	}
	free(r);
}

TEST(killed_before_any_instruction)
{
	struct hs_recent_ids *full = *state, *r;
	uint64_t at = append(full, 1, append(full, 1, 0, 100), HS_RECENT_IDS);
	int status, steps = 0;
	pid_t pid;

	r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(r != MAP_FAILED);
	*r = *full;
	pid = start_traced(r, at, &status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* a sandbox forbids ptrace */
	for (; step(pid, &status); steps++)
		assert_can_be_killed(r, at);
	assert_true(WIFEXITED(status) && steps > 50);
	assert_knows(r, 1, at - 5 * BYTES, at + 3 * BYTES);
	munmap(r, sizeof *r);
}

TESTS("recent_ids", begin, finish)
