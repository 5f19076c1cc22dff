#include "tools/load/option_table.h"

/* clang-format off */
const struct hs_option hs_load_options[] = {
	{ "to", "URL", HS_LOAD_TO, "sqlite:/PATH, postgresql://HOST/DATABASE or mysql://HOST/DATABASE" },
	{ "once", NULL, HS_LOAD_ONCE, "stop at the current end of the spool" },
	{ "name", "NAME", HS_LOAD_NAME, "of the position and the cursor; the label, or load" },
	{ "schema", "NAME", HS_LOAD_SCHEMA, "PostgreSQL: made if it is missing; segment" },
	{ "prefix", "TEXT", HS_LOAD_PREFIX, "before the name of each table" },
	{ "tenant", "LABEL", HS_LOAD_TENANT, "this customer's records only; required where there are [keys]" },
	{ "include", "GLOB", HS_LOAD_INCLUDE, "these tables only; or TABLE._FIELD: a field that is left out; repeatable" },
	{ "exclude", "GLOB", HS_LOAD_EXCLUDE, "not this TABLE or TABLE.COLUMN; repeatable" },
	{ "type", "TABLE.COLUMN=TYPE", HS_LOAD_TYPE, "boolean, number, timestamp or text, for a new column; repeatable" },
	{ "since", "WHEN", HS_LOAD_SINCE, "begin there, at the first start" },
	{ "batch", "N", HS_LOAD_BATCH, "records in a transaction; 5000" },
	{ "every", "MS", HS_LOAD_EVERY, "a transaction ends this long after its first record; 1000" },
	{ "max-columns", "N", HS_LOAD_COLUMNS, "of a table; the rest goes to _rest; 180" },
	{ "max-tables", "N", HS_LOAD_TABLES, "500" },
	{ "dry-run", NULL, HS_LOAD_DRY_RUN, "print the tables and columns that it would make, and write nothing" },
	{ "retype", "TABLE.COLUMN=TYPE", HS_LOAD_RETYPE, "give a column another type, with its values in _rest, and end" },
	{ "rebuild", "TABLE", HS_LOAD_REBUILD, "make all rows of users or accounts anew, and end" },
	{ "status", NULL, HS_LOAD_STATUS, "print the position, and how far it is behind" },
	{ "check", NULL, HS_LOAD_CHECK, "try the database, for hookspool check: verdict, finding and remedy" },
	{ "quiet", NULL, HS_LOAD_QUIET, "no summary" },
	HS_OPTION_JSON,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */
