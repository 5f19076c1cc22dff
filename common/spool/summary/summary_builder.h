/*
 * summary_builder: makes the summary of a segment from its lines.
 *
 *	b = hs_summary_builder_new(spool_id, rejected, number), or hs_summary_builder_again with a used one
 *	hs_summary_builder_text or hs_summary_builder_line, until the end of the segment
 *	head = hs_summary_builder_end(b, &parts): what to write, see hs_summary_write
 *
 * A missing summary costs time and no answer, so there are no results: a builder that runs out of
 * memory does nothing more for this segment. It needs 80 to 100 bytes an event, up to
 * HS_SUMMARY_EVENTS_MAX events, and keeps them for the next segment. One thread uses it.
 */
#ifndef HS_SUMMARY_BUILDER_H
#define HS_SUMMARY_BUILDER_H

#include "spool/summary/summary.h"

struct hs_summary_builder;

/* `spool` is the spool's id. NULL: out of memory; the functions below do nothing with NULL. */
struct hs_summary_builder *hs_summary_builder_new(const char spool[static HS_HISTORY_ID], bool rejected,
                                                  uint64_t number);
void hs_summary_builder_free(struct hs_summary_builder *b);

/* Forgets its segment for another one of the same spool; b is not NULL. */
void hs_summary_builder_again(struct hs_summary_builder *b, bool rejected, uint64_t number);
/* The next bytes of the segment, which may end anywhere. */
void hs_summary_builder_text(struct hs_summary_builder *b, struct hs_slice text);
/* The CRC-32 of all bytes that text was given: the compressor knows it anyway. */
void hs_summary_builder_crc(struct hs_summary_builder *b, uint32_t crc);
/* The next line without its newline; `whole`: one follows. Not to be mixed with text. */
void hs_summary_builder_line(struct hs_summary_builder *b, struct hs_slice line, bool whole);
/* The segment is damaged after these lines: it gets a summary that only says so, by `odd`. */
void hs_summary_builder_damage(struct hs_summary_builder *b);
/* The segment cannot be read: there will be no summary. */
void hs_summary_builder_fail(struct hs_summary_builder *b);

/*
 * The segment has ended. NULL: there is no summary. The head is to be completed with the segment's
 * files and then sealed (hs_summary_seal); the parts follow it in the file. Both are the builder's.
 */
struct hs_summary *hs_summary_builder_end(struct hs_summary_builder *b, struct hs_slice *parts);

#endif
