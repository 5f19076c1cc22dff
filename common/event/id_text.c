#include "event/id_text.h"

#include <inttypes.h>
#include <stdio.h>

enum { EXPONENT_DIGITS = 15 };

/* A literal, parsed: its value is the digits from `first` to `last` times 10^exponent. */
struct number {
	bool minus;
	struct hs_slice whole, fraction;
	int64_t exponent;   /* of the last significant digit */
	size_t first, last; /* the significant digits of whole and fraction together; first == last: zero */
};

static size_t digits_at(struct hs_slice s, size_t at)
{
	size_t n = at;

	while (n < s.n && hs_is_digit(s.p[n]))
		n++;
	return n - at;
}

bool hs_id_is_plain(struct hs_slice number)
{
	return number.n > 0 && number.n <= HS_ID_TEXT_ZEROS && digits_at(number, 0) == number.n &&
	       (number.p[0] != '0' || number.n == 1);
}

static char digit(const struct number *n, size_t i)
{
	return i < n->whole.n ? n->whole.p[i] : n->fraction.p[i - n->whole.n];
}

/* Parses the exponent after the 'e'. False: there is none, or it is too long. */
static bool read_exponent(struct hs_slice s, int64_t *exponent)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	size_t at = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;

	*exponent = 0;
	if (at == s.n || digits_at(s, at) != s.n - at)
		return false;
	while (at < s.n && s.p[at] == '0')
		at++;
	if (s.n - at > EXPONENT_DIGITS)
		return false;
	for (; at < s.n; at++)
		*exponent = *exponent * 10 + (s.p[at] - '0');
	*exponent = minus ? -*exponent : *exponent;
	return true;
}

static void trim(struct number *n)
{
	size_t all = n->whole.n + n->fraction.n;

	n->first = 0;
	n->last = all;
	while (n->last > 0 && digit(n, n->last - 1) == '0')
		n->last--;
	while (n->first < n->last && digit(n, n->first) == '0')
		n->first++;
	n->exponent += (int64_t)(n->whole.n - n->last);
}

static bool take_apart(struct hs_slice s, struct number *n)
{
	size_t at = s.n > 0 && s.p[0] == '-' ? 1 : 0;

	*n = (struct number){ .minus = at == 1 };
	n->whole = hs_slice(s.p + at, digits_at(s, at));
	at += n->whole.n;
	if (n->whole.n == 0)
		return false;
	if (at < s.n && s.p[at] == '.') {
		n->fraction = hs_slice(s.p + at + 1, digits_at(s, at + 1));
		at += 1 + n->fraction.n;
		if (n->fraction.n == 0)
			return false;
	}
	if (at < s.n &&
	    !((s.p[at] == 'e' || s.p[at] == 'E') && read_exponent(hs_slice(s.p + at + 1, s.n - at - 1), &n->exponent)))
		return false;
	trim(n);
	return true;
}

static void put_zeros(struct hs_buf *out, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		hs_buf_putc(out, '0');
}

static void put_digits(struct hs_buf *out, const struct number *n, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++)
		hs_buf_putc(out, digit(n, n->first + (size_t)i));
}

void hs_id_put_number(struct hs_buf *out, struct hs_slice literal)
{
	struct number n;
	int64_t count, point;
	char exponent[24];

	if (hs_id_is_plain(literal) || !take_apart(literal, &n)) {
		hs_buf_put_slice(out, literal);
		return;
	}
	count = (int64_t)(n.last - n.first);
	point = count + n.exponent; /* number of digits before the point */
	if (count == 0) {
		hs_buf_putc(out, '0');
		return;
	}
	if (n.minus)
		hs_buf_putc(out, '-');
	if (point > HS_ID_TEXT_ZEROS || point < -HS_ID_TEXT_ZEROS) {
		put_digits(out, &n, 0, count);
		snprintf(exponent, sizeof exponent, "e%" PRId64, n.exponent);
		hs_buf_put_slice(out, hs_slice_str(exponent));
	} else if (point <= 0) {
		hs_buf_put_slice(out, HS_SLICE("0."));
		put_zeros(out, -point);
		put_digits(out, &n, 0, count);
	} else {
		put_digits(out, &n, 0, point < count ? point : count);
		put_zeros(out, point - count);
		if (point < count) {
			hs_buf_putc(out, '.');
			put_digits(out, &n, point, count);
		}
	}
}

bool hs_id_is_spelled(struct hs_slice text, struct hs_buf *id)
{
	size_t start = id->n;
	struct number n;

	if (!take_apart(text, &n) || (n.whole.n > 1 && n.whole.p[0] == '0'))
		return false;
	hs_id_put_number(id, text);
	return hs_buf_ok(id) && !hs_slice_eq(hs_slice(id->p + start, id->n - start), text);
}
