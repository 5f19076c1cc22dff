/* hookspool: the command line. The table of commands is all of it. */
#include "tools/command.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* clang-format off */
const struct hs_command hs_commands[] = {
	{ "check", hs_cmd_check, hs_check_options, "",
	  "look at settings and spool, say what is wrong" },
	{ "send", hs_cmd_send, hs_send_options, "",
	  "send events as Segment does, say how each was answered" },
	{ "cat", hs_cmd_cat, hs_cat_options, "",
	  "print the records, one JSON line each, oldest first" },
	{ "tail", hs_cmd_tail, hs_tail_options, "",
	  "print the last records; follow; go on behind what an earlier run has printed" },
	{ "each", hs_cmd_each, hs_each_options, "",
	  "run a handler for each event of a type; go on where the cursor stands" },
	{ "stats", hs_cmd_stats, hs_stats_options, "",
	  "count: types, events, tenants, days, what was rejected, how far each cursor is behind" },
	{ "cursors", hs_cmd_cursors, hs_cursors_options, "[list | reset NAME --from WHEN | remove NAME]",
	  "how far consumers have come; set a cursor anew, or remove it" },
	{ "rotate", hs_cmd_rotate, hs_spool_options, "", "seal the open segments now" },
	{ "maintain", hs_cmd_maintain, hs_maintain_options, "",
	  "seal by age, compress, delete what is too old; for cron under plain CGI" },
	{ "verify", hs_cmd_verify, hs_verify_options, "", "read the whole spool, say what is wrong" },
	{ "repair", hs_cmd_repair, hs_verify_options, "",
	  "the same, and mend it: broken segments set aside, the index made anew" },
	{ "backup", hs_cmd_backup, hs_backup_options, "DIR",
	  "a copy of the spool while it is served; the next one brings what is new" },
	{ "adopt", hs_cmd_adopt, hs_adopt_options, "",
	  "make a restored backup, a copy or a mirror a spool that can be served" },
	{ "import", hs_cmd_import, hs_import_options, "[FILE ...]",
	  "archives of original events into the spool, each event once" },
	{ "erase", hs_cmd_erase, hs_erase_options, "",
	  "everything of a user out of the spool; later events of theirs are new" },
	{ "help", hs_cmd_help, NULL, "[COMMAND]", "this list, or one command's options" },
	{ "docs", hs_cmd_docs, NULL, "settings | results | sample | options COMMAND | completion", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
/* clang-format on */

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
	const struct hs_command *c = argc > 1 ? hs_command_find(argv[1]) : NULL;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("hookspool " HS_VERSION);
		return 0;
	}
	if (argc == 2 && is_help(argv[1]))
		return hs_cmd_help(1, argv);
	if (c == NULL) {
		fputs("usage: hookspool COMMAND [ARGUMENT ...]; hookspool help lists them\n", stderr);
		return 2;
	}
	if (argc == 3 && is_help(argv[2]))
		return hs_cmd_help(2, argv);
	return c->run(argc - 1, argv + 1);
}
