/*
 * dialect: the shapes in which a body holds its events, and one reader for all of them. Pure.
 *
 * A dialect is a row of a table in dialect.c: it claims a body by its first byte, and reads one
 * event after another. To add one, write its functions
 * and its row; readers (the handler, the signature, erase) need no change.
 *
 *	event   {"type":…}                        one event
 *	batch   [{"type":…},{"json":{"type":…}}]  many; Extensible Webhooks wrap each of them
 *
 * Segment's libraries send an event, too, or a batch inside an object (envelope.h):
 *
 *	sdk     {"batch":[{"type":…},…],"writeKey":…,…}
 *
 * The reader parses one event at a time, so that tokens are kept for one event and not for
 * four thousand. An event that was peeked at is not parsed again by hs_body_next.
 */
#ifndef HS_DIALECT_H
#define HS_DIALECT_H

#include "event/envelope.h"
#include "event/json.h"

enum { HS_DIALECT_SPANS = 2 };

struct hs_body_reader;

struct hs_dialect {
	const char *name;
	bool is_batch; /* may hold more than one event */
	/* True if the body has this shape. Looks at its first byte and reads no further. */
	bool (*claims)(struct hs_json *json);
	/* Reads the next event, see hs_body_next. */
	enum hs_result (*next)(struct hs_body_reader *r, bool *more, uint32_t *root);
	/*
	 * After the first event was read: the texts, at most HS_DIALECT_SPANS, that Segment may have
	 * signed instead of the whole body, the likelier first. NULL: it signs the whole body.
	 */
	unsigned (*spans)(const struct hs_json *json, struct hs_slice span[static HS_DIALECT_SPANS]);
};

struct hs_body_reader {
	struct hs_json *json; /* not owned; holds the tokens of the event read last */
	const struct hs_dialect *dialect;
	uint64_t index; /* number of events read so far */

	bool peeked; /* the next event was read already, with this result */
	bool more;
	uint32_t root;
	enum hs_result result;
};

/* Begins to read the body, which must outlive the reader. */
void hs_body_open(struct hs_body_reader *r, struct hs_json *json, struct hs_slice body);

/* Bytes of a context or integrations beside a batch. Each event gets them, so they must not be large. */
enum { HS_BESIDE_MAX = 1 << 15 };

/* The members beside a batch. Working memory, one per thread; a zeroed struct is ready. */
struct hs_batch_frame {
	const struct hs_json *context, *integrations; /* as in struct hs_direct */
	struct hs_buf text;                           /* the body with an empty batch */
	struct hs_json members, context_json, integrations_json;
};

void hs_batch_frame_free(struct hs_batch_frame *frame);

/* Frees memory above a working size; call it between requests. */
void hs_batch_frame_shrink(struct hs_batch_frame *frame);

/*
 * Begins to read a body of direct intake, whose envelope was found. The members beside the batch
 * are read before the first event. Body and frame must outlive the reader. hs_body_next returns the
 * errors, HS_E_BESIDE_LARGE (HS_BESIDE_MAX) among them; once it returns HS_OK without an event, the
 * whole body was valid. An array is not taken as a batch, but read as one value.
 */
void hs_body_open_direct(struct hs_body_reader *r, struct hs_json *json, struct hs_slice body,
                         const struct hs_envelope *envelope, struct hs_batch_frame *frame);

/*
 * Reads the next event: *root is its token in r->json. *more is false after the last one, and then
 * nothing follows it but blanks. HS_OK, HS_E_MEMORY or a result of class json; r->json->pos
 * is where the parser stopped.
 */
enum hs_result hs_body_next(struct hs_body_reader *r, bool *more, uint32_t *root);

/* Reads the next event; hs_body_next will return it again. Results as there. */
enum hs_result hs_body_peek(struct hs_body_reader *r, bool *more);

#endif
