#include "config/ini.h"

/* isspace(3) of the C locale, in every locale. */
static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct hs_slice trim(struct hs_slice s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = hs_slice(s.p + 1, s.n - 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Cuts the line before a blank and a semicolon. */
static struct hs_slice before_comment(struct hs_slice s)
{
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] == ';' && is_blank(s.p[i - 1]))
			return hs_slice(s.p, i - 1);
	return s;
}

static bool is_comment(struct hs_slice s)
{
	return s.n == 0 || s.p[0] == ';' || s.p[0] == '#';
}

static const char *read_section(struct hs_ini *ini, struct hs_slice line)
{
	const char *end = memchr(line.p, ']', line.n), *last = line.p + line.n;

	if (end == NULL || end == line.p + 1)
		return "expected [section] or name = value";
	if (!is_comment(trim(hs_slice(end + 1, (size_t)(last - end) - 1))))
		return "text after the ] of a section: give it a line of its own";
	ini->section = hs_slice(line.p + 1, (size_t)(end - line.p) - 1);
	return NULL;
}

/* "acme: traits_email = hash": the line of one tenant. */
static bool may_have_colon(struct hs_slice section)
{
	return hs_slice_eq(section, HS_SLICE("events")) || hs_slice_eq(section, HS_SLICE("fields"));
}

static const char *read_pair(struct hs_ini *ini, struct hs_slice line)
{
	const char *equals = memchr(line.p, '=', line.n), *colon = memchr(line.p, ':', line.n);
	struct hs_slice name, value;

	if (colon != NULL && (equals == NULL || colon < equals) && !may_have_colon(ini->section))
		return "a colon before the =: write name = value";
	if (equals == NULL)
		return "expected [section] or name = value";
	name = trim(hs_slice(line.p, (size_t)(equals - line.p)));
	value = trim(hs_slice(equals + 1, (size_t)(line.p + line.n - equals) - 1));
	memcpy(ini->text, name.p, name.n);
	ini->text[name.n] = '\0';
	memcpy(ini->text + name.n + 1, value.p, value.n); /* at most the line less the "=" */
	ini->text[name.n + 1 + value.n] = '\0';
	ini->name = ini->text;
	ini->value = ini->text + name.n + 1;
	return NULL;
}

static const char *read_line(struct hs_ini *ini, struct hs_slice line)
{
	if (line.n > HS_INI_LINE_MAX)
		return "a line of more than 4096 bytes: shorten it";
	if (line.n > 0 && memchr(line.p, '\0', line.n) != NULL)
		return "a NUL byte: save the file as plain text";
	if (is_comment(trim(line)))
		return NULL;
	if (is_blank(line.p[0]))
		return "a line must not begin with a blank: other programs append it to the one above";
	line = before_comment(line);
	return line.p[0] == '[' ? read_section(ini, line) : read_pair(ini, line);
}

void hs_ini_start(struct hs_ini *ini, struct hs_slice text)
{
	static const char mark[] = { '\xEF', '\xBB', '\xBF' }; /* some editors on Windows write it */

	if (text.n >= sizeof mark && memcmp(text.p, mark, sizeof mark) == 0)
		text = hs_slice(text.p + sizeof mark, text.n - sizeof mark);
	*ini = (struct hs_ini){ .rest = text };
}

bool hs_ini_next(struct hs_ini *ini)
{
	ini->name = ini->value = NULL;
	while (ini->error == NULL && ini->name == NULL && ini->rest.n > 0) {
		const char *newline = memchr(ini->rest.p, '\n', ini->rest.n);
		size_t n = newline == NULL ? ini->rest.n : (size_t)(newline - ini->rest.p);
		size_t read = n + (newline != NULL);

		ini->raw = hs_slice(ini->rest.p, n);
		ini->rest = hs_slice(ini->rest.p + read, ini->rest.n - read);
		ini->line++;
		if (n > 0 && ini->raw.p[n - 1] == '\r')
			ini->raw.n--;
		ini->error = read_line(ini, ini->raw);
	}
	return ini->name != NULL;
}

void hs_ini_end(struct hs_ini *ini)
{
	explicit_bzero(ini, sizeof *ini);
}
