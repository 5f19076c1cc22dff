/*
 * quick_people: the rows of people made from a batch alone, for many of them in a few calls of the target.
 *
 * That is right if a person's row is older than all their rows in the batch, or if the batch has all their rows; and
 * if no value of theirs is in a _rest; or if it is known which row each value of theirs is of. Other people are left to
 * the caller, who rebuilds them from all their rows.
 */
#ifndef HS_QUICK_PEOPLE_H
#define HS_QUICK_PEOPLE_H

#include "tools/load/batch.h"
#include "tools/load/fold.h"

struct hs_quick_people;

/* Both must outlive it. NULL: out of memory. */
struct hs_quick_people *hs_quick_people_new(struct hs_target *target, struct hs_fold *fold);
void hs_quick_people_free(struct hs_quick_people *quick); /* NULL is fine */

/*
 * Notes that a row of the batch, by its index, is of the person with this id. False: out of memory, and all are
 * forgotten.
 */
bool hs_quick_people_add(struct hs_quick_people *quick, struct hs_slice id, size_t row);

struct hs_quick_people_task {
	const struct hs_batch *batch;
	struct hs_catalogue_table *from;
	const struct hs_catalogue_table *to;
	const char *key;                                 /* column of `from`: the id in `to` */
	bool (*left)(void *context, struct hs_slice id); /* told of each person who is left; false: out of memory */
	void *context;
};

/* Notes a person whom the caller has rebuilt, with the fold that was made of all their rows. */
void hs_quick_people_note(struct hs_quick_people *quick, const struct hs_catalogue_table *from, struct hs_slice id);

/* Forgets what is known of all people: a transaction has failed, rows were erased, or tables have changed. */
void hs_quick_people_forget(struct hs_quick_people *quick);

/* In the transaction, after the rows: puts the people that were added, and forgets them. As the target's calls. */
enum hs_target_result hs_quick_people_put(struct hs_quick_people *quick, const struct hs_quick_people_task *task);

#endif
