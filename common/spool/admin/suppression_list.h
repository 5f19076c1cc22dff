/*
 * suppression_list: people whose events are no longer kept: .hookspool/suppressed.
 *
 * The file (suppression_file.h) has a hash for each: of the salt (salt.h), the kind, the tenant ("*": all tenants)
 * and the id, cut to HS_SUPPRESSION_LIST_HASH bytes. A process reads it once and searches it as it is, also a CGI
 * process that lives for one event.
 *
 * A record is suppressed if erase would remove it (data_subject.h): its user_id is a suppressed
 * user's, its anonymous_id a suppressed visitor's, or its previous_id either's. The list has only
 * ids that were asked for, none to which a link leads.
 */
#ifndef HS_SUPPRESSION_LIST_H
#define HS_SUPPRESSION_LIST_H

#include "event/data_subject.h"
#include "spool/shared/private_files.h"
#include "spool/shared/spool_dir.h"

/* A process's copy of the list, for one thread at a time. `dir` must outlive it. */
struct hs_suppression_list;
struct hs_suppression_list *hs_suppression_list_new(const struct hs_spool_dir *dir); /* NULL: out of memory */
void hs_suppression_list_free(struct hs_suppression_list *s);                        /* NULL is fine */

/*
 * Reads the list anew if hs_suppression_list_add of any process has replaced it; the shared state
 * tells, so it costs nothing otherwise. *active: the list is not empty. HS_OK, HS_E_IO, HS_E_MEMORY,
 * HS_E_SPOOL_VERSION (the file is not such a list), or HS_E_SUPPRESSED: it or its salt is gone, cut or
 * damaged, as the receipts or its check sum say; or as hs_salt.
 */
enum hs_result hs_suppression_list_follow(struct hs_suppression_list *s, bool *active);

/* Sets *found if the record is suppressed; after hs_suppression_list_follow. HS_OK or HS_E_MEMORY. */
enum hs_result hs_suppression_list_find(struct hs_suppression_list *s, struct hs_slice record, bool *found);

/*
 * Adds subjects to the list, durably, for all processes; but no `derived` ids, since another person
 * may use that device later. One process at a time: the caller holds the lock of hs_rewriter_lock.
 * HS_OK, HS_E_SYNC, as hs_io_result, as hs_salt, or as hs_suppression_list_follow.
 */
enum hs_result hs_suppression_list_add(const struct hs_spool_dir *dir, const struct hs_subjects *subjects);

/* Replaces the list by an empty one, durably. HS_OK, HS_E_SYNC, or as hs_io_result. */
enum hs_result hs_suppression_list_clear(const struct hs_spool_dir *dir);

#endif
