/*
 * fold: one row made of many, in the order of their keys: the row of a person. Pure.
 *
 * The key is the lesser of timestamp and received_at, then the id. For each column the latest value that is not
 * NULL counts; a value in a row's _rest is a value of its column, too. Rows may be added in any order; only what counts
 * so far is kept, so that memory does not grow with their number.
 */
#ifndef HS_FOLD_H
#define HS_FOLD_H

#include "tools/load/catalogue.h"
#include "tools/load/members.h"

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

/*
 * Adds a row: the values of these columns. `fold` is a struct hs_fold. False: out of memory. A row that makes the fold
 * too long is not added, or in part, nor is any after it.
 */
bool hs_fold_add(void *fold, const struct hs_slice *value);

/*
 * Adds a row, or the columns of one that were asked for, during each() of the target's select, whose memory it may
 * keep.
 */
bool hs_fold_add_selected(struct hs_fold *fold, const struct hs_slice *value, struct hs_target *target);

/* Adds a row without copies of its values: they must stay as they are until the next hs_fold_begin or hs_fold_again. */
bool hs_fold_lend(struct hs_fold *fold, const struct hs_slice *value);

/* True if what counts so far, or the row, is longer than limits.h allows: it must begin again. */
bool hs_fold_is_too_long(const struct hs_fold *fold);

/* Makes it too long: there are rows that cannot be added. */
void hs_fold_give_up(struct hs_fold *fold);

/* True if values of so many bytes more would not make it too long. */
bool hs_fold_has_room(const struct hs_fold *fold, size_t bytes);

/*
 * True if a row that comes before all those that were added could have a value that counts in this column, by the index
 * in hs_fold_columns.
 */
bool hs_fold_wants(struct hs_fold *fold, size_t column);

/* True if each column of `from` has a like one in `to`, so that all values go over as they are. */
bool hs_fold_is_plain(const struct hs_fold *fold);

/* The key of a row: the lesser of its times, a blank, its id. NULL: out of memory. */
struct hs_row_key *hs_fold_row_key(struct hs_fold *fold, struct hs_slice timestamp, struct hs_slice received_at,
                                   struct hs_slice id);

/* How many rows were added. */
size_t hs_fold_rows(const struct hs_fold *fold);

/* The keys of the rows that come first and last. "": there is none. */
const char *hs_fold_first_key(const struct hs_fold *fold);
const char *hs_fold_last_key(const struct hs_fold *fold);

/* True if a row had anything in its _rest. */
bool hs_fold_has_rest(const struct hs_fold *fold);

/* The key of the row whose value of a column counts so far, by the index in hs_fold_columns; NULL: it has no value. */
struct hs_row_key *hs_fold_key(const struct hs_fold *fold, size_t column);

/* Drops the value of this column. */
void hs_fold_drop(struct hs_fold *fold, size_t column);

/* How a row is made. */
struct hs_fold_end {
	struct hs_slice id;    /* of the row … */
	struct hs_value whole; /* … and what it was before it was hashed, for _rest; text.p == NULL: it was not */
	enum hs_number_range numbers;
	const char *as_of; /* in place of the last key; NULL: that */
	bool consumes;     /* a long _rest is a text as a whole, and what it is made of is freed: the fold ends once */
	bool narrow;       /* only the columns that every such table has; all else in _rest */
};

/* The row, valid until the next begin. May be called again. False: it is too long, or out of memory. */
bool hs_fold_end(struct hs_fold *fold, const struct hs_fold_end *how, struct hs_target_rows *row);

#endif
