#include "spool/admin/suppression_list.h"
#include "base/digest.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/loss.h"
#include "spool/admin/salt.h"
#include "spool/admin/suppression_file.h"

#include <stdlib.h>

struct hs_suppression_list {
	const struct hs_spool_dir *dir;
	bool looked;    /* the list was read … */
	uint64_t epoch; /* … when the shared state had this epoch */
	struct hs_buf file;
	struct hs_slice list; /* its hashes; none: no file, or an empty list */
	char salt[HS_SALT + 1];
	struct hs_digest *digest; /* NULL without a list */
	struct hs_json json;
	struct hs_buf text;
};

struct hs_suppression_list *hs_suppression_list_new(const struct hs_spool_dir *dir)
{
	struct hs_suppression_list *s = calloc(1, sizeof *s);

	if (s != NULL)
		s->dir = dir;
	return s;
}

static void forget(struct hs_suppression_list *s)
{
	hs_buf_free(&s->file);
	s->list = HS_SLICE_NONE;
}

void hs_suppression_list_free(struct hs_suppression_list *s)
{
	if (s == NULL)
		return;
	forget(s);
	hs_digest_free(s->digest);
	hs_json_free(&s->json);
	hs_buf_free(&s->text);
	free(s);
}

/* --- searching ---------------------------------------------------------------------- */

/* Without a file nobody is suppressed, unless a receipt says otherwise. */
static enum hs_result without_list(const struct hs_suppression_list *s)
{
	bool lost;
	enum hs_result r = hs_loss_suppressed(s->dir, &lost);

	return r == HS_OK && lost ? HS_E_SUPPRESSED : r;
}

static enum hs_result load_list(struct hs_suppression_list *s)
{
	bool there;
	enum hs_result r = hs_suppression_file_read(s->dir->private_dir, &s->file, &there);

	if (r != HS_OK)
		return r;
	if (!there)
		return without_list(s);
	s->list = hs_suppression_file_hashes(&s->file);
	if (s->list.n > 0) {
		if (s->digest == NULL)
			s->digest = hs_digest_new();
		r = s->digest == NULL ? HS_E_MEMORY : hs_salt(s->dir, s->salt);
	}
	if (r == HS_E_SALT || (r == HS_OK && !hs_suppression_file_is_intact(&s->file, s->salt)))
		return HS_E_SUPPRESSED;
	return r;
}

enum hs_result hs_suppression_list_follow(struct hs_suppression_list *s, bool *active)
{
	uint64_t epoch = atomic_load(&s->dir->state->state->suppress_epoch);
	enum hs_result r = HS_OK;

	if (!s->looked || s->epoch != epoch) {
		forget(s);
		r = load_list(s);
		if (r != HS_OK)
			forget(s);
		s->looked = r == HS_OK;
		s->epoch = epoch;
	}
	*active = s->list.n > 0;
	return r;
}

/* Hashes as suppression_list.h says. tenant.p NULL: all tenants. False: out of memory. */
static bool make_hash(struct hs_digest *d, const char *salt, enum hs_subject_kind kind, struct hs_slice tenant,
                      struct hs_slice id, uint8_t out[static HS_SUPPRESSION_LIST_HASH])
{
	uint8_t whole[HS_SHA256_BYTES];

	if (!hs_digest_start(d) || !hs_digest_add(d, hs_slice(salt, HS_SALT)) ||
	    !hs_digest_add(d, kind == HS_SUBJECT_USER ? HS_SLICE("user") : HS_SLICE("anonymous")) ||
	    !hs_digest_add(d, HS_SLICE("/")) || !hs_digest_add(d, tenant.p == NULL ? HS_SLICE("*") : tenant) ||
	    !hs_digest_add(d, hs_slice("", 1)) || !hs_digest_add(d, id) || !hs_digest_end(d, whole))
		return false;
	memcpy(out, whole, HS_SUPPRESSION_LIST_HASH);
	return true;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, HS_SUPPRESSION_LIST_HASH);
}

static bool is_listed(const struct hs_suppression_list *s, const uint8_t hash[static HS_SUPPRESSION_LIST_HASH])
{
	return bsearch(hash, s->list.p, s->list.n / HS_SUPPRESSION_LIST_HASH, HS_SUPPRESSION_LIST_HASH, compare) !=
	       NULL;
}

static enum hs_result find_token(struct hs_suppression_list *s, const struct hs_named *named, uint32_t token,
                                 enum hs_subject_kind kind, bool *found)
{
	struct hs_slice tenants[] = { HS_SLICE_NONE, named->tenant.p != NULL ? named->tenant : HS_SLICE("") };
	uint8_t hash[HS_SUPPRESSION_LIST_HASH];

	hs_buf_reset(&s->text);
	if (!hs_subject_text(named->json, token, &s->text))
		return hs_buf_ok(&s->text) ? HS_OK : HS_E_MEMORY;
	for (int i = 0; i < 2 && !*found; i++) {
		if (!make_hash(s->digest, s->salt, kind, tenants[i], hs_buf_slice(&s->text), hash))
			return HS_E_MEMORY;
		*found = is_listed(s, hash);
	}
	return HS_OK;
}

enum hs_result hs_suppression_list_find(struct hs_suppression_list *s, struct hs_slice record, bool *found)
{
	struct hs_named named;
	const struct {
		const uint32_t *token;
		enum hs_subject_kind kind;
	} look[] = { { &named.user, HS_SUBJECT_USER },
		     { &named.anonymous, HS_SUBJECT_ANONYMOUS },
		     { &named.previous, HS_SUBJECT_USER },
		     { &named.previous, HS_SUBJECT_ANONYMOUS } };
	enum hs_result r = hs_json_document(&s->json, record);

	*found = false;
	if (r != HS_OK)
		return r == HS_E_MEMORY ? r : HS_OK;
	hs_named_in_record(&named, &s->json, 0);
	for (size_t i = 0; i < sizeof look / sizeof *look && r == HS_OK && !*found; i++)
		r = find_token(s, &named, *look[i].token, look[i].kind, found);
	return r;
}

/* --- adding -------------------------------------------------------------------------- */

static enum hs_result put_hashes(struct hs_buf *list, const char *salt, const struct hs_subjects *subjects)
{
	struct hs_digest *d = hs_digest_new();
	bool ok = d != NULL;

	for (size_t i = 0; i < subjects->count && ok; i++) {
		const struct hs_subject *who = subjects->list[i];
		uint8_t hash[HS_SUPPRESSION_LIST_HASH];

		if (who->derived)
			continue; /* another person may use that device later */
		ok = make_hash(d, salt, who->kind, hs_slice_str(who->tenant), hs_slice(who->id, who->n), hash);
		if (ok)
			hs_buf_put(list, (const char *)hash, sizeof hash);
	}
	hs_digest_free(d);
	return ok && hs_buf_ok(list) ? HS_OK : HS_E_MEMORY;
}

static void sort_and_thin(struct hs_buf *list)
{
	size_t count = list->n / HS_SUPPRESSION_LIST_HASH, kept = 0;

	if (count > 0)
		qsort(list->p, count, HS_SUPPRESSION_LIST_HASH, compare);
	for (size_t i = 0; i < count; i++) {
		char *hash = list->p + i * HS_SUPPRESSION_LIST_HASH;

		if (kept == 0 || compare(hash, list->p + (kept - 1) * HS_SUPPRESSION_LIST_HASH) != 0)
			memmove(list->p + kept++ * HS_SUPPRESSION_LIST_HASH, hash, HS_SUPPRESSION_LIST_HASH);
	}
	list->n = kept * HS_SUPPRESSION_LIST_HASH;
}

enum hs_result hs_suppression_list_clear(const struct hs_spool_dir *dir)
{
	enum hs_result r = hs_suppression_file_replace(dir->private_dir, NULL, HS_SLICE_NONE);

	if (r == HS_OK)
		atomic_fetch_add(&dir->state->state->suppress_epoch, 1);
	return r;
}

enum hs_result hs_suppression_list_add(const struct hs_spool_dir *dir, const struct hs_subjects *subjects)
{
	struct hs_suppression_list *s = hs_suppression_list_new(dir);
	struct hs_buf list = { 0 };
	char salt[HS_SALT + 1];
	bool active = false;
	enum hs_result r = s == NULL ? HS_E_MEMORY : hs_suppression_list_follow(s, &active);

	if (r == HS_OK)
		r = hs_salt(dir, salt);
	if (r == HS_OK && active)
		hs_buf_put_slice(&list, s->list);
	if (r == HS_OK)
		r = put_hashes(&list, salt, subjects);
	if (r == HS_OK) {
		sort_and_thin(&list);
		r = hs_suppression_file_replace(dir->private_dir, salt, hs_buf_slice(&list));
	}
	if (r == HS_OK)
		atomic_fetch_add(&dir->state->state->suppress_epoch, 1);
	hs_suppression_list_free(s);
	hs_buf_free(&list);
	return r;
}
