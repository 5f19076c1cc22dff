/*
 * private_files: names and sizes of files in .hookspool that more than one module asks for. What is
 * in them is in the module that writes them.
 */
#ifndef HS_PRIVATE_FILES_H
#define HS_PRIVATE_FILES_H

#define HS_SALT_FILE "salt"                   /* salt.h */
#define HS_SUPPRESSION_LIST_FILE "suppressed" /* suppression_list.h */
#define HS_TOMBSTONES_FILE "erased-ids"       /* tombstones.h */

enum {
	HS_SALT = 32,                 /* hex digits */
	HS_SUPPRESSION_LIST_EMPTY = 8 /* bytes of a list of nobody */
};

#endif
