/*
 * fold: one row made of many, in the order of their keys: the row of a person. Pure.
 *
 * The key is the lesser of timestamp and received_at, then the id. For each column the latest value that is not
 * NULL counts; a value in a row's _rest is a value of its column, too.
 */
#ifndef HS_FOLD_H
#define HS_FOLD_H

#include "tools/load/catalogue.h"

struct hs_fold;

struct hs_fold *hs_fold_new(void); /* NULL: out of memory */
void hs_fold_free(struct hs_fold *fold);

/* Begins a row of `to` made of rows of `from`. False: out of memory. */
bool hs_fold_begin(struct hs_fold *fold, const struct hs_catalogue_table *from, const struct hs_catalogue_table *to);

/* Begins another row, of and to the same tables. */
void hs_fold_again(struct hs_fold *fold);

/* The columns of `from` that the rows must come with. */
const size_t *hs_fold_columns(const struct hs_fold *fold);
size_t hs_fold_column_count(const struct hs_fold *fold);

/* Adds a row: the values of these columns. `fold` is a struct hs_fold. False: out of memory. */
bool hs_fold_add(void *fold, const struct hs_slice *value);

/* True if each column of `from` has a like one in `to`, so that all values go over as they are. */
bool hs_fold_is_plain(const struct hs_fold *fold);

bool hs_fold_is_empty(const struct hs_fold *fold);

/* The key of the row that comes first. "": there is none. */
const char *hs_fold_first_key(const struct hs_fold *fold);

/* How a row is made. */
struct hs_fold_end {
	struct hs_slice id;    /* of the row … */
	struct hs_slice whole; /* … and what it was before it was hashed, for _rest; p == NULL: it was not */
	enum hs_number_range numbers;
	bool narrow; /* only the columns that every such table has; all else in _rest */
};

/* The row, valid until the next begin. May be called again. False: out of memory. */
bool hs_fold_end(struct hs_fold *fold, const struct hs_fold_end *how, struct hs_target_rows *row);

#endif
