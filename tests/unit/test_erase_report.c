/* The report of erase: the links that lead to an id, and the databases that still have rows of erased people. */
#include "base/io.h"
#include "tests/lib/temp_dir.h"
#include "tools/report/erase_waiting.h"
#include "tools/report/link_text.h"

#include <errno.h>

static struct hs_buf out;

FIXTURE(finish)
{
	wrap_reset();
	hs_buf_free(&out);
	return temp_dir_end(state);
}

static void expect(const char *text)
{
	assert_slice_equal(hs_buf_slice(&out), hs_slice_str(text));
	hs_buf_reset(&out);
}

/* A record of another program's need have no time. */
TEST(links)
{
	struct hs_subject anybody = { .kind = HS_SUBJECT_USER, .id = "w", .n = 1 };
	struct hs_subject user = { .kind = HS_SUBJECT_USER, .id = "u", .n = 1, .tenant = "acme" };
	struct hs_subject visitor = { .kind = HS_SUBJECT_ANONYMOUS, .id = "v", .n = 1, .tenant = "" };
	struct hs_link link = { .id = &visitor,
		                .by = &user,
		                .type = HS_SLICE("identify"),
		                .field = HS_SLICE("anonymous_id"),
		                .spooled_ms = INT64_MIN,
		                .verdict = HS_LINK_FOLLOWED };

	hs_link_text_put(&out, &link);
	expect("anonymous \"v\": of user \"u\" by anonymous_id of an identify record of an unknown time\n");
	hs_link_text_put_json(&out, &link);
	expect("{\"kind\":\"anonymous\",\"id\":\"v\",\"by\":\"u\",\"type\":\"identify\",\"field\":"
	       "\"anonymous_id\",\"followed\":true}");
	link.id = &user;
	link.by = &visitor;
	link.spooled_ms = 0;
	hs_link_text_put(&out, &link);
	expect("user \"u\" of tenant acme: of anonymous \"v\" by anonymous_id of an identify record of "
	       "1970-01-01T00:00:00.000Z\n");
	hs_link_text_put_json(&out, &link);
	expect("{\"kind\":\"user\",\"id\":\"u\",\"tenant\":\"acme\",\"by\":\"v\",\"type\":\"identify\",\"field\":"
	       "\"anonymous_id\",\"spooled_at\":\"1970-01-01T00:00:00.000Z\",\"followed\":true}");
	link.id = &anybody;
	hs_buf_reset(&out);
	hs_link_text_put_json(&out, &link);
	expect("{\"kind\":\"user\",\"id\":\"w\",\"by\":\"v\",\"type\":\"identify\",\"field\":\"anonymous_id\","
	       "\"spooled_at\":\"1970-01-01T00:00:00.000Z\",\"followed\":true}");
}

TEST(databases_that_wait)
{
	struct hs_spool_dir dir = { .fd = temp.fd, .private_dir = temp.fd };
	struct hs_erase_waiting waiting;
	size_t before;

	assert_result(hs_erase_waiting_read(&waiting, &dir), HS_OK);
	assert_int_equal(waiting.count, 0);
	spooldir_mkdir(&temp.d, HS_LOADS_FOLDER);
	spooldir_write(&temp.d, HS_LOADS_FOLDER "/crm@erase-1", HS_SLICE("x"));
	spooldir_write(&temp.d, HS_LOADS_FOLDER "/crm@erase-2", HS_SLICE("x"));
	spooldir_age(&temp.d, HS_LOADS_FOLDER "/crm@erase-2");
	spooldir_write(&temp.d, HS_LOADS_FOLDER "/shop@erase-3", HS_SLICE("x"));
	assert_result(hs_erase_waiting_read(&waiting, &dir), HS_OK);
	assert_int_equal(waiting.count, 2);
	assert_string_equal(waiting.list[0].database, "crm");
	assert_int_equal(waiting.list[0].requests, 2);
	assert_true(waiting.list[0].since_ms < waiting.list[1].since_ms); /* the oldest of them */
	hs_erase_waiting_free(&waiting);
	before = unit_heap();
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_result(hs_erase_waiting_read(&waiting, &dir), HS_E_MEMORY);
	assert_int_equal(waiting.count, 0);
	wrap_reset();
	wrap_fail(WRAP_OPENAT, 1, 1, EIO);
	assert_result(hs_erase_waiting_read(&waiting, &dir), HS_E_IO);
	wrap_reset();
	hs_erase_waiting_free(&waiting);
	assert_int_equal(unit_heap(), before);
}

TESTS("erase_report", temp_dir_begin, finish)
