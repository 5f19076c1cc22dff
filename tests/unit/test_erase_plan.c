/*
 * erase_plan: a plan that is damaged anywhere erases nobody, and one for which there is no memory is not taken for
 * damaged; deletes are followed whichever call fails.
 */
#include "base/hash.h"
#include "spool/admin/erase_requests.h"
#include "spool/erase.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct hs_opened_spool o;

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
static void write_plan(const char *lines)
{
	struct hs_buf text = { 0 };
	uint64_t check = 0;

	for (const char *line = lines, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		check = hs_hash(line, (size_t)(end - line), check);
	hs_buf_put_slice(&text, hs_slice_str(lines));
	hs_buf_printf(&text, "{\"check\":\"%016" PRIx64 "\"}\n", check);
	spooldir_write(&s.d, ".hookspool/erase-plan-1", hs_buf_slice(&text));
	hs_buf_free(&text);
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

TESTS("erase_plan", setup, teardown)
