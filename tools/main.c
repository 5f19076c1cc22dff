/* hookspool: the command line. The list of commands is all of it. */
#include "tools/command.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
#define HS_COMMANDS(X) \
	X(check) \
	X(send) \
	X(cat) \
	X(tail) \
	X(each) \
	X(load) \
	X(forward) \
	X(ship) \
	X(stats) \
	X(schema) \
	X(cursors) \
	X(metrics) \
	X(rotate) \
	X(maintain) \
	X(verify) \
	X(repair) \
	X(backup) \
	X(adopt) \
	X(import) \
	X(erase) \
	X(rules) \
	X(passwd) \
	X(help) \
	X(docs)
#define DECLARE(name) extern const struct hs_command hs_command_##name;
#define ROW(name) &hs_command_##name,

HS_COMMANDS(DECLARE)
const struct hs_command *const hs_commands[] = { HS_COMMANDS(ROW) NULL };
/* clang-format on */

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run(int argc, char **argv)
{
	const struct hs_command *c = argc > 1 ? hs_command_find(argv[1]) : NULL;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("hookspool " HS_VERSION);
		return 0;
	}
	if (argc == 2 && is_help(argv[1]))
		return hs_help(1, argv);
	if (c == NULL) {
		fputs("usage: hookspool COMMAND [ARGUMENT ...]; hookspool help lists them\n", stderr);
		return 2;
	}
	if (argc == 3 && is_help(argv[2]))
		return hs_help(2, argv);
	return c->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	return hs_command_main(run, argc > 1 ? argv[1] : "help", argc, argv);
}
