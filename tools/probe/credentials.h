/*
 * credentials: what a sender has to show: a shared secret, an API key, both or none.
 */
#ifndef HS_CREDENTIALS_H
#define HS_CREDENTIALS_H

#include "base/digest.h"

/* A zeroed struct has none. */
struct hs_held {
	struct hs_hmac *secret; /* NULL: none */
	char *key;              /* NULL: none */
};

/*
 * Takes an argument of --secret, --key; "@FILE" is the first line of a file. Others can
 * read a command line: what stood there is overwritten, but may have been seen by then.
 * False after a message to standard error.
 */
bool hs_held_secret(struct hs_held *h, char *argument);
bool hs_held_key(struct hs_held *h, char *argument);

/*
 * The key, of a settings file that is known to be good: the first of [keys] that stands
 * there in clear and is not revoked; none if the path is "". False: out of memory, or the
 * file is gone.
 */
bool hs_held_key_from(struct hs_held *h, const char *path);

/* Wipes everything. */
void hs_held_free(struct hs_held *h);

#endif
