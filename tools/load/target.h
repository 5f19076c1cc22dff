/*
 * target: a database that takes rows. A target is one file (target_sqlite.c, …) with a struct
 * hs_target_ops and a row of HS_TARGETS; all that is the same for every database is loader.c's: batches,
 * the ladder of misfits, new tables and columns, people, the position.
 *
 * The calls wait for the database, but never without a limit: connecting HS_TARGET_CONNECT_MS, a lock of
 * a table HS_TARGET_LOCK_MS. Names are always quoted. All values are text in the form that hs_value_fits
 * gives; NULL is a slice with p == NULL.
 */
#ifndef HS_TARGET_H
#define HS_TARGET_H

#include "warehouse/rows.h"

enum { HS_TARGET_CONNECT_MS = 10000, HS_TARGET_LOCK_MS = 500, HS_TARGET_SELECT_MAX = 250 /* values in one select */ };

/* An error of the database, by what the loader does about it. */
enum hs_target_result {
	HS_TARGET_OK,
	HS_TARGET_AWAY,      /* no connection, or it broke: connect anew, read the position, go on */
	HS_TARGET_AGAIN,     /* deadlock, lock wait, serialization: the batch again */
	HS_TARGET_FULL,      /* no room or memory there: wait, then the batch again */
	HS_TARGET_CATALOGUE, /* a table or column is not as we believe: read the catalogue, then the batch again */
	HS_TARGET_WIDE,   /* the row or one of its values is too long: again with all but the common columns in _rest */
	HS_TARGET_ROW,    /* a row was refused (constraint, trigger, size): halve the batch until it is found */
	HS_TARGET_UNTOLD, /* the loader's: a dead letter cannot be written: wait, then the batch again */
	HS_TARGET_DENIED, /* permission, password, TLS: only a person can help */
	HS_TARGET_UNFIT,  /* a database that cannot hold what we load: only a person can help */
	HS_TARGET_BROKEN, /* an error of ours, or one that we do not know: stop */
};

struct hs_target_column {
	char *name;
	enum hs_column_type type;
	size_t max;                   /* bytes of a text that always fit: VARCHAR(40), say; 0: any */
	enum hs_number_range numbers; /* a number's; AS_DATABASE unless another program made the column */
	bool loose;                   /* a text that the database takes for another one: it ignores case, say */
	char *path;                   /* the whole name of a new column, if it was cut; else NULL */
};

struct hs_target_table {
	char *name; /* with the prefix */
	struct hs_target_column *column;
	size_t columns, cap;
	size_t dropped;    /* columns that are gone, but still count towards columns_max */
	bool unique_id;    /* there is a unique index on id alone */
	bool other_unique; /* there is another unique index */
	bool triggers;     /* MariaDB: bulk inserts would run them once */
	uint64_t stamp;    /* of its columns, for check_table; 0: not known */
	bool taken;        /* it is no table, but a view, an index or the like, so that no table can have its name */
};

/* The position row of hookspool_load. */
struct hs_target_position {
	bool found;
	char spool[33]; /* id of the spool's history in hex */
	uint64_t number, offset, edit, before;
	uint64_t records, rest; /* counts so far */
	uint64_t gone, damaged; /* segments that were missing, and lines that were no records, before the position */
	uint64_t newest_ms;     /* the greatest uuid_ts of the rows before the position, since 1970; 0: not known */
};

static inline bool hs_target_is_same_place(const struct hs_target_position *a, const struct hs_target_position *b)
{
	return a->number == b->number && a->offset == b->offset && a->edit == b->edit;
}

/* Rows for one table: `rows` times `columns` values, row by row. */
struct hs_target_rows {
	const struct hs_target_table *table;
	const size_t *column; /* indexes in the table, of each of `columns` values */
	size_t columns, rows;
	const struct hs_slice *value;
	const struct hs_pieces
	    *pieces; /* of the value that hs_target_is_pieces(): there is one row then; NULL: no value is */
	bool nulls;  /* for upsert: a value that is NULL overwrites, too */
};

/* In place of the text of a value: it is so long that it is made in pieces, of `n` bytes together. */
struct hs_slice hs_target_pieces(size_t n);
bool hs_target_is_pieces(struct hs_slice value);

/* Which rows of a person are deleted; zeroed: all. */
struct hs_target_limits {
	struct hs_slice until; /* uuid_ts <= until, or NULL: no event of ours is without one; p == NULL: any */
	bool without_user;     /* only those in which user_id is NULL or empty */
	bool person;           /* it is a person's: nothing of the rows may stay in the database's files */
};

/*
 * Rows whose key is one of these values, which are different and at most HS_TARGET_SELECT_MAX; of none: those whose
 * key is NULL.
 */
struct hs_target_where {
	const char *key; /* a column; rows by "id" stay locked until the end of the transaction */
	const struct hs_slice *value;
	size_t values;
	/* From this column of the select on, the lengths of texts, in bytes, come in their place; 0: they do not. */
	size_t lengths_from;
	bool is_long; /* it is one row by its "id", which stays as it is, and may be read a piece at a time */
};

/* True if the i-th column of a select is a text whose length is asked for. */
static inline bool hs_target_is_length(const struct hs_target_table *table, size_t column, size_t i,
                                       size_t lengths_from)
{
	return lengths_from > 0 && i >= lengths_from && table->column[column].type == HS_COLUMN_TEXT;
}

/* Reads a length that a select has passed on; 0 for NULL. */
size_t hs_target_length(struct hs_slice value);

struct hs_target;

struct hs_target_ops {
	const char *name; /* scheme of its URLs: "sqlite" */
	enum hs_number_range numbers;
	size_t columns_max;   /* of a table, at most */
	const char *reserved; /* no table can have a name that begins with it; NULL: there is no such text */
	bool whole_texts;     /* it takes no value in pieces without making a text of them */
	bool has_schemas;     /* tables are in a schema of the database */
	bool ddl_rolls_back;  /* make_table within a transaction is undone by rollback */
	/* The statement that makes `id` unique, in two or three pieces, the table's name between them. */
	const char *mend_id[3];

	/* Reads the URL, before anything else. False: *why tells. NULL: the database reads it when it connects. */
	bool (*parse)(struct hs_target *t, const char **why);
	/*
	 * Connects by the URL (without a password, which the database's own places or [load] give). Makes schema
	 * and hookspool_load if missing, and the columns that one of an earlier build lacks.
	 */
	enum hs_target_result (*connect)(struct hs_target *t);
	void (*disconnect)(struct hs_target *t);

	/*
	 * Calls each() for every table whose name begins with the prefix, and for whatever else has such a name; the
	 * table is valid during the call.
	 */
	enum hs_target_result (*tables)(struct hs_target *t,
	                                bool (*each)(void *context, const struct hs_target_table *table),
	                                void *context);
	/*
	 * A number that is another one after tables or columns have changed, whoever changed them: this loader, another
	 * one of any prefix, a person. It is of what is committed by now, in a transaction, too. Not `whole`, it is cheap
	 * enough for each batch, and tells of any table that has come or gone, and of new columns (MariaDB: check_table
	 * tells of those); a column that is gone is missed when it is used, which is CATALOGUE. `whole`: of all columns.
	 * NULL: nobody else changes anything.
	 */
	enum hs_target_result (*stamp)(struct hs_target *t, bool whole, uint64_t *stamp);
	/*
	 * CATALOGUE if the columns or their types are not those of the table's stamp, which it sets if it is not known.
	 * After rows were put into it in this transaction, so that nobody changes it until its end. NULL: `stamp` tells.
	 */
	enum hs_target_result (*check_table)(struct hs_target *t, struct hs_target_table *table);
	/*
	 * Makes the table with these columns, `id` its key; or adds them to it. The type of `_rest` is the
	 * database's choice. A column that the table cannot have becomes FOREIGN: its values go to _rest.
	 * CATALOGUE: another program has made the table or a column meanwhile, perhaps of another type.
	 */
	enum hs_target_result (*make_table)(struct hs_target *t, struct hs_target_table *table);
	enum hs_target_result (*add_columns)(struct hs_target *t, const char *table, struct hs_target_column *column,
	                                     size_t columns);

	/* Notes in hookspool_names what the name of a column was before it was cut; not in a transaction. */
	enum hs_target_result (*note_name)(struct hs_target *t, const char *table, const char *name,
	                                   struct hs_slice path);

	/*
	 * Begins a transaction and locks and reads the position row of this name. No loader of these tables misses what
	 * another has not committed yet: it waits for that, here (PostgreSQL: 10 s, then AGAIN) or at its own rows.
	 */
	enum hs_target_result (*begin)(struct hs_target *t, struct hs_target_position *at);
	/*
	 * Inserts rows; a row whose id is there already is passed over, and the one there stays; `inserted` tells
	 * how many were not. After an error the transaction is as before the call.
	 */
	enum hs_target_result (*insert)(struct hs_target *t, const struct hs_target_rows *rows);
	/* Inserts rows, or overwrites the given columns that are not NULL (rows->nulls: all) of the row with that id. */
	enum hs_target_result (*upsert)(struct hs_target *t, const struct hs_target_rows *rows);
	/*
	 * Calls each() with the values of these columns (as text, NULL: p == NULL) of all rows that `where` asks
	 * for. A key is compared by bytes, also where its column is loose; so it is in scan and erase.
	 */
	enum hs_target_result (*select)(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
	                                size_t columns, const struct hs_target_where *where,
	                                bool (*each)(void *context, const struct hs_slice *value), void *context);
	/*
	 * During each() of select: takes over the memory of the row, in which its values stay until free_row. NULL:
	 * the values are gone after each().
	 */
	void *(*keep_row)(struct hs_target *t);
	void (*free_row)(void *row);
	/*
	 * Calls each() with the values of at most `rows` rows whose first column, a text, is greater than `after` (p ==
	 * NULL: of the first ones), in its order. One column alone: each different value once. NULL is no such value.
	 */
	enum hs_target_result (*scan)(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
	                              size_t columns, struct hs_slice after, size_t rows,
	                              bool (*each)(void *context, const struct hs_slice *value), void *context);
	/* Deletes the rows WHERE `key` = value, within the limits; adds their number to *gone. */
	enum hs_target_result (*erase)(struct hs_target *t, const struct hs_target_table *table, const char *key,
	                               struct hs_slice value, const struct hs_target_limits *limits, uint64_t *gone);
	/*
	 * For --retype. retype_begin begins a transaction in which no other session writes the table, as far as the
	 * database can see to that, and adds the column `_retype` of the new type unless it is there. `update`
	 * overwrites the given columns, NULL too, of the row whose id is the first of them. retype_end gives the
	 * column of this name type and values of `_retype`, which goes, and commits. After an error the caller
	 * calls rollback.
	 */
	enum hs_target_result (*retype_begin)(struct hs_target *t, const char *table, struct hs_target_column *column,
	                                      bool there);
	enum hs_target_result (*update)(struct hs_target *t, const struct hs_target_rows *row);
	enum hs_target_result (*retype_end)(struct hs_target *t, const char *table,
	                                    const struct hs_target_column *column);
	/*
	 * *alone: no other name than ours has a position here, so nobody else adds rows. It counts what others have
	 * committed by now.
	 */
	enum hs_target_result (*is_alone)(struct hs_target *t, bool *alone);
	/* Writes the position; fails with AGAIN if the row is no more what `begin` read. */
	enum hs_target_result (*set_position)(struct hs_target *t, const struct hs_target_position *at);
	enum hs_target_result (*commit)(struct hs_target *t);
	/* Does what a commit could not do while others used the database; outside of a transaction. NULL: nothing. */
	void (*tidy)(struct hs_target *t);
	void (*rollback)(struct hs_target *t);
	void (*free)(struct hs_target *t);
};

/* The first member of each target's own struct. */
struct hs_target {
	const struct hs_target_ops *ops;
	const char *url;    /* without the scheme's password */
	const char *name;   /* of the position */
	const char *schema; /* of the tables, if the database has schemas */
	const char *prefix;
	const char *password; /* from [load]; NULL: none */
	uint64_t inserted;    /* rows that the last insert has added */
	bool look_only;       /* connect makes nothing; begin takes a missing hookspool_load for one without a row */
	char counts[64];      /* for a SELECT: HS_TARGET_COUNTS, with a 0 for each that hookspool_load lacks */
	char message[512];    /* what the database said last, with what mends it if known */
	char state[8];        /* its SQLSTATE or number */
};

/* The numbers that a column returns as they were. */
static inline enum hs_number_range hs_target_numbers(const struct hs_target_column *column,
                                                     enum hs_number_range database)
{
	return column->numbers != HS_NUMBER_AS_DATABASE ? column->numbers : database;
}

/* Appends a column. False: out of memory. */
bool hs_target_add_column(struct hs_target_table *table, struct hs_slice name, enum hs_column_type type);
/* Frees what the table holds. */
void hs_target_table_free(struct hs_target_table *table);

/* Columns that hookspool_load of an earlier build may lack. */
#define HS_TARGET_COUNTS "segments_gone, lines_damaged, newest_ms"

/*
 * For `connect`: adds the columns of HS_TARGET_COUNTS that are missing, unless look_only, and sets t->counts. look()
 * returns OK if hookspool_load has the column, CATALOGUE if it has not; add() adds it in a transaction of its own, so
 * that a loader that is killed between two of them does the rest the next time. A new column is null until the next
 * commit.
 */
enum hs_target_result hs_target_add_counts(struct hs_target *t,
                                           enum hs_target_result (*look)(struct hs_target *t, const char *column),
                                           enum hs_target_result (*add)(struct hs_target *t, const char *column));

/* Says what a result means, for a message: "no connection". A constant. */
const char *hs_target_meaning(enum hs_target_result result);

/* The targets; a build has those of the make variable LOAD. */
struct hs_target *hs_target_sqlite_new(void);
struct hs_target *hs_target_postgresql_new(void);
struct hs_target *hs_target_mysql_new(void);

/* Makes the target of a URL, which must outlive it; the caller sets its members. NULL: *why tells. */
struct hs_target *hs_target_new(const char *url, const char **why);
void hs_target_free(struct hs_target *t); /* disconnects; NULL is fine */

#endif
