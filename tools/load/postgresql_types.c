#include "tools/load/postgresql_types.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static void put_big_endian(char *to, uint64_t n, size_t bytes)
{
	for (size_t i = bytes; i-- > 0; n >>= 8)
		to[i] = (char)(n & 0xFF);
}

/* A value of 1 to 8 bytes, with its length. */
static void put_fixed(struct hs_buf *out, uint64_t n, size_t bytes)
{
	char value[4 + 8];

	put_big_endian(value, bytes, 4);
	put_big_endian(value + 4, n, bytes);
	hs_buf_put(out, value, 4 + bytes);
}

void hs_postgresql_put_columns_of_row(struct hs_buf *out, int columns)
{
	char count[2];

	put_big_endian(count, (uint64_t)columns, sizeof count);
	hs_buf_put(out, count, sizeof count);
}

void hs_postgresql_put_null(struct hs_buf *out)
{
	hs_buf_put_slice(out, HS_SLICE("\xFF\xFF\xFF\xFF"));
}

void hs_postgresql_put_text_length(struct hs_buf *out, const struct hs_postgresql_type *type, size_t n)
{
	char length[4 + 1];

	put_big_endian(length, n + (type->version != 0), 4);
	length[4] = type->version;
	hs_buf_put(out, length, type->version != 0 ? 5 : 4);
}

static bool put_boolean(struct hs_buf *out, struct hs_slice text)
{
	bool yes = hs_slice_eq(text, HS_SLICE("true"));

	put_fixed(out, yes, 1);
	return yes || hs_slice_eq(text, HS_SLICE("false"));
}

/* --- integers and doubles --------------------------------------------------------------- */

enum { DOUBLE_TEXT_MAX = 1024 /* bytes of a literal that a double returns as it was, at most */ };

/* The text with a NUL after it. False: it is too long for a number of these types. */
static bool copy_literal(struct hs_slice text, char literal[static DOUBLE_TEXT_MAX + 1])
{
	if (text.n == 0 || text.n > DOUBLE_TEXT_MAX)
		return false;
	memcpy(literal, text.p, text.n);
	literal[text.n] = '\0';
	return true;
}

static bool put_integer(struct hs_buf *out, struct hs_slice text, size_t bytes)
{
	char literal[DOUBLE_TEXT_MAX + 1], *end;
	long long n, most = INT64_MAX >> (64 - 8 * bytes);

	if (!copy_literal(text, literal))
		return false;
	errno = 0;
	n = strtoll(literal, &end, 10);
	put_fixed(out, (uint64_t)n, bytes);
	return *end == '\0' && errno == 0 && n <= most && n >= -most - 1;
}

static bool put_int2(struct hs_buf *out, struct hs_slice text)
{
	return put_integer(out, text, 2);
}

static bool put_int4(struct hs_buf *out, struct hs_slice text)
{
	return put_integer(out, text, 4);
}

static bool put_int8(struct hs_buf *out, struct hs_slice text)
{
	return put_integer(out, text, 8);
}

static bool put_double(struct hs_buf *out, struct hs_slice text)
{
	char literal[DOUBLE_TEXT_MAX + 1], *end;
	double number;
	uint64_t bits;

	if (!copy_literal(text, literal))
		return false;
	number = strtod(literal, &end);
	memcpy(&bits, &number, sizeof bits);
	put_fixed(out, bits, sizeof bits);
	return *end == '\0';
}

/* --- numeric ----------------------------------------------------------------------------- */

/*
 * A numeric is digits to the base of 10000, the place of the first, a sign, and how many decimals it shows, each of 16
 * bits. 1234567.50 is 123, 4567, 5000, the first at place 1, with two decimals.
 */
enum {
	GROUP = 4, /* decimal digits in one of base 10000 */
	NEGATIVE = 0x4000,
	NAN_SIGN = 0xC000,
	PLACES = 131072,  /* digits before the point that the server takes, at most … */
	DECIMALS = 16383, /* … and after it */
};

struct decimal {
	const char *digit; /* the first of `digits`, perhaps with the point among them */
	size_t digits;
	size_t before_point; /* how many of them the point comes after */
	long whole;    /* how many are before the point of the value, with its exponent; below 0: zeros follow it */
	long decimals; /* that are shown */
	bool negative;
};

static size_t count_digits(struct hs_slice text, size_t at)
{
	size_t n = 0;

	while (at + n < text.n && text.p[at + n] >= '0' && text.p[at + n] <= '9')
		n++;
	return n;
}

/* Reads "e-5" at `at`, to the end. */
static bool read_exponent(struct hs_slice text, size_t at, long *exponent)
{
	bool negative = at + 1 < text.n && text.p[at + 1] == '-';
	size_t from = at + 1 + (at + 1 < text.n && (text.p[at + 1] == '-' || text.p[at + 1] == '+'));

	*exponent = 0;
	if (at == text.n)
		return true;
	if ((text.p[at] | 0x20) != 'e' || count_digits(text, from) == 0 || from + count_digits(text, from) != text.n)
		return false;
	for (size_t i = from; i < text.n && *exponent <= PLACES; i++) /* a larger one is refused */
		*exponent = 10 * *exponent + (text.p[i] - '0');
	*exponent = negative ? -*exponent : *exponent;
	return true;
}

static bool read_decimal(struct hs_slice text, struct decimal *d)
{
	size_t start, whole, fraction = 0, at;
	long exponent;

	d->negative = text.n > 0 && text.p[0] == '-';
	start = d->negative;
	whole = count_digits(text, start);
	at = start + whole;
	if (at < text.n && text.p[at] == '.') {
		fraction = count_digits(text, at + 1);
		at += 1 + fraction;
	}
	if (whole == 0 || !read_exponent(text, at, &exponent))
		return false;
	d->digit = text.p + start;
	d->digits = whole + fraction;
	d->before_point = whole;
	d->whole = (long)whole + exponent;
	d->decimals = (long)fraction > exponent ? (long)fraction - exponent : 0;
	return true;
}

static unsigned digit_at(const struct decimal *d, size_t i)
{
	if (i >= d->digits)
		return 0;
	return (unsigned)(d->digit[i + (i >= d->before_point)] - '0');
}

/* Leaves out the zeros at the end; returns the index of the first digit that is none, or `digits`. */
static size_t skip_zeros(struct decimal *d)
{
	size_t first = 0;

	while (d->digits > 0 && digit_at(d, d->digits - 1) == 0)
		d->digits--;
	while (first < d->digits && digit_at(d, first) == 0)
		first++;
	return first;
}

static void put_head(struct hs_buf *out, size_t groups, long place, unsigned sign, long decimals)
{
	char head[4 + 8];

	put_big_endian(head, 8 + 2 * groups, 4);
	put_big_endian(head + 4, groups, 2);
	put_big_endian(head + 6, (uint64_t)place, 2);
	put_big_endian(head + 8, sign, 2);
	put_big_endian(head + 10, (uint64_t)decimals, 2);
	hs_buf_put(out, head, sizeof head);
}

static bool put_numeric(struct hs_buf *out, struct hs_slice text)
{
	struct decimal d;
	size_t at, groups, in_first;
	long whole, place;

	if (hs_slice_eq(text, HS_SLICE("NaN"))) { /* a row of users, in a column that another program has filled */
		put_head(out, 0, 0, NAN_SIGN, 0);
		return true;
	}
	if (!read_decimal(text, &d) || d.decimals > DECIMALS || labs(d.whole) > PLACES)
		return false;
	at = skip_zeros(&d);
	whole = d.whole - (long)at;
	in_first = (size_t)((whole - 1) % GROUP + GROUP) % GROUP + 1;
	place = (whole - (long)in_first) / GROUP;
	groups =
	    at == d.digits ? 0 : 1 + (d.digits - at > in_first ? (d.digits - at - in_first + GROUP - 1) / GROUP : 0);
	put_head(out, groups, groups == 0 ? 0 : place, d.negative && groups > 0 ? NEGATIVE : 0, d.decimals);
	for (size_t left = in_first; groups-- > 0; left = GROUP) {
		unsigned group = 0;
		char bytes[2];

		for (; left > 0; left--)
			group = 10 * group + digit_at(&d, at++);
		put_big_endian(bytes, group, sizeof bytes);
		hs_buf_put(out, bytes, sizeof bytes);
	}
	return true;
}

/* --- times ---------------------------------------------------------------------------------- */

/* The number that `n` digits are; -1: one of them is none. */
static int64_t read_digits(const char *p, size_t n)
{
	int64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = 10 * value + (p[i] - '0');
	}
	return value;
}

/* Days of the Gregorian calendar since 2000-01-01, which the server, too, uses before 1582. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	enum { FROM_0000_03_01 = 730425 };
	int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - FROM_0000_03_01;
}

/* Microseconds since 2000. A year has more than four digits only in a row of users that another program has filled. */
static bool put_time(struct hs_buf *out, struct hs_slice text)
{
	size_t year_digits = count_digits(text, 0), decimals;
	const char *p = text.p + year_digits; /* -MM-DDTHH:MM:SS.mmmuuuZ */
	int64_t year, month, day, hour, minute, second, fraction;

	if (year_digits < 4 || year_digits > 6 || text.n - year_digits < 20 || text.n - year_digits > 23)
		return false;
	decimals = text.n - year_digits - 17;
	year = read_digits(text.p, year_digits);
	month = read_digits(p + 1, 2);
	day = read_digits(p + 4, 2);
	hour = read_digits(p + 7, 2);
	minute = read_digits(p + 10, 2);
	second = read_digits(p + 13, 2);
	fraction = read_digits(p + 16, decimals);
	for (size_t i = decimals; i < 6; i++)
		fraction *= 10;
	if ((month | day | hour | minute | second | fraction) < 0 || p[16 + decimals] != 'Z')
		return false;
	put_fixed(
	    out,
	    (uint64_t)((((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000000 + fraction),
	    8);
	return true;
}

/* --- the types ------------------------------------------------------------------------------- */

const struct hs_postgresql_type *hs_postgresql_type(unsigned long oid)
{
	static const struct hs_postgresql_type types[] = {
		{ 16, HS_COLUMN_BOOLEAN, HS_NUMBER_AS_DATABASE, .any_modifier = true, .put = put_boolean },
		{ 20, HS_COLUMN_NUMBER, HS_NUMBER_INTEGER_64, .any_modifier = true, .put = put_int8 },
		{ 21, HS_COLUMN_NUMBER, HS_NUMBER_INTEGER_16, .any_modifier = true, .put = put_int2 },
		{ 23, HS_COLUMN_NUMBER, HS_NUMBER_INTEGER_32, .any_modifier = true, .put = put_int4 },
		{ 701, HS_COLUMN_NUMBER, HS_NUMBER_DOUBLE, .any_modifier = true, .put = put_double },
		{ 1700, HS_COLUMN_NUMBER, HS_NUMBER_EXACT, .put = put_numeric },
		{ 25, HS_COLUMN_TEXT, HS_NUMBER_AS_DATABASE, .any_modifier = true },
		{ 1043, HS_COLUMN_TEXT, HS_NUMBER_AS_DATABASE,
		  .any_modifier = true }, /* too long for it: refused, not cut */
		{ 1114, HS_COLUMN_TIMESTAMP, HS_NUMBER_AS_DATABASE, .put = put_time },
		{ 1184, HS_COLUMN_TIMESTAMP, HS_NUMBER_AS_DATABASE, .put = put_time },
		{ 114, HS_COLUMN_TEXT, HS_NUMBER_AS_DATABASE, .any_modifier = true, .only_rest = true },
		{ 3802, HS_COLUMN_TEXT, HS_NUMBER_AS_DATABASE, .any_modifier = true, .only_rest = true, .version = 1 },
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].oid == oid)
			return &types[i];
	return NULL;
}
