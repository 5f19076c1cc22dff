/*
 * schema_file: the catalogue (schema_table.h) on disk: .hookspool/schema.
 *
 *	magic     8 bytes, "HSSCHEM1"
 *	serial    8 bytes, little-endian: a random number of each save
 *	check     4 bytes, little-endian: CRC-32 of what follows
 *	head      the spool's id (32 bytes), epoch; when it was saved; the position up to which records are
 *	          counted; 1 if values are still to be gathered, and from where to where; the oldest segment
 *	          when values were last dropped; records, records of other events, number of events
 *	event     name, records, other fields, first and last time, number of fields; then its fields
 *	field     name, types, 1 if it has more values, records, last time, number of values; then its values
 *	value     text, last segment that showed it
 *
 * Numbers are LEB128, seven bits a byte, the lowest first; texts have their length before them. So the file can
 * move to another machine with a backup.
 *
 * INVARIANTS
 *
 *	1. Counts and position are replaced together (file_replace.h), so after a kill no record is counted
 *	   twice, and none is left out.
 *	2. A save replaces only the file that was loaded, by its serial number: of two processes that count
 *	   the same records, one is refused, and loads again.
 *	3. Erase gives the file a new serial number after it has removed records. A process that has read one
 *	   of them loaded the file before that, and is refused.
 *
 * A file that is damaged, or of another history of the spool, is rebuilt from the records that are there.
 */
#ifndef HS_SCHEMA_FILE_H
#define HS_SCHEMA_FILE_H

#include "base/result.h"
#include "schema/schema_table.h"
#include "spool/position/rewrite_log.h"
#include "spool/shared/history.h"

#define HS_SCHEMA_FILE "schema"

/* A catalogue. Zeroed: empty. */
struct hs_schema {
	struct hs_schema_table table;
	uint64_t serial;           /* of the file that was loaded; 0: there was none */
	char spool[HS_HISTORY_ID]; /* the history that the position belongs to */
	uint64_t epoch;
	int64_t saved_ms;                      /* 0: nothing was counted yet */
	struct hs_position counted;            /* every record before it is counted */
	bool gathering;                        /* values of the records in this range are to be gathered: */
	struct hs_position gather, gather_end; /* erase has dropped them */
	uint64_t oldest;                       /* segment, when values were last dropped */
};

/* Both make the schema empty, with its serial number; hs_schema_reset keeps the table's seed, too. */
void hs_schema_reset(struct hs_schema *s);
void hs_schema_free(struct hs_schema *s);

/* Appends what follows the check sum. The caller asks hs_buf_ok. */
void hs_schema_encode(const struct hs_schema *s, struct hs_buf *out);
/* Reads that into an empty schema. HS_OK, HS_E_MEMORY, or HS_E_SPOOL_FILE: it is none. */
enum hs_result hs_schema_decode(struct hs_schema *s, struct hs_slice bytes);

/*
 * Loads the file into a zeroed schema. It is empty if there is none, or if it is damaged, which is logged, or if
 * this process may not read it. HS_OK, HS_E_MEMORY, or as hs_io_result.
 */
enum hs_result hs_schema_load(struct hs_schema *s, const struct hs_spool_dir *dir);

/*
 * Replaces the file that was loaded, durably. HS_OK; HS_E_REWRITTEN: another process has replaced it
 * meanwhile, so load it again; HS_E_LOCKED; HS_E_MEMORY; results of hs_file_replace_end.
 */
enum hs_result hs_schema_save(struct hs_schema *s, const struct hs_spool_dir *dir);

/*
 * For erase, after it has removed records: drops all values, durably, also those that another process is about
 * to save. The file is there afterwards, so that invariant 3 holds. HS_OK, or as hs_schema_save: then they
 * may still be there.
 */
enum hs_result hs_schema_forget(const struct hs_spool_dir *dir);

#endif
