/*
 * private_files: names and sizes of files in .hookspool that more than one module needs. The module
 * that writes a file describes its contents.
 */
#ifndef HS_PRIVATE_FILES_H
#define HS_PRIVATE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#define HS_SALT_FILE "salt"                   /* salt.h */
#define HS_SUPPRESSION_LIST_FILE "suppressed" /* suppression_list.h */
#define HS_RATES_FILE "rates"                 /* rates.h */
#define HS_TOMBSTONES_FILE "erased-ids"       /* tombstones.h */

enum {
	HS_SALT = 32,                  /* hex digits */
	HS_SUPPRESSION_LIST_EMPTY = 8, /* bytes of an empty list */
	HS_SUPPRESSION_LIST_HASH = 16  /* bytes of each entry */
};

/* True if no salt begins like this: the file is damaged. `bytes` of it are there. */
static inline bool hs_salt_is_damaged(const char *salt, int64_t bytes)
{
	for (int i = 0; i < HS_SALT && i < bytes; i++)
		if (!((salt[i] >= '0' && salt[i] <= '9') || (salt[i] >= 'a' && salt[i] <= 'f')))
			return true;
	return bytes < HS_SALT;
}

/* True if no list of suppressed people has this length: it was cut. */
static inline bool hs_suppression_list_is_cut(uint64_t bytes)
{
	return bytes < HS_SUPPRESSION_LIST_EMPTY || (bytes - HS_SUPPRESSION_LIST_EMPTY) % HS_SUPPRESSION_LIST_HASH != 0;
}

#endif
