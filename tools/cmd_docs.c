/*
 * hookspool docs: the tables of the code as the manual pages and the sample file show
 * them, so that these cannot disagree with the program.
 */
#include "core/result.h"
#include "tools/command.h"

#include <stdio.h>
#include <string.h>

/* A text in an mdoc(7) body: a leading dot or quote would be a request. */
static void put_text(const char *s)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", stdout);
	for (; *s != '\0'; s++)
		if (*s == '\\')
			fputs("\\e", stdout);
		else
			putchar(*s);
	putchar('\n');
}

static int print_settings(void)
{
	struct hs_setting_doc doc;

	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < hs_settings_count(); i++) {
		hs_setting_doc(i, &doc);
		printf(".It Ic %s\n", doc.name);
		put_text(doc.help);
		printf(".br\nValue: %s", doc.expected);
		printf(doc.fallback[0] != '\0' ? "; default %s.\n" : ".%s\n", doc.fallback);
	}
	puts(".El");
	return 0;
}

/* Every status with its messages and what the operator can do. */
static int print_results(void)
{
	puts(".Bl -tag -width Ds");
	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++) {
		const struct hs_result_info *info = hs_result_info((enum hs_result)r);

		printf(".It %d", info->status);
		printf(" \"");
		for (const char *p = info->message; *p != '\0'; p++)
			fputs(*p == '\\' ? "\\e" : (char[]){ *p, '\0' }, stdout);
		puts("\"");
		put_text(info->remedy[0] != '\0' ? info->remedy : "nothing to do");
	}
	puts(".El");
	return 0;
}

static int print_sample(void)
{
	struct hs_setting_doc doc;

	puts("; hookspool.conf: see hookspool.conf(5). Keep it away from other users: chmod 640.\n"
	     "; A line that begins with ; is off; the value shown is the default.\n");
	for (size_t i = 0; i < hs_settings_count(); i++) {
		hs_setting_doc(i, &doc);
		printf("; %s\n; (%s)\n", doc.help, doc.expected);
		if (strcmp(doc.name, "spool_dir") == 0)
			puts("spool_dir = /var/lib/hookspool/spool\n");
		else if (strcmp(doc.name, "secret") == 0)
			puts(";secret = the shared secret that you gave Segment\n");
		else
			printf(";%s = %s\n\n", doc.name, doc.fallback);
	}
	puts("; API keys, a line each: the label becomes the record's tenant.\n"
	     "[keys]\n"
	     ";acme = a key in clear\n"
	     ";globex = sha256:64 hex digits\n"
	     ";initech = revoked:sha256:64 hex digits");
	return 0;
}

int hs_cmd_docs(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "settings") == 0)
		return print_settings();
	if (argc == 2 && strcmp(argv[1], "results") == 0)
		return print_results();
	if (argc == 2 && strcmp(argv[1], "sample") == 0)
		return print_sample();
	return hs_usage("docs");
}
