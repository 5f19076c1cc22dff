/*
 * summary: what is known of a sealed segment, so that a question need not open the segment.
 *
 * A sealed segment never changes, so what is known about it is written down once, in a file of
 * .hookspool/run/summary, named like the stream and the number: events-42. All of it can be made again
 * from the segment, so nothing is lost with it, and it is never believed against the segment:
 *
 *	             +-----------------------------------------------------------+
 *	  head       | magic, check sum; spool, stream and number of the segment |
 *	             | inode, size and time of change of its file, plain and .gz |
 *	             | bytes, lines, CRC-32 of the text; spans of time           |
 *	             | table of the parts: kind, offset, bytes, CRC-32           |
 *	             +-----------------------------------------------------------+
 *	  SUMS       | CRC-32 of each 4096 bytes of IDS                          |
 *	             +-----------------------------------------------------------+
 *	  IDS        | n dedup keys in ascending order: n first halves (8 bytes  |
 *	             | each), n second halves, n times in seconds (4 bytes each) |
 *	             +-----------------------------------------------------------+
 *	  BLOOM      | user, anonymous, previous, group and message ids          |
 *	             +-----------------------------------------------------------+
 *	  TYPES,     | u64 records and bytes of further names, then rows:        |
 *	  EVENTS …   | u64 records, u64 bytes, u64 bytes of the name, the name   |
 *	             +-----------------------------------------------------------+
 *
 * IDS are most of the file, and a look-up touches few pages of them, so SUMS lets it check these alone. IDS
 * that need more than a page begin at one.
 *
 * INVARIANTS
 *
 *	1. A summary is believed only if its head and the part asked for have their check sums, and
 *	   the spool, the number, and the inode, size and time of change of the segment's file agree.
 *	2. If `odd` is 0, every line of the segment is a record as hookspool writes it: its fixed fields
 *	   come first and in their order. Then IDS, BLOOM and the counts cover every line. Otherwise the
 *	   segment has only a head: read its lines. What is after a line's spooled_at concerns no part, and
 *	   is not parsed (summary_line.h says what is known of it); only verify does that.
 *	3. A part may be missing (IDS and BLOOM of more than HS_SUMMARY_EVENTS_MAX events): then nothing
 *	   is known of what it would say.
 *
 * Numbers are in this machine's byte order, as in the rest of run/, which never leaves the machine;
 * a foreign magic is another machine's or another version's.
 */
#ifndef HS_SUMMARY_H
#define HS_SUMMARY_H

#include "base/buf.h"
#include "base/result.h"
#include "event/top_counts.h"
#include "spool/shared/history.h"

#include <sys/stat.h>

enum {
	HS_SUMMARY_EVENTS_MAX = 1 << 21, /* with more events a segment has neither IDS nor BLOOM */
	HS_SUMMARY_PARTS_MAX = 16,
	HS_SUMMARY_CHUNK = 4096, /* bytes of IDS that have a check sum in SUMS; the last chunk may be shorter */
	HS_SUMMARY_NAME = 48,    /* bytes of the longest file name, its NUL included */
};

#define HS_SUMMARY_MAGIC UINT64_C(0x335952414D4D5553) /* "SUMMARY3" */

enum hs_summary_kind {
	HS_SUMMARY_IDS,
	HS_SUMMARY_BLOOM,
	HS_SUMMARY_TYPES,
	HS_SUMMARY_EVENTS,
	HS_SUMMARY_TENANTS,
	HS_SUMMARY_DAYS,    /* of the time: 2026-11-23 */
	HS_SUMMARY_REASONS, /* of a rejected segment */
	HS_SUMMARY_SUMS,
	HS_SUMMARY_KINDS
};

/* A segment's file, as fstat(2) tells of it. Zeroed: there is none. */
struct hs_summary_file {
	uint64_t inode, bytes;
	int64_t changed_ns;
};

struct hs_summary_part {
	uint32_t kind, crc;
	uint64_t offset, bytes; /* in the file */
};

/* The head, as it is in the file: every member is 8-byte aligned, and there is no padding. */
struct hs_summary {
	uint64_t magic;
	uint32_t crc; /* of the bytes after this member, `bytes_of_head` in all */
	uint32_t head_bytes;
	char spool[HS_HISTORY_ID]; /* hex digits */
	uint64_t number;
	uint64_t rejected; /* 1: of the rejected stream, 0: of the events */
	struct hs_summary_file plain, gzip;
	uint64_t text_bytes, lines;
	uint64_t odd;                        /* lines that are no such record */
	uint64_t text_crc;                   /* CRC-32 */
	int64_t first_spooled, last_spooled; /* ms; least and greatest, 0 without any */
	int64_t timed;                       /* lines with a time: timestamp, else spooled_at */
	int64_t first_time, last_time;       /* ms; least and greatest, if `timed` > 0 */
	uint64_t last_line;                  /* hash of the last line (history.h); 0: there is none */
	uint64_t parts;
	struct hs_summary_part part[HS_SUMMARY_PARTS_MAX];
};

/* "events-42" */
void hs_summary_name(bool rejected, uint64_t number, char out[static HS_SUMMARY_NAME]);
/* False if the name is not spelled like that. */
bool hs_summary_name_parse(const char *name, bool *rejected, uint64_t *number);

/*
 * Reads the first bytes of a summary's file of `file_bytes` bytes; `head` should have
 * sizeof *s of them, or all. False: damaged, or of another version or machine.
 */
bool hs_summary_decode(struct hs_slice head, uint64_t file_bytes, struct hs_summary *s);

/* Puts the parts' table and the check sum in order: to be called before the head is written. */
void hs_summary_seal(struct hs_summary *s);

struct hs_summary_file hs_summary_file_of(const struct stat *st);
/* True if the summary describes this file, plain or .gz. */
bool hs_summary_fits(const struct hs_summary *s, const struct stat *st);

/* The bytes of a head with this number of parts, which follow it. */
size_t hs_summary_head_bytes(uint64_t parts);

/* The part of that kind, or NULL. */
const struct hs_summary_part *hs_summary_find(const struct hs_summary *s, enum hs_summary_kind kind);

/* --- writing a part ------------------------------------------------------------------------------ */

/* Writes the SUMS of these IDS to `to`, which has room for 4 bytes a chunk. */
void hs_summary_sums(struct hs_slice ids, char *to);
/* Appends TYPES, EVENTS … */
void hs_summary_counts_put(const struct hs_top_counts *t, struct hs_buf *out);

/* --- reading a part, whose check sum holds ----------------------------------------------------- */

/* The rows of TYPES, EVENTS … */
struct hs_summary_counts {
	struct hs_slice rest;              /* rows that are not read yet */
	uint64_t more_records, more_bytes; /* of names beyond the limit of top_counts.h */
};
/* False: the bytes are no such part. */
bool hs_summary_counts_start(struct hs_summary_counts *c, struct hs_slice part);
/* 1: a row; 0: the end; -1: the bytes are no such part. */
int hs_summary_counts_next(struct hs_summary_counts *c, struct hs_slice *name, uint64_t *records, uint64_t *bytes);

/* The hash of an id's text (id_text.h) for BLOOM. */
uint64_t hs_summary_hash(struct hs_slice id);
/* False only if BLOOM, whose bytes these are, does not have the hash. */
bool hs_summary_bloom_may_have(struct hs_slice part, uint64_t hash);
/* For an id as a filter has it: the text, or a number in that spelling. */
bool hs_summary_bloom_may_name(struct hs_slice part, struct hs_slice id);

#endif
