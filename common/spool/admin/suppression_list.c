#include "spool/admin/suppression_list.h"
#include "base/digest.h"
#include "base/file_replace.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/loss.h"
#include "spool/admin/salt.h"

#include <errno.h>
#include <stdlib.h>

static const char NAME[] = HS_SUPPRESSION_LIST_FILE, NEW[] = "suppressed-new";
static const char MAGIC[] = "HSSUPP1\n";
enum { MAGIC_BYTES = sizeof MAGIC - 1 };
_Static_assert((int)MAGIC_BYTES == (int)HS_SUPPRESSION_LIST_EMPTY, "an empty list is its magic");

struct hs_suppression_list {
	const struct hs_spool_dir *dir;
	bool looked;    /* the list was read … */
	uint64_t epoch; /* … when the shared state had this epoch */
	char *list;     /* the whole file; NULL: no file, or an empty list */
	size_t size;
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
	free(s->list);
	s->list = NULL;
	s->size = 0;
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

/* Reads the file to memory: access to a mapping fails if the file is cut. */
static enum hs_result read_list(struct hs_suppression_list *s, int fd, size_t size)
{
	size_t at = 0;
	ssize_t got = 1;

	s->list = malloc(size);
	if (s->list == NULL)
		return HS_E_MEMORY;
	s->size = size;
	while (at < size && got > 0) {
		got = hs_io_read_at(fd, s->list + at, size - at, at);
		if (got > 0)
			at += (size_t)got;
	}
	return at == size ? HS_OK : HS_E_IO;
}

static enum hs_result load_list(struct hs_suppression_list *s)
{
	int fd = hs_io_open(s->dir->private_dir, NAME);
	enum hs_result r = HS_OK;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? without_list(s) : HS_E_IO;
	if (hs_io_fstat(fd, &st) < 0) {
		r = HS_E_IO;
	} else if (hs_suppression_list_is_cut((uint64_t)st.st_size)) {
		r = HS_E_SUPPRESSED;
	} else {
		r = read_list(s, fd, (size_t)st.st_size);
	}
	hs_io_close(fd);
	if (r != HS_OK)
		return r;
	if (memcmp(s->list, MAGIC, MAGIC_BYTES) != 0)
		return HS_E_SPOOL_VERSION;
	if (s->size == MAGIC_BYTES) {
		forget(s);
		return HS_OK;
	}
	if (s->digest == NULL)
		s->digest = hs_digest_new();
	r = s->digest == NULL ? HS_E_MEMORY : hs_salt(s->dir, s->salt);
	return r == HS_E_SALT ? HS_E_SUPPRESSED : r;
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
	*active = s->list != NULL;
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
	return bsearch(hash, s->list + MAGIC_BYTES, (s->size - MAGIC_BYTES) / HS_SUPPRESSION_LIST_HASH,
	               HS_SUPPRESSION_LIST_HASH, compare) != NULL;
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

static enum hs_result publish(int private_dir, struct hs_slice list)
{
	struct hs_file_replace f = { private_dir, NAME, private_dir, NEW, 0600, false, -1 };
	enum hs_result r = hs_file_replace_begin(&f);

	if (r == HS_OK && (hs_io_write_at(f.fd, MAGIC, MAGIC_BYTES, 0) < 0 ||
	                   (list.n > 0 && hs_io_write_at(f.fd, list.p, list.n, MAGIC_BYTES) < 0)))
		r = hs_io_result(errno);
	return hs_file_replace_end(&f, r);
}

enum hs_result hs_suppression_list_clear(const struct hs_spool_dir *dir)
{
	enum hs_result r = publish(dir->private_dir, HS_SLICE_NONE);

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
		hs_buf_put(&list, s->list + MAGIC_BYTES, s->size - MAGIC_BYTES);
	if (r == HS_OK)
		r = put_hashes(&list, salt, subjects);
	if (r == HS_OK) {
		sort_and_thin(&list);
		r = publish(dir->private_dir, hs_buf_slice(&list));
	}
	if (r == HS_OK)
		atomic_fetch_add(&dir->state->state->suppress_epoch, 1);
	hs_suppression_list_free(s);
	hs_buf_free(&list);
	return r;
}
