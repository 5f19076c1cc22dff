/*
 * private_files: names and sizes of files in .hookspool that more than one module needs. The module
 * that writes a file describes its contents.
 */
#ifndef HS_PRIVATE_FILES_H
#define HS_PRIVATE_FILES_H

#define HS_SALT_FILE "salt"                   /* salt.h */
#define HS_SUPPRESSION_LIST_FILE "suppressed" /* suppression_list.h */
#define HS_RATES_FILE "rates"                 /* rates.h */
#define HS_TOMBSTONES_FILE "erased-ids"       /* tombstones.h */

enum {
	HS_SALT = 32,                 /* hex digits */
	HS_SUPPRESSION_LIST_EMPTY = 8 /* bytes of an empty list */
};

#endif
