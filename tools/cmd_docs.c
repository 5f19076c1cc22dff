/*
 * hookspool docs: prints the tables of the code for the manual pages and the sample file, so that
 * these always agree with the program.
 */
#include "base/result.h"
#include "tools/command.h"

#include <stdio.h>
#include <string.h>

/* Prints text for mdoc(7), where a backslash begins an escape. */
static void put_escaped(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '\\')
			fputs("\\e", stdout);
		else
			putchar(*s);
}

/* Prints a line of it, where a leading dot or quote would be a request. */
static void put_text(const char *s)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", stdout);
	put_escaped(s);
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

/* Prints every status with its messages and remedies. */
static int print_results(void)
{
	puts(".Bl -tag -width Ds");
	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++) {
		const struct hs_result_info *info = hs_result_info((enum hs_result)r);

		printf(".It %d", info->status);
		printf(" \"");
		put_escaped(info->message);
		puts("\"");
		put_text(info->remedy[0] != '\0' ? info->remedy : "nothing to do");
	}
	puts(".El");
	return 0;
}

static void print_sections(void)
{
	puts("; Shared secrets with a label, which becomes the record's tenant; beside secret above, or without it.\n"
	     "[secrets]\n"
	     ";acme = " HS_SETTINGS_SAMPLE_SECRET "\n\n"
	     "; API keys, a line each: the label becomes the record's tenant.\n"
	     "[keys]\n"
	     ";acme = " HS_SETTINGS_SAMPLE_KEY "\n"
	     ";globex = sha256:64 hex digits\n"
	     ";initech = revoked:sha256:64 hex digits\n\n"
	     "; Pages, apps and servers that send with Segment's own libraries, a line each; the label becomes the\n"
	     "; record's source: LABEL = KEY [browser | server] [tenant=NAME] [origin=ORIGIN ...] [rate=N/s] "
	     "[daily=SIZE]\n"
	     "[sources]\n"
	     ";shop = " HS_SETTINGS_SAMPLE_WRITE_KEY
	     " browser tenant=acme origin=https://shop.example rate=100/s daily=2G\n"
	     ";backend = sha256:64 hex digits server tenant=acme\n\n"
	     "; Databases for hookspool load LABEL; after the URL password=, schema=, prefix=, on_delete=ignore.\n"
	     "[load]\n"
	     ";shop = sqlite:/var/lib/hookspool/shop.db\n\n"
	     "; Which events are kept: the first line that matches decides (keep, drop, sample = 10% ...); unplanned = "
	     "keep,\n"
	     "; drop, reject or flag for the others. hookspool rules --dry-run 1000 tries it.\n"
	     "[events]\n"
	     ";drop = context_user_agent:\"*bot*\"\n\n"
	     "; What becomes of a value: keep, drop, hash (under hash_key), last N, no query, cut N.\n"
	     "[fields]\n"
	     ";context_ip = drop");
}

static int print_sample(void)
{
	struct hs_setting_doc doc;

	puts("; hookspool.conf: see hookspool.conf(5). Keep it away from other users: chmod 640.\n"
	     "; A line that begins with ; is off; the value shown is the default, or an example.\n");
	for (size_t i = 0; i < hs_settings_count(); i++) {
		hs_setting_doc(i, &doc);
		printf("; %s\n; (%s)\n", doc.help, doc.expected);
		if (strcmp(doc.name, "spool_dir") == 0)
			puts("spool_dir = /var/lib/hookspool/spool\n");
		else if (strcmp(doc.name, "secret") == 0)
			puts(";secret = " HS_SETTINGS_SAMPLE_SECRET "\n");
		else
			printf(";%s = %s\n\n", doc.name, doc.fallback);
	}
	print_sections();
	return 0;
}

/* Prints the options of a command; the shared --config is described once. */
static int print_options(const char *name)
{
	const struct hs_command *c = hs_command_find(name);

	if (c == NULL || c->options == NULL)
		return hs_usage("docs");
	puts(".Bl -tag -width Ds");
	for (const struct hs_option *o = c->options; o->name != NULL; o++) {
		if (o->letter == HS_OPT_CONFIG)
			continue;
		fputs(".It ", stdout);
		if (o->letter < HS_OPT_CONFIG)
			printf("Fl %c , ", o->letter);
		printf(o->argument != NULL ? "Fl -%s Ar %s\n" : "Fl -%s\n", o->name, o->argument);
		put_text(o->help);
	}
	puts(".El");
	return 0;
}

/* --- bash ---------------------------------------------------------------------- */

/* The completions of an option's argument: files, directories, or one of a|b|c. */
static void print_words(const struct hs_command *c, const struct hs_option *o)
{
	printf("\t'%s --%s'", c->name, o->name);
	if (o->letter < HS_OPT_CONFIG)
		printf(" | '%s -%c'", c->name, o->letter);
	if (strcmp(o->argument, "DIR") == 0)
		puts(") kind=-d ;;");
	else if (strncmp(o->argument, "FILE", 4) == 0)
		puts(") kind=-f ;;");
	else /* "@FILE|TEXT" is not a choice: bash splits the word at the @ */
		printf(") words='%s' ;;\n",
		       strchr(o->argument, '|') != NULL && o->argument[0] != '@' ? o->argument : "");
}

static void print_option_words(const struct hs_command *c)
{
	printf("\t*-%s) words='", c->name);
	for (const struct hs_option *o = c->options; o->name != NULL; o++)
		printf("--%s ", o->name);
	puts("--help' ;;");
}

static void print_command_words(const char *pattern, const char *more)
{
	printf("\t%s) words='", pattern);
	for (size_t i = 0; hs_commands[i] != NULL; i++)
		if (hs_commands[i]->help != NULL)
			printf("%s ", hs_commands[i]->name);
	printf("%s' ;;\n", more);
}

/* compgen -W splits at IFS: make it split a|b|c, too. */
static int print_completion(void)
{
	const struct hs_command *c;

	puts("# bash completion of hookspool, made from its tables: hookspool docs completion\n"
	     "_hookspool() {\n"
	     "\tlocal IFS=$' |\\n' word=${COMP_WORDS[COMP_CWORD]} kind=-W words=''\n"
	     "\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[COMP_CWORD - 1]}\" in");
	for (size_t i = 0; (c = hs_commands[i]) != NULL; i++)
		for (const struct hs_option *o = c->options; o != NULL && o->name != NULL; o++)
			if (o->argument != NULL)
				print_words(c, o);
	puts("\t*) case $COMP_CWORD-${COMP_WORDS[1]} in");
	print_command_words("1-*", "--version --help");
	print_command_words("2-help", "");
	puts("\t2-cursors) words='list reset remove --json --config --help' ;;");
	for (size_t i = 0; (c = hs_commands[i]) != NULL; i++)
		if (c->options != NULL)
			print_option_words(c);
	puts("\tesac ;;\n"
	     "\tesac\n"
	     "\tif [ $kind = -W ]; then\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	     "\telse\n"
	     "\t\tcompopt -o filenames 2>/dev/null\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen $kind -- \"$word\")\n"
	     "\tfi\n"
	     "}\n"
	     "complete -o default -F _hookspool hookspool");
	return 0;
}

static int cmd_docs(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "settings") == 0)
		return print_settings();
	if (argc == 2 && strcmp(argv[1], "results") == 0)
		return print_results();
	if (argc == 2 && strcmp(argv[1], "sample") == 0)
		return print_sample();
	if (argc == 2 && strcmp(argv[1], "completion") == 0)
		return print_completion();
	if (argc == 3 && strcmp(argv[1], "options") == 0)
		return print_options(argv[2]);
	return hs_usage("docs");
}

const struct hs_command hs_command_docs = {
	.name = "docs",
	.run = cmd_docs,
	.arguments = "settings | results | sample | options COMMAND | completion",
};
