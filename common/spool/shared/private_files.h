/*
 * private_files: names and sizes of files in .hookspool that more than one module needs. The module
 * that writes a file describes its contents.
 */
#ifndef HS_PRIVATE_FILES_H
#define HS_PRIVATE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#define HS_SALT_FILE "salt"                   /* salt.h */
#define HS_SUPPRESSION_LIST_FILE "suppressed" /* suppression_file.h */
#define HS_RATES_FILE "rates"                 /* rates.h */
#define HS_TOMBSTONES_FILE "erased-ids"       /* tombstones.h */

enum {
	HS_SALT = 32,                   /* hex digits */
	HS_SUPPRESSION_LIST_EMPTY = 16, /* bytes of an empty list */
	HS_SUPPRESSION_LIST_HASH = 16   /* bytes of each entry */
};

/* True if no salt begins like this: the file is damaged. `bytes` of it are there. */
static inline bool hs_salt_is_damaged(const char *salt, int64_t bytes)
{
	for (int i = 0; i < HS_SALT && i < bytes; i++)
		if (!((salt[i] >= '0' && salt[i] <= '9') || (salt[i] >= 'a' && salt[i] <= 'f')))
			return true;
	return bytes < HS_SALT;
}

#endif
