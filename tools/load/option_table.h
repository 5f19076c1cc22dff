/*
 * option_table: the options of `hookspool load`, for both programs: hookspool-load parses them, and hookspool
 * has the help, the manual page and the completion from them.
 */
#ifndef HS_LOAD_OPTION_TABLE_H
#define HS_LOAD_OPTION_TABLE_H

#include "tools/command.h"

enum hs_load_option {
	HS_LOAD_TO = HS_OPT_OWN,
	HS_LOAD_ONCE,
	HS_LOAD_NAME,
	HS_LOAD_SCHEMA,
	HS_LOAD_PREFIX,
	HS_LOAD_TENANT,
	HS_LOAD_INCLUDE,
	HS_LOAD_EXCLUDE,
	HS_LOAD_TYPE,
	HS_LOAD_SINCE,
	HS_LOAD_BATCH,
	HS_LOAD_EVERY,
	HS_LOAD_COLUMNS,
	HS_LOAD_TABLES,
	HS_LOAD_DRY_RUN,
	HS_LOAD_CHECK,
	HS_LOAD_STATUS,
	HS_LOAD_RETYPE,
	HS_LOAD_REBUILD,
	HS_LOAD_QUIET,
};

extern const struct hs_option hs_load_options[];

#define HS_LOAD_ARGUMENTS "LABEL | --to URL"
#define HS_LOAD_HELP "write the events into a database, in Segment's warehouse schema"

#endif
