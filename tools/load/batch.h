/*
 * batch: the records of one transaction, as rows whose cells know their columns.
 *
 * Lines are copied, but for one that is longer than HS_BATCH_LONG: it is a batch of its own and is not copied, so that
 * it is in memory once. Neither is what its rows have made: it is the maker's.
 */
#ifndef HS_BATCH_H
#define HS_BATCH_H

#include "base/digest.h"
#include "base/timestamp.h"
#include "spool/position/rewrite_log.h"
#include "tools/load/catalogue.h"

struct hs_batch_cell {
	struct hs_value value;
	struct hs_slice name;
	uint32_t column; /* index in the table; HS_BATCH_NO_COLUMN: only in _rest, under `name` */
};

enum {
	HS_BATCH_NO_COLUMN = INT32_MAX,
	HS_BATCH_CELLS = 100000, /* a batch with so many is full: some 5 MB */
	HS_BATCH_LONG = 2 << 20, /* bytes; a line that is longer stays the caller's */
};

struct hs_batch_row {
	struct hs_catalogue_table *table;
	size_t cell, cells; /* the first, and how many */
	size_t record;      /* index of its record */
	bool narrow;        /* only the common columns; all else in _rest */
	bool refused;
	struct hs_row_walk walk; /* if it is needed: cells without a column are not kept, but made again … */
	bool has_more;           /* … and there are some */
	size_t walked;           /* of the cells that were kept, the last ones: the walk makes them, too */
};

struct hs_batch_record {
	struct hs_slice line;
	struct hs_position after;
	char *why;        /* what the database said of a row of it that it refused; NULL: it has refused none */
	bool told;        /* its dead letter is written */
	bool is_unplaced; /* it has no row: its event can have no table, and `tracks` is not wanted */
};

struct hs_batch {
	char *text; /* of lines … */
	char *made; /* … and of what their rows have made; neither moves while there are records */
	size_t n, cap, made_n, made_cap;
	size_t bytes; /* that `text` and `made` have room for, at least */
	struct hs_batch_record *record;
	size_t records, records_cap;
	struct hs_batch_row *row;
	size_t rows, rows_cap;
	struct hs_batch_cell *cell;
	size_t cells, cells_cap;
	uint64_t gone, damaged; /* segments that were missing before its records; lines of it that are no records */
	int64_t newest_ms;      /* the greatest uuid_ts of its rows, since 1970; 0: there is none */
	struct hs_timestamp_minute minute; /* of the last one */
	bool erases;                       /* its only record is a delete */
	bool is_lent;                      /* its only line is the caller's, and what its rows have made the maker's */
	struct hs_row_maker *maker;        /* of the rows */
};

bool hs_batch_init(struct hs_batch *batch, size_t bytes); /* false: out of memory */
void hs_batch_free(struct hs_batch *batch);

/* Empties it. */
void hs_batch_reset(struct hs_batch *batch);

/* Forgets which rows and records were refused, before the batch is tried again. No message is repeated. */
void hs_batch_forget_refusals(struct hs_batch *batch);

/* True if a line of n bytes fits, whatever its record becomes. An empty batch makes room for any. */
bool hs_batch_has_room(struct hs_batch *batch, size_t n);

/*
 * Adds a record with its rows; new tables and columns come into the catalogue. HS_OK, HS_E_MEMORY, or HS_E_JSON_SYNTAX:
 * it is no record. If the batch is lent then, line and maker must stay as they are until it is reset.
 */
enum hs_result hs_batch_add(struct hs_batch *batch, struct hs_row_maker *maker, struct hs_catalogue *catalogue,
                            struct hs_slice line, struct hs_position after);

/* Makes rows and cells of all records anew, for a catalogue that was read again. HS_OK or HS_E_MEMORY. */
enum hs_result hs_batch_remake(struct hs_batch *batch, struct hs_row_maker *maker, struct hs_catalogue *catalogue);

/*
 * Calls take() with each cell of a row that was not kept, or, with its column, was. False: take() was, or out of
 * memory.
 */
bool hs_batch_walk(const struct hs_batch *batch, const struct hs_batch_row *row,
                   bool (*take)(void *context, const struct hs_cell *cell, ptrdiff_t column), void *context);

/*
 * Sorts the indexes of the rows by table, in order: row[i] for each row, and end[i], zero before, for each of the
 * catalogue's tables, becomes where those of the i-th table end.
 */
void hs_batch_group_rows(const struct hs_batch *batch, size_t *row, size_t *end, size_t tables);

/* Makes the hash of the last line, the only one of a batch that a position needs. False: out of memory. */
bool hs_batch_hash_last(struct hs_batch *batch, struct hs_digest *digest);

#endif
