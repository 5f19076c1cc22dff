/*
 * forms: the catalogue of the spool's events (common/schema) in the forms that `hookspool schema` prints, besides
 * its own JSON: a table for people, TypeScript, JSON Schema. The schema is sorted.
 */
#ifndef HS_SCHEMA_FORMS_H
#define HS_SCHEMA_FORMS_H

#include "schema/schema_json.h"

/*
 * A form appends its text to `out`, and calls flush(context) after each event, so that the buffer need not hold
 * all. False ends it early. The caller asks hs_buf_ok.
 */
struct hs_schema_form {
	const struct hs_schema *schema;
	const struct hs_schema_view *view;
	struct hs_buf *out;
	bool (*flush)(void *context); /* NULL: never */
	void *context;
	unsigned columns; /* of the table; 0: as wide as it gets */
};

void hs_schema_put_table(const struct hs_schema_form *form);
/* Interfaces for the records, and their union HookspoolRecord. */
void hs_schema_put_typescript(const struct hs_schema_form *form);
/* JSON Schema, draft 2020-12: a record is any of the events. */
void hs_schema_put_json_schema(const struct hs_schema_form *form);

#endif
