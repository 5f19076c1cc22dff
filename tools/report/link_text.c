#include "tools/report/link_text.h"
#include "base/json_writer.h"
#include "base/timestamp.h"

static const char *kind_of(const struct hs_subject *who)
{
	return who->kind == HS_SUBJECT_USER ? "user" : "anonymous";
}

static void put(struct hs_buf *out, const char *text)
{
	hs_buf_put_slice(out, hs_slice_str(text));
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
	struct hs_json_writer w = { .out = out };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "kind", hs_slice_str(kind_of(link->id)));
	hs_json_writer_text(&w, "id", hs_slice(link->id->id, link->id->n));
	if (link->id->tenant != NULL && link->id->tenant[0] != '\0')
		hs_json_writer_text(&w, "tenant", hs_slice_str(link->id->tenant));
	hs_json_writer_text(&w, "by", hs_slice(link->by->id, link->by->n));
	hs_json_writer_text(&w, "type", link->type);
	hs_json_writer_text(&w, "field", link->field);
	if (link->spooled_ms != INT64_MIN)
		hs_json_writer_time(&w, "spooled_at", link->spooled_ms);
	hs_json_writer_bool(&w, "followed", link->verdict == HS_LINK_FOLLOWED);
	if (link->verdict != HS_LINK_FOLLOWED)
		hs_json_writer_text(&w, "reason", hs_slice_str(hs_verdict_text(link->verdict)));
	hs_json_writer_end(&w, '}');
}
