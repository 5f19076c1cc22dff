/*
 * suppression_list: people whose events are no longer kept: .hookspool/suppressed.
 *
 * Eight bytes "HSSUPP1\n", then sorted hashes of HS_SUPPRESSION_LIST_HASH bytes: of the salt (see
 * erasure_log.h), the kind, the tenant ("*": whatever the tenant) and the id. Only ever
 * replaced as a whole (temporary file, sync, rename), so it can be mapped and searched as
 * it lies there, also by a CGI process that lives for one event.
 *
 * A record is suppressed if its user_id is a suppressed user's, its anonymous_id a suppressed
 * visitor's, or its previous_id either's: as erase would remove it (data_subject.h). Only ids that
 * were asked for are on the list, none to which a link leads.
 */
#ifndef HS_SUPPRESSION_LIST_H
#define HS_SUPPRESSION_LIST_H

#include "event/data_subject.h"
#include "spool/shared/private_files.h"
#include "spool/shared/spool_dir.h"

enum { HS_SUPPRESSION_LIST_HASH = 16 };

/* One process's view of the list; one thread at a time. The place must outlive it. */
struct hs_suppression_list;
struct hs_suppression_list *hs_suppression_list_new(const struct hs_spool_dir *dir); /* NULL: out of memory */
void hs_suppression_list_free(struct hs_suppression_list *s);                        /* NULL is fine */

/*
 * Takes in a list that hs_suppression_list_add has replaced; the shared state tells, so that it
 * costs nothing if it has not. *active: it is not empty. HS_OK, HS_E_IO, HS_E_MEMORY,
 * HS_E_SPOOL_VERSION (the file is not such a list), or HS_E_SUPPRESSED: there was one, as
 * the receipts tell, and it or its salt is gone.
 */
enum hs_result hs_suppression_list_follow(struct hs_suppression_list *s, bool *active);

/* Is this record's user or visitor on the list? HS_OK or HS_E_MEMORY. */
enum hs_result hs_suppression_list_find(struct hs_suppression_list *s, struct hs_slice record, bool *found);

/*
 * Puts them on the list, durably, for everybody who follows it; but no ids that are
 * `derived`, for others may come to use that device. One process at a time, the
 * caller sees to that. HS_OK, HS_E_IO, HS_E_FULL, HS_E_SYNC or HS_E_MEMORY.
 */
enum hs_result hs_suppression_list_add(const struct hs_spool_dir *dir, const struct hs_subjects *subjects);

/* A list of nobody in place of what there was. HS_OK, HS_E_IO, HS_E_FULL or HS_E_SYNC. */
enum hs_result hs_suppression_list_clear(const struct hs_spool_dir *dir);

#endif
