/*
 * pattern: a text with * for any run of bytes, compiled. Compares bytes; upper and lower case differ.
 *
 * A match costs time linear in the text for each part between two *, whatever the text.
 */
#ifndef HS_PATTERN_H
#define HS_PATTERN_H

#include "base/slice.h"

enum { HS_PATTERN_MAX = 1024 /* bytes */ };

struct hs_pattern {
	char *text;     /* the parts, one after the other */
	size_t n;       /* bytes in them */
	uint16_t *end;  /* where each part ends in `text`; the first begins at the start of what it matches … */
	unsigned parts; /* … and the last ends at its end. 1: no *, 2: one *, … */
};

/* Compiles decoded text; star[i] says that byte i stands for any run. False: out of memory; free it all the same. */
bool hs_pattern_compile(struct hs_pattern *pattern, struct hs_slice text, const bool star[]);
void hs_pattern_free(struct hs_pattern *pattern); /* zeroed is fine */

bool hs_pattern_matches(const struct hs_pattern *pattern, struct hs_slice text);

/* True if it matches every text. */
bool hs_pattern_is_any(const struct hs_pattern *pattern);

bool hs_pattern_is_same(const struct hs_pattern *a, const struct hs_pattern *b);

#endif
