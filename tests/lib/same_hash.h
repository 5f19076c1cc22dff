/*
 * same_hash: texts that have the same hash, whatever the seed (base/hash.h), so that a table must compare them. They
 * end in the word that makes the last product 0, which is not UTF-8: no sender can use it.
 */
#ifndef HS_TEST_SAME_HASH_H
#define HS_TEST_SAME_HASH_H

#include "base/hash.h"
#include "tests/lib/unit.h"

enum { SAME_HASH_MAX = 64 };

/* Writes the beginning and that word into `room`. */
static inline struct hs_slice same_hash(char room[static SAME_HASH_MAX], const char *beginning)
{
	static const uint64_t word = 0x8EBC6AF09C88C6E3;
	size_t n = strlen(beginning);

	assert_true(n + sizeof word <= SAME_HASH_MAX);
	memcpy(room, beginning, n);
	memcpy(room + n, &word, sizeof word);
	assert_true(hs_hash(room, n + sizeof word, 1) == 0 && hs_hash(room, n + sizeof word, 2) == 0);
	return hs_slice(room, n + sizeof word);
}

#endif
