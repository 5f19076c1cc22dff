/* Finds the people whom delete events and links add to an erase. */
#include "spool/erase.h"
#include "spool/erase_private.h"

#include <stdlib.h>
#include <string.h>

static bool is_before(struct hs_mark a, struct hs_mark b)
{
	return a.number < b.number || (a.number == b.number && a.offset < b.offset);
}

struct least {
	struct erase *x;
	struct hs_mark mark;
	enum hs_result result;
};

static bool take_least(void *context, const struct hs_cursor_info *info)
{
	struct least *l = context;
	struct hs_position p = info->position;

	if (info->damaged)
		memset(&p, 0, sizeof p);
	else
		l->result = hs_rewrite_log_translate(l->x->rewrites, &p);
	if (is_before((struct hs_mark){ p.number, p.offset }, l->mark))
		l->mark = (struct hs_mark){ p.number, p.offset };
	return l->result == HS_OK;
}

/* Cursors must pass a delete event before it is erased, so that consumers can forward it. */
static enum hs_result find_passed(struct erase *x)
{
	struct least l = { x, { UINT64_MAX, UINT64_MAX }, HS_OK };
	enum hs_result r = hs_rewrite_log_share(x->rewrites);

	if (r != HS_OK)
		return r;
	r = hs_cursor_list(x->dir->private_dir, take_least, &l);
	hs_rewrite_log_release(x->rewrites);
	x->people.passed = l.mark;
	return r == HS_OK ? l.result : r;
}

static bool is_of_wanted_tenant(const struct erase *x, const struct hs_named *named)
{
	return x->how->tenant == NULL || hs_slice_eq(hs_slice_str(x->how->tenant), named->tenant);
}

static enum hs_result add_deleted(struct erase *x, const struct hs_named *named, struct hs_mark end)
{
	struct hs_subject who = {
		.kind = HS_SUBJECT_USER, .deleted = true, .before = end, .until_ms = named->spooled_ms
	};
	struct hs_buf tenant = { 0 };
	bool ok;

	hs_buf_reset(&x->text);
	hs_buf_put_slice(&tenant, named->tenant);
	hs_buf_putc(&tenant, '\0');
	ok = hs_subject_text(named->json, named->user, &x->text) && hs_buf_ok(&tenant);
	who.id = x->text.p;
	who.n = x->text.n;
	who.tenant = tenant.p;
	if (ok && hs_is_placeholder(hs_buf_slice(&x->text))) {
		x->done->placeholders++; /* such an id stands for many people: one bug must not erase them all */
	} else if (ok && who.n > 0) {
		ok = hs_subjects_add(x->people.subjects, &who, NULL);
		x->done->deletes++;
	}
	hs_buf_free(&tenant);
	return ok || (hs_buf_ok(&x->text) && who.n == 0) ? HS_OK : HS_E_MEMORY;
}

static enum hs_result look_for_delete(struct erase *x, struct hs_slice line, struct hs_mark at, bool whole)
{
	/* records begin with the type as it was sent */
	static const char begin[] = "{\"type\":\"delete\"";
	struct hs_mark end = { at.number, at.offset + line.n + whole };
	struct hs_named named;
	enum hs_result r;

	if (line.n < sizeof begin || memcmp(line.p, begin, sizeof begin - 1) != 0)
		return HS_OK;
	r = hs_json_document(&x->json, line);
	if (r != HS_OK)
		return r == HS_E_MEMORY ? r : HS_OK;
	hs_named_in_record(&named, &x->json, 0);
	if (!is_of_wanted_tenant(x, &named))
		return HS_OK;
	if (is_before(x->people.passed, end)) {
		x->done->waiting++;
		return HS_OK;
	}
	return add_deleted(x, &named, end);
}

static enum hs_result look_for_link(struct erase *x, struct hs_slice line, struct hs_mark at, bool whole)
{
	(void)whole;
	x->done->too_many |= x->people.links.ids.count > HS_ERASE_SUBJECTS_MAX;
	return x->done->too_many || hs_links_find(&x->people.links, line, at) ? HS_OK : HS_E_MEMORY;
}

static enum hs_result check_links(struct erase *x, struct hs_slice line, struct hs_mark at, bool whole)
{
	(void)at;
	(void)whole;
	return hs_links_check(&x->people.links, line) ? HS_OK : HS_E_MEMORY;
}

static bool may_name_subject(struct erase *x)
{
	return hs_erase_may_name(x, x->people.subjects);
}

static bool may_name_link(struct erase *x)
{
	return hs_erase_may_name(x, &x->people.links.ids);
}

static enum hs_result follow_links(struct erase *x)
{
	enum hs_result r = hs_erase_each_event(x, may_name_subject, look_for_link);

	if (r == HS_OK && x->people.links.ids.count > 0 && !x->done->stopped && !x->done->too_many)
		r = hs_erase_each_event(x, may_name_link, check_links);
	if (r != HS_OK || x->done->stopped || x->done->too_many)
		return r;
	if (!hs_links_settle(&x->people.links))
		return HS_E_MEMORY;
	for (size_t i = 0; i < x->people.links.ids.count && x->how->tell_link != NULL; i++)
		x->how->tell_link(x->how->context, &x->people.links.list[i]);
	return HS_OK;
}

/* --- events that are later than a delete which comes after them ------------------------------ */

/* The least of the limits that delete events set; INT64_MAX: there is none. */
static int64_t least_limit(const struct hs_subjects *people)
{
	int64_t least_ms = INT64_MAX;

	for (size_t i = 0; i < people->count; i++)
		if (people->list[i]->until_ms < least_ms)
			least_ms = people->list[i]->until_ms;
	return least_ms;
}

static bool may_be_late(struct erase *x)
{
	return hs_erase_may_be_later(x, x->people.subjects, least_limit(x->people.subjects));
}

/* Notes the time of an event that goes. */
static enum hs_result note_time(struct erase *x, struct hs_slice line, struct hs_mark at, bool whole)
{
	(void)whole;
	return hs_subject_match_event(&x->people.matcher, line, &at) < 0 ? HS_E_MEMORY : HS_OK;
}

/*
 * Dead letters and rejected lines have no place among the events, so they go by the delete's time. An event before it
 * may have a later time, since the clock was set back or the event came while the delete waited to be written: its dead
 * letters must go, too, and with the delete nothing would be left that says so.
 */
static enum hs_result widen_limits(struct erase *x)
{
	const struct hs_subjects *people = x->people.subjects;
	enum hs_result r;

	if (least_limit(people) == INT64_MAX)
		return HS_OK;
	r = hs_erase_each_event(x, may_be_late, note_time);
	for (size_t i = 0; i < people->count; i++) {
		struct hs_subject *who = people->list[i];

		if (who->newest_ms > who->until_ms)
			who->until_ms = who->newest_ms;
		who->pending = 0;
		who->newest_ms = 0;
	}
	return r;
}

enum hs_result hs_erase_find_subjects(struct erase *x)
{
	enum hs_result r = HS_OK;

	if (x->how->from_deletes)
		r = find_passed(x);
	if (r == HS_OK && x->how->from_deletes)
		r = hs_erase_each_event(x, hs_erase_may_delete, look_for_delete);
	if (r == HS_OK && x->how->aliases && x->people.subjects->count <= HS_ERASE_SUBJECTS_MAX)
		r = follow_links(x);
	x->done->too_many |= x->people.subjects->count > HS_ERASE_SUBJECTS_MAX;
	if (r == HS_OK && !x->done->too_many && !x->done->stopped)
		r = widen_limits(x);
	return r;
}
