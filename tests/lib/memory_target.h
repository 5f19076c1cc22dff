/*
 * memory_target: a database in memory for the tests of the loader, with transactions. One call of a kind can
 * be made to fail, and rows can be refused.
 */
#ifndef HS_TEST_MEMORY_TARGET_H
#define HS_TEST_MEMORY_TARGET_H

#include "tools/load/target.h"

enum memory_call {
	MEMORY_CONNECT,
	MEMORY_TABLES,
	MEMORY_STAMP,
	MEMORY_MAKE_TABLE,
	MEMORY_ADD_COLUMNS,
	MEMORY_BEGIN,
	MEMORY_INSERT,
	MEMORY_UPSERT,
	MEMORY_SELECT,
	MEMORY_ERASE,
	MEMORY_SET_POSITION,
	MEMORY_COMMIT,
	MEMORY_CALLS,
};

/* Rows and position, committed or in the transaction. Rows are in the order in which they came. */
struct memory_row {
	const char *table; /* of `tables` */
	char **name, **value;
	size_t n;
};

struct memory_state {
	struct memory_row *row;
	size_t rows;
	struct hs_target_position at;
};

struct memory_target {
	struct hs_target target; /* first: both have one address */
	struct hs_target_table *table;
	size_t tables;
	struct memory_state now, committed;
	bool connected, in_transaction;

	enum memory_call fail;           /* this call … */
	unsigned fail_in;                /* … fails the n-th time, counted down; 0: never … */
	enum hs_target_result fail_with; /* … with this … */
	bool fail_after;                 /* … after it was done: a lost answer */

	const char *refuse; /* a row with a value that contains this is refused */
	size_t wide;        /* a row with more values than this is too wide; 0: none is */
	bool others;        /* another loader has a position */
	unsigned changes;   /* of its tables by others: the stamp */
	/* Called once, in the next erase: somebody else changes tables. */
	void (*meanwhile)(struct memory_target *target);
	const char *watch; /* a table … */
	unsigned watched;  /* … and the erases in it */
	unsigned inserts;  /* calls */
	size_t most_rows;  /* in one of them */
	uint64_t read;     /* rows that selects have passed on … */
	uint64_t bytes;    /* … and bytes of their values */
};

struct memory_target *memory_target_new(void);
/* Removes all rows that were committed. */
void memory_target_clear(struct memory_target *target);

void memory_target_free(struct memory_target *target);

/* The number of rows of a table. */
size_t memory_target_rows(const struct memory_target *target, const char *table);

/* The value in the row of that id: NULL if there is no such row or value. */
const char *memory_target_value(const struct memory_target *target, const char *table, const char *id,
                                const char *column);

/* Everything that is committed, sorted, to be compared with that of another target. The caller frees it. */
char *memory_target_dump(const struct memory_target *target);

/* Adds a table with these columns, NULL-terminated, as if somebody had made it: uuid_ts is a time, others are text. */
void memory_target_make_table(struct memory_target *target, const char *table, const char *const *column);

/* Forgets a column of a table, as if somebody had dropped it. */
void memory_target_drop_column(struct memory_target *target, const char *table, const char *column);

#endif
