/* diff: compares two catalogues of events (common/schema). */
#ifndef HS_SCHEMA_DIFF_H
#define HS_SCHEMA_DIFF_H

#include "schema/schema_json.h"

/*
 * Reads the text of `hookspool schema --json` into an empty table with a seed, values left out. HS_OK; an
 * HS_E_JSON_ result, HS_E_JSON_LARGE for more than 1,048,576 names and values among them; HS_E_NOT_AN_EVENT: it
 * is another JSON text; HS_E_MEMORY.
 */
enum hs_result hs_schema_read_json(struct hs_slice text, struct hs_schema_table *t);

/*
 * Appends a line for each event and field that is new or gone, and for each field with other types; true if
 * there is one. Only for what the view has; `now` is not sorted, and of `before` only the event is looked at.
 * The caller asks hs_buf_ok.
 *
 *	new event: track "Order Refunded"
 *	gone field: track "Order Completed": "properties_coupon"
 *	other types: track "Order Completed": "properties_total": number, now number|string
 */
bool hs_schema_diff(const struct hs_schema_table *before, const struct hs_schema_table *now,
                    const struct hs_schema_view *view, struct hs_buf *out);

#endif
