#include "tests/lib/cases.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct case_file {
	struct test_case *cases;
	size_t count;
};

struct bound_case {
	struct unit_test test;
	struct test_case *c;
	void (*run)(struct test_case *c);
};

/* --- reading ---------------------------------------------------------------- */

/* The file itself is wrong: nothing can be tested. */
static _Noreturn void bail(const char *file, int line, const char *why)
{
	printf("Bail out! %s:%d: %s\n", file, line, why);
	exit(1);
}

static void *more(void *p, size_t bytes)
{
	p = realloc(p, bytes);
	if (p == NULL)
		bail("cases", 0, "out of memory");
	return p;
}

static char *copy(const char *p, size_t n)
{
	char *to = more(NULL, n + 1);

	memcpy(to, p, n);
	to[n] = '\0';
	return to;
}

struct text {
	char *p;
	size_t n;
};

static void put(struct text *t, const char *p, size_t n)
{
	t->p = more(t->p, t->n + n + 1);
	memcpy(t->p + t->n, p, n);
	t->n += n;
	t->p[t->n] = '\0';
}

static int hex_digit(char c)
{
	const char *digits = "0123456789ABCDEF", *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* Decodes %XX and %{N*text}; false if anything else follows a '%'. */
static bool decode(const char *p, const char *end, struct text *out)
{
	put(out, "", 0);
	while (p < end) {
		int high = -1, low = -1;
		char *star;

		if (*p != '%') {
			put(out, p++, 1);
			continue;
		}
		if (end - p >= 3)
			high = hex_digit(p[1]), low = hex_digit(p[2]);
		if (high >= 0 && low >= 0) {
			char byte = (char)(high << 4 | low);

			put(out, &byte, 1);
			p += 3;
		} else {
			const char *close = memchr(p, '}', (size_t)(end - p));
			struct text once = { NULL, 0 };
			unsigned long times = close != NULL && p[1] == '{' ? strtoul(p + 2, &star, 10) : 0;

			if (times == 0 || *star != '*' || !decode(star + 1, close, &once))
				return false;
			while (times-- > 0)
				put(out, once.p, once.n);
			free(once.p);
			p = close + 1;
		}
	}
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void add_line(struct test_case *c, int number, const char *p, size_t n)
{
	size_t key = 0, value;
	struct text decoded = { NULL, 0 };
	struct case_line *line;

	while (key < n && !is_blank(p[key]))
		key++;
	for (value = key; value < n && is_blank(p[value]);)
		value++;
	c->lines = more(c->lines, (c->count + 1) * sizeof *c->lines);
	line = &c->lines[c->count++];
	if (key > 0 && p[key - 1] == '%') {
		if (!decode(p + value, p + n, &decoded))
			bail(c->file, number, "'%' must be followed by two upper-case hex digits or {N*text}");
		key--;
	} else {
		put(&decoded, p + value, n - value);
	}
	*line = (struct case_line){ .number = number, .key = copy(p, key), .value = hs_slice(decoded.p, decoded.n) };
}

static struct test_case *add_case(struct case_file *f, const char *file, int number)
{
	f->cases = more(f->cases, (f->count + 1) * sizeof *f->cases);
	f->cases[f->count] = (struct test_case){ .file = file, .line = number };
	return &f->cases[f->count++];
}

static void end_case(struct test_case *c)
{
	if (c->count == 0)
		bail(c->file, c->line, "a case without a line");
	if (c->name == NULL) {
		const char *shown = unit_show(c->lines[0].value);

		c->name = copy(shown, strlen(shown));
	}
}

static void read_line(struct case_file *f, struct test_case **open, const char *file, int number, const char *p,
                      size_t n)
{
	if (n > 0 && p[0] == '#')
		return;
	if (n == 0) {
		if (*open != NULL)
			end_case(*open);
		*open = NULL;
		return;
	}
	if (is_blank(p[0]))
		bail(file, number, "a line begins with a key, not with a blank");
	if (*open == NULL)
		*open = add_case(f, file, number);
	if (n < 3 || memcmp(p, "-- ", 3) != 0)
		add_line(*open, number, p, n);
	else if ((*open)->name == NULL && (*open)->count == 0)
		(*open)->name = copy(p + 3, n - 3);
	else
		bail(file, number, "a name inside a case: is an empty line missing?");
}

static struct text read_whole(const char *path)
{
	struct text whole = { NULL, 0 };
	char part[4096];
	FILE *stream = fopen(path, "r");
	size_t n;

	if (stream == NULL)
		bail(path, 0, strerror(errno));
	while ((n = fread(part, 1, sizeof part, stream)) > 0)
		put(&whole, part, n);
	fclose(stream);
	return whole;
}

static struct case_file read_cases(const char *name)
{
	const char *folder = getenv("HS_CASES");
	struct case_file f = { NULL, 0 };
	struct test_case *open = NULL;
	char path[512];
	struct text whole;
	const char *file, *p;
	int number = 1;

	snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : "tests/cases", name);
	file = copy(path, strlen(path));
	whole = read_whole(file);
	if (whole.n == 0 || whole.p[whole.n - 1] != '\n')
		bail(file, 0, "the last line does not end");
	for (p = whole.p; p < whole.p + whole.n; number++) {
		const char *end = memchr(p, '\n', (size_t)(whole.p + whole.n - p));

		read_line(&f, &open, file, number, p, (size_t)(end - p));
		p = end + 1;
	}
	read_line(&f, &open, file, number, "", 0);
	free(whole.p);
	return f;
}

/* --- running ---------------------------------------------------------------- */

static void run_case(void **state)
{
	struct bound_case *b = *state;

	b->run(b->c);
	for (size_t i = 0; i < b->c->count; i++)
		if (!b->c->lines[i].asked)
			case_fail(b->c, "line %d: no test asked for the key '%s'", b->c->lines[i].number,
			          b->c->lines[i].key);
}

int cases_run(const char *group, const char *file, void (*run)(struct test_case *c))
{
	struct case_file f = read_cases(file);
	struct bound_case *bound = more(NULL, (f.count + 1) * sizeof *bound);

	for (size_t i = 0; i < f.count; i++) {
		struct bound_case *b = &bound[i];

		b->c = &f.cases[i];
		b->run = run;
		b->test = (struct unit_test){ { b->c->name, run_case, NULL, NULL, b }, true, INT_MAX, NULL };
		unit_list(&b->test);
	}
	return unit_run(group, NULL, NULL);
}

/* --- in a test -------------------------------------------------------------- */

void case_fail(const struct test_case *c, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	print_error("# %s:%d: %s\n", c->file, c->line, text);
	_fail(c->file, c->line);
	abort(); /* _fail jumps back into the runner; the compiler cannot know */
}

bool case_next(struct test_case *c, const char *key, size_t *at, struct hs_slice *value)
{
	while (*at < c->count) {
		struct case_line *line = &c->lines[(*at)++];

		if (strcmp(line->key, key) == 0) {
			line->asked = true;
			*value = line->value;
			return true;
		}
	}
	return false;
}

bool case_find(struct test_case *c, const char *key, struct hs_slice *value)
{
	size_t at = 0;

	*value = HS_SLICE_NONE;
	return case_next(c, key, &at, value);
}

struct hs_slice case_get(struct test_case *c, const char *key)
{
	struct hs_slice value;

	if (!case_find(c, key, &value))
		case_fail(c, "the case has no line '%s'", key);
	return value;
}

struct hs_slice case_text(struct test_case *c, const char *key)
{
	struct text all = { NULL, 0 };
	struct hs_slice value;

	put(&all, "", 0);
	for (size_t at = 0; case_next(c, key, &at, &value);) {
		put(&all, value.p, value.n);
		put(&all, "\n", 1);
	}
	return hs_slice(all.p, all.n);
}

int64_t case_number(struct test_case *c, struct hs_slice value)
{
	char *end;
	long long number = strtoll(value.p, &end, 10);

	if (value.n == 0 || end != value.p + value.n)
		case_fail(c, "'%s' is not a number", unit_show(value));
	return number;
}

struct hs_slice case_word(struct hs_slice *value)
{
	struct hs_slice word = { value->p, 0 };

	while (word.n < value->n && !is_blank(value->p[word.n]))
		word.n++;
	value->p += word.n, value->n -= word.n;
	*value = hs_slice_trim(*value);
	return word;
}

void case_same(const struct test_case *c, const char *what, struct hs_slice got, struct hs_slice expected)
{
	if (!hs_slice_eq(got, expected))
		case_fail(c, "%s\n#   expected %s\n#   got      %s", what, unit_show(expected), unit_show(got));
}

static enum hs_result result_named(struct test_case *c, struct hs_slice name)
{
	for (int r = 0; r < HS_RESULT_COUNT; r++)
		if (hs_slice_eq(name, hs_slice_str(hs_result_info((enum hs_result)r)->name)))
			return (enum hs_result)r;
	case_fail(c, "there is no result '%s'", unit_show(name));
}

struct case_verdict case_verdict(struct test_case *c)
{
	struct case_verdict v = { .result = HS_OK };
	struct hs_slice value;

	if (case_find(c, "err", &value)) {
		v.result = result_named(c, case_word(&value));
		v.has_offset = value.n > 0;
		v.offset = v.has_offset ? (size_t)case_number(c, value) : 0;
	} else if (!case_find(c, "ok", &v.rest)) {
		case_fail(c, "the case has neither 'ok' nor 'err'");
	}
	return v;
}

void case_result(const struct test_case *c, enum hs_result got, enum hs_result expected)
{
	if (got != expected)
		case_fail(c, "expected %s, got %s", hs_result_info(expected)->name, hs_result_info(got)->name);
}
