/*
 * credentials: the credentials of a sender: a shared secret, an API key, both or none.
 */
#ifndef HS_CREDENTIALS_H
#define HS_CREDENTIALS_H

#include "base/digest.h"
#include "config/settings.h"

/* A zeroed struct has none. */
struct hs_held {
	struct hs_hmac *secret; /* NULL: none */
	char *key;              /* NULL: none */
	/*
	 * Write keys of the first browser and the first server source, and an origin of that browser source, as a
	 * browser sends it.
	 */
	char *browser_key, *server_key, *origin; /* NULL: none */
};

/*
 * Reads the argument of --secret or --key; "@FILE" means the first line of a file. Other users can
 * see a command line, so the argument is overwritten, but they may have seen it before. False
 * after a message to standard error.
 */
bool hs_held_secret(struct hs_held *h, char *argument);
bool hs_held_key(struct hs_held *h, char *argument);

/*
 * Reads the first key in [keys] that is in clear and not revoked, if there is one, from a valid
 * settings file; path "": no file. False: the file cannot be read, or out of memory.
 */
bool hs_held_key_from(struct hs_held *h, const char *path);

/*
 * Reads the write keys in [sources] that are in clear and not revoked, as above, and their origins from the settings
 * that were read from this file. A member that has a value keeps it. A source with origin=* alone gets an origin of
 * example.
 */
bool hs_held_sources_from(struct hs_held *h, const struct hs_settings *settings, const char *path);

/* Wipes everything. */
void hs_held_free(struct hs_held *h);

#endif
