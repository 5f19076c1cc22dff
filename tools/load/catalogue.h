/*
 * catalogue: the tables and columns of a database as the loader knows them, with those that it is about to
 * make. A table and a column that already exist are used as they are. A loader's tables are those whose names
 * begin with its prefix, but not those that begin with the longer prefix of another loader, which has a
 * PREFIXhookspool_load.
 */
#ifndef HS_CATALOGUE_H
#define HS_CATALOGUE_H

#include "tools/load/target.h"

struct hs_catalogue_options {
	const char *prefix;
	size_t columns_max, tables_max;
	bool tenant;              /* tables have a column `tenant` */
	const char *const *types; /* GLOB=TYPE of --type, NULL-terminated; NULL: none */
};

struct hs_catalogue_table {
	struct hs_target_table table;
	enum hs_table_kind kind;
	size_t index;    /* in the catalogue */
	bool exists;     /* in the database … */
	size_t present;  /* … with so many of its columns: those after them are new */
	bool complete;   /* it has the columns of its kind, present or new … */
	size_t id, rest; /* … and these are where */
	bool fit;        /* it has what hs_table_is_fit asks for */
	bool used;       /* the transaction has written rows of it, or read them for those of people */
	bool repeated;   /* a row of the batch was there already */
	bool uses_rest;  /* a row had a _rest: rows are inserted with that column */

	uint32_t *slot; /* 1 + index of a column, by hash; 0: free; `slots` is a power of two */
	size_t slots;
	uint32_t *after; /* for each column, the one that was asked for after it last time; `slots` of them */
	size_t last;     /* the column that was asked for last */
};

/* Names without the prefix. */
struct hs_catalogue_names {
	char **name;
	size_t count, cap;
};

struct hs_catalogue {
	const struct hs_catalogue_options *options;
	struct hs_catalogue_table **table;
	size_t tables, cap;
	uint32_t *slot; /* 1 + index of a table, by hash of its name; 0: free; `slots` is a power of two */
	size_t slots;
	size_t columns_max;               /* the database's own */
	const char *reserved;             /* likewise: the beginning of names that it keeps to itself */
	struct hs_catalogue_names taken;  /* of views, indexes and the like, in order */
	struct hs_catalogue_names others; /* longer prefixes, of other loaders */
	struct hs_buf name;               /* scratch */
	uint64_t new_tables, new_columns; /* made so far */
	struct hs_buf news;               /* what was made, as text, until the caller resets it; may be cut */
	uint64_t stamp[2];                /* of the target, when it was read; the second one is of the whole */
	bool is_old;                      /* a check has found that it has changed since */
};

void hs_catalogue_free(struct hs_catalogue *catalogue);

/* The type that the column has in every table of its kind that the loader makes. NONE: they may do without it. */
enum hs_column_type hs_catalogue_required_type(const struct hs_catalogue_table *table, size_t column);

/* Forgets everything and reads it from the database. As the target's calls; FULL: out of memory here. */
enum hs_target_result hs_catalogue_read(struct hs_catalogue *catalogue, struct hs_target *target);

/*
 * Finds a table by its name without the prefix, which are cut together, or adds a new one. NULL: there are
 * tables_max already, or the name is not to be had (taken, reserved, or another loader's), or *full is false: out
 * of memory.
 */
struct hs_catalogue_table *hs_catalogue_table(struct hs_catalogue *catalogue, struct hs_slice name, bool *full);

/*
 * Finds a column, or adds a new one. -1: there are as many as the options or the database allow, or *full is false:
 * out of memory.
 */
ptrdiff_t hs_catalogue_column(struct hs_catalogue *catalogue, struct hs_catalogue_table *table, struct hs_slice name,
                              bool *full);

/* Finds a column. -1: there is none. The second one does not learn in which order columns are asked for. */
ptrdiff_t hs_catalogue_find_column(struct hs_catalogue_table *table, struct hs_slice name);
ptrdiff_t hs_catalogue_look_up(const struct hs_catalogue_table *table, struct hs_slice name);

/* Notes a value of a new column: its type is that of its values, unless --type names one. */
void hs_catalogue_note(struct hs_catalogue *catalogue, struct hs_catalogue_table *table, size_t column,
                       enum hs_column_type type);

/* Notes the whole name of a new column whose name was cut (path.n > 0). False: out of memory. */
bool hs_catalogue_note_path(struct hs_catalogue_table *table, size_t column, struct hs_slice path);

/*
 * OK: tables and columns are as they were read, those of tables that were used with their types. CATALOGUE: they
 * have changed. A loader asks at the end of its transaction: others make tables and columns before their own
 * transactions, so what comes into those that are not there by then comes after this one. `whole`: for one that has
 * erased a person's rows in every table.
 */
enum hs_target_result hs_catalogue_check(struct hs_catalogue *catalogue, struct hs_target *target, bool whole);

/*
 * Makes what is new in the database. As the target's calls; CATALOGUE also if the database has changed since it was
 * read, be it by this: then it is to be read again, because others may have changed it meanwhile. DENIED also for a
 * table in use that somebody else made and that is not fit (table_needs.h).
 */
enum hs_target_result hs_catalogue_apply(struct hs_catalogue *catalogue, struct hs_target *target);

/* The word of --type for a type; "text" for those that have none. A constant. */
const char *hs_catalogue_type_word(enum hs_column_type type);

/* Parses a word of --type: boolean, number, timestamp, text. HS_COLUMN_NONE: it is none. */
enum hs_column_type hs_catalogue_type(const char *word);

#endif
