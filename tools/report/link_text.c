#include "tools/report/link_text.h"
#include "base/timestamp.h"

static const char *kind_of(const struct hs_subject *who)
{
	return who->kind == HS_SUBJECT_USER ? "user" : "anonymous";
}

static void put(struct hs_buf *out, const char *text)
{
	hs_buf_put_slice(out, hs_slice_str(text));
}

static void put_member(struct hs_buf *out, const char *label, struct hs_slice value)
{
	put(out, label);
	hs_buf_put_json(out, value);
}

void hs_link_text_put_id(struct hs_buf *out, const struct hs_subject *who)
{
	put(out, kind_of(who));
	hs_buf_putc(out, ' ');
	hs_buf_put_json(out, hs_slice(who->id, who->n));
	if (who->tenant != NULL && who->tenant[0] != '\0') {
		put(out, " of tenant ");
		put(out, who->tenant);
	}
}

void hs_link_text_put(struct hs_buf *out, const struct hs_link *link)
{
	char time[HS_TIMESTAMP_TEXT + 1] = "an unknown time";

	if (link->spooled_ms != INT64_MIN)
		hs_timestamp_text(link->spooled_ms, time);
	if (link->verdict != HS_LINK_FOLLOWED)
		put(out, "not followed: ");
	hs_link_text_put_id(out, link->id);
	put(out, ": of ");
	put(out, kind_of(link->by));
	hs_buf_putc(out, ' ');
	hs_buf_put_json(out, hs_slice(link->by->id, link->by->n));
	put(out, " by ");
	hs_buf_put_slice(out, link->field);
	put(out, " of an ");
	hs_buf_put_slice(out, link->type);
	put(out, " record of ");
	put(out, time);
	if (link->verdict != HS_LINK_FOLLOWED) {
		put(out, ": ");
		put(out, hs_verdict_text(link->verdict));
	}
	hs_buf_putc(out, '\n');
}

void hs_link_text_put_json(struct hs_buf *out, const struct hs_link *link)
{
	char time[HS_TIMESTAMP_TEXT + 1];

	put_member(out, "{\"kind\":", hs_slice_str(kind_of(link->id)));
	put_member(out, ",\"id\":", hs_slice(link->id->id, link->id->n));
	if (link->id->tenant != NULL && link->id->tenant[0] != '\0')
		put_member(out, ",\"tenant\":", hs_slice_str(link->id->tenant));
	put_member(out, ",\"by\":", hs_slice(link->by->id, link->by->n));
	put_member(out, ",\"type\":", link->type);
	put_member(out, ",\"field\":", link->field);
	if (link->spooled_ms != INT64_MIN) {
		hs_timestamp_text(link->spooled_ms, time);
		put_member(out, ",\"spooled_at\":", hs_slice_str(time));
	}
	put(out, link->verdict == HS_LINK_FOLLOWED ? ",\"followed\":true" : ",\"followed\":false");
	if (link->verdict != HS_LINK_FOLLOWED)
		put_member(out, ",\"reason\":", hs_slice_str(hs_verdict_text(link->verdict)));
	hs_buf_putc(out, '}');
}
