/*
 * fuzz: what the targets share. Each target is one LLVMFuzzerTestOneInput and abort()s
 * when something that must hold does not.
 */
#ifndef HS_FUZZ_H
#define HS_FUZZ_H

#include "event/flatten.h"
#include "event/json.h"
#include "tests/lib/json_c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* A copy whose memory ends with it, so that ASan sees a read beyond. The caller frees p. */
static inline struct hs_slice fuzz_copy(const void *data, size_t size)
{
	char *p = malloc(size > 0 ? size : 1);

	MUST(p != NULL);
	if (size > 0)
		memcpy(p, data, size);
	return hs_slice(p, size);
}

/* json-c's tree, for comparison, or NULL if json-c does not take the text for JSON. */
static inline struct json_object *fuzz_json_c(struct hs_slice text)
{
	struct json_object *o;

	json_c_reads(text.p, text.n, HS_JSON_DEPTH_MAX + 1, &o);
	return o;
}

/* Expects a line of the spool: a strict JSON object without nested values and doubled names. */
static inline void fuzz_check_line(struct hs_slice line)
{
	struct hs_json json = { 0 };
	struct json_object *tree;

	MUST(line.n > 1 && line.p[line.n - 1] == '\n');
	MUST(memchr(line.p, '\n', line.n - 1) == NULL);
	line.n--;
	MUST(hs_json_document(&json, line) == HS_OK);
	MUST(json.tok[0].kind == HS_JSON_OBJECT);
	for (uint32_t i = 1; i < json.n; i++)
		MUST(json.tok[i].kind != HS_JSON_OBJECT && json.tok[i].kind != HS_JSON_ARRAY);
	tree = fuzz_json_c(line);
	MUST(json_object_is_type(tree, json_type_object));
	MUST(json_object_object_length(tree) == (int)(json.n / 2)); /* json-c finds no name twice, either */
	json_object_put(tree);
	hs_json_free(&json);
}

#endif
