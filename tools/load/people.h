/*
 * people: the tables users and accounts, a row for each user_id and group_id with the latest traits, and the
 * deletion of a person.
 *
 * A person's row is the fold of all their rows in identifies (groups) in the order of their keys: what a row
 * gives overwrites, what it lacks stays. The key is the lesser of timestamp and received_at, since a phone that
 * lives in 2031 must not win for ever, and then the id: nothing that depends on the order of arrival. So
 * the row is rebuilt from those rows, in the transaction that adds to them, whenever they change.
 */
#ifndef HS_PEOPLE_H
#define HS_PEOPLE_H

#include "event/data_subject.h"
#include "tools/load/batch.h"

struct hs_people;

/*
 * Bytes of the id of a person: one that is longer is looked up by no index, and would be in memory several times. Its
 * rows of identifies or groups are refused.
 */
enum { HS_PEOPLE_ID_MAX = 64 * 1024 };

/* The column of the ids of people in a table of this kind; NULL: no person's row is made of it. */
const char *hs_people_key_of(enum hs_table_kind kind);

/* True if the row has a longer id in the column `key`. */
bool hs_people_is_too_long(struct hs_people *people, const struct hs_batch *batch, const struct hs_batch_row *row,
                           const char *key);

/* Both must outlive it. NULL: out of memory. */
struct hs_people *hs_people_new(struct hs_catalogue *catalogue, struct hs_target *target);
void hs_people_free(struct hs_people *people); /* NULL is fine */

/* After a failure, or when tables have changed: forgets what it has kept from one transaction for the next. */
void hs_people_forget(struct hs_people *people);

/*
 * Before the transaction of a batch with their rows or a delete, or (NULL) of hs_people_erase: users gets the columns
 * of identifies, accounts those of groups. False: out of memory.
 */
bool hs_people_prepare(struct hs_people *people, const struct hs_batch *batch);

/* In the transaction, after the rows: makes the rows of all people in the batch anew. As the target's calls. */
enum hs_target_result hs_people_put(struct hs_people *people, const struct hs_batch *batch);

/* A person whose rows go. */
struct hs_person {
	enum hs_subject_kind kind;
	struct hs_slice id;    /* as a text column has it */
	struct hs_slice until; /* rows that were spooled up to then; p == NULL: all */
	bool derived;          /* an anonymous id: rows that name a user stay */
};

/*
 * In a transaction: removes a person's rows from every table that has user_id and uuid_ts, and makes users and
 * accounts anew from what is left. Adds the number of rows to *gone.
 */
enum hs_target_result hs_people_erase(struct hs_people *people, const struct hs_person *person, uint64_t *gone);

/*
 * hs_people_erase for a batch that is a delete: of the user's rows that were spooled before it. uuid_ts does not rise
 * in the order of the spool, since a record has the time at which its request came: an event may be before the
 * delete and have a later one. So the limit is the delete's own time, or the greatest uuid_ts of the rows before
 * it, `newest_ms`, if that is later.
 */
enum hs_target_result hs_people_delete(struct hs_people *people, const struct hs_batch *batch, int64_t newest_ms,
                                       uint64_t *gone);

/*
 * For --rebuild of `to`, users or accounts: the table whose rows theirs are made of, and its column of ids; that `to`
 * has its columns (false: out of memory); and one row anew, in a transaction.
 */
enum hs_table_kind hs_people_source(enum hs_table_kind to);
const char *hs_people_key(enum hs_table_kind to);
bool hs_people_prepare_table(struct hs_people *people, enum hs_table_kind to);
enum hs_target_result hs_people_remake(struct hs_people *people, enum hs_table_kind to, struct hs_slice id);

#endif
