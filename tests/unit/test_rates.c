/* rates: over all processes no sender gets more than its rate, its burst and its day. */
#include "base/io.h"
#include "spool/shared/private_files.h"
#include "spool/shared/rates.h"
#include "tests/lib/processes.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_MS = 86400000, PER_SECOND = 1000, CHILDREN = 8 };

static const int64_t NOON = INT64_C(20000) * DAY_MS + DAY_MS / 2;

static struct hs_rate source_of(const char *name, int64_t rate, int64_t daily)
{
	return (struct hs_rate){ .name = hs_slice_str(name), .rate = rate * 1000, .daily = daily };
}

static struct hs_rates *opened(void)
{
	enum hs_result result;
	struct hs_rates *rates = hs_rates_open(temp.fd, 0600, &result);

	assert_result(result, HS_OK);
	assert_non_null(rates);
	return rates;
}

static uint64_t let_in(struct hs_rates *rates, const struct hs_rate *rate, int64_t now_ms)
{
	uint64_t n = 0;

	for (; hs_rates_wait(rates, rate, now_ms) == 0; n++)
		hs_rates_charge(rates, rate, 1, 0, now_ms);
	return n;
}

TEST(a_sender_gets_its_burst_then_its_rate)
{
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", 100, 0), app = source_of("app", 100, 0);

	assert_int_equal(let_in(rates, &web, NOON), 1000); /* 10 s of it */
	assert_int_equal(hs_rates_wait(rates, &web, NOON), 1);
	assert_int_equal(let_in(rates, &web, NOON + 3000), 300);
	assert_int_equal(let_in(rates, &app, NOON), 1000); /* another's debt is not its own */
	hs_rates_charge(rates, &app, 100 * 100, 0, NOON);
	assert_int_equal(hs_rates_wait(rates, &app, NOON), 101);
	hs_rates_charge(rates, &app, UINT64_MAX, 0, NOON);
	assert_int_equal(hs_rates_wait(rates, &app, NOON), HS_RATES_WAIT_MAX);
	hs_rates_charge(rates, &web, UINT64_MAX / 1000000000, 0, NOON);
	assert_int_equal(hs_rates_wait(rates, &web, NOON), HS_RATES_WAIT_MAX);
	app.is_address = true; /* the same bytes, of another kind */
	assert_int_equal(hs_rates_wait(rates, &app, NOON), 0);
	assert_int_equal(hs_rates_wait(NULL, &web, NOON), 0);
	hs_rates_close(rates);
}

/* However low the rate is, and if several batches came in at the same time. */
TEST(a_large_batch_is_waited_for)
{
	const int64_t batch = 65536, batches = 32;
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", 1, 0), app = source_of("app", 1, 0);

	hs_rates_charge(rates, &web, (uint64_t)batch, 0, NOON);
	assert_true(hs_rates_wait(rates, &web, NOON + 3601 * 1000) > 0);
	assert_true(hs_rates_wait(rates, &web, NOON + (batch - 11) * 1000) > 0);
	assert_int_equal(hs_rates_wait(rates, &web, NOON + (batch - 9) * 1000), 0);
	for (int i = 0; i < batches; i++)
		hs_rates_charge(rates, &app, (uint64_t)batch, 0, NOON);
	assert_true(hs_rates_wait(rates, &app, NOON + (batches * batch - 11) * 1000) > 0);
	assert_int_equal(hs_rates_wait(rates, &app, NOON + (batches * batch - 9) * 1000), 0);
	hs_rates_close(rates);
}

/* The remedy for 429 is to raise it. */
TEST(a_raised_rate_counts_at_once)
{
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", 1, 0);

	hs_rates_charge(rates, &web, 60000, 0, NOON);
	web = source_of("web", 100, 0);
	assert_true(hs_rates_wait(rates, &web, NOON + 589 * 1000) > 0);
	assert_int_equal(hs_rates_wait(rates, &web, NOON + 591 * 1000), 0);
	hs_rates_charge(rates, &web, 1000, 0, NOON + 591 * 1000);
	assert_in_range(hs_rates_wait(rates, &web, NOON + 591 * 1000), 9, 10);
	web = source_of("web", 1000000, 0);
	assert_int_equal(hs_rates_wait(rates, &web, NOON + 591 * 1000), 0);
	web = source_of("web", 1, 0); /* a rate that was lowered begins with what was owed */
	assert_in_range(hs_rates_wait(rates, &web, NOON + 591 * 1000), 9, 10);
	hs_rates_close(rates);
}

/* The time that was waited too long at the old rate is no credit. */
TEST(a_raised_rate_gives_its_burst_and_no_more)
{
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", 1, 0);

	hs_rates_charge(rates, &web, 100, 0, NOON);
	web = source_of("web", 100, 0);
	assert_int_equal(let_in(rates, &web, NOON + 50 * 1000), 1000);
	hs_rates_close(rates);
}

TEST(a_rate_of_zero_is_no_limit)
{
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", 0, 0);

	hs_rates_charge(rates, &web, UINT64_MAX, UINT64_MAX, NOON);
	assert_int_equal(hs_rates_wait(rates, &web, NOON), 0);
	hs_rates_charge(NULL, &web, 1, 1, NOON);
	hs_rates_give_back(rates, &web, 1, 1, NOON);
	web = source_of("web", 1, 0);
	assert_int_equal(hs_rates_wait(rates, &web, NOON), 0);
	hs_rates_close(rates);
	hs_rates_close(NULL);
}

TEST(a_clock_set_back_locks_nobody_out)
{
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", 1, 0);

	hs_rates_charge(rates, &web, 200, 0, NOON);
	assert_true(hs_rates_wait(rates, &web, NOON) > 100);
	assert_int_equal(hs_rates_wait(rates, &web, NOON - 60000), 0);
	assert_int_equal(let_in(rates, &web, NOON - 60000), 10);
	hs_rates_charge(rates, &web, 1000, 0, NOON + DAY_MS);
	assert_int_equal(let_in(rates, &web, NOON), 10);
	hs_rates_close(rates);
}

TEST(a_daily_amount_begins_anew_at_midnight)
{
	const int64_t midnight = NOON + DAY_MS / 2;
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", 0, 1000);

	hs_rates_charge(rates, &web, 1, 999, midnight - 60000);
	assert_int_equal(hs_rates_wait(rates, &web, midnight - 60000), 0);
	hs_rates_charge(rates, &web, 1, 1, midnight - 60000);
	assert_int_equal(hs_rates_wait(rates, &web, midnight - DAY_MS / 2), HS_RATES_WAIT_MAX);
	assert_in_range(hs_rates_wait(rates, &web, midnight - 20000), 20, 21);
	assert_int_equal(hs_rates_wait(rates, &web, midnight - 1), 1);
	assert_int_equal(hs_rates_wait(rates, &web, midnight), 0);
	hs_rates_charge(rates, &web, 1, UINT64_MAX, midnight);
	assert_true(hs_rates_wait(rates, &web, midnight) > 0);
	assert_int_equal(hs_rates_wait(rates, &web, midnight + DAY_MS), 0);
	hs_rates_close(rates);
}

TEST(a_charge_is_taken_back)
{
	const int64_t midnight = NOON + DAY_MS / 2;
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", PER_SECOND, 1000);

	hs_rates_give_back(rates, &web, 1, 1, NOON); /* it has paid nothing */
	hs_rates_charge(rates, &web, 1, 999, NOON);
	hs_rates_charge(rates, &web, 1000000, 1, NOON);
	hs_rates_give_back(rates, &web, 1000000, 1, NOON);
	assert_int_equal(hs_rates_wait(rates, &web, NOON), 0);
	hs_rates_charge(rates, &web, 1, 1, NOON);
	assert_int_equal(hs_rates_wait(rates, &web, NOON), HS_RATES_WAIT_MAX); /* the other charge is still there */
	hs_rates_charge(rates, &web, 1, 1000, midnight);
	hs_rates_give_back(rates, &web, 1, 1000, NOON); /* of the day before */
	assert_true(hs_rates_wait(rates, &web, midnight) > 0);
	hs_rates_give_back(rates, &web, 1, UINT64_MAX, midnight);
	assert_int_equal(hs_rates_wait(rates, &web, midnight), 0);
	hs_rates_give_back(NULL, &web, 1, 1, NOON);
	web = source_of("day", 0, 1000);
	hs_rates_charge(rates, &web, 1, 1000, NOON);
	hs_rates_give_back(rates, &web, 1, 1, NOON);
	assert_int_equal(hs_rates_wait(rates, &web, NOON), 0);
	hs_rates_close(rates);
}

/* Lets in what it can at one moment, and tells how much by a source of its own. */
static int take(void *number)
{
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", PER_SECOND, 0);

	(void)number;
	for (uint64_t n = 0; hs_rates_wait(rates, &web, NOON) == 0; n++) {
		struct hs_rate total = source_of("total", 0, INT64_MAX >> 16);

		hs_rates_charge(rates, &web, 1, 0, NOON);
		hs_rates_charge(rates, &total, 0, 3, NOON);
		hs_rates_give_back(rates, &total, 0, 2, NOON);
	}
	hs_rates_close(rates);
	return 0;
}

TEST(processes_share_a_rate)
{
	struct hs_rates *rates = opened();
	struct hs_rate total = source_of("total", 0, 1), web = source_of("web", PER_SECOND, 0);
	uint64_t sum;

	hs_rates_charge(rates, &web, 0, 0, NOON); /* both have their entries */
	hs_rates_charge(rates, &total, 0, 0, NOON);
	children_run(CHILDREN, take);
	for (sum = 0; total.daily = (int64_t)sum + 1, hs_rates_wait(rates, &total, NOON) > 0;)
		sum++;
	assert_in_range(sum, PER_SECOND * 10, PER_SECOND * 10 + CHILDREN);
	hs_rates_close(rates);
}

static int charge_and_die(void *unused)
{
	struct hs_rates *rates = opened();
	struct hs_rate web = source_of("web", 1, 0);

	(void)unused;
	hs_rates_charge(rates, &web, 100, 0, NOON);
	kill(getpid(), SIGKILL);
	return 0;
}

TEST(numbers_outlive_all_processes)
{
	struct hs_rate web = source_of("web", 1, 0);
	struct hs_rates *rates;

	assert_int_equal(child_run(charge_and_die, NULL), -1);
	rates = opened();
	assert_int_equal(hs_rates_wait(rates, &web, NOON), 91);
	assert_result(hs_rates_save(rates), HS_OK);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(hs_rates_save(rates), HS_E_SYNC);
	hs_rates_close(rates);
}

/* Those that owe most are remembered. */
TEST(a_full_table_forgets_who_owes_least)
{
	struct hs_rates *rates = opened();
	struct hs_rate flood = source_of("flood", 1, 0);

	flood.is_address = true;
	hs_rates_charge(rates, &flood, 1000, 0, NOON);
	for (uint32_t i = 0; i < 4 * HS_RATES_ADDRESSES; i++) {
		struct hs_rate other = { hs_slice((char *)&i, sizeof i), true, 1000, 0 };

		hs_rates_charge(rates, &other, 1, 0, NOON);
		assert_int_equal(hs_rates_wait(rates, &other, NOON), 0);
	}
	assert_int_equal(hs_rates_wait(rates, &flood, NOON), HS_RATES_WAIT_MAX);
	hs_rates_close(rates);
}

TEST(a_file_that_is_not_a_table_becomes_an_empty_one)
{
	struct hs_rate web = source_of("web", 1, 0);

	for (int i = 0; i < 4; i++) {
		struct hs_rates *rates = opened();
		struct stat st;
		int fd;

		hs_rates_charge(rates, &web, 100, 0, NOON);
		fd = hs_io_open(temp.fd, HS_RATES_FILE);
		assert_int_equal(hs_io_fstat(fd, &st), 0);
		if (i == 0)
			assert_int_equal(hs_io_write_at(fd, "foreign!", 8, 0), 0);
		else
			assert_int_equal(hs_io_truncate(fd, i == 1 ? 0 : i == 2 ? 100 : (uint64_t)st.st_size + 1), 0);
		hs_rates_charge(rates, &web, 1, 0, NOON); /* a process that has it mapped goes on */
		hs_rates_close(rates);
		rates = opened();
		assert_int_equal(hs_rates_wait(rates, &web, NOON), 0);
		hs_rates_close(rates);
		assert_int_equal(hs_io_unlink(temp.fd, HS_RATES_FILE), 0);
		hs_io_close(fd);
	}
}

/* It is no damaged one: no sender's day begins anew because a disk failed for a moment. */
TEST(a_file_that_cannot_be_read_stays)
{
	static const enum wrap_call calls[] = { WRAP_PREAD, WRAP_FSTAT };
	struct hs_rate web = source_of("web", 0, 1000);
	struct hs_rates *rates = opened();
	enum hs_result result;

	hs_rates_charge(rates, &web, 1, 1000, NOON);
	hs_rates_close(rates);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		wrap_fail(calls[i], 1, WRAP_FOREVER, EIO);
		assert_null(hs_rates_open(temp.fd, 0600, &result));
		assert_result(result, HS_E_IO);
		wrap_reset();
		rates = opened();
		assert_true(hs_rates_wait(rates, &web, NOON) > 0);
		hs_rates_close(rates);
	}
}

/* Another process may be making it right now. */
TEST(a_damaged_file_is_replaced_under_its_lock_alone)
{
	enum hs_result result;
	struct stat st;
	int fd = hs_io_open_or_make(temp.fd, HS_RATES_FILE, 0600);

	assert_int_equal(hs_io_lock(fd, LOCK_EX), 0);
	assert_null(hs_rates_open(temp.fd, 0600, &result));
	assert_result(result, HS_E_LOCKED);
	assert_int_equal(hs_io_fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	wrap_fail(WRAP_FLOCK, 1, WRAP_FOREVER, EIO); /* nobody holds it: there is no command to wait for */
	assert_null(hs_rates_open(temp.fd, 0600, &result));
	assert_result(result, HS_E_IO);
	wrap_reset();
	hs_io_close(fd);
	hs_rates_close(opened());
}

/* --- damage --------------------------------------------------------------------------------- */

/* Replaces a number of the file by another one, wherever it is. */
static void replace_number(int64_t old, int64_t new)
{
	int fd = hs_io_open(temp.fd, HS_RATES_FILE);
	struct stat st;
	int64_t there;
	unsigned found = 0;

	assert_int_equal(hs_io_fstat(fd, &st), 0);
	for (uint64_t at = 0; at < (uint64_t)st.st_size; at += sizeof there) {
		assert_int_equal(hs_io_read_at(fd, (char *)&there, sizeof there, at), sizeof there);
		if (there != old)
			continue;
		assert_int_equal(hs_io_write_at(fd, (const char *)&new, sizeof new, at), 0);
		found++;
	}
	assert_int_equal(found, 1);
	hs_io_close(fd);
}

/* A number that cannot be true locks no sender out. */
TEST(a_damaged_debt_is_none)
{
	static const int64_t numbers[] = { INT64_MIN, INT64_MAX, 0 };
	int64_t paid_us = NOON * 1000 + 100 * INT64_C(1000000);
	struct hs_rate web = source_of("web", 1, 0);
	struct hs_rates *rates = opened();

	hs_rates_charge(rates, &web, 100, 0, NOON);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		assert_true(hs_rates_wait(rates, &web, NOON) > 0);
		replace_number(paid_us, numbers[i]);
		assert_int_equal(hs_rates_wait(rates, &web, NOON), 0);
		hs_rates_charge(rates, &web, 100, 0, NOON);
	}
	hs_rates_close(rates);
}

/* Another process has put the file right before this one has the lock: its numbers stay. */
static void put_magic_back(void *magic)
{
	int fd = hs_io_open(temp.fd, HS_RATES_FILE);

	assert_int_equal(hs_io_write_at(fd, magic, 8, 0), 0);
	hs_io_close(fd);
}

TEST(a_file_that_was_put_right_meanwhile_stays)
{
	struct hs_rate web = source_of("web", 1, 0);
	struct hs_rates *rates = opened();
	char magic[8];
	int fd = hs_io_open(temp.fd, HS_RATES_FILE);
	enum hs_result result;

	hs_rates_charge(rates, &web, 100, 0, NOON);
	hs_rates_close(rates);
	assert_int_equal(hs_io_read_at(fd, magic, 8, 0), 8);
	assert_int_equal(hs_io_write_at(fd, "foreign!", 8, 0), 0);
	wrap_fail(WRAP_PREAD, 2, 1, EIO); /* the look under the lock */
	assert_null(hs_rates_open(temp.fd, 0600, &result));
	assert_result(result, HS_E_IO);
	wrap_before(WRAP_FLOCK, 1, put_magic_back, magic);
	rates = opened();
	assert_true(hs_rates_wait(rates, &web, NOON) > 0);
	hs_rates_close(rates);
	hs_io_close(fd);
}

/* An entry with the key 0 is free, whoever's name has that hash. */
TEST(a_name_with_the_hash_0_has_an_entry)
{
	const uint64_t seed = UINT64_C(0xA0761D6478BD642F) ^ UINT64_C(0x589965CC75374CC3) ^ 3; /* see hash.h */
	struct hs_rate web = source_of("web", 1, 0);
	struct hs_rates *rates = opened();
	int fd = hs_io_open(temp.fd, HS_RATES_FILE);

	assert_int_equal(hs_io_write_at(fd, (const char *)&seed, sizeof seed, 8), 0);
	hs_io_close(fd);
	for (uint64_t i = 0; i < HS_RATES_SOURCES; i++) {
		struct hs_rate other = { hs_slice((char *)&i, sizeof i), false, 1000, 0 };

		if (i == 0)
			hs_rates_charge(rates, &web, 100, 0, NOON);
		hs_rates_charge(rates, &other, 1, 0, NOON);
	}
	assert_int_equal(hs_rates_wait(rates, &web, NOON), 91);
	hs_rates_close(rates);
}

/* --- the salt, which is beside it --------------------------------------------------------------- */

TEST(a_salt_is_hex_digits)
{
	static const char good[] = "0123456789abcdef0123456789abcdef", odd[] = { '/', ':', '`', 'g' };
	char salt[sizeof good];

	assert_false(hs_salt_is_damaged(good, HS_SALT));
	assert_true(hs_salt_is_damaged(good, HS_SALT - 1));
	for (size_t i = 0; i < sizeof odd; i++) {
		memcpy(salt, good, sizeof good);
		salt[7] = odd[i];
		assert_true(hs_salt_is_damaged(salt, HS_SALT));
	}
}

TESTS("rates", temp_dir_begin, temp_dir_end)
