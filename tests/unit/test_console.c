/* console: queries, passwords and the file of sessions, with what only a hostile or unlucky caller sees. */
#include "base/io.h"
#include "base/password.h"
#include "cgi/http/console/query.h"
#include "cgi/http/console/session_file.h"
#include "tests/lib/temp_dir.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OTHER_HASH "13b798eb15cf281b0c0a0951e50f12ee4cb09d9aa6ba2f4ea5f7a9d919922419"
#define SCRYPT_HASH "a6e1c5f30b25e0fe6d47724036c0a579988e41eb3ed39298d8fa076d41293064"
static const int64_t NOW = INT64_C(1800000000000);

/* --- queries ------------------------------------------------------------------------ */

static bool value_is(const char *query, const char *expected)
{
	struct hs_query_value value;

	return hs_query_value(hs_slice_str(query), "a", &value) && value.n == strlen(expected) &&
	       memcmp(value.text, expected, value.n) == 0;
}

TEST(values_are_decoded)
{
	assert_true(value_is("a=1&b=2", "1"));
	assert_true(value_is("b=2&a=x%20y+z%C3%A9", "x y z\xC3\xA9"));
	assert_true(value_is("a=1&a=2", "1"));
	assert_true(value_is("", ""));
	assert_true(value_is("aa=1&&=&a", ""));
	assert_true(value_is("a=%26=%3D", "&=="));
}

TEST(wrong_values_are_refused)
{
	static const char *const wrong[] = { "a=%",   "a=%2",  "a=%zz",  "a=%2z",      "a=%00",
		                             "a=%FF", "a=%C3", "a=\xFF", "a=%ED%A0%80" };
	struct hs_query_value value;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (hs_query_value(hs_slice_str(wrong[i]), "a", &value))
			fail_msg("%s is a value", wrong[i]);
	assert_false(hs_query_value(HS_SLICE("a=x\0y"), "a", &value)); /* in a body */
}

TEST(a_value_has_a_limit)
{
	char query[HS_QUERY_VALUE + 4] = "a=";
	struct hs_query_value value;

	memset(query + 2, 'x', HS_QUERY_VALUE + 1);
	assert_true(hs_query_value(hs_slice(query, 2 + HS_QUERY_VALUE), "a", &value));
	assert_false(hs_query_value(hs_slice(query, 3 + HS_QUERY_VALUE), "a", &value));
}

TEST(positions)
{
	static const char *const wrong[] = {
		"p=1",
		"p=1.2",
		"p=1.2.3.4",
		"p=-1.2.3",
		"p=1.2.x",
		"p= 1.2.3",
		"p=1..3",
		"p=12345678901234567890.0.0",
		"p=1.2.3%20",
		"p=1.2.%FF",
		"p=0000000000000000000.0000000000000000000.00000000000000000000000000000"
	};
	struct hs_position position;
	char text[HS_QUERY_POSITION];
	bool given;

	assert_true(hs_query_position(HS_SLICE("p=1234567890123456789.2.3"), "p", &position, &given));
	assert_true(given && position.number == UINT64_C(1234567890123456789) && position.offset == 2 &&
	            position.edit == 3);
	hs_query_print_position(&position, text);
	assert_string_equal(text, "1234567890123456789.2.3");
	assert_true(hs_query_position(HS_SLICE("q=1"), "p", &position, &given) && !given);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (hs_query_position(hs_slice_str(wrong[i]), "p", &position, &given))
			fail_msg("%s is a position", wrong[i]);
}

/* --- passwords ------------------------------------------------------------------------ */

/* RFC 7914 has no vector with these numbers: these are of Python's hashlib.scrypt. */
TEST(the_hash_is_that_of_scrypt)
{
	static const uint8_t salt[HS_PASSWORD_SALT] = "0123456789abcdef";
	char text[HS_PASSWORD_TEXT];
	bool same;

	assert_true(hs_password_hash(HS_SLICE("correct horse"), salt, text));
	assert_string_equal(text, "scrypt:15:8:1:30313233343536373839616263646566:" SCRYPT_HASH);
	assert_true(hs_password_check(HS_SLICE("correct horse"), text, &same) && same);
	assert_true(
	    hs_password_check(HS_SLICE("x"), "scrypt:14:8:4:00112233445566778899aabbccddeeff:" OTHER_HASH, &same) &&
	    same);
	assert_true(hs_password_check(HS_SLICE("correct horsf"), text, &same) && !same);
	assert_true(hs_password_check(HS_SLICE(""), text, &same) && !same);
}

/* The key, the room for its blocks, and the salt. */
TEST(without_memory_no_password_is_right_or_hashed)
{
	static const enum wrap_call calls[] = { WRAP_MALLOC, WRAP_MALLOC, WRAP_REALLOC };
	static const unsigned nth[] = { 1, 2, 1 };
	static const uint8_t salt[HS_PASSWORD_SALT] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		char text[HS_PASSWORD_TEXT];
		bool same = true;

		wrap_fail(calls[i], nth[i], 1, ENOMEM);
		assert_false(hs_password_check(HS_SLICE("correct horse"),
		                               "scrypt:14:8:1:30313233343536373839616263646566:" SCRYPT_HASH, &same));
		assert_false(same);
		wrap_reset();
		wrap_fail(calls[i], nth[i], 1, ENOMEM);
		assert_false(hs_password_hash(HS_SLICE("correct horse"), salt, text));
		wrap_reset();
	}
}

/* The first hash for the blocks, and the last of all. */
TEST(without_a_hash_no_password_is_right)
{
	static const char stored[] = "scrypt:14:8:1:30313233343536373839616263646566:" SCRYPT_HASH;
	unsigned all;
	bool same;

	wrap_reset();
	assert_true(hs_password_check(HS_SLICE("correct horse"), stored, &same) && !same);
	all = wrap_count(WRAP_SHA256);
	for (unsigned nth = 5; nth <= all; nth += all - 5) {
		same = true;
		wrap_fail(WRAP_SHA256, nth, 1, ENOMEM);
		assert_false(hs_password_check(HS_SLICE("correct horse"), stored, &same));
		wrap_reset();
		assert_false(same);
	}
	same = true;
	assert_false(hs_password_check(HS_SLICE("correct horse"), "correct horse", &same));
	assert_false(same);
}

TEST(what_is_no_hash)
{
#define TAIL "30313233343536373839616263646566:" SCRYPT_HASH
	static const char *const wrong[] = { "",
		                             "secret",
		                             "scrypt:15:8:1:" TAIL "0",
		                             "scrypt:13:8:1:" TAIL,
		                             "scrypt:19:8:1:" TAIL,
		                             "scrypt:15:9:1:" TAIL,
		                             "scrypt:15:8:0:" TAIL,
		                             "scrypt:15:8:1:30313233343536373839616263646:" SCRYPT_HASH,
		                             "scrypt:15:8:1:30313233343536373839616263646566:00",
		                             "scrypt:15:8:1:" TAIL TAIL TAIL,
		                             "scrypt:15:8:5:" TAIL,
		                             "scrypt: 15:8:1:" TAIL,
		                             "scrypt:+15:8:1:" TAIL,
		                             ("scrypt:15:8:1:" SCRYPT_HASH) };

	assert_true(hs_password_is_hash("scrypt:15:8:1:" TAIL));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (hs_password_is_hash(wrong[i]))
			fail_msg("%s is a hash", wrong[i]);
}

/* --- the file of sessions --------------------------------------------------------------- */

#define spool temp.d.path

static int begin(void **state)
{
	int begun = temp_dir_begin(state), dir;

	hs_io_make_dir(temp.fd, ".hookspool", 0700);
	dir = hs_io_open_dir(temp.fd, ".hookspool");
	hs_io_make_dir(dir, "run", 0700);
	hs_io_close(dir);
	return begun;
}

static struct hs_session_file *opened(void)
{
	enum hs_result result;
	struct hs_session_file *file = hs_session_file_open(spool, &result);

	assert_result(result, HS_OK);
	return file;
}

static unsigned try_at(const char *address, int64_t now)
{
	struct hs_session_file *file = opened();
	unsigned seconds;

	assert_result(hs_session_file_try(file, hs_slice_str(address), now, &seconds), HS_OK);
	hs_session_file_close(file);
	return seconds;
}

static void copy_key(uint8_t key[static HS_SHA256_BYTES])
{
	struct hs_session_file *file = opened();

	memcpy(key, hs_session_file_key(file).p, HS_SHA256_BYTES);
	hs_session_file_close(file);
}

TEST(ten_tries_a_minute_for_each_address)
{
	for (int i = 0; i < HS_SESSION_TRIES; i++)
		assert_int_equal(try_at("a", NOW + i), 0);
	assert_int_equal(try_at("a", NOW + 20000), 41);
	assert_int_equal(try_at("b", NOW), 0);
	assert_int_equal(try_at("a", NOW + HS_SESSION_TRIES_MS), 0);
}

/* A clock that was set back must not lock an address out for long. */
TEST(tries_of_the_future_are_over)
{
	for (int i = 0; i < HS_SESSION_TRIES; i++)
		try_at("a", NOW + 3600000);
	assert_int_equal(try_at("a", NOW), 0);
}

/* The check sum is that of the key alone: a damaged time must lock nobody out. */
TEST(tries_of_a_damaged_time_are_over)
{
	enum { ENTRY = 24, SINCE = 8 + 2 * HS_SHA256_BYTES + 8, TRIES = 512 };
	const int64_t time[] = { INT64_MIN, INT64_MIN + NOW, -1, 0, INT64_MAX };
	int fd;

	for (size_t k = 0; k < sizeof time / sizeof *time; k++) {
		for (int i = 0; i < HS_SESSION_TRIES; i++)
			try_at("a", NOW);
		fd = hs_io_open(temp.fd, ".hookspool/run/console");
		for (uint64_t i = 0; i < TRIES; i++)
			assert_int_equal(hs_io_write_at(fd, (const char *)&time[k], sizeof time[k], SINCE + i * ENTRY),
			                 0);
		hs_io_close(fd);
		assert_int_equal(try_at("a", NOW), 0);
	}
}

TEST(the_right_password_forgives)
{
	struct hs_session_file *file;

	for (int i = 0; i < HS_SESSION_TRIES; i++)
		try_at("a", NOW);
	file = opened();
	assert_result(hs_session_file_forgive(file, HS_SLICE("b")), HS_OK); /* which has tried nothing */
	hs_session_file_close(file);
	assert_true(try_at("a", NOW) > 0);
	file = opened();
	assert_result(hs_session_file_forgive(file, HS_SLICE("a")), HS_OK);
	hs_session_file_close(file);
	assert_int_equal(try_at("a", NOW), 0);
}

TEST(many_addresses_push_the_oldest_out)
{
	char name[16];

	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof name, "%d", i);
		assert_int_equal(try_at(name, NOW + i), 0);
	}
}

TEST(a_session_that_ended_stays_ended)
{
	struct hs_session_file *file = opened();
	const uint8_t id[HS_SESSION_ID] = { 1 }, other[HS_SESSION_ID] = { 2 };

	assert_result(hs_session_file_end(file, id, NOW + 1000, NOW), HS_OK);
	hs_session_file_close(file);
	file = opened();
	assert_true(hs_session_file_has_ended(file, id));
	assert_false(hs_session_file_has_ended(file, other));
	hs_session_file_close(file);
}

/* No session comes to life again for want of room: all end. */
TEST(a_full_list_ends_all_sessions)
{
	uint8_t before[HS_SHA256_BYTES], after[HS_SHA256_BYTES];

	copy_key(before);
	for (int i = 1; i <= 513; i++) {
		struct hs_session_file *file = opened();
		uint8_t id[HS_SESSION_ID] = { (uint8_t)i, (uint8_t)(i >> 8) };

		assert_result(hs_session_file_end(file, id, NOW + 1000, NOW), HS_OK);
		hs_session_file_close(file);
		copy_key(after);
		assert_int_equal(memcmp(before, after, sizeof after) == 0, i <= 512);
	}
}

TEST(a_damaged_file_gets_another_key)
{
	uint8_t before[HS_SHA256_BYTES], after[HS_SHA256_BYTES];
	char byte;
	int fd;

	copy_key(before);
	copy_key(after);
	assert_memory_equal(before, after, sizeof after);
	fd = hs_io_open(temp.fd, ".hookspool/run/console");
	assert_int_equal(hs_io_read_at(fd, &byte, 1, 20), 1);
	byte ^= 1; /* the key is random: no fixed byte is always another */
	assert_int_equal(hs_io_write_at(fd, &byte, 1, 20), 0);
	hs_io_close(fd);
	copy_key(after);
	assert_memory_not_equal(before, after, sizeof after);
}

TEST(a_file_of_another_kind_gets_another_key)
{
	uint8_t before[HS_SHA256_BYTES], after[HS_SHA256_BYTES];
	int fd;

	copy_key(before);
	fd = hs_io_open(temp.fd, ".hookspool/run/console");
	assert_int_equal(hs_io_write_at(fd, "another", 7, 0), 0);
	hs_io_close(fd);
	copy_key(after);
	assert_memory_not_equal(before, after, sizeof after);
	copy_key(before);
	assert_memory_equal(before, after, sizeof after);
}

/* A key that is not on the disk must not count: the next process would have another one. */
TEST(a_key_that_cannot_be_made_is_told)
{
	static const struct {
		enum wrap_call call;
		unsigned nth;
		enum hs_result result;
	} faults[] = { { WRAP_PWRITE, 1, HS_E_IO },
		       { WRAP_SHA256, 1, HS_E_MEMORY },
		       { WRAP_FSTAT, 2, HS_E_IO } /* the first one is of a directory */ };
	enum hs_result result;

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		wrap_fail(faults[i].call, faults[i].nth, 1, EIO);
		assert_null(hs_session_file_open(spool, &result));
		assert_result(result, faults[i].result);
		wrap_reset();
	}
	hs_session_file_close(opened());
	wrap_fail(WRAP_SHA256, 1, 1, EIO); /* which is whether the file is whole */
	assert_null(hs_session_file_open(spool, &result));
	assert_result(result, HS_E_MEMORY);
	wrap_reset();
}

TEST(two_compare_at_once)
{
	int first, second, third;

	assert_result(hs_session_file_work(spool, &first), HS_OK);
	assert_result(hs_session_file_work(spool, &second), HS_OK);
	assert_result(hs_session_file_work(spool, &third), HS_E_CONSOLE_TRIES);
	assert_int_equal(third, -1);
	hs_io_close(first);
	assert_result(hs_session_file_work(spool, &first), HS_OK);
	hs_io_close(first);
	hs_io_close(second);
}

/* Only a lock that is held says that somebody is at it: else the remedy would be to wait, or to block an address. */
TEST(a_lock_that_cannot_be_asked_for_is_told)
{
	static const enum wrap_call calls[] = { WRAP_FLOCK, WRAP_OPENAT };
	enum hs_result result;
	int fd;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		wrap_fail(calls[i], calls[i] == WRAP_OPENAT ? 4 : 1, WRAP_FOREVER,
		          EIO); /* the directories come first */
		assert_null(hs_session_file_open(spool, &result));
		assert_result(result, HS_E_IO);
		wrap_reset();
		wrap_fail(calls[i], calls[i] == WRAP_OPENAT ? 4 : 1, WRAP_FOREVER, EIO);
		assert_result(hs_session_file_work(spool, &fd), HS_E_IO);
		assert_int_equal(fd, -1);
		wrap_reset();
	}
	assert_result(hs_session_file_work(spool, &fd), HS_OK);
	hs_io_close(fd);
}

TEST(a_file_that_others_may_read_is_not_used)
{
	enum hs_result result;
	int fd = hs_io_make(temp.fd, ".hookspool/run/console", 0644);

	hs_io_close(fd);
	assert_null(hs_session_file_open(spool, &result));
	assert_result(result, HS_E_SPOOL_FILE);
}

TEST(a_pipe_in_its_place_is_not_used)
{
	char path[PATH_MAX + 40];
	enum hs_result result;

	snprintf(path, sizeof path, "%s/.hookspool/run/console", spool);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(hs_session_file_open(spool, &result));
	assert_result(result, HS_E_SPOOL_FILE);
}

TESTS("console", begin, temp_dir_end)
