/*
 * schema: a catalogue of what is in the spool: which events came, how often, with which fields of which
 * types.
 *
 * It is kept in .hookspool/schema (schema_file.h), with the position up to which records are counted, so that
 * it grows with what arrives and no question costs a scan. What retention deletes stays counted. What erase
 * removes stays counted, too, but all examples and values go with each erase, and are gathered anew.
 */
#ifndef HS_SCHEMA_H
#define HS_SCHEMA_H

#include "schema/schema_json.h"
#include "spool/read/reader.h"

/*
 * Appends the catalogue as `hookspool schema --json` prints it, from the file alone, which maintenance brings
 * up to date every minute:
 *
 *	{"records":9,"as_of":"…Z","other":0,"events":[
 *	{"type":"track","event":"Order Completed","count":7,"first_seen":"…Z","last_seen":"…Z","other_fields":0,"fields":[
 *	 {"name":"properties_total","types":["number"],"count":6,"last_seen":"…Z","example":"39.95","values":["39.95","7"]}]}]}
 *
 * "event" is null for types without a name; times are null if no record has one; "as_of" is null if nothing
 * was counted yet. "example" is null, and "values" is empty, if none is known; "values" is empty as well if there
 * are more than 20. Events with the most records come first, fields in the order of the first record. HS_OK,
 * also if there is no file or a damaged one; HS_E_MEMORY, or as hs_io_result.
 */
enum hs_result hs_schema_print(const struct hs_spool_dir *dir, const struct hs_schema_view *view, struct hs_buf *out);

/* How far hs_schema_advance goes. Zeroed: to the end. */
struct hs_schema_work {
	int64_t until_ms;            /* on hs_io_now_monotonic()'s clock; 0: no limit */
	bool (*stop)(void *context); /* called now and then; true: end early. NULL: never */
	void *context;
};

/*
 * Reads what the catalogue does not have yet, and saves it every few seconds. Moves the reader. The schema, zeroed
 * before, is what the file has then; hs_schema_free frees it. A reader that may only read finds no file, saves
 * none, and counts all that the spool has. HS_OK, also if it stopped early; HS_E_MEMORY, or results of
 * hs_reader_result and hs_schema_save: what was saved before stays.
 */
enum hs_result hs_schema_advance(struct hs_reader *reader, const struct hs_schema_work *work, struct hs_schema *schema);

/*
 * For maintenance: advances, unless another process is at it, or the file was saved in the last gap_ms. Does
 * nothing if there is no spool. Errors are logged. gap_ms 0 is for a command: it waits a while for the other.
 */
void hs_schema_maintain(const struct hs_settings *settings, const struct hs_schema_work *work, int64_t gap_ms);

#endif
