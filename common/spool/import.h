/*
 * import: brings archives of original events into the spool, as deliveries would: the same rules,
 * records, search for duplicates and rejected file, but in commits of some thousand events.
 *
 * A line of an archive has events and arrays of events, one after another (hs_json_piece). A text
 * that cannot be read is rejected with the rest of its line. Lines may have any length: max_body
 * bounds an event, and memory. A commit, and so the checkpoint, may end between two events of a
 * line.
 *
 * An import can be stopped or killed at any point and run again. An event with an id or a timestamp
 * is then found in the spool. For the others (for all, if dedup_window is 0) and for rejected texts
 * each archive has a checkpoint (import_checkpoint.h): the lines of an interrupted commit are looked
 * for in the spool. A pipe has no checkpoint, so from a pipe these are imported twice.
 *
 * A file that is not JSON lines is recognised by its first bytes, or by a first commit without any
 * JSON object: nothing is written then. If an archive turns into garbage later, reading ends after a
 * thousand lines of it.
 */
#ifndef HS_IMPORT_H
#define HS_IMPORT_H

#include "spool/admin/inventory.h"
#include "spool/spool.h"

struct hs_imported {
	uint64_t lines;  /* begun, also those passed over */
	uint64_t events; /* values where an event should be */
	uint64_t accepted, duplicate, rejected;
	uint64_t suppressed;      /* of suppressed people, see suppression_list.h */
	uint64_t dropped;         /* by the rules of the settings */
	uint64_t deletes;         /* delete events of commits in which not all were duplicates */
	uint64_t left_out;        /* not asked for, by type or time */
	uint64_t undated;         /* of left_out: their time cannot be read … */
	uint64_t undated_line;    /* … the first in this line, from 1 */
	uint64_t read;            /* bytes of the file */
	uint64_t resumed;         /* lines that an earlier run had dealt with … */
	uint64_t rejected_before; /* … and what it had rejected */
	int error;                /* errno of reading the archive; EILSEQ: a damaged gzip; 0: none */
	const char *foreign;      /* the kind of file, if not JSON lines (a literal): nothing was written … */
	const char *remedy;       /* … and what to do about it (a literal) */
	bool garbage;             /* too many lines in a row were not JSON: reading ended */
	bool done_before;         /* an earlier run imported all of it: nothing was done */
	bool in_use;              /* another process imports this archive: nothing was done */
	bool stopped;             /* go_on returned false; what was counted is in the spool */
};

struct hs_importer {
	const char *tenant;      /* of every event, a label of [keys]; "": none */
	const char *const *type; /* only events of these types … */
	size_t types;            /* … this many; 0: all */
	bool since_given, until_given;
	int64_t since_ms, until_ms; /* only events from since, before until, by their timestamp */
	bool look_only;             /* count, write nothing */
	const struct hs_inventory
	    *inventory; /* with look_only: asked instead of the spool, which is not opened; or NULL */
	bool again;     /* from the start, whatever the checkpoint says */
	void *context;
	/* Called before each commit. False: stop. May be NULL. */
	bool (*go_on)(void *context, const struct hs_imported *so_far);
};

/*
 * Imports what the descriptor yields; `name` is for lines of the rejected file, up to
 * HS_IMPORT_CHECKPOINT_NAME bytes of it. The spool must have these settings. HS_OK, also if reading
 * ended early (see hs_imported), HS_E_IO, HS_E_MEMORY, or as hs_spool_append: what was counted is in
 * the spool, and another run imports the rest.
 */
enum hs_result hs_import(struct hs_spool *spool, const struct hs_settings *settings, const struct hs_importer *importer,
                         int fd, const char *name, struct hs_imported *done);

#endif
