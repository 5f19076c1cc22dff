#include "store/sealed.h"
#include "core/clock_text.h"
#include "store/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hs_sealed_print(const char *family, const struct hs_sealed *sealed,
                     char out[static HS_SEALED_NAME])
{
	char stamp[HS_CLOCK_STAMP + 1];

	hs_clock_stamp(sealed->sealed_ms, stamp);
	snprintf(out, HS_SEALED_NAME, "%s-%s-%06" PRIu64 ".jsonl%s", family, stamp, sealed->number,
	         sealed->gzip ? ".gz" : "");
}

/* 20261123T101500.123Z as the text that hs_clock_parse reads. */
static bool parse_stamp(const char *p, int64_t *ms)
{
	char text[HS_CLOCK_TEXT + 1];

	if (strlen(p) < HS_CLOCK_STAMP)
		return false;
	snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s%.5s", p, p + 4, p + 6, p + 9, p + 11,
	         p + 13, p + 15);
	return hs_clock_parse(hs_slice_str(text), ms);
}

bool hs_sealed_parse(const char *family, const char *name, struct hs_sealed *sealed)
{
	size_t prefix = strlen(family), n = strlen(name);
	char again[HS_SEALED_NAME];
	const char *p = name + prefix + 1;

	memset(sealed, 0, sizeof *sealed);
	if (strncmp(name, family, prefix) != 0 || name[prefix] != '-' ||
	    !parse_stamp(p, &sealed->sealed_ms) ||
	    sscanf(p + HS_CLOCK_STAMP, "-%" SCNu64 ".jsonl", &sealed->number) != 1)
		return false;
	sealed->gzip = strcmp(name + n - 3, ".gz") == 0;
	hs_sealed_print(family, sealed, again);
	return strcmp(name, again) == 0;
}

struct collect {
	const char *family;
	struct hs_sealed *list;
	size_t count, cap;
	bool failed;
};

static bool collect(void *context, const char *name, bool plain)
{
	struct collect *c = context;
	struct hs_sealed sealed;

	if (!plain || !hs_sealed_parse(c->family, name, &sealed))
		return true;
	if (c->count == c->cap) {
		size_t cap = c->cap == 0 ? 64 : c->cap * 2;
		struct hs_sealed *list = realloc(c->list, cap * sizeof *list);

		if (list == NULL) {
			c->failed = true;
			return false;
		}
		c->list = list;
		c->cap = cap;
	}
	c->list[c->count++] = sealed;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct hs_sealed *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->gzip != y->gzip)
		return (int)x->gzip - (int)y->gzip;
	return (x->sealed_ms > y->sealed_ms) - (x->sealed_ms < y->sealed_ms);
}

static void drop_same(struct collect *c)
{
	size_t kept = 1;

	for (size_t i = 1; i < c->count; i++)
		if (by_number(&c->list[i], &c->list[kept - 1]) != 0)
			c->list[kept++] = c->list[i];
	c->count = kept;
}

enum hs_result hs_sealed_list(int dir, const char *family, struct hs_sealed **list, size_t *count)
{
	struct collect c = { .family = family };
	enum hs_result r = HS_OK;

	/*
	 * Twice: a reader of a large directory may pass the place of a .gz before it is made, and
	 * come to that of the plain one when it is gone (readdir(3)). The second time it meets one.
	 */
	if (hs_io_list_kinds(dir, collect, &c) < 0 || hs_io_list_kinds(dir, collect, &c) < 0)
		r = HS_E_IO;
	else if (c.failed)
		r = HS_E_MEMORY;
	if (r != HS_OK) {
		free(c.list);
		c.list = NULL;
		c.count = 0;
	} else if (c.count > 0) {
		qsort(c.list, c.count, sizeof *c.list, by_number);
		drop_same(&c);
	}
	*list = c.list;
	*count = c.count;
	return r;
}

struct strange {
	const char *family;
	void (*each)(void *context, const char *name);
	void *context;
};

static bool look_for_strange(void *context, const char *name, bool plain)
{
	struct strange *s = context;
	struct hs_sealed sealed;

	if (!plain && hs_sealed_parse(s->family, name, &sealed))
		s->each(s->context, name);
	return true;
}

enum hs_result hs_sealed_strange(int dir, const char *family, void (*each)(void *context, const char *name),
                                 void *context)
{
	struct strange s = { family, each, context };

	return hs_io_list_kinds(dir, look_for_strange, &s) < 0 ? HS_E_IO : HS_OK;
}
