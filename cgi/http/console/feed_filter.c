#include "cgi/http/console/feed_filter.h"
#include "event/record_fields.h"

static struct hs_slice text_of(const struct hs_query_value *value)
{
	return hs_slice(value->text, value->n);
}

enum hs_result hs_feed_filter_read(struct hs_feed_filter *f, struct hs_slice query)
{
	static const char *const names[HS_FEED_BYS] = { "type", "event", "user", "tenant" };
	bool ok = hs_query_value(query, "text", &f->text);

	for (int by = 0; by < HS_FEED_BYS; by++)
		ok = ok && hs_query_value(query, names[by], &f->by[by]);
	return ok ? HS_OK : HS_E_QUERY;
}

/* --- a record -------------------------------------------------------------------------------- */

static bool contains(struct hs_slice line, struct hs_slice text)
{
	for (size_t i = 0; i + text.n <= line.n; i++) {
		size_t n = 0;

		while (n < text.n && hs_lower(line.p[i + n]) == hs_lower(text.p[n]))
			n++;
		if (n == text.n)
			return true;
	}
	return false;
}

/* A line in which fields are looked for: `type` comes first, and says which records have a `name`. */
struct search {
	bool has_name;
	bool found[HS_FEED_BYS];
};

static bool is_view(struct hs_feed_filter *f, const struct hs_record_field *type)
{
	return hs_record_field_is(type, HS_SLICE("page"), &f->scratch) ||
	       hs_record_field_is(type, HS_SLICE("screen"), &f->scratch);
}

/* The filter that compares this field; HS_FEED_BYS: none. */
static enum hs_feed_by filter_of(const struct search *s, struct hs_slice name)
{
	static const struct {
		const char *name;
		enum hs_feed_by by;
	} names[] = { { "type", HS_FEED_TYPE },         { "event", HS_FEED_EVENT },   { "user_id", HS_FEED_USER },
		      { "anonymous_id", HS_FEED_USER }, { "tenant", HS_FEED_TENANT }, { "source", HS_FEED_TENANT } };

	if (s->has_name && hs_slice_eq(name, HS_SLICE("name")))
		return HS_FEED_EVENT;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (hs_slice_eq(name, hs_slice_str(names[i].name)))
			return names[i].by;
	return HS_FEED_BYS;
}

static void match(struct hs_feed_filter *f, const struct hs_record_field *field, struct search *s)
{
	enum hs_feed_by by = filter_of(s, field->name);

	if (by == HS_FEED_TYPE)
		s->has_name = is_view(f, field);
	if (by == HS_FEED_USER)
		s->found[by] = s->found[by] || hs_record_field_is_id(field, text_of(&f->by[by]), &f->scratch);
	else if (by < HS_FEED_BYS)
		s->found[by] = s->found[by] || hs_record_field_is(field, text_of(&f->by[by]), &f->scratch);
}

static bool is_done(const struct search *s)
{
	for (int by = 0; by < HS_FEED_BYS; by++)
		if (!s->found[by])
			return false;
	return true;
}

bool hs_feed_filter_passes(struct hs_feed_filter *f, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	struct search s = { 0 };

	if (f->text.n > 0 && !contains(line, text_of(&f->text)))
		return false;
	for (int by = 0; by < HS_FEED_BYS; by++)
		s.found[by] = f->by[by].n == 0;
	while (!is_done(&s) && hs_record_field_next(&walk, &field) &&
	       !hs_slice_eq(field.name, HS_SLICE("spooled_at"))) /* the last of the fixed names */
		match(f, &field, &s);
	return is_done(&s);
}

/* --- a segment --------------------------------------------------------------------------------- */

static bool may_have_user(struct hs_slice user, struct hs_summary_reader *summary)
{
	struct hs_slice bloom = hs_summary_read(summary, HS_SUMMARY_BLOOM);

	return bloom.p == NULL || hs_summary_bloom_may_name(bloom, user);
}

/* Summaries count the names of events, but not those of pages and screens. */
static bool may_have_event(struct hs_slice event, struct hs_summary_reader *summary)
{
	return hs_summary_may_have(summary, HS_SUMMARY_EVENTS, event) ||
	       hs_summary_may_have(summary, HS_SUMMARY_TYPES, HS_SLICE("page")) ||
	       hs_summary_may_have(summary, HS_SUMMARY_TYPES, HS_SLICE("screen"));
}

/* Nothing is known of a text, nor of a tenant, since they do not count sources. */
bool hs_feed_filter_may_pass(const struct hs_feed_filter *f, struct hs_summary_reader *summary)
{
	struct hs_slice type = text_of(&f->by[HS_FEED_TYPE]), event = text_of(&f->by[HS_FEED_EVENT]),
			user = text_of(&f->by[HS_FEED_USER]);

	return (type.n == 0 || hs_summary_may_have(summary, HS_SUMMARY_TYPES, type)) &&
	       (event.n == 0 || may_have_event(event, summary)) && (user.n == 0 || may_have_user(user, summary));
}
