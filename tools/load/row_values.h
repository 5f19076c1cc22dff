/*
 * row_values: the values of rows for one call of a target: a text for each column that one of the rows has, and
 * _rest with what did not fit.
 */
#ifndef HS_ROW_VALUES_H
#define HS_ROW_VALUES_H

#include "tools/load/misfits.h"

/* Buffers of values that a large record has made larger than this are freed after use. */
enum { HS_ROW_VALUES_KEEP = 1 << 20 };

struct hs_made_value {
	size_t value; /* its index */
	size_t start; /* in the text */
};

struct hs_row_values;

/* The text of a row's _rest, in pieces. */
struct hs_rest_pieces {
	struct hs_pieces pieces; /* first: both have one address */
	const struct hs_row_values *values;
	const struct hs_batch *batch;
	const struct hs_batch_row *row;
	uint64_t *members; /* where they are counted, when the bytes are */
};

/* Working memory; a zeroed struct is empty. */
struct hs_row_values {
	struct hs_buf text; /* of the values whose text differs from that in the batch's lines … */
	uint32_t *misfit;   /* … and the cells of a row that go to its _rest */
	size_t misfit_count, misfit_cap;
	struct hs_made_value *made; /* values in `text`; their slices are set at the end, since `text` moves */
	size_t mades, made_cap;
	size_t *column;  /* of the table, in the order of the call */
	uint32_t *place; /* of a column of the table: 1 + its index in the call; 0: not in the call */
	size_t columns, columns_cap;
	struct hs_slice *value;
	size_t values_cap;
	struct hs_rest_pieces long_rest;
	bool has_long_rest; /* it is that of the one row */
	bool is_too_long;   /* the _rest of a row would be longer than HS_REST_MAX: no row is made */
	bool lacks_rest;    /* a row has a _rest, which was not chosen: the rows are filled once more */
	uint64_t rest;      /* values that went to _rest */
	struct hs_misfits misfits;
	size_t prefix; /* bytes of it before the names of tables */
};

void hs_row_values_free(struct hs_row_values *values);

/*
 * Fills `rows` for the batch's rows with these indexes, all of one table; valid until the next call, or until the batch
 * changes. False: out of memory. Check values->is_too_long.
 */
bool hs_row_values_make(struct hs_row_values *values, const struct hs_batch *batch, struct hs_catalogue_table *table,
                        const size_t *row, size_t n, enum hs_number_range numbers, struct hs_target_rows *rows);

#endif
