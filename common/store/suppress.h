/*
 * suppress: people whose events are no longer kept: .hookspool/suppressed.
 *
 * Eight bytes "HSSUPP1\n", then sorted hashes of HS_SUPPRESS_HASH bytes: of the salt (see
 * receipt.h), the kind, the tenant ("*": whatever the tenant) and the id. Only ever
 * replaced as a whole (temporary file, sync, rename), so it can be mapped and searched as
 * it lies there, also by a CGI process that lives for one event.
 *
 * A record is suppressed if its user_id is a suppressed user's, its anonymous_id a suppressed
 * visitor's, or its previous_id either's: as erase would remove it (subject.h). Only ids that
 * were asked for are on the list, none to which a link leads.
 */
#ifndef HS_SUPPRESS_H
#define HS_SUPPRESS_H

#include "core/subject.h"
#include "store/segment.h"

#define HS_SUPPRESS_FILE "suppressed"
enum { HS_SUPPRESS_HASH = 16, HS_SUPPRESS_EMPTY = 8 /* bytes of a list of nobody */ };

/* One process's view of the list; one thread at a time. The place must outlive it. */
struct hs_suppress;
struct hs_suppress *hs_suppress_new(const struct hs_place *place); /* NULL: out of memory */
void hs_suppress_free(struct hs_suppress *s);                      /* NULL is fine */

/*
 * Takes in a list that hs_suppress_add has replaced; the shared state tells, so that it
 * costs nothing if it has not. *active: it is not empty. HS_OK, HS_E_IO, HS_E_MEMORY,
 * HS_E_SPOOL_VERSION (the file is not such a list), or HS_E_SUPPRESSED: there was one, as
 * the receipts tell, and it or its salt is gone.
 */
enum hs_result hs_suppress_follow(struct hs_suppress *s, bool *active);

/* Is this record's user or visitor on the list? HS_OK or HS_E_MEMORY. */
enum hs_result hs_suppress_find(struct hs_suppress *s, struct hs_slice record, bool *found);

/*
 * Puts them on the list, durably, for everybody who follows it; but no ids that are
 * `derived`, for others may come to use that device. One process at a time, the
 * caller sees to that. HS_OK, HS_E_IO, HS_E_FULL, HS_E_SYNC or HS_E_MEMORY.
 */
enum hs_result hs_suppress_add(const struct hs_place *place, const struct hs_subjects *subjects);

/* A list of nobody in place of what there was. HS_OK, HS_E_IO, HS_E_FULL or HS_E_SYNC. */
enum hs_result hs_suppress_clear(const struct hs_place *place);

#endif
