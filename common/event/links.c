#include "event/links.h"
#include "base/array.h"
#include "event/placeholder_words.h"

#include <stdlib.h>

/* --- placeholders ------------------------------------------------------------------ */

static const char *const placeholders[] = {
#define WORD(text) text,
	HS_PLACEHOLDER_WORDS(WORD, WORD)
};

static bool is_blank(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7F;
}

static bool is_listed(struct hs_slice id)
{
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++) {
		const char *name = placeholders[i];
		size_t n = 0;

		while (n < id.n && name[n] != '\0' && hs_lower(id.p[n]) == name[n])
			n++;
		if (n == id.n && name[n] == '\0')
			return true;
	}
	return false;
}

/* Reads digits that are all zero except perhaps the last; returns the last, or -1. */
static int small(struct hs_slice *s)
{
	size_t n = 0;

	while (n < s->n && hs_is_digit(s->p[n]) && (n == 0 || s->p[n - 1] == '0'))
		n++;
	if (n == 0 || (n < s->n && hs_is_digit(s->p[n])))
		return -1;
	*s = hs_slice(s->p + n, s->n - n);
	return s->p[-1] - '0';
}

static bool skip_zeros(struct hs_slice *s)
{
	return small(s) == 0;
}

/* True for 0 and -1 in any spelling of JSON or a program: "0", "-0.00", "0e7", "-1", "-01e0". Not for marks alone. */
static bool is_zero_or_minus_one(struct hs_slice s)
{
	bool minus = s.p[0] == '-';
	int value;

	if (minus || s.p[0] == '+')
		s = hs_slice(s.p + 1, s.n - 1);
	value = s.p[0] == '.' ? 0 : small(&s);
	if (value != 0 && !(minus && value == 1))
		return false;
	if (s.n > 0 && s.p[0] == '.') {
		s = hs_slice(s.p + 1, s.n - 1);
		if (s.n > 0 && hs_is_digit(s.p[0]) && !skip_zeros(&s))
			return false;
	}
	if (s.n == 0)
		return true;
	if (hs_lower(s.p[0]) != 'e')
		return false;
	s = hs_slice(s.p + 1, s.n - 1);
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		s = hs_slice(s.p + 1, s.n - 1);
	if (value == 1)
		return skip_zeros(&s) && s.n == 0;
	while (s.n > 0 && hs_is_digit(s.p[0]))
		s = hs_slice(s.p + 1, s.n - 1);
	return s.n == 0;
}

/* True if there are only marks, or marks and one repeated letter: zeros, or eight f's or x's. */
static bool is_monotonous(struct hs_slice id)
{
	char letter = '\0';
	size_t count = 0;

	for (size_t i = 0; i < id.n; i++) {
		char c = hs_lower(id.p[i]);

		if (!hs_is_digit(c) && !(c >= 'a' && c <= 'z') && (unsigned char)c < 0x80)
			continue;
		if (count > 0 && c != letter)
			return false;
		letter = c;
		count++;
	}
	return count == 0 || letter == '0' || (count >= 8 && (letter == 'f' || letter == 'x'));
}

bool hs_is_placeholder(struct hs_slice id)
{
	while (id.n > 0 && is_blank(id.p[0]))
		id = hs_slice(id.p + 1, id.n - 1);
	while (id.n > 0 && is_blank(id.p[id.n - 1]))
		id.n--;
	return is_monotonous(id) || is_zero_or_minus_one(id) || is_listed(id);
}

/* --- the table ---------------------------------------------------------------------- */

void hs_links_init(struct hs_links *l, struct hs_subjects *subjects, uint64_t seed)
{
	memset(l, 0, sizeof *l);
	l->subjects = subjects;
	hs_subjects_init(&l->ids, seed);
}

void hs_links_free(struct hs_links *l)
{
	hs_subjects_free(&l->ids);
	free(l->list);
	hs_json_free(&l->json);
	hs_buf_free(&l->user);
	hs_buf_free(&l->id);
}

const char *hs_verdict_text(enum hs_verdict v)
{
	static const char *const text[HS_VERDICTS] = {
		[HS_LINK_FOLLOWED] = "",
		[HS_LINK_PLACEHOLDER] = "a placeholder is nobody's",
		[HS_LINK_IS_USER] = "it is a user's id, which no link can prove to be the same person's",
		[HS_LINK_SHARED] = "it stands beside another user, too",
		[HS_LINK_TOO_MANY] = "its user has too many ids for one person",
	};

	return text[v];
}

/* Puts the id's text into `to`; empty: no id. False: out of memory. */
static bool read_id(const struct hs_named *named, uint32_t token, struct hs_buf *to)
{
	hs_buf_reset(to);
	if (hs_subject_text(named->json, token, to))
		return true;
	return hs_buf_ok(to);
}

/* --- first pass ------------------------------------------------------------------ */

/* A link in a record, to the id in l->id. */
struct found {
	struct hs_subject *by;
	enum hs_subject_kind kind;
	struct hs_slice type, field;
};

static enum hs_verdict first_verdict(const struct hs_links *l, const struct found *f)
{
	if (hs_is_placeholder(hs_buf_slice(&l->id)) || hs_is_placeholder(hs_slice(f->by->id, f->by->n)))
		return HS_LINK_PLACEHOLDER;
	return f->kind == HS_SUBJECT_USER ? HS_LINK_IS_USER : HS_LINK_FOLLOWED;
}

static bool add_link(struct hs_links *l, const struct hs_named *named, const struct found *f)
{
	struct hs_subject who = { .kind = f->kind, .id = l->id.p, .n = l->id.n, .before = { UINT64_MAX, UINT64_MAX } };
	struct hs_buf tenant = { 0 };
	size_t count = l->ids.count;
	bool ok = HS_ARRAY_ROOM(&l->list, l->ids.count, &l->cap);

	if (l->id.n == 0 || (f->by->kind == f->kind && f->by->n == l->id.n && memcmp(f->by->id, l->id.p, l->id.n) == 0))
		return ok;
	if (f->by->links > HS_LINKS_MAX) /* its verdict is settled */
		return ok;
	hs_buf_put_slice(&tenant, named->tenant);
	hs_buf_putc(&tenant, '\0');
	who.tenant = tenant.p;
	ok = ok && hs_buf_ok(&tenant) && hs_subjects_add(&l->ids, &who, NULL);
	hs_buf_free(&tenant);
	if (!ok || l->ids.count == count)
		return ok;
	f->by->links++;
	l->ids.list[count]->pending = count;
	l->list[count] = (struct hs_link){ .id = l->ids.list[count],
		                           .by = f->by,
		                           .type = f->type,
		                           .field = f->field,
		                           .spooled_ms = named->spooled_ms,
		                           .verdict = first_verdict(l, f) };
	return true;
}

/* Finds the record's ids that are subjects. */
struct askers {
	struct hs_subject *user, *other;
};

static void note_user(void *context, struct hs_subject *who)
{
	struct askers *a = context;

	if (a->user == NULL || who->before.number > a->user->before.number ||
	    (who->before.number == a->user->before.number && who->before.offset > a->user->before.offset))
		a->user = who;
}

static void note_other(void *context, struct hs_subject *who)
{
	((struct askers *)context)->other = who;
}

static bool find_askers(struct hs_links *l, const struct hs_named *named, struct hs_mark at, struct askers *a)
{
	struct hs_named user = *named, other = *named;

	user.anonymous = user.previous = 0;
	other.user = 0;
	return hs_subjects_match(l->subjects, &user, &at, note_user, a) >= 0 &&
	       hs_subjects_match(l->subjects, &other, &at, note_other, a) >= 0;
}

static bool find_in(struct hs_links *l, const struct hs_named *named, struct hs_mark at, bool is_alias)
{
	struct hs_named link = *named;
	struct askers a = { 0 };
	struct found f = { .type = is_alias ? HS_SLICE("alias") : HS_SLICE("identify") };
	uint32_t token = is_alias ? named->previous : named->anonymous;

	*(is_alias ? &link.anonymous : &link.previous) = 0;
	if (!find_askers(l, &link, at, &a))
		return false;
	if (a.user != NULL) {
		f.by = a.user;
		f.kind = HS_SUBJECT_ANONYMOUS;
		f.field = is_alias ? HS_SLICE("previous_id") : HS_SLICE("anonymous_id");
		if (!read_id(named, token, &l->id) || !add_link(l, named, &f))
			return false;
	}
	if (a.other == NULL)
		return true;
	f.by = a.other; /* the other direction: only reported */
	f.kind = HS_SUBJECT_USER;
	f.field = HS_SLICE("user_id");
	return read_id(named, named->user, &l->id) && add_link(l, named, &f);
}

static bool begins(struct hs_slice line, struct hs_slice with)
{
	return line.n > with.n && memcmp(line.p, with.p, with.n) == 0;
}

/* False: out of memory. *ok: it is a record with an id. */
static bool read_record(struct hs_links *l, const struct hs_subjects *whose, struct hs_slice line,
                        struct hs_named *named, bool *ok)
{
	enum hs_result r;

	*ok = false;
	if (!hs_subjects_may_match(whose, line))
		return true;
	r = hs_json_document(&l->json, line);
	*ok = r == HS_OK;
	if (*ok)
		hs_named_in_record(named, &l->json, 0);
	return r != HS_E_MEMORY;
}

bool hs_links_find(struct hs_links *l, struct hs_slice record, struct hs_mark at)
{
	/* type comes first, as sent */
	bool is_alias = begins(record, HS_SLICE("{\"type\":\"alias\""));
	struct hs_named named;
	bool ok;

	if (!is_alias && !begins(record, HS_SLICE("{\"type\":\"identify\"")))
		return true;
	if (!read_record(l, l->subjects, record, &named, &ok))
		return false;
	return !ok || find_in(l, &named, at, is_alias);
}

/* --- second pass ------------------------------------------------------------------ */

struct checking {
	struct hs_links *links;
	enum hs_verdict verdict;
};

/* True if the record's user, in l->user, is not the subject of the link. */
static void object(void *context, struct hs_subject *who)
{
	struct checking *c = context;
	struct hs_link *link = &c->links->list[who->pending];
	const struct hs_subject *by = link->by;

	if (link->verdict == HS_LINK_FOLLOWED &&
	    !(by->n == c->links->user.n && memcmp(by->id, c->links->user.p, by->n) == 0))
		link->verdict = c->verdict;
}

bool hs_links_check(struct hs_links *l, struct hs_slice record)
{
	static const struct hs_mark anywhere = { 0, 0 };
	struct checking c = { l, HS_LINK_SHARED };
	struct hs_named named, only;
	bool ok;

	if (l->ids.count == 0)
		return true;
	if (!read_record(l, &l->ids, record, &named, &ok))
		return false;
	if (!ok)
		return true;
	if (!read_id(&named, named.user, &l->user))
		return false;
	if (l->user.n == 0)
		return true;
	only = named;
	only.user = 0;
	if (hs_subjects_match(&l->ids, &only, &anywhere, object, &c) < 0)
		return false;
	c.verdict = HS_LINK_IS_USER; /* the table has all ids as anonymous */
	only = named;
	only.previous = 0;
	only.anonymous = named.user;
	return hs_subjects_match(&l->ids, &only, &anywhere, object, &c) >= 0;
}

bool hs_links_settle(struct hs_links *l)
{
	for (size_t i = 0; i < l->ids.count; i++) {
		struct hs_link *link = &l->list[i];
		struct hs_subject who = *link->id;

		if (link->verdict == HS_LINK_FOLLOWED && link->by->links > HS_LINKS_MAX)
			link->verdict = HS_LINK_TOO_MANY;
		who.derived = true;
		who.deleted = link->by->deleted;
		who.before = link->by->before;
		who.until_ms = link->by->until_ms;
		if (link->verdict == HS_LINK_FOLLOWED && !hs_subjects_add(l->subjects, &who, NULL))
			return false;
	}
	return true;
}
