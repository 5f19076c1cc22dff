#include "core/intake.h"

#include <stdlib.h>

enum {
	ROWS_FIRST = 16,
	LONGER = 3, /* a line is a third longer than its event, at most, mostly */
};

bool hs_intake_init(struct hs_intake *in)
{
	memset(in, 0, sizeof *in);
	hs_flattener_init(&in->flattener, HS_NAMES_WAREHOUSE);
	return hs_identifier_init(&in->identifier);
}

void hs_intake_free(struct hs_intake *in)
{
	hs_flattener_free(&in->flattener);
	hs_identifier_free(&in->identifier);
	hs_buf_free(&in->lines);
	free(in->record);
	memset(in, 0, sizeof *in);
}

void hs_intake_reset(struct hs_intake *in, size_t bytes)
{
	hs_buf_reset(&in->lines);
	if (bytes > 0 && hs_buf_reserve(&in->lines, bytes + bytes / LONGER) == NULL)
		hs_buf_reset(&in->lines); /* then it must grow */
	in->count = 0;
	in->unparsed = 0;
}

void hs_intake_shrink(struct hs_intake *in, size_t keep)
{
	hs_intake_reset(in, 0);
	hs_buf_shrink(&in->lines, keep);
	hs_flattener_shrink(&in->flattener);
	if (in->cap > keep / sizeof *in->record) {
		free(in->record);
		in->record = NULL;
		in->cap = 0;
	}
}

/* A row for one more record. NULL: out of memory. */
static struct hs_record *next_record(struct hs_intake *in)
{
	size_t cap = in->cap == 0 ? ROWS_FIRST : in->cap * 2;

	if (in->count == in->cap) {
		struct hs_record *record = realloc(in->record, cap * sizeof *record);

		if (record == NULL)
			return NULL;
		in->record = record;
		in->cap = cap;
	}
	return &in->record[in->count];
}

enum hs_result hs_intake_put(struct hs_intake *in, const struct hs_event *e,
                             const struct hs_stamp *stamp, enum hs_names names)
{
	size_t start = in->lines.n;
	struct hs_record *record;
	enum hs_result r;

	in->flattener.names = names;
	r = hs_flatten(&in->flattener, e, stamp, &in->lines);
	if (r != HS_OK)
		return r;
	record = next_record(in);
	if (record == NULL)
		return HS_E_MEMORY;
	record->n = in->lines.n - start;
	in->count++;
	in->unparsed += !e->timestamps_parse;
	return hs_identity_of_event(&in->identifier, e, stamp->tenant,
	                            hs_slice(in->lines.p + start, record->n), &record->identified,
	                            &record->id);
}
