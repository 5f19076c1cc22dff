/*
 * erase_requests: a database that is loaded hears of each erase, also of one that was at work when its loading
 * began.
 */
#include "base/io.h"
#include "spool/admin/erase_requests.h"
#include "spool/erase.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int erase_user(void *context)
{
	const char *id = context;
	struct hs_subject who = {
		.id = (char *)(uintptr_t)id, .n = strlen(id), .before = { UINT64_MAX, 0 }, .until_ms = INT64_MAX
	};
	struct hs_subjects subjects;
	struct hs_eraser eraser = { .subjects = &subjects };
	struct hs_erasure done;
	enum hs_result r;

	hs_subjects_init(&subjects, 1);
	assert_true(hs_subjects_add(&subjects, &who, NULL));
	r = hs_erase(s.spool, s.d.settings, &eraser, &done);
	hs_subjects_free(&subjects);
	return r == HS_OK ? 0 : 1;
}

static struct hs_opened_spool opened = SPOOLDIR_CLOSED;

static void open_dir(void)
{
	assert_result(hs_spool_dir_open(&opened, s.d.settings, false), HS_OK);
}

/* The place where the database of this name was before; "": it is the same one, or the first. */
static void mark_at(const char *database, const char *place, const char *expected)
{
	struct hs_buf before = { 0 };

	assert_result(hs_erase_requests_mark(&opened.dir,
	                                     &(struct hs_erase_marker){ database, hs_slice_str(place), NULL }, &before),
	              HS_OK);
	assert_slice_equal(hs_buf_slice(&before), hs_slice_str(expected));
	hs_buf_free(&before);
}

static void mark(const char *database)
{
	mark_at(database, "here", "");
}

/* The requests of a database; each is about this person. */
static size_t requests_of(const char *database, const char *person)
{
	struct hs_erase_request *list;
	size_t count, found = 0;

	assert_result(hs_erase_requests_list(opened.dir.private_dir, &list, &count), HS_OK);
	for (size_t i = 0; i < count; i++) {
		struct hs_subjects people;
		struct hs_erase_plan plan = { .people = &people };

		if (strcmp(list[i].database, database) != 0)
			continue;
		found++;
		hs_subjects_init(&people, 0);
		assert_result(hs_erase_requests_read(opened.dir.private_dir, list[i].name, &plan), HS_OK);
		assert_int_equal(people.count, 1);
		assert_slice_equal(hs_slice(people.list[0]->id, people.list[0]->n), hs_slice_str(person));
		hs_subjects_free(&people);
	}
	free(list);
	return found;
}

TEST(each_database_hears_of_an_erase)
{
	put("a b");
	open_dir();
	assert_int_equal(erase_user("early"), 0); /* no database is loaded yet */
	mark("shop");
	mark("shop");
	mark("other");
	assert_int_equal(requests_of("shop", ""), 0);
	assert_int_equal(erase_user("u"), 0);
	assert_int_equal(requests_of("shop", "u"), 1);
	assert_int_equal(requests_of("other", "u"), 1);
}

TEST(another_database_of_the_name_is_told)
{
	put("a");
	open_dir();
	mark_at("shop", "sqlite:/a.db", "");
	mark_at("shop", "sqlite:/a.db", "");
	mark_at("shop", "sqlite:/b.db", "sqlite:/a.db");
	mark_at("shop", "sqlite:/b.db", "");
	mark_at("shop", "sqlite:/a.db", "sqlite:/b.db");
	mark_at("other", "sqlite:/c.db", "");
	spooldir_write(&s.d, ".hookspool/loads/shop", HS_SLICE("loaded\n")); /* as an earlier build made it */
	mark_at("shop", "sqlite:/a.db", "");
	mark_at("shop", "sqlite:/b.db", "sqlite:/a.db");
	spooldir_write(&s.d, ".hookspool/loads/shop", HS_SLICE(""));
	mark_at("shop", "sqlite:/b.db", "");
	mark_at("shop", "sqlite:/b.db", "");
	spooldir_write(&s.d, ".hookspool/loads/shop", HS_SLICE("leaded sqlite:/a.db\n")); /* a byte has changed */
	mark_at("shop", "sqlite:/b.db", "");
	mark_at("shop", "sqlite:/b.db", "");
}

static void load_as(const char *database, const char *tenant, const char *place, const char *other)
{
	struct hs_erase_marker marker = { database, hs_slice_str(place), tenant };
	struct hs_buf found = { 0 }, before = { 0 };

	assert_result(hs_erase_requests_find_other(opened.dir.private_dir, &marker, &found), HS_OK);
	assert_slice_equal(hs_buf_slice(&found), hs_slice_str(other));
	if (found.n == 0)
		assert_result(hs_erase_requests_mark(&opened.dir, &marker, &before), HS_OK);
	assert_int_equal(before.n, 0);
	hs_buf_free(&found);
	hs_buf_free(&before);
}

TEST(another_tenant_in_the_same_place_is_found)
{
	put("a");
	open_dir();
	load_as("shop", "acme", "sqlite:/a.db", ""); /* no database is loaded yet */
	mark_at("shop", "sqlite:/a.db", "");         /* without labels */
	load_as("shop", NULL, "sqlite:/a.db", "");
	load_as("shop", "acme", "sqlite:/a.db", ""); /* the first label */
	load_as("shop", "acme", "sqlite:/a.db", "");
	load_as("shop", "globex", "sqlite:/a.db", "shop");
	load_as("crm", "globex", "sqlite:/a.db", "shop");
	load_as("crm", "", "sqlite:/a.db", "shop");
	load_as("crm", "acme", "sqlite:/a.db", "");
	load_as("web", "globex", "sqlite:/a.db", "crm"); /* and "shop", but one is enough */
	load_as("none", "", "sqlite:/b.db", "");
	load_as("some", "-", "sqlite:/c.db", "");
	load_as("more", "globex", "sqlite:/b.db", "none");
	load_as("more", NULL, "sqlite:/b.db", ""); /* there are no labels any more */
}

/* Kills an erase ever later, until it has left its plan. */
static void leave_a_plan(void)
{
	for (unsigned nth = 1; spooldir_names(&s.d, ".hookspool", "erase-plan-1") == 0; nth++) {
		assert_int_equal(child_killed(nth, false, erase_user, "u"), -1);
		restart();
	}
}

TEST(a_database_hears_of_an_erase_at_work)
{
	seal("a b");
	leave_a_plan();
	open_dir();
	mark("late");
	assert_int_equal(requests_of("late", "u"), 1);
	mark("late");
	assert_int_equal(requests_of("late", "u"), 1);
}

/* The next erase says that the plan is damaged. */
TEST(a_damaged_plan_does_not_hinder_the_loading)
{
	char name[64];

	seal("a b");
	leave_a_plan();
	snprintf(name, sizeof name, ".hookspool/erase-plan-1");
	spooldir_cut(&s.d, name, spooldir_size(&s.d, name) - 5);
	open_dir();
	mark("late");
	assert_int_equal(requests_of("late", "u"), 0);
}

TEST(a_database_that_is_given_up_is_forgotten)
{
	size_t dropped;

	put("a b");
	open_dir();
	mark("shop");
	mark("other");
	assert_int_equal(erase_user("u"), 0);
	assert_int_equal(erase_user("u"), 0);
	assert_result(hs_erase_requests_forget(opened.dir.private_dir, "shop", &dropped), HS_OK);
	assert_int_equal(dropped, 2);
	assert_int_equal(requests_of("shop", "u"), 0);
	assert_int_equal(requests_of("other", "u"), 2);
	assert_int_equal(erase_user("u"), 0);
	assert_int_equal(requests_of("shop", "u"), 0);
	assert_int_equal(requests_of("other", "u"), 3);
}

/* --- a clock that was ahead ------------------------------------------------------------------ */

#define AHEAD "2096-01-02T03:04:05.678Z"
#define AHEAD_MS INT64_C(3976311845678)

static void put_ahead(void)
{
	struct hs_slice line =
	    HS_SLICE("{\"type\":\"track\",\"user_id\":\"u\",\"message_id\":\"m\",\"spooled_at\":\"" AHEAD "\"}\n");
	struct hs_record record = { .fingerprint = 1, .n = line.n };
	uint64_t duplicate;
	struct hs_append batch = {
		.records = line, .record = &record, .count = 1, .duplicate = &duplicate, .deadline_ms = soon()
	};

	memcpy(&record.id, "m", 1);
	assert_result(hs_spool_append(s.spool, &batch), HS_OK);
}

/* The latest limit of rows in the requests; 0: there is none. */
static int64_t latest_limit(void)
{
	struct hs_erase_request *list;
	size_t count;
	int64_t latest = 0;

	assert_result(hs_erase_requests_list(opened.dir.private_dir, &list, &count), HS_OK);
	for (size_t i = 0; i < count; i++) {
		struct hs_subjects people;
		struct hs_erase_plan plan = { .people = &people };
		int64_t ms;

		hs_subjects_init(&people, 0);
		assert_result(hs_erase_requests_read(opened.dir.private_dir, list[i].name, &plan), HS_OK);
		ms = people.list[0]->until_ms < plan.sealed_ms ? people.list[0]->until_ms : plan.sealed_ms;
		latest = ms > latest ? ms : latest;
		hs_subjects_free(&people);
	}
	free(list);
	return latest;
}

/* Wherever the erase is killed, a line that has gone leaves a request whose limit is not before its time. */
TEST(rows_of_a_clock_that_was_ahead_go)
{
	int died = -1;

	for (unsigned nth = 1; died != 0; nth++) {
		make("rotate_min_gap = 0\n");
		put_ahead();
		open_dir();
		mark("shop");
		died = child_killed(nth, false, erase_user, "u");
		if (spooldir_lines(&s.d) == 0)
			assert_int_equal(latest_limit(), AHEAD_MS);
		restart();
		assert_int_equal(erase_user("u"), 0);
		assert_int_equal(spooldir_lines(&s.d), 0);
		assert_int_equal(latest_limit(), AHEAD_MS);
		if (died != 0)
			hs_spool_dir_close(&opened);
	}
}

FIXTURE(end)
{
	hs_spool_dir_close(&opened);
	return finish(state);
}

static void carry_out(void *done)
{
	*(bool *)done = true;
	unlink(spooldir_path(&s.d, ".hookspool/loads/shop@erase-00000000000000ff"));
}

/* A request that is carried out while they are listed is none, and no fault. */
TEST(a_request_that_goes_meanwhile)
{
	bool done = true;

	put("a");
	open_dir();
	mark("shop");
	assert_int_equal(erase_user("u"), 0);
	for (unsigned nth = 1; done; nth++) {
		struct hs_erase_request *list;
		size_t count;

		spooldir_write(&s.d, ".hookspool/loads/shop@erase-00000000000000ff", HS_SLICE("{}\n"));
		wrap_reset();
		done = false;
		wrap_before(WRAP_FSTATAT, nth, carry_out, &done);
		assert_result(hs_erase_requests_list(opened.dir.private_dir, &list, &count), HS_OK);
		wrap_reset();
		assert_in_range(count, 1, 2);
		free(list);
	}
}

/* Loaders follow delete events themselves: an erase by these alone is no news for them, one with links is. */
TEST(people_whom_loaders_know_from_deletes)
{
	struct hs_subject who = { .id = (char[]){ "u" }, .n = 1, .until_ms = INT64_MAX, .deleted = true };
	struct hs_subjects people;
	struct hs_erase_plan plan = { .people = &people };
	struct hs_rewrite_log *rewrites;

	put("a");
	open_dir();
	mark("shop");
	assert_result(hs_rewrite_log_open(&opened.dir, &rewrites), HS_OK);
	for (int derived = 0; derived < 2; derived++) {
		hs_subjects_init(&people, 1);
		assert_true(hs_subjects_add(&people, &who, NULL));
		people.list[0]->derived = derived;
		assert_result(hs_erase_plan_write(&opened.dir, rewrites, &plan), HS_OK);
		assert_result(hs_erase_requests_put(&opened.dir, &plan, NULL, NULL), HS_OK);
		assert_int_equal(requests_of("shop", "u"), derived);
		mark(derived ? "late" : "early"); /* a database whose loading begins at this moment */
		assert_int_equal(requests_of(derived ? "late" : "early", "u"), derived);
		assert_result(hs_erase_plan_remove(opened.dir.private_dir, plan.name), HS_OK);
		hs_subjects_free(&people);
	}
	hs_rewrite_log_close(rewrites);
}

/* Files of others, and names that no database has. */
TEST(names_that_are_no_requests)
{
	char name[NAME_MAX + 32];
	struct hs_erase_request *list;
	size_t count;

	put("a");
	open_dir();
	mark("shop");
	spooldir_write(&s.d, ".hookspool/loads/@erase-1", HS_SLICE("x"));
	snprintf(name, sizeof name, ".hookspool/loads/%0*d@erase-1", HS_CURSOR_NAME_MAX + 1, 1);
	spooldir_write(&s.d, name, HS_SLICE("x"));
	snprintf(name, sizeof name, ".hookspool/loads/shop@erase-%0*d", HS_ERASE_REQUEST_NAME, 1);
	spooldir_write(&s.d, name, HS_SLICE("x"));
	spooldir_write(&s.d, ".hookspool/loads/~x@erase-1", HS_SLICE("x"));
	assert_result(hs_erase_requests_list(opened.dir.private_dir, &list, &count), HS_OK);
	assert_int_equal(count, 0);
	free(list);
}

/* A plan that nobody can have written is not read into memory. */
TEST(a_plan_that_is_too_large)
{
	struct hs_buf before = { 0 };
	struct hs_subject who = { .id = (char[]){ "u" }, .n = 1, .until_ms = INT64_MAX };
	struct hs_subjects people;
	struct hs_erase_plan plan = { .people = &people, .name = "erase-plan-1" };

	put("a");
	open_dir();
	mark("shop");
	spooldir_write(&s.d, ".hookspool/erase-plan-1", HS_SLICE("x"));
	spooldir_cut(&s.d, ".hookspool/erase-plan-1", (1 << 30) + 1);
	hs_subjects_init(&people, 1);
	assert_true(hs_subjects_add(&people, &who, NULL));
	assert_result(hs_erase_requests_put(&opened.dir, &plan, NULL, NULL), HS_E_IO);
	hs_subjects_free(&people);
	hs_buf_free(&before);
}

/* --- whatever fails ---------------------------------------------------------------------------- */

static struct hs_subjects late_people;
static struct hs_erase_plan late_plan;

static void prepare_late(void)
{
	hs_spool_dir_close(&opened);
	make("rotate_min_gap = 0\n");
	put("a");
	open_dir();
	for (int i = 0; i < 12; i++) {
		char name[16];

		snprintf(name, sizeof name, "db%d", i);
		mark(name);
	}
}

static enum hs_result run_late(void)
{
	return hs_erase_requests_put_late(&opened.dir, &late_plan);
}

/* A repeated request has another name, and rows that are gone can go again. */
static void hear_of_late(void)
{
	for (int i = 0; i < 12; i++) {
		char begin[32];

		snprintf(begin, sizeof begin, "db%d@", i);
		assert_true(spooldir_names(&s.d, ".hookspool/loads", begin) >= 1);
	}
}

TEST(each_database_hears_of_late_people)
{
	struct hs_subject who = { .id = (char[]){ "u" }, .n = 1, .tenant = (char[]){ "" }, .until_ms = INT64_MAX };

	hs_subjects_init(&late_people, 1);
	assert_true(hs_subjects_add(&late_people, &who, NULL));
	late_people.list[0]->newest_ms = 5000;
	late_plan = (struct hs_erase_plan){ .people = &late_people, .sealed_ms = 1000 };
	fail_each(&(struct job){ prepare_late, run_late, hear_of_late, 8 });
	hs_spool_dir_close(&opened);
	make("");
	put("a");
	open_dir();
	assert_result(run_late(), HS_OK); /* no database is loaded */
	assert_false(spooldir_exists(&s.d, ".hookspool/loads"));
	hs_subjects_free(&late_people);
}

static enum hs_result run_forget(void)
{
	size_t dropped;

	return hs_erase_requests_forget(opened.dir.private_dir, "db1", &dropped);
}

static void is_forgotten(void)
{
	assert_int_equal(spooldir_names(&s.d, ".hookspool/loads", "db1@"), 0);
	assert_true(spooldir_names(&s.d, ".hookspool/loads", "db2@") > 0);
}

static void prepare_forget(void)
{
	prepare_late();
	for (int i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof name, ".hookspool/loads/db1@erase-%d", i);
		spooldir_write(&s.d, name, HS_SLICE("x"));
		snprintf(name, sizeof name, ".hookspool/loads/db2@erase-%d", i);
		spooldir_write(&s.d, name, HS_SLICE("x"));
	}
}

TEST(all_requests_of_a_database_are_forgotten)
{
	fail_each_of(FAIL_CALL(WRAP_UNLINKAT) | FAIL_CALL(WRAP_FSYNC),
	             &(struct job){ prepare_forget, run_forget, is_forgotten, 0 });
}

static void remove_plan(void *removed)
{
	*(bool *)removed = spooldir_exists(&s.d, ".hookspool/erase-plan-1");
	if (*(bool *)removed)
		spooldir_unlink(&s.d, ".hookspool/erase-plan-1");
}

/* The erase ends while a database is marked: the request is written, or the erase was done before. */
TEST(an_erase_that_ends_meanwhile)
{
	struct hs_subject who = { .id = (char[]){ "u" }, .n = 1, .until_ms = INT64_MAX };
	struct hs_rewrite_log *rewrites;
	struct hs_subjects one;
	struct hs_erase_plan plan = { .people = &one };
	bool removed = true;

	put("a");
	open_dir();
	hs_subjects_init(&one, 1);
	assert_true(hs_subjects_add(&one, &who, NULL));
	assert_result(hs_rewrite_log_open(&opened.dir, &rewrites), HS_OK);
	for (unsigned nth = 1; removed; nth++) {
		char database[16];

		snprintf(database, sizeof database, "late%u", nth);
		assert_result(hs_erase_plan_write(&opened.dir, rewrites, &plan), HS_OK);
		removed = false;
		wrap_reset();
		wrap_before(WRAP_OPENAT, nth, remove_plan, &removed);
		mark(database);
		wrap_reset();
		assert_in_range(requests_of(database, "u"), 0, 1);
	}
	assert_int_equal(requests_of("late1", "u"), 0);
	hs_rewrite_log_close(rewrites);
	hs_subjects_free(&one);
}

/* Looks for another tenant in the database that "crm" is about to load. */
static enum hs_result find_other(struct hs_buf *other)
{
	const struct hs_erase_marker crm = { "crm", HS_SLICE("sqlite:/a.db"), "globex" };

	return hs_erase_requests_find_other(opened.dir.private_dir, &crm, other);
}

static void prepare_other(void)
{
	hs_spool_dir_close(&opened);
	make("");
	put("a");
	open_dir();
	load_as("shop", "acme", "sqlite:/a.db", "");
	load_as("web", "", "sqlite:/b.db", "");
}

static enum hs_result run_find_other(void)
{
	struct hs_buf other = { 0 };
	enum hs_result result = find_other(&other);

	if (result == HS_OK)
		assert_slice_equal(hs_buf_slice(&other), HS_SLICE("shop"));
	hs_buf_free(&other);
	return result;
}

static void nothing(void)
{
}

/* Two tenants in one database cannot be told apart any more: a failure is never taken for "there is no other". */
TEST(another_tenant_is_not_overlooked)
{
	fail_each(&(struct job){ prepare_other, run_find_other, nothing, 0 });
}

static void give_up_shop(void *done)
{
	size_t dropped;

	*(bool *)done = true;
	assert_result(hs_erase_requests_forget(opened.dir.private_dir, "shop", &dropped), HS_OK);
}

/* Its loading is given up while another's begins: it is no other any more, and no fault. */
TEST(a_database_that_is_given_up_meanwhile)
{
	unsigned free_again = 0;
	bool done = true;

	for (unsigned nth = 1; done; nth++) {
		struct hs_buf other = { 0 };

		prepare_other();
		wrap_reset();
		done = false;
		wrap_before(WRAP_OPENAT, nth, give_up_shop, &done);
		assert_result(find_other(&other), HS_OK);
		wrap_reset();
		free_again += done && other.n == 0;
		hs_buf_free(&other);
	}
	assert_true(free_again > 1);
}

/* A marker that cannot be read for want of memory is not written anew: its place would be forgotten. */
TEST(without_memory_a_marker_stays)
{
	const struct hs_erase_marker marker = { "shop", HS_SLICE("sqlite:/a.db"), NULL };
	struct hs_buf before = { 0 };

	put("a");
	open_dir();
	mark_at("shop", "sqlite:/a.db", "");
	for (unsigned nth = 1; nth < 4; nth++) {
		wrap_reset();
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		if (hs_erase_requests_mark(&opened.dir, &marker, &before) != HS_OK)
			assert_true(wrap_count(WRAP_REALLOC) >= nth);
		wrap_reset();
		hs_buf_free(&before);
	}
	mark_at("shop", "sqlite:/b.db", "sqlite:/a.db");
}

TEST(without_its_folder_no_request_is_read)
{
	struct hs_subjects people;
	struct hs_erase_plan plan = { .people = &people };

	put("a");
	open_dir();
	hs_subjects_init(&people, 0);
	assert_result(hs_erase_requests_read(opened.dir.private_dir, "shop@erase-00000000000000ff", &plan), HS_E_IO);
	assert_int_equal(people.count, 0);
	hs_subjects_free(&people);
}

TESTS("erase_requests", begin, end)
