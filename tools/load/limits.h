/*
 * limits: what bounds the loader's memory, which stays below 64 MB whatever the records are. Some 10 MB are the
 * program's and its libraries', and a line has up to 16.
 */
#ifndef HS_LOAD_LIMITS_H
#define HS_LOAD_LIMITS_H

enum {
	/*
	 * Bytes of a _rest: SQLite takes it as a whole, and copies it into its row. Only a line of more than 6 MB
	 * can make a longer one, of quotes and backslashes alone.
	 */
	HS_REST_MAX = 12 << 20,
	/*
	 * Bytes of a person's row, values and _rest together: they are in memory while it is made, and are all
	 * copied once.
	 */
	HS_PERSON_MAX = 16 << 20,
	/* Values in the _rest of a person, no fewer than a record has: each takes some 30 bytes beside its text. */
	HS_PERSON_REST_VALUES = 1 << 19,
	/* Bytes of the list of a person's rows, some 25,000, by which the latest are read first if some are long. */
	HS_PERSON_LIST_MAX = 6 << 20,
};

#endif
