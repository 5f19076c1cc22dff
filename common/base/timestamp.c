#include "base/timestamp.h"
#include "base/byte_scan.h"

#include <stdlib.h>

enum { DAY_MS = 86400000 };
static const int64_t FIRST_MS = -62167219200000; /* 0000-01-01 */
static const int64_t LAST_MS = 253402300799999;  /* 9999-12-31, its last millisecond */

struct civil {
	int year, month, day, hour, minute, second, ms;
};

/*
 * Days since 1970 and back in the proleptic Gregorian calendar, counting years from
 * March so that the leap day comes last (Howard Hinnant, chrono-Compatible Low-Level
 * Date Algorithms, days_from_civil and civil_from_days).
 */
static int64_t days_from_civil(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days, struct civil *c)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;

	c->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	c->month = (int)(month < 10 ? month + 3 : month - 9);
	c->year = (int)(of_era + era * 400 + (c->month <= 2));
}

static void civil_from_ms(int64_t ms, struct civil *c)
{
	int64_t days, rest;

	ms = ms < FIRST_MS ? FIRST_MS : ms > LAST_MS ? LAST_MS : ms;
	days = ms / DAY_MS;
	rest = ms % DAY_MS;
	if (rest < 0) {
		rest += DAY_MS;
		days--;
	}
	civil_from_days(days, c);
	c->hour = (int)(rest / 3600000);
	c->minute = (int)(rest / 60000 % 60);
	c->second = (int)(rest / 1000 % 60);
	c->ms = (int)(rest % 1000);
}

/* Writes a number and what follows it. Not snprintf, because this runs for every request. */
static char *put_number(char *out, int value, int digits, char after)
{
	for (int i = digits; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	out[digits] = after;
	return out + digits + (after != '\0');
}

/* `dash` and `colon` may be '\0': then nothing divides the numbers. */
static void put_time(int64_t ms, char dash, char colon, char *out)
{
	struct civil c;

	civil_from_ms(ms, &c);
	out = put_number(out, c.year, 4, dash);
	out = put_number(out, c.month, 2, dash);
	out = put_number(out, c.day, 2, 'T');
	out = put_number(out, c.hour, 2, colon);
	out = put_number(out, c.minute, 2, colon);
	out = put_number(out, c.second, 2, '.');
	out = put_number(out, c.ms, 3, 'Z');
	*out = '\0';
}

void hs_timestamp_text(int64_t ms, char out[static HS_TIMESTAMP_TEXT + 1])
{
	put_time(ms, '-', ':', out);
}

void hs_timestamp_compact(int64_t ms, char out[static HS_TIMESTAMP_STAMP + 1])
{
	put_time(ms, '\0', '\0', out);
}

/* --- reading ---------------------------------------------------------------- */

/* Takes exactly `digits` digits off the front. */
static bool take_number(struct hs_slice *s, int digits, int *value)
{
	*value = 0;
	for (int i = 0; i < digits; i++) {
		if (s->n == 0 || !hs_is_digit(s->p[0]))
			return false;
		*value = *value * 10 + (s->p[0] - '0');
		s->p++, s->n--;
	}
	return true;
}

static bool take_char(struct hs_slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	s->p++, s->n--;
	return true;
}

static bool is_date(const struct civil *c)
{
	static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

	return c->month >= 1 && c->month <= 12 && c->day >= 1 &&
	       c->day <= month_days[c->month - 1] + (leap && c->month == 2);
}

static bool is_time(const struct civil *c)
{
	return c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

static int two_digits(const char *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

/* 2026-11-23T10:15:00.123Z, as JavaScript writes it and nearly every sender, without a branch for each digit. */
static bool read_usual_form(struct hs_slice s, struct civil *c)
{
	const char *p = s.p;

	if (s.n != HS_TIMESTAMP_TEXT || hs_scan16_digits(p) != 0xDB6F || hs_scan16_digits(p + 8) != 0x76DB ||
	    p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':' || p[19] != '.' || p[23] != 'Z')
		return false;
	c->year = two_digits(p) * 100 + two_digits(p + 2);
	c->month = two_digits(p + 5);
	c->day = two_digits(p + 8);
	c->hour = two_digits(p + 11);
	c->minute = two_digits(p + 14);
	c->second = two_digits(p + 17);
	c->ms = two_digits(p + 20) * 10 + (p[22] - '0');
	return true;
}

static bool take_date(struct hs_slice *s, struct civil *c)
{
	return take_number(s, 4, &c->year) && take_char(s, '-') && take_number(s, 2, &c->month) && take_char(s, '-') &&
	       take_number(s, 2, &c->day);
}

/* Takes hh:mm, and :ss and decimals if present; cuts to milliseconds, does not round. */
static bool take_time(struct hs_slice *s, struct civil *c)
{
	if (!take_number(s, 2, &c->hour) || !take_char(s, ':') || !take_number(s, 2, &c->minute))
		return false;
	if (take_char(s, ':')) {
		int scale = 100, digit;

		if (!take_number(s, 2, &c->second))
			return false;
		if (take_char(s, '.') || take_char(s, ',')) {
			if (!take_number(s, 1, &digit))
				return false;
			do {
				c->ms += digit * scale;
				scale /= 10;
			} while (take_number(s, 1, &digit));
		}
	}
	return true;
}

static bool take_word(struct hs_slice *s, struct hs_slice word)
{
	if (s->n < word.n || memcmp(s->p, word.p, word.n) != 0)
		return false;
	*s = hs_slice(s->p + word.n, s->n - word.n);
	return true;
}

/* Takes Z, UTC, GMT, +01:00, +0100, +01 or nothing, as minutes east of UTC. */
static bool take_zone(struct hs_slice *s, int *minutes)
{
	int sign, hour, minute = 0;

	*minutes = 0;
	if (s->n == 0 || take_char(s, 'Z') || take_char(s, 'z'))
		return true;
	take_char(s, ' ');
	if (take_word(s, HS_SLICE("UTC")) || take_word(s, HS_SLICE("GMT")))
		return s->n == 0;
	sign = take_char(s, '+') ? 1 : take_char(s, '-') ? -1 : 0;
	if (sign == 0 || !take_number(s, 2, &hour))
		return false;
	if (take_char(s, ':') ? !take_number(s, 2, &minute) : s->n > 0 && s->p[0] != ' ' && !take_number(s, 2, &minute))
		return false;
	*minutes = sign * (hour * 60 + minute);
	return hour <= 23 && minute <= 59;
}

/* True in a zone's name: letters, or the offset itself where a zone has no name (-03, +0545). */
static bool is_of_zone(char c)
{
	return (c >= 'A' && c <= 'Z') || hs_is_digit(c) || c == '+' || c == '-';
}

/*
 * True for what Go's time.Time.String appends after the offset: the zone's name, and the
 * monotonic clock (https://pkg.go.dev/time#Time.String).
 */
static bool is_go_tail(struct hs_slice s)
{
	if (s.n == 0)
		return true;
	if (!take_char(&s, ' '))
		return false;
	while (s.n > 0 && is_of_zone(s.p[0]))
		s.p++, s.n--;
	return s.n == 0 || (s.n > 4 && memcmp(s.p, " m=", 3) == 0);
}

static bool read_any_form(struct hs_slice s, struct civil *c, int *minutes)
{
	*c = (struct civil){ 0 };
	if (!take_date(&s, c))
		return false;
	if (s.n == 0)
		return true;
	if (!take_char(&s, 'T') && !take_char(&s, 't') && !take_char(&s, ' '))
		return false;
	return take_time(&s, c) && take_zone(&s, minutes) && is_go_tail(s);
}

bool hs_timestamp_parse_epoch(struct hs_slice s, int64_t *ms)
{
	int64_t value = 0, scale = 1000;
	size_t digits = 0;
	int digit;

	for (; digits < 14 && take_number(&s, 1, &digit); digits++)
		value = value * 10 + digit;
	if (digits == 13 && s.n == 0) {
		*ms = value;
		return true;
	}
	if (digits != 10 || (s.n > 0 && (!take_char(&s, '.') || s.n == 0)))
		return false;
	*ms = value * 1000;
	while (take_number(&s, 1, &digit))
		*ms += digit * (scale /= 10);
	return s.n == 0;
}

bool hs_timestamp_parse(struct hs_slice s, int64_t *ms)
{
	struct civil c;
	int minutes = 0;

	if ((!read_usual_form(s, &c) && !read_any_form(s, &c, &minutes)) || !is_date(&c) || !is_time(&c))
		return false;
	if (ms != NULL)
		*ms = days_from_civil(c.year, c.month, c.day) * DAY_MS + c.hour * INT64_C(3600000) +
		      (c.minute - minutes) * INT64_C(60000) + c.second * INT64_C(1000) + c.ms;
	return true;
}

bool hs_timestamp_parse_near(struct hs_timestamp_minute *minute, struct hs_slice s, int64_t *ms)
{
	const char *p = s.p;
	bool usual = s.n == HS_TIMESTAMP_TEXT && hs_scan16_digits(p + 8) == 0x76DB && p[16] == ':' && p[17] < '6' &&
	             p[19] == '.' && p[23] == 'Z';
	int in_minute = usual ? two_digits(p + 17) * 1000 + two_digits(p + 20) * 10 + (p[22] - '0') : 0;

	if (usual && hs_bytes_eq(p, minute->text, sizeof minute->text)) {
		*ms = minute->ms + in_minute;
		return true;
	}
	if (!hs_timestamp_parse(s, ms))
		return false;
	if (usual) {
		memcpy(minute->text, p, sizeof minute->text);
		minute->ms = *ms - in_minute;
	}
	return true;
}

bool hs_duration_parse(const char *text, int64_t *ms)
{
	static const char units[] = "smhd";
	static const int64_t factor[] = { 1000, 60000, 3600000, DAY_MS };
	size_t digits = strspn(text, "0123456789");
	const char *unit = text[digits] == '\0' ? NULL : strchr(units, text[digits]);

	if (digits == 0 || digits > 9 || unit == NULL || text[digits + 1] != '\0')
		return false;
	*ms = strtoll(text, NULL, 10) * factor[unit - units];
	return true;
}
