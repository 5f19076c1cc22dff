/* ini: what is read, what is an error, and random texts compared with inih. */
#include "config/ini.h"
#include "tests/lib/unit.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

enum { OUT = 1 << 15, ROUNDS = 20000 };

static void put(char *out, const char *section, size_t n, const char *name, const char *value)
{
	size_t at = strlen(out);

	snprintf(out + at, OUT - at, "[%.*s] <%s> = <%s>\n", (int)n, n > 0 ? section : "", name, value);
}

/* Writes the pairs as text, then the line of the error, 0 for none. */
static int read_all(const char *text, char *out)
{
	struct hs_ini ini;
	int line;

	out[0] = '\0';
	hs_ini_start(&ini, hs_slice_str(text));
	while (hs_ini_next(&ini))
		put(out, ini.section.p, ini.section.n, ini.name, ini.value);
	line = ini.error == NULL ? 0 : ini.line;
	hs_ini_end(&ini);
	return line;
}

static int on_pair(void *out, const char *section, const char *name, const char *value)
{
	put(out, section, strlen(section), name, value);
	return 1;
}

TEST(pairs)
{
	static const struct {
		const char *text, *out;
		int line;
	} cases[] = {
		{ "", "", 0 },
		{ "a=b", "[] <a> = <b>\n", 0 },
		{ "\xEF\xBB\xBF"
		  "a = b\r\n",
		  "[] <a> = <b>\n", 0 },
		{ "[k]\na = b ; c\n[l] # c\nd=\n", "[k] <a> = <b>\n[l] <d> = <>\n", 0 },
		{ "a = b;c # d\n", "[] <a> = <b;c # d>\n", 0 },
		{ "\x01=\x01 ;\r\n", "[] <\x01> = <\x01>\n", 0 }, /* which is no blank */
		{ "a = \"b = c\"\n", "[] <a> = <\"b = c\">\n", 0 },
		{ "  ; c\n\t\n# c\n", "", 0 },
		{ "a = b\n c = d\n", "[] <a> = <b>\n", 2 },
		{ "[]\na = b\n", "", 1 },
		{ "[a\n", "", 1 },
		{ "[a] b\n", "", 1 },
		{ "a\n", "", 1 },
		{ "\na:b = c\n", "", 2 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *out = malloc(OUT);

		assert_int_equal(read_all(cases[i].text, out), cases[i].line);
		assert_string_equal(out, cases[i].out);
		free(out);
	}
}

TEST(longest_line)
{
	char *text = malloc(HS_INI_LINE_MAX + 3), *out = malloc(OUT);

	memset(text, 'x', HS_INI_LINE_MAX);
	memcpy(text, "name=", 5);
	strcpy(text + HS_INI_LINE_MAX, "\r\n");
	assert_int_equal(read_all(text, out), 0);
	assert_int_equal(strlen(out), HS_INI_LINE_MAX + strlen("[] <> = <>\n") - 1);
	strcpy(text + HS_INI_LINE_MAX, "x\n");
	assert_int_equal(read_all(text, out), 1);
	free(text);
	free(out);
}

TEST(nul_byte)
{
	struct hs_ini ini;

	hs_ini_start(&ini, HS_SLICE("a = b\0c\n"));
	assert_false(hs_ini_next(&ini));
	assert_non_null(strstr(ini.error, "NUL"));
}

/* No copy of the last line may stay: it may hold a secret. */
TEST(no_text_remains)
{
	struct hs_ini ini, zero = { .line = 0 };

	memset(&zero, 0, sizeof zero);
	hs_ini_start(&ini, HS_SLICE("secret = swordfish\n"));
	assert_true(hs_ini_next(&ini));
	hs_ini_end(&ini);
	assert_memory_equal(&ini, &zero, sizeof ini);
}

/* Whatever we accept, inih reads in the same way; where it would guess, we report an error. */
TEST(random_texts_are_read_as_inih_does)
{
	static const char alphabet[] = "ab  \t[]=;#:\"\r\n\nsx==\v", *const more[] = { "\n[a]\n", " ;", "k = v\n" };
	char *ours = malloc(OUT), *theirs = malloc(OUT), text[128];
	unsigned agreed = 0;

	srand(20261128);
	for (int round = 0; round < ROUNDS; round++) {
		size_t n = 0, want = (size_t)rand() % 100;

		while (n < want)
			if (rand() % 8 == 0)
				n += (size_t)snprintf(text + n, 8, "%s", more[rand() % 3]);
			else
				text[n++] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
		text[n] = '\0';
		if (read_all(text, ours) != 0)
			continue;
		theirs[0] = '\0';
		assert_int_equal(ini_parse_string(text, on_pair, theirs), 0);
		assert_string_equal(ours, theirs);
		agreed++;
	}
	assert_in_range(agreed, ROUNDS / 20, ROUNDS);
	free(ours);
	free(theirs);
}

TESTS("ini", NULL, NULL)
