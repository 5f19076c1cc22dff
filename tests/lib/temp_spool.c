#include "tests/lib/temp_spool.h"
#include "spool/admin/verify.h"
#include "spool/position/cursor.h"
#include "spool/shared/spool_dir.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct temp_spool s;

void stop(void)
{
	hs_spool_free(s.spool);
	s.spool = NULL;
}

int finish(void **state)
{
	(void)state;
	wrap_reset();
	close_reader();
	stop();
	spooldir_remove(&s.d);
	return 0;
}

void make(const char *settings)
{
	finish(NULL);
	spooldir_make(&s.d, settings);
	restart();
}

int begin(void **state)
{
	(void)state;
	make("rotate_min_gap = 0\n");
	return 0;
}

void restart(void)
{
	stop();
	s.spool = hs_spool_new(s.d.settings);
	assert_non_null(s.spool);
}

/* --- writing ---------------------------------------------------------------- */

enum hs_result append(const char *words)
{
	return events_append(s.spool, words, NULL);
}

void temp_spool_put(struct hs_spool *spool, const char *words, uint64_t known, const char *file, int line)
{
	uint64_t duplicate;

	unit_assert_result(events_append(spool, words, &duplicate), HS_OK, file, line);
	_assert_int_equal(duplicate, known, file, line);
}

void rotate(void)
{
	assert_result(hs_spool_rotate(s.spool, soon()), HS_OK);
}

void seal(const char *words)
{
	put(words);
	rotate();
}

void maintain(void)
{
	assert_result(hs_spool_maintain(s.spool, NULL, NULL, &s.maintained), HS_OK);
}

/* --- reading ---------------------------------------------------------------- */

void close_reader(void)
{
	hs_reader_close(s.reader);
	s.reader = NULL;
}

void open_reader(void)
{
	close_reader();
	assert_result(hs_reader_open(s.d.settings, &s.reader), HS_OK);
}

static enum hs_read read_with(struct hs_reader *reader, unsigned most)
{
	enum hs_read what = HS_READ_LINE;
	struct hs_slice line;
	size_t used = 0;

	s.got[0] = '\0';
	while (most-- > 0 && (what = hs_reader_next(reader, &line)) == HS_READ_LINE) {
		struct hs_slice word = word_of(line);

		used += (size_t)snprintf(s.got + used, sizeof s.got - used, "%s%.*s", used > 0 ? " " : "", (int)word.n,
		                         word.p);
		assert_true(used < sizeof s.got);
	}
	return what;
}

enum hs_read read_some(unsigned most)
{
	return read_with(s.reader, most);
}

void temp_spool_assert_read(const char *words, const char *file, int line)
{
	if (s.reader == NULL)
		open_reader();
	_assert_int_equal(read_some(UINT_MAX), HS_READ_END, file, line);
	_assert_string_equal(s.got, words, file, line);
}

void read_all(void)
{
	struct hs_reader *reader;
	enum hs_read end;

	assert_result(hs_reader_open(s.d.settings, &reader), HS_OK);
	end = read_with(reader, UINT_MAX);
	hs_reader_close(reader);
	assert_int_equal(end, HS_READ_END);
}

void temp_spool_assert_all(const char *words, const char *file, int line)
{
	read_all();
	_assert_string_equal(s.got, words, file, line);
}

struct hs_position position_after(unsigned lines)
{
	struct hs_reader *reader;
	struct hs_slice line;
	struct hs_position p;

	assert_result(hs_reader_open(s.d.settings, &reader), HS_OK);
	assert_result(hs_reader_remember(reader), HS_OK);
	while (lines-- > 0)
		assert_int_equal(hs_reader_next(reader, &line), HS_READ_LINE);
	p = hs_reader_position(reader);
	hs_reader_close(reader);
	return p;
}

void save_cursor(const char *name, struct hs_position p)
{
	struct hs_opened_spool o;
	struct hs_cursor *c;
	int64_t holder;
	bool fresh;

	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_cursor_open(&o.dir, name, &c, &fresh, &holder), HS_OK);
	assert_result(hs_cursor_save(c, p), HS_OK);
	hs_cursor_close(c);
	hs_spool_dir_close(&o);
}

uint64_t ids_known(void)
{
	struct hs_known known;

	assert_result(hs_spool_known(s.spool, soon(), &known), HS_OK);
	return known.ids;
}

static uint64_t find_problems(void (*report)(void *context, enum hs_problem p, const char *file, uint64_t line))
{
	struct hs_verifier verifier = { .report = report };
	struct hs_verified found;
	uint64_t sum = 0;

	assert_result(hs_spool_verify(s.spool, &verifier, &found), HS_OK);
	for (int p = 0; p < HS_PROBLEMS; p++)
		sum += found.problem[p];
	return sum;
}

uint64_t problems(void)
{
	return find_problems(NULL);
}

static void print_problem(void *context, enum hs_problem p, const char *file, uint64_t line)
{
	(void)context;
	print_error("# %s, line %" PRIu64 ": %s\n", file, line, hs_problem_text(p));
}

void assert_no_problems(void)
{
	assert_int_equal(find_problems(print_problem), 0);
}
