/*
 * misfits: the columns whose values did not fit and went to _rest, for the summary and for a user who watches.
 *
 * A count becomes final in three steps, because rows are made again when they are halved, and written again when
 * a transaction fails: noted while rows are made, taken when the database has taken them, kept after the commit.
 */
#ifndef HS_MISFITS_H
#define HS_MISFITS_H

#include "tools/load/batch.h"

enum { HS_MISFITS_MAX = 100 };

struct hs_misfit {
	char *column;              /* TABLE.COLUMN, without the prefix */
	enum hs_column_type sent;  /* type of the values */
	enum hs_column_type takes; /* the type that takes them all; NONE: none does */
	uint64_t hash, noted, taken, kept;
	bool told;
};

/* A zeroed struct is empty. */
struct hs_misfits {
	struct hs_misfit at[HS_MISFITS_MAX];
	size_t n;
	bool more; /* there are more columns than these */
};

void hs_misfits_free(struct hs_misfits *misfits);

/*
 * Notes a value that the column of the table, whose name without the prefix is `name`, does not take. `numbers`: what
 * a column takes to which --retype gives the type number.
 */
void hs_misfits_note(struct hs_misfits *misfits, const char *name, const struct hs_target_column *column,
                     enum hs_column_type required, const struct hs_value *value, enum hs_number_range numbers);

void hs_misfits_forget_noted(struct hs_misfits *misfits);
void hs_misfits_take(struct hs_misfits *misfits);
void hs_misfits_forget_taken(struct hs_misfits *misfits);
void hs_misfits_keep(struct hs_misfits *misfits);

/* Appends " (order_completed.total: 12 text)", or nothing if everything fitted. */
void hs_misfits_put(const struct hs_misfits *misfits, struct hs_buf *out);

/* Tells on standard error which --retype takes the values of each column; with `new_only` of those not told yet. */
void hs_misfits_tell(struct hs_misfits *misfits, const char *command, bool new_only);

#endif
