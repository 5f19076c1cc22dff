/* schema_json: the catalogue as JSON, and the names of JSON types. */
#ifndef HS_SCHEMA_JSON_H
#define HS_SCHEMA_JSON_H

#include "base/json_writer.h"
#include "schema/schema_file.h"

/* Which events to print. Zeroed: all. */
struct hs_schema_view {
	struct hs_slice event; /* only of this name; p is NULL: of any or none */
	int64_t since_ms;      /* only what was seen then or later; 0: ever */
	bool no_examples;      /* no example and no value */
};

/* "string" and so on, for bit i of hs_schema_field.types. */
const char *hs_schema_type_name(int i);

/* True if the view has the event; the field. */
bool hs_schema_shows_event(const struct hs_schema_view *view, const struct hs_schema_event *e);
bool hs_schema_shows_field(const struct hs_schema_view *view, const struct hs_schema_field *f);

/*
 * Writes the catalogue; schema.h has the form. Calls flush(context) after each event, so that the buffer need
 * not hold all (NULL: never); false ends early. The caller asks hs_buf_ok.
 */
void hs_schema_put_json(const struct hs_schema *s, const struct hs_schema_view *view, struct hs_buf *out,
                        bool (*flush)(void *context), void *context);

#endif
