/* loader: each failure of each call; lost answers; refused, wide and damaged records; deletes; limits. */
#include "base/buf.h"
#include "tests/lib/memory_target.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/load/batch.h"
#include "tools/load/limits.h"
#include "tools/load/loader.h"
#include "tools/load/people.h"
#include "tools/load/position_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct fixture {
	struct memory_target *m;
	struct hs_loader_options options;
	struct hs_loader *loader;
	unsigned letters, untold; /* untold: cannot be written before one can */
	char why[200];
	uint64_t offset; /* of the record that was added last */
	struct hs_buf line;
};

static enum hs_result refused(void *context, struct hs_slice line, struct hs_position after, const char *why)
{
	struct fixture *f = context;

	(void)after;
	assert_true(line.n > 0);
	if (f->untold > 0) {
		f->untold--;
		return HS_E_FAILED_MAX;
	}
	f->letters++;
	snprintf(f->why, sizeof f->why, "%s", why);
	return HS_OK;
}

FIXTURE(make)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->m = memory_target_new();
	f->options = (struct hs_loader_options){
		.catalogue = { .prefix = "", .columns_max = 180, .tables_max = 500 },
		.batch = 5,
		.wait_ms = 1,
		.spool = "s",
		.command = "test",
		.refused = refused,
		.context = f,
	};
	*state = f;
	return 0;
}

FIXTURE(end)
{
	struct fixture *f = *state;

	wrap_reset();
	hs_loader_free(f->loader);
	memory_target_free(f->m);
	hs_buf_free(&f->line);
	free(f);
	return 0;
}

/* A loader that begins where the database says. Returns what opening returned. */
static int start(struct fixture *f)
{
	struct hs_target_position at;
	int code;

	hs_loader_free(f->loader);
	f->loader = hs_loader_new(&f->options, &f->m->target);
	assert_non_null(f->loader);
	code = hs_loader_open(f->loader, &at);
	if (code == 0)
		hs_loader_begin_at(f->loader, &at);
	f->offset = at.offset;
	return code;
}

/* Adds a line; writes the batch first if it is full. */
static int add(struct fixture *f, const char *line)
{
	struct hs_position after = { .number = 1, .offset = f->offset + 1 };
	int code = 0;

	for (int i = 0; i < 2; i++) {
		if (hs_loader_add(f->loader, hs_slice_str(line), after, &code)) {
			f->offset++;
			return 0;
		}
		if (code == 0)
			code = hs_loader_flush(f->loader);
		if (code != 0)
			return code;
	}
	fail_msg("a record fits into no batch");
	return -1;
}

static const char *record(struct fixture *f, const char *type, unsigned i, const char *more)
{
	hs_buf_reset(&f->line);
	hs_buf_printf(&f->line,
	              "{\"type\":\"%s\",\"message_id\":\"m%u\",\"spooled_at\":\"2026-01-02T00:00:00.%03uZ\"%s%s}", type,
	              i, i % 1000, more[0] != '\0' ? "," : "", more);
	hs_buf_putc(&f->line, '\0');
	assert_true(hs_buf_ok(&f->line));
	return f->line.p;
}

static int add_track(struct fixture *f, unsigned i, const char *more)
{
	char text[256];

	snprintf(text, sizeof text, "\"event\":\"Bought\",\"user_id\":\"u1\"%s%s", more[0] != '\0' ? "," : "", more);
	return add(f, record(f, "track", i, text));
}

/* A loader that has written a track, m1, with these properties. */
static void start_with_track(struct fixture *f, const char *properties)
{
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1, properties), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
}

/* Records of every kind, from the one after the position to the n-th. */
static int add_all(struct fixture *f, unsigned n)
{
	int code = 0;

	for (unsigned i = (unsigned)f->offset + 1; i <= n && code == 0; i++) {
		char text[200];

		if (i == 8 || i == 11)
			hs_loader_note_gone(f->loader, i - 6);
		if (i == 8)
			code = add(f, "no record");
		else if (i == 13)
			code = add(f, record(f, "delete", i, "\"user_id\":\"u0\""));
		else if (i % 3 == 0) {
			snprintf(text, sizeof text, "\"user_id\":\"u%u\",\"traits_t%u\":\"v%u\",\"traits_last\":%u",
			         i % 2, i % 5, i, i);
			code = add(f, record(f, "identify", i, text));
		} else {
			snprintf(text, sizeof text, "\"properties_p%u\":%u", i % 7, i);
			code = add_track(f, i, text);
		}
	}
	return code == 0 ? hs_loader_flush(f->loader) : code;
}

enum { ALL = 24, GONE = 2 + 5 };

/* Dumps the database after an undisturbed run. */
static char *undisturbed(void)
{
	void *state = NULL;
	struct fixture *f;
	char *dump;

	make(&state);
	f = state;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_all(f, ALL), 0);
	assert_int_equal(f->m->committed.at.offset, ALL);
	assert_int_equal(f->m->committed.at.damaged, 1);
	assert_int_equal(f->m->committed.at.gone, GONE);
	dump = memory_target_dump(f->m);
	end(&state);
	return dump;
}

/* --- failures ------------------------------------------------------------------- */

static void run_with_failure(const char *expected, int call, unsigned at, enum hs_target_result with, bool after)
{
	void *state = NULL;
	struct fixture *f;
	char *dump;
	int code;

	make(&state);
	f = state;
	f->m->fail = (enum memory_call)call;
	f->m->fail_in = at;
	f->m->fail_with = with;
	f->m->fail_after = after;
	code = start(f);
	if (code == 0)
		code = add_all(f, ALL);
	if (with != HS_TARGET_BROKEN && (with != HS_TARGET_ROW && with != HS_TARGET_WIDE))
		assert_int_equal(code, 0);
	if (code != 0) {
		assert_int_equal(start(f), 0);
		assert_int_equal(add_all(f, ALL), 0);
	}
	dump = memory_target_dump(f->m);
	assert_string_equal(dump, expected);
	assert_int_equal(f->letters, 0);
	assert_int_equal(f->m->committed.at.damaged, 1);
	assert_int_equal(f->m->committed.at.gone, GONE);
	free(dump);
	end(&state);
}

TEST(after_any_failure_of_any_call_every_row_is_there_once)
{
	static const enum hs_target_result with[] = { HS_TARGET_AWAY,   HS_TARGET_AGAIN,     HS_TARGET_FULL,
		                                      HS_TARGET_DENIED, HS_TARGET_CATALOGUE, HS_TARGET_BROKEN };
	char *expected = undisturbed();

	for (int call = 0; call < MEMORY_CALLS; call++)
		for (unsigned at = 1; at <= 12; at++)
			for (size_t i = 0; i < sizeof with / sizeof *with; i++)
				if (call != MEMORY_TABLES || at > 1 || with[i] != HS_TARGET_CATALOGUE)
					run_with_failure(expected, call, at, with[i], false);
	free(expected);
}

TEST(answer_to_commit_that_is_lost_doubles_nothing)
{
	char *expected = undisturbed();

	for (unsigned at = 1; at <= 6; at++)
		run_with_failure(expected, MEMORY_COMMIT, at, HS_TARGET_AWAY, true);
	free(expected);
}

TEST_WITH(counts_are_right_after_a_lost_answer, make, end)
{
	struct fixture *f = *state;
	struct hs_loader_counts counts;

	f->m->fail = MEMORY_COMMIT;
	f->m->fail_in = 1;
	f->m->fail_with = HS_TARGET_AWAY;
	f->m->fail_after = true;
	assert_int_equal(start(f), 0);
	hs_loader_note_gone(f->loader, 3);
	assert_int_equal(add_track(f, 1, "\"properties_a\":\"\\u0000\""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(add_track(f, 2, ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	counts = hs_loader_counts(f->loader);
	assert_int_equal(counts.records, 2);
	assert_int_equal(counts.rows, 4);
	assert_int_equal(counts.rest, 1);
	assert_int_equal(counts.gone, 3);
	assert_int_equal(f->m->committed.at.gone, 3);
	assert_int_equal(f->m->committed.at.records, 2);
	assert_int_equal(f->m->committed.at.rest, 1);
}

TEST_WITH(another_loader_ends_this_one, make, end)
{
	struct fixture *f = *state;

	start_with_track(f, "");
	f->m->committed.at.offset = 77;
	assert_int_equal(add_track(f, 2, ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), EX_TEMPFAIL);
	assert_int_equal(memory_target_rows(f->m, "tracks"), 1);
	assert_int_equal(f->m->committed.at.offset, 77);
}

TEST(position_tells_another_loader_from_a_database_that_was_put_back)
{
	const struct hs_target_position none = { .found = false };
	const struct hs_target_position left = { .found = true, .number = 2, .offset = 50, .records = 9 };
	const struct hs_target_position later = { .found = true, .number = 2, .offset = 70, .records = 10 };
	const struct hs_target_position older = { .found = true, .number = 1, .offset = 90, .records = 8 };
	/* an erase has made the segment shorter, and another loader has passed more of it */
	const struct hs_target_position edited = { .found = true, .number = 2, .offset = 40, .edit = 1, .records = 10 };

	assert_int_equal(hs_position_state_of(&left, &left), HS_POSITION_KEPT);
	assert_int_equal(hs_position_state_of(&none, &none), HS_POSITION_KEPT);
	assert_int_equal(hs_position_state_of(&left, &later), HS_POSITION_MOVED);
	assert_int_equal(hs_position_state_of(&left, &edited), HS_POSITION_MOVED);
	assert_int_equal(hs_position_state_of(&none, &older), HS_POSITION_MOVED);
	assert_int_equal(hs_position_state_of(&left, &older), HS_POSITION_OLDER);
	assert_int_equal(hs_position_state_of(&left, &none), HS_POSITION_GONE);
}

TEST_WITH(position_of_another_spool_is_refused, make, end)
{
	struct fixture *f = *state;

	f->m->committed.at = (struct hs_target_position){ .found = true, .spool = "other", .number = 1 };
	assert_int_equal(start(f), EX_DATAERR);
}

TEST_WITH(column_that_was_dropped_meanwhile_is_made_again, make, end)
{
	struct fixture *f = *state;

	start_with_track(f, "\"properties_a\":1");
	memory_target_drop_column(f->m, "bought", "a");
	assert_int_equal(add_track(f, 2, "\"properties_a\":2"), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_string_equal(memory_target_value(f->m, "bought", "m2", "a"), "2");
}

TEST_WITH(only_once_is_a_denial_final, make, end)
{
	struct fixture *f = *state;

	f->options.once = true;
	f->m->fail = MEMORY_CONNECT;
	f->m->fail_in = 1;
	f->m->fail_with = HS_TARGET_DENIED;
	assert_int_equal(start(f), EX_NOPERM);
}

static bool asked_to_stop(void *context)
{
	(void)context;
	return true;
}

static void stop_after_failure(const char *expected, enum memory_call call, enum hs_target_result with)
{
	void *state = NULL;
	struct fixture *f;
	char *dump;
	int code;

	make(&state);
	f = state;
	f->options.stop = asked_to_stop;
	f->m->fail = call;
	f->m->fail_in = 1;
	f->m->fail_with = with;
	code = start(f);
	if (code == 0)
		code = add_all(f, ALL);
	assert_int_equal(code, HS_LOADER_STOPPED);
	assert_int_equal(start(f), 0);
	assert_int_equal(add_all(f, ALL), 0);
	dump = memory_target_dump(f->m);
	assert_string_equal(dump, expected);
	free(dump);
	end(&state);
}

TEST(stop_ends_a_wait_for_the_database_and_loses_nothing)
{
	static const enum hs_target_result with[] = { HS_TARGET_AWAY, HS_TARGET_AGAIN, HS_TARGET_FULL,
		                                      HS_TARGET_DENIED };
	static const enum memory_call calls[] = { MEMORY_CONNECT, MEMORY_BEGIN, MEMORY_INSERT, MEMORY_COMMIT };
	char *expected = undisturbed();

	for (size_t i = 0; i < sizeof with / sizeof *with; i++)
		for (size_t call = 0; call < sizeof calls / sizeof *calls; call++)
			stop_after_failure(expected, calls[call], with[i]);
	free(expected);
}

/* --- rows that are refused ---------------------------------------------------------- */

TEST_WITH(refused_row_among_thousands_is_found, make, end)
{
	struct fixture *f = *state;

	f->options.batch = 5000;
	f->m->refuse = "bad";
	assert_int_equal(start(f), 0);
	for (unsigned i = 1; i <= 3000; i++)
		assert_int_equal(add_track(f, i, i == 1777 ? "\"properties_a\":\"bad\"" : "\"properties_a\":\"good\""),
		                 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "bought"), 2999);
	assert_int_equal(memory_target_rows(f->m, "tracks"), 3000);
	assert_int_equal(f->letters, 1);
	assert_string_equal(f->why, "row refused");
	assert_int_equal(hs_loader_counts(f->loader).refused, 1);
	assert_true(f->m->inserts < 40);
	assert_true(f->m->most_rows >= 1000);
}

TEST_WITH(insert_that_fails_among_several_of_a_batch_is_tried_again, make, end)
{
	struct fixture *f = *state;

	f->options.batch = 5000;
	f->m->fail = MEMORY_INSERT;
	f->m->fail_in = 2;
	f->m->fail_with = HS_TARGET_AGAIN;
	assert_int_equal(start(f), 0);
	for (unsigned i = 1; i <= 3000; i++)
		assert_int_equal(add_track(f, i, ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->m->inserts, 1 + 6); /* of a thousand rows each */
	assert_int_equal(memory_target_rows(f->m, "bought"), 3000);
}

TEST_WITH(refused_row_is_told_once_and_counted_although_the_batch_is_tried_again, make, end)
{
	struct fixture *f = *state;

	f->m->refuse = "bad";
	f->m->fail = MEMORY_COMMIT;
	f->m->fail_in = 1;
	f->m->fail_with = HS_TARGET_AGAIN;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1, "\"properties_a\":\"bad\""), 0);
	assert_int_equal(add_track(f, 2, ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->letters, 1);
	assert_int_equal(hs_loader_counts(f->loader).refused, 1);
	assert_int_equal(memory_target_rows(f->m, "bought"), 1);
}

/* Tracks is left out, and the second event has no table. */
TEST_WITH(event_that_can_have_no_row_at_all_is_a_dead_letter, make, end)
{
	static const char *const exclude[] = { "tracks", NULL };
	struct fixture *f = *state;

	f->options.rows.exclude = exclude;
	f->options.catalogue.tables_max = 1;
	f->m->fail = MEMORY_COMMIT;
	f->m->fail_in = 1;
	f->m->fail_with = HS_TARGET_AGAIN;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1, ""), 0);
	assert_int_equal(add(f, record(f, "track", 2, "\"event\":\"Sold\"")), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "bought"), 1);
	assert_int_equal(f->letters, 1);
	assert_non_null(strstr(f->why, "its event can have no table"));
	assert_int_equal(hs_loader_counts(f->loader).refused, 1);
	assert_int_equal(add_track(f, 3, ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->letters, 1);
}

TEST_WITH(loader_waits_until_a_dead_letter_can_be_written, make, end)
{
	struct fixture *f = *state;

	f->m->refuse = "bad";
	f->untold = 2;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1, "\"properties_a\":\"bad\""), 0);
	assert_int_equal(add_track(f, 2, ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->letters, 1);
	assert_int_equal(memory_target_rows(f->m, "bought"), 1);
	f->options.once = true;
	f->untold = 1;
	assert_int_equal(add_track(f, 3, "\"properties_a\":\"bad\""), 0);
	assert_int_equal(hs_loader_flush(f->loader), EX_IOERR);
	assert_int_equal(memory_target_rows(f->m, "tracks"), 2);
}

/* Escaped or not; the row of identifies, and the person's, are not there. */
TEST_WITH(person_whose_id_is_too_long_is_a_dead_letter, make, end)
{
	struct fixture *f = *state;
	struct hs_buf more = { 0 };

	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < 4; i++) { /* two of the longest, and two of a byte more */
		const char *letter = i % 2 == 0 ? "x" : "\\u0078";

		hs_buf_reset(&more);
		hs_buf_put_slice(&more, HS_SLICE("\"user_id\":\""));
		for (size_t n = 0; n < HS_PEOPLE_ID_MAX + i / 2; n++)
			hs_buf_put_slice(&more, hs_slice_str(n == i ? letter : "x"));
		hs_buf_put(&more, "\"", 2);
		assert_true(hs_buf_ok(&more));
		assert_int_equal(add(f, record(f, "identify", i + 1, more.p)), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		assert_int_equal(f->letters, i < 2 ? 0 : i - 1);
	}
	assert_memory_equal(f->why, "user_id is longer than 65536 bytes", 34);
	assert_int_equal(memory_target_rows(f->m, "identifies"), 2);
	assert_int_equal(hs_loader_counts(f->loader).refused, 2);
	hs_buf_free(&more);
}

/* A line with `n` letters, or as many pairs of a quote and a backslash, in a field. */
static char *long_line(struct fixture *f, const char *type, unsigned i, const char *more, const char *letters, size_t n)
{
	const char *record_of = record(f, type, i, more);
	size_t start = strlen(record_of) - 1, each = strlen(letters);
	char *line = malloc(start + n * each + 3);

	assert_non_null(line);
	memcpy(line, record_of, start);
	for (size_t at = 0; at < n; at++)
		memcpy(line + start + at * each, letters, each);
	strcpy(line + start + n * each, "\"}");
	return line;
}

/* {"n":"\"TEXT\""} of the longest _rest, and of one that is a byte longer; of plain letters and of escapes. */
TEST_WITH(row_whose_rest_is_too_long_is_a_dead_letter, make, end)
{
	static const struct {
		const char *letters;
		size_t n;
		bool is_refused;
	} texts[] = {
		{ "x", HS_REST_MAX - 12, false },
		{ "x", HS_REST_MAX - 11, true },
		{ "\\\"\\\\", (HS_REST_MAX - 12) / 8, false },
		{ "\\\"\\\\", (HS_REST_MAX - 12) / 8 + 1, true },
	};
	const char *start_of = "\"event\":\"Bought\",\"properties_n\":\"";
	struct fixture *f = *state;
	struct hs_buf misfits = { 0 };

	f->options.catalogue.types = (const char *const[]){ "*.n=number", NULL };
	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < 4; i++) {
		char *line = long_line(f, "track", 2 * i, start_of, texts[i].letters, texts[i].n);

		f->letters = 0;
		assert_int_equal(add(f, line), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		free(line);
		assert_int_equal(add_track(f, 2 * i + 1, "\"properties_n\":1"), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		assert_int_equal(f->letters, texts[i].is_refused);
	}
	assert_string_equal(f->why,
	                    "the _rest of the row in bought, of what its columns do not take, is longer than 12582912 "
	                    "bytes, the most that the loader has memory for");
	assert_int_equal(memory_target_rows(f->m, "bought"), 6);
	assert_int_equal(strlen(memory_target_value(f->m, "bought", "m0", "_rest")), HS_REST_MAX);
	assert_int_equal(hs_loader_counts(f->loader).refused, 2);
	assert_int_equal(hs_loader_counts(f->loader).rest, 2);
	hs_misfits_put(hs_loader_misfits(f->loader), &misfits);
	assert_slice_equal(hs_buf_slice(&misfits), HS_SLICE(" (bought.n: 2 text)"));
	hs_buf_free(&misfits);
}

/* So no other record of its batch is affected. */
TEST_WITH(rest_of_a_line_that_is_copied_is_never_too_long, make, end)
{
	struct fixture *f = *state;
	size_t pairs = (HS_BATCH_LONG - 200) / 4;
	char *line;

	f->options.catalogue.types = (const char *const[]){ "*.n=number", NULL };
	assert_int_equal(start(f), 0);
	line = long_line(f, "track", 1, "\"event\":\"Bought\",\"properties_n\":\"", "\\\"\\\\", pairs);
	assert_int_equal(add(f, line), 0);
	assert_false(hs_loader_must_flush(f->loader));
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->letters, 0);
	assert_int_equal(strlen(memory_target_value(f->m, "bought", "m1", "_rest")), 8 * pairs + 12);
	free(line);
}

/* Late ones, so that the row is made of all of them; the latest has nothing long. */
TEST_WITH(person_whose_row_is_too_long_has_none, make, end)
{
	enum { IDENTIFIES = 20, BYTES = 5 << 20 };
	struct fixture *f = *state;
	uint64_t before = 0;

	assert_int_equal(start(f), 0);
	assert_int_equal(add(f, record(f, "identify", 1, "\"user_id\":\"u1\",\"timestamp\":\"2025-02-01T00:00:00Z\"")),
	                 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	for (unsigned i = 0; i < IDENTIFIES; i++) {
		char more[200], *line;

		snprintf(more, sizeof more,
		         "\"user_id\":\"u1\",\"timestamp\":\"2025-01-%02uT00:00:00Z\",\"traits_t%u\":\"", 28 - i, i);
		line = long_line(f, "identify", 100 + i, more, "x", BYTES);
		before = f->m->bytes;
		assert_int_equal(add(f, line), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		assert_int_equal(memory_target_rows(f->m, "users"), i < 3);
		free(line);
	}
	assert_int_equal(memory_target_rows(f->m, "identifies"), IDENTIFIES + 1);
	assert_true(f->m->bytes - before < HS_PERSON_MAX + (1 << 20)); /* no more is read than what a row may have */
	assert_int_equal(f->letters, 0);
	assert_int_equal(add(f, record(f, "identify", 2, "\"user_id\":\"u2\",\"traits_t1\":\"x\"")), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "users"), 1);
}

/* In any order: those that come in time are added to the row without a look at the others. */
TEST_WITH(person_whose_row_becomes_too_long_has_none, make, end)
{
	enum { IDENTIFIES = 6, BYTES = 5 << 20 };
	struct fixture *f = *state;

	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < IDENTIFIES; i++) {
		char more[200], *line;

		snprintf(more, sizeof more,
		         "\"user_id\":\"u1\",\"timestamp\":\"2025-01-%02uT00:00:00Z\",\"traits_t%u\":\"", i + 1, i);
		line = long_line(f, "identify", i, more, "x", BYTES);
		assert_int_equal(add(f, line), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		assert_int_equal(memory_target_rows(f->m, "users"), i < 3);
		free(line);
	}
}

/* Values that later ones overrule do not make it too long, nor are they read. */
TEST_WITH(person_with_many_long_values_of_one_trait_has_a_row, make, end)
{
	enum { IDENTIFIES = 8, BYTES = 6 << 20 };
	struct fixture *f = *state;

	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < IDENTIFIES; i++) {
		char more[200], *line;
		uint64_t before = f->m->bytes;

		snprintf(more, sizeof more,
		         "\"user_id\":\"u1\",\"timestamp\":\"2025-01-%02uT00:00:00Z\",\"traits_t\":\"", 28 - i);
		line = long_line(f, "identify", i, more, "x", BYTES + i);
		assert_int_equal(add(f, line), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		assert_int_equal(memory_target_rows(f->m, "users"), 1);
		assert_int_equal(strlen(memory_target_value(f->m, "users", "u1", "t")), BYTES);
		assert_true(f->m->bytes - before < BYTES + 64 * 1024);
		free(line);
	}
}

/* Short ones, each trait of its own: the latest, which comes last to the database, has them all short again. */
TEST_WITH(person_whose_overruled_values_are_too_long_together_has_a_row, make, end)
{
	enum { IDENTIFIES = 40, BYTES = 900 << 10 };
	struct fixture *f = *state;
	struct hs_buf latest = { 0 };

	hs_buf_put_slice(&latest, HS_SLICE("\"user_id\":\"u1\",\"timestamp\":\"2025-01-01T00:00:00Z\""));
	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < IDENTIFIES; i++) {
		char more[200], *line;

		snprintf(more, sizeof more,
		         "\"user_id\":\"u1\",\"timestamp\":\"2024-12-01T00:%02u:00Z\",\"traits_t%u\":\"", 59 - i, i);
		line = long_line(f, "identify", i, more, "x", BYTES);
		assert_int_equal(add(f, line), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		free(line);
		hs_buf_printf(&latest, ",\"traits_t%u\":\"short\"", i);
	}
	assert_int_equal(memory_target_rows(f->m, "users"), 0);
	hs_buf_putc(&latest, '\0');
	assert_int_equal(add(f, record(f, "identify", 90, latest.p)), 0);
	assert_int_equal(add(f, record(f, "identify", 91,
	                               "\"user_id\":\"u1\",\"timestamp\":\"2024-11-01T00:00:00Z\",\"traits_old\":1")),
	                 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "t39"), "short");
	assert_string_equal(memory_target_value(f->m, "users", "u1", "old"), "1");
	hs_buf_free(&latest);
}

/* The list of rows, by which the latest are read first, takes memory, too. The long text is in a _rest. */
TEST_WITH(person_with_too_many_rows_of_which_one_is_long_has_no_row, make, end)
{
	enum { IDENTIFIES = 11500, ID = HS_ROW_ID_MAX };
	struct fixture *f = *state;
	char id[ID + 1], *line;

	f->options.batch = 3000;
	f->options.catalogue.types = (const char *const[]){ "*.t=number", NULL };
	assert_int_equal(start(f), 0);
	memset(id, 'i', ID);
	id[ID] = '\0';
	for (unsigned i = 0; i < IDENTIFIES; i++) {
		char number[12];

		memcpy(id, number, (size_t)snprintf(number, sizeof number, "%08u", i));
		assert_true(asprintf(&line,
		                     "{\"type\":\"identify\",\"message_id\":\"%s\",\"spooled_at\":"
		                     "\"2026-01-02T00:00:00.000Z\",\"user_id\":\"u1\"}",
		                     id) > 0);
		assert_int_equal(add(f, line), 0);
		free(line);
	}
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "users"), 1);
	line = long_line(f, "identify", 1, "\"user_id\":\"u1\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"traits_t\":\"",
	                 "x", 2 << 20);
	assert_int_equal(add(f, line), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	free(line);
	assert_int_equal(memory_target_rows(f->m, "users"), 0);
	assert_int_equal(memory_target_rows(f->m, "identifies"), IDENTIFIES + 1);
}

TEST_WITH(row_that_is_accepted_at_the_second_try_is_no_dead_letter, make, end)
{
	struct fixture *f = *state;

	f->m->refuse = "bad";
	f->m->fail = MEMORY_SELECT;
	f->m->fail_in = 1;
	f->m->fail_with = HS_TARGET_BROKEN;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1, "\"properties_a\":\"bad\""), 0);
	assert_int_equal(add(f, record(f, "identify", 2, "\"user_id\":\"u1\"")), 0);
	assert_int_not_equal(hs_loader_flush(f->loader), 0);
	f->m->refuse = NULL;
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->letters, 0);
	assert_int_equal(hs_loader_counts(f->loader).refused, 0);
	assert_int_equal(memory_target_rows(f->m, "bought"), 1);
}

TEST_WITH(hundred_refused_rows_are_passed_and_one_more_stops, make, end)
{
	struct fixture *f = *state;

	f->options.batch = 500;
	f->m->refuse = "bad";
	assert_int_equal(start(f), 0);
	for (unsigned i = 1; i <= 102; i++)
		assert_int_equal(add_track(f, i, i > 2 ? "\"properties_a\":\"bad\"" : ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->letters, 100);
	f->letters = 0;
	for (unsigned i = 200; i <= 302; i++)
		assert_int_equal(add_track(f, i, "\"properties_a\":\"bad\""), 0);
	assert_int_equal(hs_loader_flush(f->loader), EXIT_FAILURE);
	assert_int_equal(f->letters, 0);
	assert_int_equal(memory_target_rows(f->m, "tracks"), 102);
}

TEST_WITH(row_that_is_too_wide_keeps_its_common_columns, make, end)
{
	struct fixture *f = *state;

	f->m->wide = 12;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1,
	                           "\"properties_a\":1,\"properties_b\":2,\"properties_c\":3,\"properties_d\":4,"
	                           "\"properties_e\":5,\"properties_f\":\"x\""),
	                 0);
	assert_int_equal(add_track(f, 2, "\"properties_a\":1"), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_null(memory_target_value(f->m, "bought", "m1", "a"));
	assert_string_equal(memory_target_value(f->m, "bought", "m1", "_rest"),
	                    "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"4\",\"e\":\"5\",\"f\":\"\\\"x\\\"\"}");
	assert_string_equal(memory_target_value(f->m, "bought", "m2", "a"), "1");
	assert_int_equal(f->letters, 0);
}

TEST_WITH(row_that_is_too_wide_even_so_is_a_dead_letter, make, end)
{
	struct fixture *f = *state;

	f->m->wide = 2;
	start_with_track(f, "\"properties_a\":1");
	assert_int_equal(f->letters, 1);
	assert_int_equal(memory_target_rows(f->m, "bought"), 0);
}

/* --- what a batch holds ------------------------------------------------------------- */

TEST_WITH(damaged_line_is_passed_when_a_batch_is_made_anew, make, end)
{
	struct fixture *f = *state;

	f->options.once = true;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1, ""), 0);
	assert_int_equal(add(f, "no record"), 0);
	assert_int_equal(add_track(f, 2, ""), 0);
	f->m->fail = MEMORY_BEGIN;
	f->m->fail_in = 1;
	f->m->fail_with = HS_TARGET_AWAY;
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "tracks"), 2);
	assert_int_equal(f->m->committed.at.offset, 3);
}

TEST_WITH(delete_takes_what_came_before_it_and_nothing_else, make, end)
{
	struct fixture *f = *state;

	f->options.batch = 100;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1, ""), 0);
	assert_int_equal(add(f, record(f, "identify", 2, "\"user_id\":\"u1\",\"traits_a\":1")), 0);
	assert_int_equal(add(f, record(f, "alias", 3, "\"user_id\":\"u3\",\"previous_id\":\"u1\"")), 0);
	assert_int_equal(add(f, record(f, "track", 4, "\"event\":\"Bought\",\"user_id\":\"u2\"")), 0);
	assert_int_equal(add(f, record(f, "delete", 5, "\"user_id\":\"u1\"")), 0);
	assert_int_equal(add_track(f, 6, ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "bought"), 2);
	assert_int_equal(memory_target_rows(f->m, "identifies"), 0);
	assert_int_equal(memory_target_rows(f->m, "users"), 0);
	assert_int_equal(memory_target_rows(f->m, "aliases"), 0);
	assert_non_null(memory_target_value(f->m, "tracks", "m6", "id"));
	assert_int_equal(hs_loader_counts(f->loader).erased, 4);
}

/*
 * uuid_ts does not rise in the order of the spool: an event that is before the delete and has a later time goes, also
 * if another process has loaded it; one that is after it stays, also if the spool is loaded anew into the same tables.
 */
TEST_WITH(delete_goes_by_the_order_of_the_spool_and_not_by_the_time, make, end)
{
	struct fixture *f = *state;

	for (unsigned restart = 0; restart < 2; restart++) {
		assert_int_equal(start(f), 0);
		assert_int_equal(add_track(f, 500, ""), 0);
		assert_int_equal(add_track(f, 7, ""), 0);
		assert_int_equal(add(f, record(f, "identify", 400, "\"user_id\":\"u1\",\"traits_a\":1")), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		if (restart == 1)
			assert_int_equal(start(f), 0);
		assert_int_equal(add(f, record(f, "delete", 5, "\"user_id\":\"u1\"")), 0);
		assert_int_equal(add_track(f, 6, ""), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		assert_int_equal(memory_target_rows(f->m, "bought"), 1);
		assert_non_null(memory_target_value(f->m, "bought", "m6", "id"));
		assert_int_equal(memory_target_rows(f->m, "users"), 0);
		f->m->committed.at = (struct hs_target_position){ .found = false };
	}
}

static int erase(struct fixture *f, enum hs_subject_kind kind, const char *id, bool derived)
{
	struct hs_person person = { kind, hs_slice_str(id), HS_SLICE("2026-01-02T00:00:00.005Z"), derived };

	return hs_loader_erase(f->loader, &person);
}

TEST_WITH(erase_takes_a_persons_rows_and_leaves_the_position, make, end)
{
	struct fixture *f = *state;

	f->options.batch = 100;
	assert_int_equal(start(f), 0);
	assert_int_equal(add(f, record(f, "identify", 1, "\"user_id\":\"u1\",\"anonymous_id\":\"a1\",\"traits_a\":1")),
	                 0);
	assert_int_equal(add(f, record(f, "identify", 2, "\"user_id\":\"u2\",\"anonymous_id\":\"a1\",\"traits_a\":1")),
	                 0);
	assert_int_equal(add(f, record(f, "page", 3, "\"anonymous_id\":\"a1\"")), 0);
	assert_int_equal(add(f, record(f, "page", 4, "\"anonymous_id\":\"a2\"")), 0);
	assert_int_equal(add(f, record(f, "alias", 5, "\"user_id\":\"u2\",\"previous_id\":\"u1\"")), 0);
	assert_int_equal(add(f, record(f, "page", 6, "\"user_id\":\"u1\",\"anonymous_id\":\"a1\"")), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);

	assert_int_equal(erase(f, HS_SUBJECT_USER, "u1", false), 0);
	assert_int_equal(memory_target_rows(f->m, "identifies"), 1);
	assert_int_equal(memory_target_rows(f->m, "users"), 1);
	assert_int_equal(memory_target_rows(f->m, "aliases"), 0);
	assert_non_null(memory_target_value(f->m, "pages", "m6", "id")); /* it came later */
	assert_int_equal(erase(f, HS_SUBJECT_ANONYMOUS, "a1", true), 0);
	assert_null(memory_target_value(f->m, "pages", "m3", "id"));
	assert_non_null(memory_target_value(f->m, "identifies", "m2", "id")); /* it names another user */
	assert_int_equal(erase(f, HS_SUBJECT_ANONYMOUS, "a1", false), 0);
	assert_int_equal(memory_target_rows(f->m, "identifies"), 0);
	assert_int_equal(memory_target_rows(f->m, "users"), 0);
	assert_int_equal(memory_target_rows(f->m, "pages"), 2);
	assert_int_equal(hs_loader_counts(f->loader).erased, 4);
	assert_int_equal(f->m->committed.at.offset, 6);
}

static void make_illness(struct memory_target *m)
{
	memory_target_make_table(m, "illness", (const char *const[]){ "id", "user_id", "uuid_ts", "_rest", NULL });
}

TEST_WITH(table_that_comes_during_an_erase_is_erased_in, make, end)
{
	struct fixture *f = *state;

	assert_int_equal(start(f), 0);
	assert_int_equal(add(f, record(f, "identify", 1, "\"user_id\":\"u1\"")), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	f->m->meanwhile = make_illness;
	f->m->watch = "illness";
	assert_int_equal(erase(f, HS_SUBJECT_USER, "u1", false), 0);
	assert_int_equal(f->m->watched, 1);
	assert_int_equal(memory_target_rows(f->m, "users"), 0);
}

/* Somebody has dropped uuid_ts: what is there is of no event that is still to come. */
TEST_WITH(erase_reaches_a_table_without_a_time, make, end)
{
	struct fixture *f = *state;

	start_with_track(f, "");
	memory_target_drop_column(f->m, "bought", "uuid_ts");
	memory_target_make_table(f->m, "customers", (const char *const[]){ "id", "user_id", NULL });
	f->m->watch = "customers";
	assert_int_equal(start(f), 0);
	assert_int_equal(erase(f, HS_SUBJECT_USER, "u1", false), 0);
	assert_int_equal(memory_target_rows(f->m, "bought"), 0);
	assert_int_equal(f->m->watched, 0); /* it is no table of ours */
}

TEST_WITH(erase_is_tried_again, make, end)
{
	static const unsigned calls[] = { MEMORY_BEGIN, MEMORY_ERASE, MEMORY_COMMIT };
	struct fixture *f = *state;

	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
		assert_int_equal(add_track(f, i, ""), 0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		f->m->fail = calls[i];
		f->m->fail_in = 1;
		f->m->fail_with = HS_TARGET_AWAY;
		assert_int_equal(erase(f, HS_SUBJECT_USER, "u1", false), 0);
		assert_int_equal(memory_target_rows(f->m, "bought"), 0);
	}
	f->m->committed.at.offset++; /* another loader's work */
	assert_int_equal(erase(f, HS_SUBJECT_USER, "u1", false), EX_TEMPFAIL);
}

TEST_WITH(record_larger_than_a_batch_is_one_by_itself, make, end)
{
	struct fixture *f = *state;
	char *value = calloc(1, HS_LOADER_BYTES + 1000), *line;

	f->options.batch = 100;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1, ""), 0);
	memset(value, 'x', HS_LOADER_BYTES + 999);
	assert_true(asprintf(&line,
	                     "{\"type\":\"track\",\"event\":\"Bought\",\"message_id\":\"large\",\"spooled_at\":"
	                     "\"2026-01-02T00:00:00.000Z\",\"properties_a\":\"%s\"}",
	                     value) > 0);
	free(value);
	assert_int_equal(add(f, line), 0);
	assert_int_equal(memory_target_rows(f->m, "tracks"), 1);
	assert_int_equal(add_track(f, 3, ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "bought"), 3);
	assert_true(strlen(memory_target_value(f->m, "bought", "large", "a")) > HS_LOADER_BYTES);
	free(line);
}

TEST_WITH(columns_beyond_the_limit_go_to_rest, make, end)
{
	struct fixture *f = *state;

	f->options.catalogue.columns_max = 14;
	assert_int_equal(start(f), 0);
	assert_int_equal(add_track(f, 1, "\"properties_a\":1,\"properties_b\":2,\"properties_c\":3,\"properties_d\":4"),
	                 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_string_equal(memory_target_value(f->m, "bought", "m1", "a"), "1");
	assert_non_null(strstr(memory_target_value(f->m, "bought", "m1", "_rest"), "\"d\":\"4\""));
}

TEST_WITH(tables_beyond_the_limit_have_their_rows_in_tracks, make, end)
{
	struct fixture *f = *state;

	f->options.catalogue.tables_max = 16;
	assert_int_equal(start(f), 0);
	for (unsigned i = 1; i <= 40; i++) {
		char text[100];

		snprintf(text, sizeof text, "\"event\":\"event %u\",\"properties_a\":%u", i, i);
		assert_int_equal(add(f, record(f, "track", i, text)), 0);
	}
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "tracks"), 40);
	assert_int_equal(f->m->tables, 16);
	assert_string_equal(memory_target_value(f->m, "tracks", "m40", "_rest"), "{\"a\":\"40\"}");
	assert_null(memory_target_value(f->m, "tracks", "m1", "_rest"));
}

TEST_WITH(many_small_fields_end_a_batch_before_they_fill_the_memory, make, end)
{
	struct fixture *f = *state;
	struct hs_buf line = { 0 };
	unsigned i = 0;

	f->options.batch = 100000;
	assert_int_equal(start(f), 0);
	while (f->m->committed.rows == 0 && i < 5000) {
		hs_buf_reset(&line);
		hs_buf_put_slice(&line, hs_slice_str(record(f, "track", ++i, "\"event\":\"Bought\"")));
		line.n--;
		for (int field = 0; field < 150; field++)
			hs_buf_printf(&line, ",\"properties_%d\":1", field);
		hs_buf_put_slice(&line, hs_slice("}", 2));
		assert_int_equal(add(f, line.p), 0);
	}
	assert_true(i < HS_BATCH_CELLS / 150 + 10);
	hs_buf_free(&line);
}

TEST_WITH(rest_of_a_person_is_that_of_the_rows, make, end)
{
	struct fixture *f = *state;
	char id[300];

	f->options.catalogue.types = (const char *const[]){ "*.b*=number", NULL };
	memset(id, 'i', sizeof id);
	assert_int_equal(start(f), 0);
	hs_buf_reset(&f->line);
	hs_buf_printf(&f->line,
	              "{\"type\":\"identify\",\"message_id\":\"%.*s\",\"spooled_at\":\"2026-01-02T00:00:00.000Z\","
	              "\"user_id\":\"u1\",\"traits_b\\\"\\\\\":\"x\"}",
	              (int)sizeof id, id);
	hs_buf_putc(&f->line, '\0');
	assert_int_equal(add(f, f->line.p), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "_rest"), "{\"b\\\"\\\\\":\"\\\"x\\\"\"}");
}

TEST_WITH(what_a_persons_table_has_no_column_for_goes_to_its_rest, make, end)
{
	struct fixture *f = *state;

	assert_int_equal(start(f), 0);
	assert_int_equal(add(f, record(f, "identify", 1, "\"user_id\":\"u1\",\"traits_a\":1")), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	memory_target_drop_column(f->m, "users", "a");
	f->options.catalogue.columns_max = 8;
	assert_int_equal(start(f), 0);
	assert_int_equal(add(f, record(f, "identify", 2, "\"user_id\":\"u1\",\"traits_b\":\"x\"")), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "_rest"), "{\"a\":\"1\",\"b\":\"\\\"x\\\"\"}");
}

TEST_WITH(person_with_many_identifies_costs_no_more_than_one_with_few, make, end)
{
	enum { IDENTIFIES = 600, PER_BATCH = 50 };
	struct fixture *f = *state;
	char last[32];

	f->options.batch = PER_BATCH;
	assert_int_equal(start(f), 0);
	for (unsigned i = 1; i <= IDENTIFIES; i++) {
		char text[200];

		snprintf(text, sizeof text,
		         "\"timestamp\":\"2025-01-01T00:%02u:%02u.000Z\",\"user_id\":\"u1\",\"traits_t%u\":%u,\"traits_"
		         "last\":%u",
		         i / 60, i % 60, i % 3, i, i);
		assert_int_equal(add(f, record(f, "identify", i, text)), 0);
	}
	assert_int_equal(hs_loader_flush(f->loader), 0);
	snprintf(last, sizeof last, "%d", IDENTIFIES);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "last"), last);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "t0"), "600");
	assert_int_equal(f->m->read, IDENTIFIES / PER_BATCH - 1 + PER_BATCH); /* their row, and at first their rows */
}

/* Adds identifies of u1, each earlier than the one before it, in batches; the last one is written, too. */
static void add_late(struct fixture *f, unsigned identifies)
{
	for (unsigned i = 1; i <= identifies; i++) {
		unsigned second = 10000 - i;
		char text[200];

		snprintf(text, sizeof text,
		         "\"timestamp\":\"2025-01-01T%02u:%02u:%02u.000Z\",\"user_id\":\"u1\",\"traits_first\":%u,"
		         "\"traits_t%u\":%u",
		         second / 3600, second / 60 % 60, second % 60, i, i / 1000, i);
		assert_int_equal(add(f, record(f, "identify", i, text)), 0);
	}
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "first"), "1");
	assert_string_equal(memory_target_value(f->m, "users", "u1", "t0"), "1");
	assert_string_equal(memory_target_value(f->m, "users", "u1", "t1"), "1000");
	assert_string_equal(memory_target_value(f->m, "users", "u1", "_as_of"), "2025-01-01T02:46:39.000000Z m1");
}

/* The user's row for each batch, and their identifies once for all, when they are so many that it is worth it. */
TEST_WITH(late_identifies_of_one_person_do_not_read_all_of_theirs_again, make, end)
{
	enum { IDENTIFIES = 2000, PER_BATCH = 50 };
	struct fixture *f = *state;

	f->options.batch = PER_BATCH;
	assert_int_equal(start(f), 0);
	add_late(f, IDENTIFIES);
	assert_true(f->m->read < IDENTIFIES / PER_BATCH + 6 * PER_BATCH);
}

/* Adds the i-th of the identifies of two people, whose times and traits are in no order. */
static void add_any(struct fixture *f, unsigned i)
{
	unsigned second = i * 7919 % 3600, trait = i * 31 % 12;
	bool fits = i != 484;
	char text[256];

	snprintf(
	    text, sizeof text,
	    "\"timestamp\":\"2025-01-01T00:%02u:%02u.000Z\",\"user_id\":\"u%u\",\"traits_t%u\":%u,\"traits_n\":%s%u%s",
	    second / 60, second % 60, i % 2, trait, i, fits ? "" : "\"x", i, fits ? "" : "\"");
	assert_int_equal(add(f, record(f, "identify", i + 1, text)), 0);
}

/* The lost answer and the value that does not fit come while it is known which rows the values are of. */
TEST_WITH(people_with_many_identifies_are_the_same_in_one_batch_and_in_many, make, end)
{
	enum { IDENTIFIES = 600, PER_BATCH = 20, LOST_AT = 401 };
	struct fixture *f = *state;
	char *once, *many;

	f->options.catalogue.types = (const char *const[]){ "*.n=number", NULL };
	f->options.batch = IDENTIFIES;
	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < IDENTIFIES; i++)
		add_any(f, i);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	once = memory_target_dump(f->m);
	memory_target_free(f->m);
	f->m = memory_target_new();
	f->options.batch = PER_BATCH;
	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < IDENTIFIES; i++) {
		if (i == LOST_AT) {
			f->m->fail = MEMORY_COMMIT;
			f->m->fail_in = 1;
			f->m->fail_with = HS_TARGET_AWAY;
		}
		add_any(f, i);
	}
	assert_int_equal(hs_loader_flush(f->loader), 0);
	many = memory_target_dump(f->m);
	assert_string_equal(many, once);
	free(once);
	free(many);
}

TEST_WITH(late_identifies_where_another_loader_writes_are_folded_with_all_of_theirs, make, end)
{
	enum { IDENTIFIES = 2000, PER_BATCH = 50 };
	struct fixture *f = *state;

	f->options.batch = PER_BATCH;
	f->m->others = true;
	assert_int_equal(start(f), 0);
	add_late(f, IDENTIFIES);
	assert_true(f->m->read > IDENTIFIES * (IDENTIFIES / PER_BATCH) / 3);
}

TEST_WITH(repeated_identify_of_other_words_does_not_change_its_person, make, end)
{
	struct fixture *f = *state;

	assert_int_equal(start(f), 0);
	assert_int_equal(add(f, record(f, "identify", 1,
	                               "\"timestamp\":\"2025-01-01T00:00:01Z\",\"user_id\":\"u1\",\"traits_a\":1")),
	                 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(add(f, record(f, "identify", 1,
	                               "\"timestamp\":\"2025-01-01T00:00:02Z\",\"user_id\":\"u1\",\"traits_a\":2")),
	                 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "a"), "1");
}

/* --- tables of others, and what the database says of people's rows ------------------------------- */

/* The i-th identify of a user, later than those before it. */
static int add_identify(struct fixture *f, const char *user, unsigned i, const char *traits)
{
	char text[300];

	snprintf(text, sizeof text, "\"user_id\":\"%s\",\"timestamp\":\"2025-01-01T00:%02u:%02u.000Z\",%s", user,
	         i / 60, i % 60, traits);
	return add(f, record(f, "identify", i, text));
}

static struct hs_target_table *table_of(struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->m->tables; i++)
		if (strcmp(f->m->table[i].name, name) == 0)
			return &f->m->table[i];
	fail_msg("there is no table %s", name);
	return NULL;
}

/* Puts a row into a table, as another program does; NULL-terminated: column, value … */
static void put_row_of_others(struct fixture *f, const char *table, const char *const *text)
{
	const struct hs_target_table *t = table_of(f, table);
	struct hs_target_position at;
	struct hs_slice value[8];
	size_t column[8], n = 0;

	for (; text[2 * n] != NULL; n++) {
		value[n] = hs_slice_str(text[2 * n + 1]);
		for (column[n] = 0; strcmp(t->column[column[n]].name, text[2 * n]) != 0; column[n]++)
			;
	}
	assert_int_equal(f->m->target.ops->begin(&f->m->target, &at), HS_TARGET_OK);
	assert_int_equal(
	    f->m->target.ops->insert(
		&f->m->target,
		&(struct hs_target_rows){ .table = t, .column = column, .columns = n, .rows = 1, .value = value }),
	    HS_TARGET_OK);
	assert_int_equal(f->m->target.ops->commit(&f->m->target), HS_TARGET_OK);
}

/* Whichever upsert of people's rows is refused, and a commit that is refused, by a check that was put off till then. */
TEST(row_of_a_person_that_is_refused_once_is_there_in_the_end)
{
	char *expected = undisturbed();

	for (unsigned at = 1; at <= 8; at++) {
		run_with_failure(expected, MEMORY_UPSERT, at, HS_TARGET_ROW, false);
		run_with_failure(expected, MEMORY_UPSERT, at, HS_TARGET_WIDE, false);
		run_with_failure(expected, MEMORY_COMMIT, at, HS_TARGET_ROW, false);
	}
	free(expected);
}

/* A long row is put by itself; one that is late, or has a _rest, is made of all rows of the person. */
TEST_WITH(long_or_late_row_of_a_person_that_is_refused_once_is_there_in_the_end, make, end)
{
	enum { LONG = 300000 };
	struct fixture *f = *state;
	char *line;

	f->m->fail = MEMORY_UPSERT;
	f->m->fail_with = HS_TARGET_WIDE;
	assert_int_equal(start(f), 0);
	line = long_line(f, "identify", 1, "\"user_id\":\"u1\",\"timestamp\":\"2025-01-01T00:00:01Z\",\"traits_a\":\"",
	                 "x", LONG);
	assert_int_equal(add(f, line), 0);
	f->m->fail_in = 1;
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->m->fail_in, 0);
	assert_int_equal(strlen(memory_target_value(f->m, "users", "u1", "a")), LONG);
	assert_int_equal(add_identify(f, "u1", 0, "\"traits_b\":\"late\""), 0);
	f->m->fail_in = 1;
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->m->fail_in, 0);
	assert_int_equal(strlen(memory_target_value(f->m, "users", "u1", "a")), LONG);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "b"), "late");
	free(line);
}

TEST_WITH(row_of_a_person_without_a_time_is_made_of_all_identifies, make, end)
{
	struct fixture *f = *state;

	assert_int_equal(start(f), 0);
	assert_int_equal(add_identify(f, "u1", 1, "\"traits_a\":\"first\",\"traits_b\":\"second\""), 0);
	assert_int_equal(add_identify(f, "u2", 2, "\"traits_a\":\"other\""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	memory_target_clear(f->m); /* so that they are another program's */
	put_row_of_others(f, "identifies",
	                  (const char *const[]){ "id", "x", "user_id", "u1", "a", "old", "timestamp",
	                                         "2024-01-01T00:00:00.000Z", NULL });
	put_row_of_others(f, "users", (const char *const[]){ "id", "u1", NULL });
	assert_int_equal(start(f), 0);
	assert_int_equal(add_identify(f, "u1", 3, "\"traits_b\":\"new\""), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "a"), "old");
	assert_string_equal(memory_target_value(f->m, "users", "u1", "b"), "new");
	assert_string_equal(memory_target_value(f->m, "users", "u1", "_as_of"), "2025-01-01T00:00:03.000000Z m3");
}

/* MariaDB's triggers, and a column of another program that cannot tell when the row was made. */
TEST_WITH(row_of_a_person_is_made_of_all_identifies_where_a_batch_does_not_tell_what_is_stored, make, end)
{
	static const char *const users[] = { "id", "_as_of", "a", "email", "uuid_ts", "_rest", NULL };
	struct fixture *f = *state;

	memory_target_make_table(f->m, "users", users);
	table_of(f, "users")->column[1].type = HS_COLUMN_TIMESTAMP;
	for (unsigned with_triggers = 0; with_triggers < 2; with_triggers++) {
		uint64_t before = f->m->read;

		if (with_triggers == 1) {
			table_of(f, "users")->column[1].type = HS_COLUMN_TEXT;
			table_of(f, "identifies")->triggers = true;
		}
		assert_int_equal(start(f), 0);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(
			    add_identify(f, i % 2 == 0 ? "u1" : "u2", 10 * with_triggers + i,
			                 i < 2 ? "\"traits_a\":\"1\"" : "\"traits_a\":\"2\",\"traits_z\":1"),
			    0);
		assert_int_equal(hs_loader_flush(f->loader), 0);
		assert_true(f->m->read - before >= 4); /* the rows of users, if any, are two */
		assert_string_equal(memory_target_value(f->m, "users", "u1", "a"), "2");
		assert_string_equal(memory_target_value(f->m, "users", "u2", "z"), "1");
	}
}

TEST_WITH(people_of_a_batch_are_as_many_as_it_has, make, end)
{
	enum { PEOPLE = 600 };
	struct fixture *f = *state;

	f->options.batch = 2 * PEOPLE;
	assert_int_equal(start(f), 0);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < PEOPLE; i++) {
			char user[16], traits[40];

			snprintf(user, sizeof user, "u%u", i);
			snprintf(traits, sizeof traits, "\"traits_a\":\"%u of %u\"", round, i);
			assert_int_equal(add_identify(f, user, round * PEOPLE + i, traits), 0);
		}
		assert_int_equal(hs_loader_flush(f->loader), 0);
		assert_int_equal(memory_target_rows(f->m, "users"), PEOPLE);
		for (unsigned i = 0; i < PEOPLE; i++) {
			char user[16], a[40];

			snprintf(user, sizeof user, "u%u", i);
			snprintf(a, sizeof a, "%u of %u", round, i);
			assert_string_equal(memory_target_value(f->m, "users", user, "a"), a);
		}
	}
}

/* More than are made into values at once, the first of which have something in _rest, or not. */
TEST_WITH(many_identifies_of_a_person_in_one_batch_are_one_row, make, end)
{
	enum { IDENTIFIES = 250 };
	struct fixture *f = *state;

	f->options.batch = 2 * IDENTIFIES;
	f->options.catalogue.types = (const char *const[]){ "*.n=number", NULL };
	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < 2 * IDENTIFIES; i++) {
		char traits[60];

		snprintf(traits, sizeof traits, "\"traits_t%u\":\"%u\",\"traits_n\":%s", i / 2 % 3, i,
		         i == 4 ? "\"x\"" : "1");
		assert_int_equal(add_identify(f, i % 2 == 0 ? "u1" : "u2", i, traits), 0);
	}
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "t0"), "498");
	assert_string_equal(memory_target_value(f->m, "users", "u1", "n"), "1");
	assert_null(memory_target_value(f->m, "users", "u1", "_rest"));
	assert_string_equal(memory_target_value(f->m, "users", "u2", "t0"), "499");
}

static const struct hs_target_ops *real_ops;

/* As a database that ignores case may do, whatever it was asked for. */
static enum hs_target_result select_more(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                         size_t columns, const struct hs_target_where *where,
                                         bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	const struct hs_slice more[][8] = {
		{ HS_SLICE_NONE }, { HS_SLICE("U1") }, { HS_SLICE("a") }, { HS_SLICE("u12") }
	};

	for (size_t i = 0; where->values > 1 && i < sizeof more / sizeof *more; i++)
		if (!each(context, more[i]))
			return HS_TARGET_FULL;
	return real_ops->select(t, table, column, columns, where, each, context);
}

TEST_WITH(rows_that_nobody_has_asked_for_are_nobodys, make, end)
{
	struct fixture *f = *state;
	struct hs_target_ops ops = *f->m->target.ops;

	real_ops = f->m->target.ops;
	ops.select = select_more;
	f->m->target.ops = &ops;
	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(
		    add_identify(f, i % 2 == 0 ? "u1" : "u2", i, i < 2 ? "\"traits_a\":\"1\"" : "\"traits_b\":\"2\""),
		    0);
		if (i % 2 == 1)
			assert_int_equal(hs_loader_flush(f->loader), 0);
	}
	assert_int_equal(memory_target_rows(f->m, "users"), 2);
	assert_string_equal(memory_target_value(f->m, "users", "u1", "a"), "1");
	assert_string_equal(memory_target_value(f->m, "users", "u2", "b"), "2");
	assert_int_equal(f->m->read,
	                 2 + 4); /* their first identifies, and users, so that no row was made of all identifies */
	f->m->target.ops = real_ops;
}

TEST_WITH(erase_passes_over_what_is_no_table_of_people, make, end)
{
	struct fixture *f = *state;

	memory_target_make_table(f->m, "groups", (const char *const[]){ "id", "name", NULL });
	memory_target_make_table(f->m, "identifies", (const char *const[]){ "id", "user_id", "uuid_ts", NULL });
	memory_target_make_table(f->m, "customers", (const char *const[]){ "id", "user_id", NULL });
	memory_target_make_table(f->m, "visits", (const char *const[]){ "id", "user_id", "uuid_ts", NULL });
	put_row_of_others(f, "groups", (const char *const[]){ "id", "u1", NULL });
	put_row_of_others(f, "customers", (const char *const[]){ "id", "1", "user_id", "u1", NULL });
	put_row_of_others(f, "visits", (const char *const[]){ "id", "1", "user_id", "u1", NULL });
	put_row_of_others(f, "identifies", (const char *const[]){ "id", "1", "user_id", "u1", NULL });
	assert_int_equal(start(f), 0);
	assert_int_equal(erase(f, HS_SUBJECT_ANONYMOUS, "u1", false), 0);
	assert_int_equal(f->m->committed.rows, 4);
	assert_int_equal(erase(f, HS_SUBJECT_USER, "u1", false), 0);
	assert_int_equal(memory_target_rows(f->m, "groups"), 1);
	assert_int_equal(memory_target_rows(f->m, "customers"), 1);
	assert_int_equal(memory_target_rows(f->m, "visits") + memory_target_rows(f->m, "identifies"), 0);
}

/* An anonymous person's identify may name no user, whose row would have to be made anew. */
TEST_WITH(erase_of_somebody_anonymous_makes_the_rows_of_the_users_they_were, make, end)
{
	struct fixture *f = *state;

	assert_int_equal(start(f), 0);
	assert_int_equal(add(f, record(f, "identify", 1, "\"user_id\":\"u1\",\"anonymous_id\":\"a1\",\"traits_a\":1")),
	                 0);
	assert_int_equal(add(f, record(f, "identify", 2, "\"user_id\":\"u1\",\"anonymous_id\":\"a2\",\"traits_b\":2")),
	                 0);
	assert_int_equal(add(f, record(f, "identify", 3, "\"anonymous_id\":\"a1\",\"traits_c\":3")), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(erase(f, HS_SUBJECT_ANONYMOUS, "a1", false), 0);
	assert_int_equal(memory_target_rows(f->m, "identifies"), 1);
	assert_null(memory_target_value(f->m, "users", "u1", "a"));
	assert_string_equal(memory_target_value(f->m, "users", "u1", "b"), "2");
}

/* --- order of events ------------------------------------------------------------------------------- */

TEST_WITH(time_of_the_position_is_the_latest_that_a_record_has, make, end)
{
	static const char *const lines[] = {
		"{\"type\":\"track\",\"event\":\"Bought\",\"message_id\":\"a\",\"spooled_at\":\"2026-01-02T00:00:09."
		"000Z\"}",
		"{\"type\":\"track\",\"event\":\"Bought\",\"message_id\":\"b\",\"spooled_at\":\"2026-01-02T00:00:01."
		"000Z\"}",
		"{\"type\":\"track\",\"event\":\"Bought\",\"message_id\":\"c\",\"spooled_at\":\"yesterday\"}",
		"{\"type\":\"track\",\"event\":\"Bought\",\"message_id\":\"d\"}",
	};
	struct fixture *f = *state;

	f->options.batch = 2;
	assert_int_equal(start(f), 0);
	assert_true(hs_loader_last(f->loader).p == NULL);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_int_equal(add(f, lines[i]), 0);
		assert_slice_equal(hs_loader_last(f->loader), hs_slice_str(lines[i]));
	}
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(f->m->committed.at.newest_ms, 1767312009000);
	assert_int_equal(memory_target_rows(f->m, "bought"), 3);
	assert_int_equal(f->m->committed.at.damaged, 1); /* the last one, which is no record */
}

/* A delete without a time, or of a user whom no database can have, deletes nobody. */
TEST_WITH(delete_that_does_not_tell_whose_or_when_takes_no_rows, make, end)
{
	static const char *const deletes[] = {
		"{\"type\":\"delete\",\"message_id\":\"d1\",\"spooled_at\":7,\"user_id\":\"u1\"}",
		"{\"type\":\"delete\",\"message_id\":\"d2\",\"spooled_at\":\"yesterday\",\"user_id\":\"u1\"}",
		"{\"type\":\"delete\",\"message_id\":\"d3\",\"user_id\":\"u1\"}",
		"{\"type\":\"delete\",\"message_id\":\"d4\",\"spooled_at\":\"2026-01-03T00:00:00.000Z\",\"user_id\":"
		"\"\\u0000\"}",
		"{\"type\":\"delete\",\"message_id\":\"d5\",\"spooled_at\":\"2026-01-03T00:00:00.000Z\"}",
	};
	struct fixture *f = *state;

	start_with_track(f, "");
	for (size_t i = 0; i < sizeof deletes / sizeof *deletes; i++)
		assert_int_equal(add(f, deletes[i]), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "bought"), 1);
	assert_int_equal(hs_loader_counts(f->loader).erased, 0);
	assert_int_equal(f->m->committed.at.offset, 6);
}

static enum hs_target_result always_another(struct hs_target *t, bool whole, uint64_t *stamp)
{
	static uint64_t changes;

	(void)t, (void)whole;
	*stamp = ++changes;
	return HS_TARGET_OK;
}

static enum hs_target_result never_there(struct hs_target *t, const struct hs_target_rows *rows)
{
	(void)rows;
	snprintf(t->message, sizeof t->message, "there is no such table");
	return HS_TARGET_CATALOGUE;
}

TEST_WITH(tables_that_change_all_the_time_are_waited_for_and_those_that_never_come_are_an_error, make, end)
{
	struct fixture *f = *state;
	struct hs_target_ops ops = *f->m->target.ops;

	real_ops = f->m->target.ops;
	start_with_track(f, "");
	f->options.stop = asked_to_stop;
	ops.stamp = always_another;
	f->m->target.ops = &ops;
	assert_int_equal(add_track(f, 2, ""), 0);
	assert_int_equal(hs_loader_flush(f->loader), HS_LOADER_STOPPED); /* it would have waited */
	assert_string_equal(f->m->target.message, "somebody else makes or changes tables all the time");
	ops.stamp = real_ops->stamp;
	ops.insert = never_there;
	assert_int_equal(hs_loader_flush(f->loader), EX_SOFTWARE);
	f->m->target.ops = real_ops;
	assert_int_equal(hs_loader_flush(f->loader), 0);
	assert_int_equal(memory_target_rows(f->m, "bought"), 2);
}

static enum hs_target_result begins_with; /* what each begin returns, a minute after the one before */
static int64_t minutes;

static enum hs_target_result begin_later(struct hs_target *t, struct hs_target_position *at)
{
	(void)at;
	wrap_clock(0, ++minutes * 60000);
	snprintf(t->message, sizeof t->message, "made to fail");
	return begins_with;
}

TEST_WITH(run_for_once_gives_up_after_a_minute_and_tells_what_it_waited_for, make, end)
{
	static const struct {
		enum hs_target_result result;
		int code, tries;
	} cases[] = {
		{ HS_TARGET_AWAY, EX_UNAVAILABLE, 2 }, { HS_TARGET_AGAIN, EX_IOERR, 2 },
		{ HS_TARGET_FULL, EX_IOERR, 2 },       { HS_TARGET_UNFIT, EX_DATAERR, 1 },
		{ HS_TARGET_BROKEN, EX_SOFTWARE, 1 },
	};
	struct fixture *f = *state;
	struct hs_target_ops ops = *f->m->target.ops;

	real_ops = f->m->target.ops;
	ops.begin = begin_later;
	f->m->target.ops = &ops;
	f->options.once = true;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		minutes = 0;
		wrap_reset();
		begins_with = cases[i].result;
		assert_int_equal(start(f), cases[i].code);
		assert_int_equal(minutes, cases[i].tries);
	}
	f->m->target.ops = real_ops;
	wrap_reset();
	assert_int_equal(start(f), 0);
}

/* --- any order ---------------------------------------------------------------------------- */

enum { PEOPLE_RECORDS = 60 };

/* The i-th of the records about four people, in different words but always the same for i. */
static const char *about_people(struct fixture *f, unsigned i)
{
	static const char *const values[] = { "1", "\"x\"", "true", "\"\\u0000\"", "null", "0.30000000000000004" };
	char text[300];

	snprintf(text, sizeof text,
	         "\"timestamp\":\"2026-01-%02uT00:00:%02u.00%uZ\",\"user_id\":\"u%u\",\"group_id\":\"g%u\","
	         "\"traits_a%u\":%s,\"traits_b\\\"%u\":%s,\"traits_last\":%u",
	         1 + i * 7 % 13, i * 11 % 60, i % 10, i % 4, i % 3, i % 3, values[i * 5 % 6], i % 2, values[i % 6], i);
	return record(f, i % 4 == 3 ? "group" : "identify", i, text);
}

/* Dumps the database after records in any order, in batches of n; 0: in order, in one batch. */
static char *loaded(struct random_source *r, unsigned batch)
{
	static const char *const types[] = { "*.a?=text", "*.b*=number", NULL };
	unsigned order[PEOPLE_RECORDS];
	void *state = NULL;
	struct fixture *f;
	char *dump;

	make(&state);
	f = state;
	f->options.batch = batch == 0 ? 1000 : batch;
	f->options.catalogue.types = types;
	for (unsigned i = 0; i < PEOPLE_RECORDS; i++) {
		unsigned other = batch == 0 ? i : random_below(r, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < PEOPLE_RECORDS; i++) {
		assert_int_equal(add(f, about_people(f, order[i])), 0);
		if (batch > 0 && random_below(r, 10) == 0) {
			assert_int_equal(hs_loader_flush(f->loader), 0);
			assert_int_equal(start(f), 0);
		}
	}
	assert_int_equal(hs_loader_flush(f->loader), 0);
	dump = memory_target_dump(f->m);
	end(&state);
	return dump;
}

/* Values that the line has in another form than the database, beside those that it has in the same. */
TEST_WITH(later_of_two_fields_with_one_column_counts, make, end)
{
	static const char *const fields[][2] = {
		{ "\"properties_orderId\":\"a\\tb\",\"properties_order_id\":\"plain\"", "plain" },
		{ "\"properties_orderId\":\"plain\",\"properties_order_id\":\"a\\tb\"", "a\tb" },
		{ "\"properties_orderId\":\"c\\td\",\"properties_order_id\":\"a\\tb\"", "a\tb" },
	};
	struct fixture *f = *state;

	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(add_track(f, i, fields[i][0]), 0);
	assert_int_equal(hs_loader_flush(f->loader), 0);
	for (unsigned i = 0; i < 3; i++) {
		char id[16];

		snprintf(id, sizeof id, "m%u", i);
		assert_string_equal(memory_target_value(f->m, "bought", id, "order_id"), fields[i][1]);
	}
}

TEST(any_order_and_any_batch_size_end_in_the_same_rows)
{
	uint64_t seed = random_seed();
	struct random_source r = random_new(seed);
	char *expected = loaded(&r, 0);

	for (int run = 0; run < 40; run++) {
		char *dump = loaded(&r, 1 + random_below(&r, 30));

		if (strcmp(dump, expected) != 0)
			fail_msg("HS_SEED=%llu: %s\nis not %s", (unsigned long long)seed, dump, expected);
		free(dump);
	}
	free(expected);
}

TESTS("loader", NULL, NULL)
