/*
 * import: archives of original events, some on each line, into the spool by the way of a
 * delivery: the same judgement, the same record, the same search for duplicates, the same
 * file for what is refused. In commits of some thousand events.
 *
 * A line holds events and arrays of events, one behind the other (hs_json_piece). What cannot be
 * read is refused with the rest of its line. A line may be of any length: max_body bounds an event,
 * and memory. A commit, and so the checkpoint, may end between two events of a line.
 *
 * It can be stopped or killed anywhere and run again. An event with an id, or with a
 * timestamp, is found to be in the spool already. For the others (all of them, if
 * dedup_window is 0) and for what is refused there is a checkpoint for each archive, see
 * checkpoint.h: a commit that was cut short is looked for in the spool, by the very lines it would
 * have written. A pipe has no checkpoint: from a pipe, these come twice when it is run twice.
 *
 * A file that is no JSON lines is recognised by its first bytes, or because there is no JSON object
 * in the first commit: then nothing is written. One that becomes rubbish in the middle is given up
 * after a thousand lines of it.
 */
#ifndef HS_IMPORT_H
#define HS_IMPORT_H

#include "spool/admin/inventory.h"
#include "spool/spool.h"

struct hs_imported {
	uint64_t lines;  /* that were begun or passed over */
	uint64_t events; /* in them, or what stands in the place of one */
	uint64_t accepted, duplicate, rejected;
	uint64_t suppressed;      /* of users who were erased for good, see suppression_list.h */
	uint64_t left_out;        /* by type or time */
	uint64_t undated;         /* of these, because their time cannot be read … */
	uint64_t undated_line;    /* … such as this line, from 1 */
	uint64_t read;            /* bytes of the file */
	uint64_t resumed;         /* lines that an earlier run had brought in already … */
	uint64_t rejected_before; /* … or had refused, as `rejected` of this run */
	int error;                /* errno of reading the archive, EILSEQ: a damaged gzip; 0: none */
	const char *foreign;      /* no JSON lines but this; NULL: they are. Nothing was written … */
	const char *remedy;       /* … and what to do about it */
	bool garbage;             /* lines that are no JSON, one after another: reading was given up */
	bool done_before;         /* an earlier run was through with it: nothing was done */
	bool in_use;              /* another process imports this very file: nothing was done */
	bool stopped;             /* go_on said so; what was counted is in the spool */
};

struct hs_importer {
	const char *tenant;      /* of every event, one of the keys' labels; "": none */
	const char *const *type; /* only these, `types` of them; 0: all */
	size_t types;
	bool since_given, until_given;
	int64_t since_ms, until_ms;           /* by the event's timestamp: from since, before until */
	bool look_only;                       /* count, write nothing */
	const struct hs_inventory *inventory; /* then: ask this, and do not open the spool; or NULL */
	bool again;                           /* whatever the checkpoint says */
	void *context;
	/* Behind each commit; false: stop. May be NULL. */
	bool (*go_on)(void *context, const struct hs_imported *so_far);
};

/*
 * Imports what the descriptor holds; `name` stands in the lines of the rejected file. The
 * spool must be one of these settings. HS_OK, also if reading came to an early end (see
 * hs_imported), HS_E_MEMORY, or a result of hs_spool_append: what was counted is in the
 * spool, and the rest can be imported by running it again.
 */
enum hs_result hs_import(struct hs_spool *spool, const struct hs_settings *settings, const struct hs_importer *importer,
                         int fd, const char *name, struct hs_imported *done);

#endif
