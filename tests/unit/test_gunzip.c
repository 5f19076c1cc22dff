/* gunzip: inflates what zlib makes, refuses all else, and never goes beyond its bound. */
#include "base/gunzip.h"
#include "tests/lib/unit.h"
#include "tests/lib/zlib_gunzip.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST = 1 << 20 };

static struct hs_gunzip *gunzip;
static struct hs_buf out;

/* Appends one member. */
static void put_member(struct hs_buf *to, struct hs_slice text, int level)
{
	z_stream z = { 0 };
	size_t room;

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, ZLIB_GZIP, 8, Z_DEFAULT_STRATEGY), Z_OK);
	room = deflateBound(&z, text.n);
	z.next_in = (unsigned char *)(uintptr_t)text.p;
	z.avail_in = (unsigned)text.n;
	z.next_out = (unsigned char *)hs_buf_reserve(to, room);
	z.avail_out = (unsigned)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	to->n += room - z.avail_out;
	deflateEnd(&z);
}

/* zlib must be of the same opinion. */
static enum hs_result inflate_all(struct hs_slice in, size_t most)
{
	/* a copy of its own, so that a sanitizer sees a read beyond it */
	char *copy = malloc(in.n > 0 ? in.n : 1);
	struct hs_buf other = { 0 };
	enum hs_result result;
	bool doubtful;

	assert_non_null(copy);
	hs_bytes_copy(copy, in.p, in.n);
	result = hs_gunzip(&gunzip, hs_slice(copy, in.n), most, &out);
	assert_int_equal(zlib_gunzip(hs_slice(copy, in.n), most, &other, &doubtful), result);
	assert_false(doubtful);
	hs_buf_free(&other);
	free(copy);
	return result;
}

static void expect_text(struct hs_slice in, struct hs_slice text)
{
	assert_result(inflate_all(in, MOST), HS_OK);
	assert_int_equal(out.n, text.n);
	assert_memory_equal(out.p, text.p, text.n);
}

static void fill(struct hs_buf *text, size_t n, unsigned spread)
{
	hs_buf_reset(text);
	for (size_t i = 0; i < n; i++)
		hs_buf_putc(text, (char)((unsigned)random() % spread));
}

TEST(bodies_come_out_as_they_went_in)
{
	struct hs_buf text = { 0 }, in = { 0 };

	for (int i = 0; i < 300; i++) {
		fill(&text, (size_t)random() % (i % 10 == 0 ? 300000 : 2000), 1U << (1 + i % 8));
		hs_buf_reset(&in);
		put_member(&in, hs_buf_slice(&text), i % 10);
		expect_text(hs_buf_slice(&in), hs_buf_slice(&text));
	}
	hs_buf_free(&text);
	hs_buf_free(&in);
}

TEST(members_follow_one_another)
{
	struct hs_buf text = { 0 }, in = { 0 };

	fill(&text, 100000, 16);
	put_member(&in, hs_slice(text.p, 10), 6);
	put_member(&in, hs_slice(text.p, 0), 6);
	put_member(&in, hs_slice(text.p + 10, 99000), 9);
	put_member(&in, hs_slice(text.p + 99010, 990), 1);
	expect_text(hs_buf_slice(&in), hs_buf_slice(&text));
	assert_result(inflate_all(hs_buf_slice(&in), 99999), HS_E_INFLATED);
	assert_result(inflate_all(hs_buf_slice(&in), 100000), HS_OK);
	hs_buf_free(&text);
	hs_buf_free(&in);
}

TEST(what_is_cut_or_altered_is_refused)
{
	struct hs_buf text = { 0 }, in = { 0 };
	int harmless = 0;

	fill(&text, 3000, 16);
	put_member(&in, hs_buf_slice(&text), 6);
	for (size_t n = 0; n < in.n; n++)
		assert_result(inflate_all(hs_slice(in.p, n), MOST), HS_E_GZIP);
	for (size_t bit = 80; bit < in.n * 8; bit++) { /* after the header, of which time and system mean nothing */
		in.p[bit / 8] ^= (char)(1 << bit % 8);
		if (inflate_all(hs_buf_slice(&in), MOST) == HS_OK) { /* padding: the CRC holds */
			assert_true(++harmless < 8);
			assert_slice_equal(hs_buf_slice(&out), hs_buf_slice(&text));
		}
		in.p[bit / 8] ^= (char)(1 << bit % 8);
	}
	hs_buf_putc(&in, 0);
	assert_result(inflate_all(hs_buf_slice(&in), MOST), HS_E_GZIP);
	assert_result(inflate_all(hs_buf_slice(&text), MOST), HS_E_GZIP);
	assert_result(inflate_all(HS_SLICE(""), MOST), HS_E_GZIP);
	hs_buf_free(&text);
	hs_buf_free(&in);
}

TEST(an_empty_body_is_empty)
{
	struct hs_buf in = { 0 };

	put_member(&in, HS_SLICE(""), 6);
	assert_result(inflate_all(hs_buf_slice(&in), MOST), HS_OK);
	assert_int_equal(out.n, 0);
	hs_buf_free(&in);
}

/* Appends a megabyte of zeros, as blocks that do not refer to what is before them. */
static void put_zeros(struct hs_buf *to)
{
	static char zeros[1 << 20];
	z_stream z = { .next_in = (unsigned char *)zeros, .avail_in = sizeof zeros };
	enum { ROOM = 8192 };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = (unsigned char *)hs_buf_reserve(to, ROOM);
	z.avail_out = ROOM;
	assert_int_equal(deflate(&z, Z_FULL_FLUSH), Z_OK);
	to->n += ROOM - z.avail_out;
	deflateEnd(&z);
}

static void put_number(struct hs_buf *to, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		hs_buf_putc(to, (char)(number >> 8 * i));
}

/* A whole member: 2 GB of zeros in 2 MB. */
static void make_bomb(struct hs_buf *to)
{
	static char zeros[1 << 20];
	struct hs_buf block = { 0 };
	uLong part = crc32(0, (unsigned char *)zeros, sizeof zeros), crc = 0;

	put_zeros(&block);
	hs_buf_put(to, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
	for (int i = 0; i < 2048; i++) {
		hs_buf_put_slice(to, hs_buf_slice(&block));
		crc = crc32_combine(crc, part, sizeof zeros);
	}
	hs_buf_put(to, "\x03\0", 2);
	put_number(to, (uint32_t)crc);
	put_number(to, UINT32_C(1) << 31);
	hs_buf_free(&block);
}

static long resident_most_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* Its trailer tells its true size, or says that it is small. */
TEST(a_bomb_is_refused_at_once)
{
	struct hs_buf in = { 0 };

	make_bomb(&in);
	assert_in_range(in.n, 2000000, 2500000);
	for (int lies = 0; lies < 2; lies++) {
		long before = resident_most_kb();
		clock_t begun;

		if (lies)
			memcpy(in.p + in.n - 4, "\1\0\0\0", 4);
		hs_buf_free(&out);
		begun = clock();
		assert_result(hs_gunzip(&gunzip, hs_buf_slice(&in), 4 << 20, &out), HS_E_INFLATED);
		assert_true(clock() - begun < CLOCKS_PER_SEC / 20); /* processor time: the machine may be busy */
		assert_true(resident_most_kb() - before < 20 << 10);
		assert_true(out.cap <= (4 << 20) + 1);
	}
	hs_buf_free(&in);
}

/* A small body that announces much gets memory for what it can hold. */
TEST(an_announcement_costs_no_memory)
{
	struct hs_buf in = { 0 };

	put_member(&in, HS_SLICE("small"), 6);
	memcpy(in.p + in.n - 4, "\xff\xff\xff\x7f", 4);
	hs_buf_free(&out);
	assert_result(inflate_all(hs_buf_slice(&in), 64 << 20), HS_E_GZIP);
	assert_true(out.cap < 65536);
	hs_buf_free(&in);
}

FIXTURE(finish)
{
	hs_gunzip_free(gunzip);
	hs_gunzip_free(NULL);
	hs_buf_free(&out);
	gunzip = NULL;
	return 0;
}

static void *no_memory(size_t n)
{
	(void)n;
	return NULL;
}

/* The library's own memory. */
TEST(without_memory_nothing_is_inflated_and_then_it_is)
{
	struct hs_buf in = { 0 };

	put_member(&in, HS_SLICE("text"), 9);
	hs_gunzip_free(gunzip);
	gunzip = NULL;
	libdeflate_set_memory_allocator(no_memory, free);
	assert_result(hs_gunzip(&gunzip, hs_buf_slice(&in), MOST, &out), HS_E_MEMORY);
	assert_null(gunzip);
	libdeflate_set_memory_allocator(malloc, free);
	expect_text(hs_buf_slice(&in), HS_SLICE("text"));
	hs_buf_free(&in);
}

TESTS("gunzip", NULL, finish)
