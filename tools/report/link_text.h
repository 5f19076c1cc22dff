/* link_text: says which record links an id to a person, and why a link is not followed. */
#ifndef HS_LINK_TEXT_H
#define HS_LINK_TEXT_H

#include "event/links.h"

/*
 * Appends a line with its newline:
 *
 *	anonymous "a-1": of user "u-1" by anonymous_id of an identify record of 2026-11-23T…Z
 *	not followed: anonymous "a-2": of user … Z: it stands beside another user, too
 *
 * Ids are printed as JSON strings, so that no id can imitate other text.
 */
void hs_link_text_put(struct hs_buf *out, const struct hs_link *link);

/* Appends it as a JSON object: kind, id, tenant, by, type, field, spooled_at, followed, reason. */
void hs_link_text_put_json(struct hs_buf *out, const struct hs_link *link);

/* Appends user "u-1", with the tenant if there is one. */
void hs_link_text_put_id(struct hs_buf *out, const struct hs_subject *who);

#endif
