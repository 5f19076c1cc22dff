/*
 * password: hashes a password with scrypt (RFC 7914), and compares one with its hash.
 *
 *	scrypt:15:8:1:SALT:HASH
 *
 * The numbers are the binary logarithm of N, then r and p. SALT is 16 bytes, HASH 32 bytes, in
 * hexadecimal. A comparison takes 32 MB and about a tenth of a second.
 */
#ifndef HS_PASSWORD_H
#define HS_PASSWORD_H

#include "base/slice.h"

#include <stdint.h>

enum {
	HS_PASSWORD_SALT = 16,
	HS_PASSWORD_LEAST = 12, /* characters that `hookspool passwd` asks for; shorter ones are guessed */
	HS_PASSWORD_MOST = 1024,
	HS_PASSWORD_TEXT = 128, /* bytes of the longest text above, its NUL included */
};

/* Hashes a password. False: out of memory. */
bool hs_password_hash(struct hs_slice password, const uint8_t salt[static HS_PASSWORD_SALT],
                      char out[static HS_PASSWORD_TEXT]);

/* True if the text has the form above, with numbers that need at most 256 MB. */
bool hs_password_is_hash(const char *text);

/*
 * Sets *same if the password has this hash; compares in constant time. False: the text is no hash, or
 * out of memory.
 */
bool hs_password_check(struct hs_slice password, const char *text, bool *same);

#endif
