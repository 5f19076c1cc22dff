#include "warehouse/value.h"
#include "base/array.h"
#include "base/byte_scan.h"
#include "event/id_text.h"
#include "event/json.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	NUMBER_DIGITS = 16000,               /* PostgreSQL's numeric takes 131072 before the point and 16383 after it */
	NUMBER_TEXT_MAX = 6 * NUMBER_DIGITS, /* bytes of a number or boolean, were each digit an escape */
	DOUBLE_TEXT_MAX = 1024,              /* bytes of a literal; a longer one is not exact in a double */
};

static bool is_null(const struct hs_value *v)
{
	return !v->is_string && hs_slice_eq(v->text, HS_SLICE("null"));
}

static bool is_boolean(struct hs_slice text)
{
	return hs_slice_eq(text, HS_SLICE("true")) || hs_slice_eq(text, HS_SLICE("false"));
}

/* --- numbers ------------------------------------------------------------------ */

static size_t digits_at(struct hs_slice text, size_t at)
{
	size_t n = 0;

	while (at + n < text.n && hs_is_digit(text.p[at + n]))
		n++;
	return n;
}

/* A number as JSON writes it (RFC 8259, 6): "007" and "+1" are none. */
static bool is_number(struct hs_slice text)
{
	size_t at = text.n > 0 && text.p[0] == '-', n = digits_at(text, at);

	if (n == 0 || (n > 1 && text.p[at] == '0'))
		return false;
	at += n;
	if (at < text.n && text.p[at] == '.') {
		n = digits_at(text, at + 1);
		if (n == 0)
			return false;
		at += 1 + n;
	}
	if (at < text.n && (text.p[at] == 'e' || text.p[at] == 'E')) {
		at++;
		at += at < text.n && (text.p[at] == '-' || text.p[at] == '+');
		n = digits_at(text, at);
		if (n == 0)
			return false;
		at += n;
	}
	return at == text.n;
}

/* The exponent that a literal writes, at most NUMBER_DIGITS + 1 either way. */
static int exponent_of(struct hs_slice text)
{
	const char *e = memchr(text.p, 'e', text.n);
	int exponent = 0, sign = 1;

	if (e == NULL)
		e = memchr(text.p, 'E', text.n);
	if (e == NULL)
		return 0;
	for (e++; e < text.p + text.n && exponent <= NUMBER_DIGITS; e++)
		if (*e == '-')
			sign = -1;
		else if (*e != '+')
			exponent = exponent * 10 + (*e - '0');
	return sign * exponent;
}

static bool is_integer_64(struct hs_slice text)
{
	bool negative = text.p[0] == '-';
	uint64_t n = 0, most = (uint64_t)INT64_MAX + negative;

	for (size_t i = negative; i < text.n; i++) {
		uint64_t digit = (uint64_t)(text.p[i] - '0');

		if (!hs_is_digit(text.p[i]) || n > (most - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	return !(negative && n == 0); /* -0 is a double */
}

/* True if a 64-bit integer is within the range. */
static bool is_integer_of(struct hs_slice text, enum hs_number_range numbers)
{
	char literal[24];
	long long n;

	snprintf(literal, sizeof literal, "%.*s", (int)text.n, text.p); /* at most 20 bytes: no zeros lead */
	n = strtoll(literal, NULL, 10);
	return numbers == HS_NUMBER_INTEGER_64 ||
	       (numbers == HS_NUMBER_INTEGER_32 && n >= INT32_MIN && n <= INT32_MAX) ||
	       (n >= INT16_MIN && n <= INT16_MAX);
}

void hs_value_double_text(double number, char text[static HS_DOUBLE_TEXT])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, HS_DOUBLE_TEXT, "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
}

/* True if a double surely returns the literal: no exponent, and at most DBL_DIG digits. */
static bool is_short(struct hs_slice text)
{
	return text.n <= DBL_DIG && memchr(text.p, 'e', text.n) == NULL && memchr(text.p, 'E', text.n) == NULL;
}

/* True if the shortest text that reads back as this double has the literal's value. Without memory *out has failed. */
static bool is_double(struct hs_slice text, struct hs_buf *out)
{
	char literal[DOUBLE_TEXT_MAX + 1], back[HS_DOUBLE_TEXT];
	struct hs_buf a = { 0 }, b = { 0 };
	double number;
	bool same;

	if (is_short(text))
		return true;
	if (text.n > DOUBLE_TEXT_MAX)
		return false;
	memcpy(literal, text.p, text.n);
	literal[text.n] = '\0';
	number = strtod(literal, NULL);
	if (!isfinite(number))
		return false;
	hs_value_double_text(number, back);
	hs_id_put_number(&a, text);
	hs_id_put_number(&b, hs_slice_str(back));
	if (!hs_buf_ok(&a) || !hs_buf_ok(&b))
		out->failed = true;
	same = hs_buf_ok(out) && hs_slice_eq(hs_buf_slice(&a), hs_buf_slice(&b));
	hs_buf_free(&a);
	hs_buf_free(&b);
	return same;
}

static bool fits_number(struct hs_slice text, enum hs_number_range numbers, struct hs_buf *out)
{
	if (!is_number(text))
		return false;
	if (numbers == HS_NUMBER_EXACT)
		return text.n <= NUMBER_DIGITS && abs(exponent_of(text)) + (int)text.n <= NUMBER_DIGITS;
	if (numbers == HS_NUMBER_DOUBLE)
		return is_double(text, out);
	if (!is_integer_64(text))
		return numbers == HS_NUMBER_SQLITE && is_double(text, out);
	return numbers == HS_NUMBER_SQLITE || is_integer_of(text, numbers);
}

/* --- times --------------------------------------------------------------------- */

struct moment {
	int64_t day, second; /* days since 0000-03-01; seconds of that day, perhaps below 0 or beyond a day */
	unsigned micros;
};

static bool read_digits(struct hs_slice text, size_t at, size_t n, unsigned *value)
{
	assert(at + n <= text.n);
	*value = 0;
	for (size_t i = at; i < at + n; i++) {
		if (!hs_is_digit(text.p[i]))
			return false;
		*value = *value * 10 + (unsigned)(text.p[i] - '0');
	}
	return true;
}

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days of the Gregorian calendar since 0000-03-01; the year begins in March, so that a leap day ends it. */
static int64_t day_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
}

static bool read_date(struct hs_slice text, struct moment *to)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day;

	if (!read_digits(text, 0, 4, &year) || !read_digits(text, 5, 2, &month) || !read_digits(text, 8, 2, &day) ||
	    text.p[4] != '-' || text.p[7] != '-')
		return false;
	if (year == 0 || month == 0 || month > 12 || day == 0 ||
	    day > days[month - 1] + (unsigned)(month == 2 && is_leap(year)))
		return false;
	to->day = day_of(year, month, day);
	return true;
}

/* The zone at `at`, to the end: Z, or +01:00. */
static bool read_zone(struct hs_slice text, size_t at, int64_t *seconds)
{
	unsigned hours, minutes;

	*seconds = 0;
	if (at + 1 == text.n && (text.p[at] | 0x20) == 'z')
		return true;
	if (at + 6 != text.n || (text.p[at] != '+' && text.p[at] != '-') || text.p[at + 3] != ':' ||
	    !read_digits(text, at + 1, 2, &hours) || !read_digits(text, at + 4, 2, &minutes) || hours > 23 ||
	    minutes > 59)
		return false;
	*seconds = (text.p[at] == '-' ? -60 : 60) * (int64_t)(hours * 60 + minutes);
	return true;
}

/* RFC 3339, 5.6, with date, time and zone; digits below a microsecond are dropped. */
static bool read_time(struct hs_slice text, struct moment *to)
{
	unsigned hour, minute, second, scale = 100000;
	size_t at = 19;
	int64_t zone;

	if (text.n < 20 || !read_date(text, to) || ((text.p[10] | 0x20) != 't' && text.p[10] != ' ') ||
	    !read_digits(text, 11, 2, &hour) || text.p[13] != ':' || !read_digits(text, 14, 2, &minute) ||
	    text.p[16] != ':' || !read_digits(text, 17, 2, &second) || hour > 23 || minute > 59 || second > 59)
		return false;
	to->micros = 0;
	if (text.p[at] == '.') {
		if (digits_at(text, ++at) == 0)
			return false;
		for (; at < text.n && hs_is_digit(text.p[at]); at++, scale /= 10)
			to->micros += scale * (unsigned)(text.p[at] - '0');
	}
	if (at >= text.n || !read_zone(text, at, &zone))
		return false;
	to->second = hour * 3600 + minute * 60 + second - zone;
	return true;
}

/* Writes the digits of a number, and a character after them; returns the place after that. */
static char *put_digits(char *to, int64_t n, int digits, char after)
{
	for (int i = digits - 1; i >= 0; i--, n /= 10)
		to[i] = (char)('0' + n % 10);
	to[digits] = after;
	return to + digits + 1;
}

/* Writes the time in UTC; false: outside the years 1 to 9999. */
static bool put_time(struct moment at, struct hs_buf *out)
{
	char text[40], *end;
	int64_t day = at.day + (at.second < 0 ? -1 : at.second / 86400), second = (at.second + 86400) % 86400;
	int64_t era = day / 146097, of_era = day % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
	int64_t date = of_year - (153 * month + 2) / 5 + 1;

	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	if (year < 1 || year > 9999)
		return false;
	end = put_digits(text, year, 4, '-');
	end = put_digits(end, month, 2, '-');
	end = put_digits(end, date, 2, 'T');
	end = put_digits(end, second / 3600, 2, ':');
	end = put_digits(end, second / 60 % 60, 2, ':');
	end = put_digits(end, second % 60, 2, '.');
	end = at.micros % 1000 == 0 ? put_digits(end, at.micros / 1000, 3, 'Z') : put_digits(end, at.micros, 6, 'Z');
	hs_buf_put(out, text, (size_t)(end - text));
	return true;
}

/* --- texts ---------------------------------------------------------------------- */

/* True if all is ASCII without control characters, which every text column takes. */
static bool is_plain(struct hs_slice text)
{
	size_t i = 0;

	for (; text.n - i >= 16; i += 16)
		if (hs_scan16_strange(text.p + i) != 0)
			return false;
	for (; text.n - i >= 8; i += 8)
		if ((hs_scan8_strange(hs_scan8(text.p + i)) & HS_EACH(0x80)) != 0)
			return false;
	for (; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || (unsigned char)text.p[i] >= 0x80)
			return false;
	return true;
}

/* Half a surrogate pair is decoded to ED A0..BF xx (json.h), which no UTF-8 has. */
static bool is_storable(struct hs_slice text)
{
	const char *p = text.p, *end = text.p + text.n;

	if (is_plain(text))
		return true;
	if (memchr(text.p, '\0', text.n) != NULL)
		return false;
	while ((p = memchr(p, 0xED, (size_t)(end - p))) != NULL)
		if (++p == end || (unsigned char)*p >= 0xA0)
			return false;
	return true;
}

enum hs_column_type hs_value_type(const struct hs_value *v)
{
	struct moment at;

	if (is_null(v))
		return HS_COLUMN_NONE;
	if (v->is_string)
		return !v->escaped && read_time(v->text, &at) ? HS_COLUMN_TIMESTAMP : HS_COLUMN_TEXT;
	return is_boolean(v->text) ? HS_COLUMN_BOOLEAN : HS_COLUMN_NUMBER;
}

enum hs_column_type hs_column_type_join(enum hs_column_type a, enum hs_column_type b)
{
	if (a == b || b == HS_COLUMN_NONE)
		return a;
	return a == HS_COLUMN_NONE ? b : HS_COLUMN_TEXT;
}

/* True if a time is as put_time writes it, with three digits: none of another form has that length. */
static bool is_in_form(struct hs_slice text)
{
	return text.n == 24 && text.p[10] == 'T' && text.p[23] == 'Z';
}

static bool time_text(const struct hs_value *v, struct hs_buf *out, struct hs_slice *text)
{
	struct moment at;
	size_t start = out->n;

	*text = v->text;
	if (!v->is_string || v->escaped || !read_time(v->text, &at))
		return false;
	if (is_in_form(v->text))
		return true;
	if (!put_time(at, out))
		return false;
	*text = hs_slice(out->p + start, out->n - start);
	return true;
}

bool hs_value_text(const struct hs_value *v, enum hs_column_type type, enum hs_number_range numbers, struct hs_buf *out,
                   struct hs_slice *text)
{
	size_t start = out->n;

	if (type == HS_COLUMN_TIMESTAMP)
		return time_text(v, out, text);
	if (type != HS_COLUMN_TEXT && type != HS_COLUMN_BOOLEAN && type != HS_COLUMN_NUMBER)
		return false;
	*text = v->text;
	if (type != HS_COLUMN_TEXT && v->text.n > NUMBER_TEXT_MAX)
		return false;
	if (v->escaped) {
		hs_json_unescape(v->text, out);
		if (!hs_buf_ok(out))
			return false;
		*text = hs_slice(out->p + start, out->n - start);
	}
	if (type == HS_COLUMN_BOOLEAN)
		return is_boolean(*text);
	return type == HS_COLUMN_NUMBER ? fits_number(*text, numbers, out) : is_storable(*text);
}

bool hs_value_fits(const struct hs_value *v, enum hs_column_type type, enum hs_number_range numbers, struct hs_buf *out)
{
	struct hs_slice text;

	hs_buf_reset(out);
	if (!hs_value_text(v, type, numbers, out, &text))
		return false;
	if (out->n == 0)
		hs_buf_put_slice(out, text);
	return hs_buf_ok(out);
}

void hs_value_put_quoted(struct hs_slice text, struct hs_buf *out)
{
	size_t from = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '\\' && text.p[i] != '"')
			continue;
		hs_buf_put(out, text.p + from, i - from);
		hs_buf_putc(out, '\\');
		from = i;
	}
	hs_buf_put(out, text.p + from, text.n - from);
}

static struct hs_slice rest_start(const struct hs_value *v)
{
	return v->is_string ? HS_SLICE("\"\\\"") : HS_SLICE("\"");
}

static struct hs_slice rest_end(const struct hs_value *v)
{
	return v->is_string ? HS_SLICE("\\\"\"") : HS_SLICE("\"");
}

void hs_value_put_rest(const struct hs_value *v, struct hs_buf *out)
{
	hs_buf_put_slice(out, rest_start(v));
	hs_value_put_quoted(v->text, out);
	hs_buf_put_slice(out, rest_end(v));
}

bool hs_value_put_rest_pieces(const struct hs_value *v, struct hs_piece_out *out)
{
	hs_buf_put_slice(&out->buf, rest_start(v));
	for (size_t at = 0, n; at < v->text.n; at += n) {
		n = v->text.n - at < HS_PIECE_BYTES ? v->text.n - at : HS_PIECE_BYTES;
		hs_value_put_quoted(hs_slice(v->text.p + at, n), &out->buf);
		if (!hs_piece_out_pass(out))
			return false;
	}
	hs_buf_put_slice(&out->buf, rest_end(v));
	return hs_piece_out_pass(out);
}

/* Bytes of the escape at p: those of both halves, for a surrogate pair. */
static size_t escape_bytes(const char *p, size_t n)
{
	bool is_high = n >= 8 && p[1] == 'u' && (p[2] | 0x20) == 'd' && strchr("89abAB", p[3]) != NULL;

	if (n < 2 || p[1] != 'u')
		return 2;
	return is_high && n >= 12 && p[6] == '\\' && p[7] == 'u' ? 12 : 6;
}

size_t hs_value_part(const struct hs_value *v, size_t at)
{
	size_t end = at;

	if (v->text.n - at <= HS_PIECE_BYTES)
		return v->text.n;
	if (!v->escaped)
		end = at + HS_PIECE_BYTES;
	while (v->escaped && end < at + HS_PIECE_BYTES)
		end += v->text.p[end] == '\\' ? escape_bytes(v->text.p + end, v->text.n - end) : 1;
	while (end < v->text.n && ((unsigned char)v->text.p[end] & 0xC0) == 0x80)
		end++;
	return end < v->text.n ? end : v->text.n;
}

struct hs_slice hs_value_decode(const struct hs_value *v, size_t at, size_t end, struct hs_buf *scratch)
{
	struct hs_slice part = hs_slice(v->text.p + at, end - at);

	hs_buf_reset(scratch);
	if (!v->escaped)
		return part;
	hs_json_unescape(part, scratch);
	return hs_buf_slice(scratch);
}

bool hs_value_hash(const struct hs_value *v, struct hs_digest *digest, struct hs_buf *scratch,
                   uint8_t sha256[static HS_SHA256_BYTES])
{
	bool done = hs_digest_start(digest);

	for (size_t at = 0, end; at < v->text.n && done; at = end) {
		struct hs_slice part;

		end = hs_value_part(v, at);
		part = hs_value_decode(v, at, end, scratch);
		done = hs_buf_ok(scratch) && hs_digest_add(digest, part);
	}
	return done && hs_digest_end(digest, sha256);
}
