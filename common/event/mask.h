/*
 * mask: changes the value of one field of a record before it is written. Pure.
 *
 *	drop       the field is not written
 *	hash       HMAC-SHA-256 under `hash_key`, in hex, of the text in lower case (ASCII) without the blanks
 *	           around it: equal addresses stay equal, so that joins go on working
 *	last N     the last N characters; each one before them becomes *, at most HS_MASK_STARS of them
 *	no query   a URL without its query and fragment
 *	cut N      the first N bytes of the decoded text, or fewer, so that no character is split
 *
 * null stays null, and a value that would not change keeps its bytes; everything else becomes a JSON
 * string. An array is a string in a record: no mask reaches into it.
 */
#ifndef HS_MASK_H
#define HS_MASK_H

#include "base/digest.h"
#include "base/result.h"
#include "event/record_fields.h"

enum hs_mask_kind { HS_MASK_KEEP, HS_MASK_DROP, HS_MASK_HASH, HS_MASK_LAST, HS_MASK_NO_QUERY, HS_MASK_CUT };

enum {
	HS_MASK_STARS = 12,
	HS_MASK_LAST_MAX = 64,     /* highest N of `last N` */
	HS_MASK_CUT_MAX = 1 << 20, /* … and of `cut N` */
};

struct hs_mask {
	enum hs_mask_kind kind;
	uint32_t n; /* of `last` and `cut` */
};

/* Reads "drop", "last 4", …; false: it is none of them. */
bool hs_mask_read(struct hs_slice text, struct hs_mask *mask);

/* Appends it as hs_mask_read takes it. */
void hs_mask_print(const struct hs_mask *mask, struct hs_buf *out);

/* The masks as hs_mask_read takes them, for messages. */
#define HS_MASK_WORDS "keep, drop, hash, last N, no query or cut N"

/* The value of a field from its JSON text in a record. */
struct hs_record_field hs_mask_field(struct hs_slice value);

/* False if the mask surely leaves this JSON text of a value as it is: a quick look. */
bool hs_mask_may_change(const struct hs_mask *mask, struct hs_slice value);

/*
 * Appends the masked value as JSON text; nothing for `drop`. `key` may be NULL unless the mask is `hash`.
 * `text` is working memory. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_mask_put(const struct hs_mask *mask, const struct hs_hmac256 *key,
                           const struct hs_record_field *value, struct hs_buf *text, struct hs_buf *out);

#endif
