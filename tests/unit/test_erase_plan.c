/*
 * erase_plan: a plan that is damaged anywhere erases nobody, and one for which there is no memory is not taken for
 * damaged; deletes are followed whichever call fails.
 */
#include "base/hash.h"
#include "spool/admin/erase_requests.h"
#include "spool/erase.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct hs_opened_spool o = SPOOLDIR_CLOSED;

FIXTURE(setup)
{
	make("rotate_min_gap = 0\n");
	put("a");
	return hs_spool_dir_open(&o, s.d.settings, true) == HS_OK ? 0 : -1;
}

FIXTURE(teardown)
{
	fail_each_tell();
	hs_spool_dir_close(&o);
	return finish(state);
}

/* --- reading ------------------------------------------------------------------------------ */

#define HEAD_OF(version, name, people) \
	"{\"plan\":" version ",\"name\":" name ",\"spool\":\"5f0c0f6b\",\"by\":\"delete\",\"suppress\":false," \
	"\"planned_at\":\"2026-11-28T10:15:00.123Z\",\"next\":43,\"sealed_ms\":1795428900100,\"people\":" people "}\n"
#define HEAD HEAD_OF("1", "\"c0ffee0123456789\"", "1")
#define PERSON_OF(id, segment) \
	"{\"kind\":\"user\",\"id\":" id ",\"tenant\":\"acme\",\"derived\":false,\"deleted\":true,\"segment\":" segment \
	",\"offset\":700,\"edit\":1,\"until_ms\":1795428900123}\n"
#define PERSON PERSON_OF("\"752d31\"", "42")

/* Writes a plan of these lines, with the right check. */
static void write_plan_as(const char *name, const char *lines)
{
	struct hs_buf text = { 0 };
	uint64_t check = 0;

	for (const char *line = lines, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		check = hs_hash(line, (size_t)(end - line), check);
	hs_buf_put_slice(&text, hs_slice_str(lines));
	hs_buf_printf(&text, "{\"check\":\"%016" PRIx64 "\"}\n", check);
	spooldir_write(&s.d, name, hs_buf_slice(&text));
	hs_buf_free(&text);
}

static void write_plan(const char *lines)
{
	write_plan_as(".hookspool/erase-plan-1", lines);
}

/* Reads the plan; at HS_OK it has the person of PERSON, and nobody else. */
static enum hs_result read_plan(void)
{
	struct hs_subjects people;
	struct hs_erase_plan plan = { .people = &people };
	enum hs_result result;

	hs_subjects_init(&people, 0);
	result = hs_erase_plan_read_copy(o.dir.private_dir, "erase-plan-1", &plan);
	if (result == HS_OK) {
		assert_int_equal(people.count, 1);
		assert_slice_equal(hs_slice(people.list[0]->id, people.list[0]->n), HS_SLICE("u-1"));
		assert_string_equal(people.list[0]->tenant, "acme");
		assert_true(people.list[0]->deleted && !people.list[0]->derived);
		assert_true(people.list[0]->before.number == 42 && people.list[0]->before.offset == 700);
		assert_string_equal(plan.id, "c0ffee0123456789");
	}
	hs_subjects_free(&people);
	return result;
}

TEST(a_plan_that_says_too_little)
{
	static const char *const damaged[] = {
		"",
		HEAD,
		PERSON,
		HEAD PERSON PERSON,
		"[1]\n" PERSON,
		"{\"plan\":1}\n" PERSON,
		HEAD_OF("2", "\"c0ffee0123456789\"", "1") PERSON,
		HEAD_OF("\"1\"", "\"c0ffee0123456789\"", "1") PERSON,
		HEAD_OF("1.0", "\"c0ffee0123456789\"", "1") PERSON,
		HEAD_OF("1", "\"c0ffee012345678\"", "1") PERSON,
		HEAD_OF("1", "\"C0FFEE0123456789\"", "1") PERSON,
		HEAD_OF("1", "\"c0ffee01234567890\"", "1") PERSON,
		HEAD_OF("1", "7", "1") PERSON,
		HEAD_OF("1", "\"c0ffee0123456789\"", "2") PERSON,
		HEAD_OF("1", "\"c0ffee0123456789\"", "-1") PERSON,
		HEAD_OF("1", "\"c0ffee0123456789\"", "1000000000000000000000000") PERSON,
		HEAD_OF("1", "\"c0ffee0123456789\"", "99999999999999999999") PERSON,
		HEAD "{}\n",
		HEAD "[]\n",
		HEAD "{\n",
		HEAD PERSON_OF("7", "42"),
		HEAD PERSON_OF("\"75zz31\"", "42"),
		HEAD PERSON_OF("\"752d31\"", "\"42\""),
		HEAD PERSON_OF("\"752d31\"", "null"),
	};

	write_plan(HEAD PERSON);
	assert_result(read_plan(), HS_OK);
	for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
		write_plan(damaged[i]);
		if (read_plan() != HS_E_IO)
			fail_msg("%s", damaged[i]);
	}
}

/* Any byte of it, its check included. */
TEST(a_byte_that_has_changed)
{
	struct hs_buf text;

	write_plan(HEAD PERSON);
	text = spooldir_read(&s.d, ".hookspool/erase-plan-1");
	for (size_t i = 0; i < text.n; i++) {
		text.p[i] ^= 1;
		spooldir_write(&s.d, ".hookspool/erase-plan-1", hs_buf_slice(&text));
		text.p[i] ^= 1;
		if (read_plan() != HS_E_IO)
			fail_msg("byte %zu", i);
	}
	for (size_t n = 0; n + 1 < text.n; n++) {
		spooldir_write(&s.d, ".hookspool/erase-plan-1", hs_slice(text.p, n));
		assert_result(read_plan(), HS_E_IO);
	}
	hs_buf_put_slice(&text, HS_SLICE(PERSON));
	spooldir_write(&s.d, ".hookspool/erase-plan-1", hs_buf_slice(&text));
	assert_result(read_plan(), HS_E_IO);
	hs_buf_free(&text);
}

/* A loader passes over a damaged plan, and its database would not hear of the erase. */
TEST(without_memory_a_plan_is_not_damaged)
{
	static const enum wrap_call calls[] = { WRAP_MALLOC, WRAP_CALLOC, WRAP_REALLOC };

	write_plan(HEAD PERSON);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		unsigned all;

		wrap_reset();
		assert_result(read_plan(), HS_OK);
		all = wrap_count(calls[i]);
		for (unsigned nth = 1; nth <= all; nth++) {
			enum hs_result result;

			wrap_reset();
			wrap_fail(calls[i], nth, 1, ENOMEM);
			result = read_plan();
			wrap_reset();
			if (result != HS_OK && result != HS_E_MEMORY)
				fail_msg("call %d, number %u: %s", (int)calls[i], nth, hs_result_info(result)->name);
		}
	}
}

/* --- a database that is loaded during an erase ----------------------------------------------- */

#define UNDELETED \
	"{\"kind\":\"user\",\"id\":\"752d31\",\"tenant\":\"\",\"derived\":false,\"deleted\":false,\"segment\":42," \
	"\"offset\":0," \
	"\"edit\":0,\"until_ms\":1795428900123}\n"

/* Two plans, of which the first is damaged in its last line, and one that is not whole yet. */
static void prepare_loads(void)
{
	make("rotate_min_gap = 0\n");
	put("a");
	hs_spool_dir_close(&o);
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	write_plan_as(".hookspool/erase-plan-10", HEAD UNDELETED);
	write_plan_as(".hookspool/erase-plan-9", HEAD_OF("1", "\"beef0123456789ab\"", "1") UNDELETED);
	write_plan_as(".hookspool/erase-plan-8", HEAD UNDELETED);
	spooldir_cut(&s.d, ".hookspool/erase-plan-8", 700);
	spooldir_write(&s.d, ".hookspool/erase-plan-new", HS_SLICE("{"));
}

static enum hs_result run_mark(void)
{
	struct hs_buf before = { 0 };
	enum hs_result result =
	    hs_erase_requests_mark(&o.dir, &(struct hs_erase_marker){ "shop", HS_SLICE("here"), NULL }, &before);

	hs_buf_free(&before);
	return result;
}

/* A database that begins during an erase hears of it from this alone. */
static void hears_of_both(void)
{
	assert_true(spooldir_exists(&s.d, ".hookspool/loads/shop@erase-beef0123456789ab"));
	assert_true(spooldir_exists(&s.d, ".hookspool/loads/shop@erase-c0ffee0123456789"));
	assert_int_equal(spooldir_names(&s.d, ".hookspool/loads", "shop"), 3);
}

TEST(a_database_hears_of_each_erase_at_work)
{
	fail_each(&(struct job){ prepare_loads, run_mark, hears_of_both, 0 });
}

static char listed[200];

static void note_plan(void *context, const char *name)
{
	(void)context;
	snprintf(listed + strlen(listed), sizeof listed - strlen(listed), " %s", name);
}

static void note_first(void *context, const char *name)
{
	if (listed[0] == '\0')
		note_plan(context, name);
}

static enum hs_result run_list(void)
{
	listed[0] = '\0';
	return hs_erase_plan_list(o.dir.private_dir, note_plan, NULL);
}

/* By their numbers, not by their names. */
static void is_listed_in_order(void)
{
	assert_string_equal(listed, " erase-plan-8 erase-plan-9 erase-plan-10 erase-plan-new");
}

TEST(the_oldest_plan_comes_first)
{
	fail_each(&(struct job){ prepare_loads, run_list, is_listed_in_order, 0 });
}

static struct hs_erase_plan written;
static struct hs_subjects nobody;

static enum hs_result run_write(void)
{
	struct hs_rewrite_log *rewrites;
	enum hs_result result = hs_rewrite_log_open(&o.dir, &rewrites);

	if (result != HS_OK)
		return result;
	written = (struct hs_erase_plan){ .people = &nobody };
	result = hs_erase_plan_write(&o.dir, rewrites, &written);
	hs_rewrite_log_close(rewrites);
	return result;
}

static void is_last(void)
{
	assert_true(strcmp(written.name, "erase-plan-11") == 0 || strcmp(written.name, "erase-plan-12") == 0);
}

TEST(a_new_plan_comes_last)
{
	hs_subjects_init(&nobody, 1);
	fail_each(&(struct job){ prepare_loads, run_write, is_last, 0 });
	hs_subjects_free(&nobody);
}

static size_t read_people;

/* The person's position is in a segment that was edited since. */
static void prepare_edited(void)
{
	prepare_loads();
	spooldir_write(
	    &s.d, ".hookspool/edits",
	    HS_SLICE("{\"segment\":42,\"edit\":1,\"file\":\"x\",\"inode\":[3,9],\"size\":[700,400],\"removed\":"
	             "[100,300]}\n{\"segment\":42,\"edit\":1,\"done\":true}\n"));
}

static enum hs_result run_read(void)
{
	struct hs_rewrite_log *rewrites;
	struct hs_subjects found;
	struct hs_erase_plan plan = { .people = &found };
	enum hs_result result = hs_rewrite_log_open(&o.dir, &rewrites);

	if (result != HS_OK)
		return result;
	hs_subjects_init(&found, 1);
	result = hs_erase_plan_read(&o.dir, rewrites, "erase-plan-9", &plan);
	read_people = found.count;
	hs_subjects_free(&found);
	hs_rewrite_log_close(rewrites);
	return result;
}

static void is_read(void)
{
	assert_int_equal(read_people, 1);
}

TEST(a_plan_of_an_edited_segment)
{
	fail_each(&(struct job){ prepare_edited, run_read, is_read, 0 });
}

/* The people of a plan that is removed because it could not be read this once would stay in the spool. */
TEST(only_a_damaged_plan_is_to_be_removed)
{
	const char *said;

	for (unsigned call = WRAP_PREAD, told = 0; call <= WRAP_OPENAT; call++, told = 0) {
		for (unsigned nth = 1, ended = 0; !ended; nth++) {
			enum hs_result result;

			prepare_edited();
			said_begin(HS_LOG_ERROR);
			wrap_reset();
			wrap_fail((enum wrap_call)call, nth, 1, EIO);
			result = run_read();
			ended = wrap_count((enum wrap_call)call) < nth;
			wrap_reset();
			said = said_end();
			assert_null(strstr(said, "remove it"));
			if (result == HS_OK)
				assert_string_equal(said, "");
			told +=
			    strstr(said, "erase-plan-9") != NULL && strstr(said, "Input/output error: keep it") != NULL;
		}
		assert_true(told >= 2); /* the plan, and the journal of rewrites */
	}
	spooldir_write(&s.d, ".hookspool/erase-plan-9", HS_SLICE("{}\n"));
	said_begin(HS_LOG_ERROR);
	assert_result(run_read(), HS_E_IO);
	said = said_end();
	assert_non_null(strstr(said, "is damaged: remove it"));
}

/* --- deletes -------------------------------------------------------------------------------- */

static struct hs_subjects people;

static void add_record(const char *type, const char *user, const char *id, const char *tenant)
{
	struct hs_buf line = { 0 };
	struct hs_record record = { .fingerprint = 1 };
	struct hs_append batch;
	uint64_t duplicate;

	hs_buf_printf(&line,
	              "{\"type\":\"%s\",\"user_id\":\"%s\",\"message_id\":\"%s\",\"tenant\":\"%s\",\"spooled_at\":"
	              "\"2026-11-23T10:15:00.123Z\"}\n",
	              type, user, id, tenant);
	record.n = line.n;
	memcpy(&record.id, id, strlen(id) < sizeof record.id ? strlen(id) : sizeof record.id);
	batch = (struct hs_append){ .records = hs_buf_slice(&line),
		                    .record = &record,
		                    .count = 1,
		                    .duplicate = &duplicate,
		                    .deadline_ms = soon() };
	assert_result(hs_spool_append(s.spool, &batch), HS_OK);
	hs_buf_free(&line);
}

/* Deletes of a person, of nobody in particular, and of a person of another tenant. */
static void prepare_deletes(void)
{
	make("rotate_min_gap = 0\n");
	add_record("track", "ann", "t1", "acme");
	add_record("track", "bob", "t2", "acme");
	add_record("delete", "ann", "d1", "acme");
	rotate();
	add_record("track", "ann", "t3", "acme"); /* new data, after the delete */
	add_record("delete", "null", "d2", "acme");
	add_record("delete", "bob", "d3", "other");
	hs_subjects_free(&people);
	hs_subjects_init(&people, 1);
}

static enum hs_result run_deletes(void)
{
	struct hs_eraser eraser = { .subjects = &people, .from_deletes = true, .tenant = "acme", .aliases = true };
	struct hs_erasure done;
	enum hs_result result;

	hs_subjects_free(&people);
	hs_subjects_init(&people, 1);
	result = hs_erase(s.spool, s.d.settings, &eraser, &done);
	return result == HS_OK && (done.busy || done.stopped || done.unfinished) ? HS_E_LOCKED : result;
}

static void are_followed(void)
{
	read_all();
	assert_string_equal(s.got, "t2 t3 d2 d3");
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "erase-"), 0);
	assert_no_problems();
	assert_sound(&s.d);
}

TEST(deletes)
{
	fail_each(&(struct job){ prepare_deletes, run_deletes, are_followed, 12 });
	hs_subjects_free(&people);
}

/* People whose events came later than the plan says get a plan of their own, and no others do. */
TEST(a_plan_of_late_people)
{
	struct hs_subject who = {
		.kind = HS_SUBJECT_USER, .n = 3, .tenant = (char[]){ "acme" }, .until_ms = INT64_MAX
	};
	struct hs_erase_plan plan = { .people = &people, .sealed_ms = 1000, .next = 3 }, late;
	struct hs_buf text = { 0 };

	hs_subjects_init(&people, 1);
	for (int i = 0; i < 2; i++) {
		who.id = i == 0 ? (char[]){ "ann" } : (char[]){ "bob" };
		assert_true(hs_subjects_add(&people, &who, NULL));
	}
	people.list[0]->newest_ms = 900;
	people.list[1]->newest_ms = 5000;
	assert_true(hs_erase_plan_put_late(&plan, &late, &text));
	assert_int_equal(late.sealed_ms, 5000);
	hs_buf_putc(&text, '\0');
	assert_non_null(strstr(text.p, "\"people\":1}"));
	assert_non_null(strstr(text.p, "\"id\":\"626f62\"")); /* bob */
	assert_null(strstr(text.p, "\"id\":\"616e6e\""));     /* ann */
	hs_buf_free(&text);
	hs_subjects_free(&people);
}

/* Rows go up to the plan, or to the person's own time, unless the person is suppressed or was deleted by an event. */
TEST(a_person_who_is_late)
{
	static const struct {
		bool suppress, deleted, derived;
		int64_t sealed_ms, until_ms, newest_ms;
		bool late;
	} cases[] = {
		{ false, false, false, 1000, INT64_MAX, 900, false },
		{ false, false, false, 1000, INT64_MAX, 1001, true },
		{ false, false, false, 1000, 800, 900, true },
		{ false, true, false, 1000, 800, 2000, false },
		{ false, true, true, 1000, 800, 900, true },
		{ true, false, false, 1000, INT64_MAX, 2000, false },
		{ true, false, false, 1000, 800, 900, true },
		{ true, false, true, 1000, INT64_MAX, 2000, true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_erase_plan plan = { .suppress = cases[i].suppress, .sealed_ms = cases[i].sealed_ms };
		struct hs_subject who = { .deleted = cases[i].deleted,
			                  .derived = cases[i].derived,
			                  .until_ms = cases[i].until_ms,
			                  .newest_ms = cases[i].newest_ms };

		if (hs_erase_plan_is_late(&plan, &who) != cases[i].late)
			fail_msg("case %zu", i);
	}
}

/* The plan of several late people goes up to the latest of them. */
TEST(the_latest_of_late_people)
{
	struct hs_subject who = { .kind = HS_SUBJECT_USER, .n = 3, .tenant = (char[]){ "acme" }, .until_ms = 0 };
	struct hs_erase_plan plan = { .people = &people, .sealed_ms = 1000, .next = 3 }, late;
	struct hs_buf text = { 0 };

	hs_subjects_init(&people, 1);
	for (int i = 0; i < 3; i++) {
		who.id = i == 0 ? (char[]){ "ann" } : i == 1 ? (char[]){ "bob" } : (char[]){ "eva" };
		assert_true(hs_subjects_add(&people, &who, NULL));
		people.list[i]->newest_ms = i == 0 ? 5000 : i == 1 ? 3000 : -5; /* a clock that was not set */
		people.list[i]->until_ms = i == 2 ? -10 : INT64_MAX;
	}
	assert_true(hs_erase_plan_put_late(&plan, &late, &text));
	assert_int_equal(late.sealed_ms, 5000);
	hs_buf_putc(&text, '\0');
	assert_non_null(strstr(text.p, "\"people\":3}"));
	assert_non_null(strstr(text.p, "\"until_ms\":3000}"));
	assert_non_null(strstr(text.p, "\"until_ms\":0}")); /* no time is before 1970 */
	hs_buf_free(&text);
	hs_subjects_free(&people);
}

/* Names that only look like those of plans, and more plans than there is memory for. */
TEST(many_plans_and_no_plans)
{
	char name[64];

	prepare_loads();
	spooldir_write(&s.d, ".hookspool/erase-plan-08", HS_SLICE("{}\n"));
	spooldir_write(&s.d, ".hookspool/erase-plan-7x", HS_SLICE("{}\n"));
	assert_result(run_list(), HS_OK);
	is_listed_in_order();
	for (int i = 100; i < 170; i++) {
		snprintf(name, sizeof name, ".hookspool/erase-plan-%d", i);
		spooldir_write(&s.d, name, HS_SLICE("{}\n"));
	}
	for (unsigned nth = 1; nth < 4; nth++) {
		enum hs_result result;

		wrap_reset();
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		listed[0] = '\0';
		result = hs_erase_plan_list(o.dir.private_dir, note_first, NULL);
		if (wrap_count(WRAP_REALLOC) >= nth)
			assert_true(result == HS_E_MEMORY && listed[0] == '\0');
		wrap_reset();
	}
	assert_result(hs_erase_plan_remove(o.dir.private_dir, "erase-plan-77"), HS_OK); /* there is none */
}

static enum hs_result erase_ann(void)
{
	struct hs_eraser eraser = { .subjects = &people };
	struct hs_subject ann = { .kind = HS_SUBJECT_USER,
		                  .id = (char[]){ "ann" },
		                  .n = 3,
		                  .before = { UINT64_MAX, 0 },
		                  .until_ms = INT64_MAX };
	struct hs_erasure done;
	enum hs_result result;

	hs_subjects_free(&people);
	hs_subjects_init(&people, 1);
	assert_true(hs_subjects_add(&people, &ann, NULL));
	result = hs_erase(s.spool, s.d.settings, &eraser, &done);
	hs_subjects_free(&people);
	return result == HS_OK && (done.busy || done.stopped || done.unfinished) ? HS_E_LOCKED : result;
}

/* An interrupted erase comes first; if its plan is damaged nothing else is begun, and its plan stays. */
TEST(a_damaged_plan_among_others)
{
	prepare_loads();
	spooldir_unlink(&s.d, ".hookspool/erase-plan-new");
	assert_result(erase_ann(), HS_E_IO);
	assert_result(run_list(), HS_OK);
	assert_string_equal(listed, " erase-plan-8 erase-plan-9 erase-plan-10");
}

/* --- what is left beside ------------------------------------------------------------------------ */

/* Both forms of a segment, as a kill of maintenance leaves them, and lines of hers without an id. */
static void prepare_both_forms(void)
{
	char plain[128];
	struct hs_buf text;

	make("rotate_min_gap = 0\n");
	add_record("track", "ann", "t1", "acme");
	add_record("track", "bob", "t2", "acme");
	rotate();
	snprintf(plain, sizeof plain, "%s", spooldir_name(&s.d, "events-", 0));
	spooldir_add(&s.d, plain, HS_SLICE("{\"type\":\"track\",\"user_id\":\"ann\"}\n"));
	text = spooldir_read(&s.d, plain);
	maintain();
	spooldir_write(&s.d, plain, hs_buf_slice(&text));
	spooldir_age(&s.d, plain); /* it was there first */
	hs_buf_free(&text);
}

static void is_ann_gone(void)
{
	read_all();
	assert_string_equal(s.got, "t2");
	assert_int_equal(spooldir_count(&s.d, "t1"), 0);
	assert_sound(&s.d);
}

TEST(both_forms_of_a_segment)
{
	prepare_both_forms();
	assert_result(erase_ann(), HS_OK);
	is_ann_gone();
}

TEST(a_damaged_cursor_does_not_stop_deletes)
{
	prepare_deletes();
	save_cursor("mine", position_after(1));
	spooldir_write(&s.d, ".hookspool/cursors/broken", HS_SLICE("x"));
	assert_result(run_deletes(), HS_OK);
	hs_subjects_free(&people);
}

TESTS("erase_plan", setup, teardown)
