/* hookspool: everything a person does with the spool. The table of commands is main. */
#include "tools/command.h"
#include "store/settings_file.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

extern char **environ;

static const struct hs_command commands[] = {
	{ "check", hs_cmd_check, "[--config FILE]", "look at settings and spool, say what is wrong" },
	{ "rotate", hs_cmd_rotate, "[--config FILE]", "seal the open segments now" },
	{ "maintain", hs_cmd_maintain, "[--config FILE]",
	  "seal by age, compress, delete what is too old; for cron under plain CGI" },
	{ "verify", hs_cmd_verify, "[--config FILE]", "read the whole spool, say what is wrong" },
	{ "repair", hs_cmd_repair, "[--config FILE]",
	  "the same, and mend it: broken segments set aside, the index made anew" },
	{ "help", hs_cmd_help, "[COMMAND]", "this list, or one command's usage" },
	{ "docs", hs_cmd_docs, "settings | results | sample", NULL },
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct hs_command *find_command(const char *name)
{
	for (int i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

int hs_usage(const char *name)
{
	fprintf(stderr, "usage: hookspool %s %s\n", name, find_command(name)->arguments);
	return 2;
}

struct hs_settings *hs_command_settings(const char *path)
{
	struct hs_settings_error error;
	char used[PATH_MAX];
	struct hs_settings *s = hs_settings_load(path, environ, used, sizeof used, &error);

	if (s == NULL)
		fprintf(stderr, "hookspool: settings: %s\n", error.text);
	return s;
}

int hs_cmd_help(int argc, char **argv)
{
	const struct hs_command *c = argc == 2 ? find_command(argv[1]) : NULL;

	if (argc > 2 || (argc == 2 && c == NULL))
		return hs_usage("help");
	if (c != NULL) {
		printf("usage: hookspool %s %s\n%s\n", c->name, c->arguments, c->help != NULL ? c->help : "");
		return 0;
	}
	puts("usage: hookspool COMMAND [ARGUMENT ...]\n");
	for (int i = 0; i < COMMANDS; i++)
		if (commands[i].help != NULL)
			printf("  %-8s %s\n", commands[i].name, commands[i].help);
	puts("\nSee hookspool(1), hookspool.conf(5), hookspool-spool(5) and hookspool.fcgi(8).");
	return 0;
}

int main(int argc, char **argv)
{
	const struct hs_command *c = argc > 1 ? find_command(argv[1]) : NULL;

	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 ||
	    OSSL_LIB_CTX_get0_global_default() == NULL) {
		fputs("hookspool: OpenSSL does not start: out of memory?\n", stderr);
		return EX_OSERR;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("hookspool " HS_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return hs_cmd_help(1, argv);
	if (c == NULL) {
		fputs("usage: hookspool COMMAND [ARGUMENT ...]; hookspool help lists them\n", stderr);
		return 2;
	}
	return c->run(argc - 1, argv + 1);
}
