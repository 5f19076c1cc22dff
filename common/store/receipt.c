#include "store/receipt.h"
#include "core/clock_text.h"
#include "core/hex.h"
#include "core/hmac.h"
#include "store/io.h"

#include <errno.h>
#include <stdio.h>

static const char SALT[] = "salt", NEW_SALT[] = "salt-new", RECEIPTS[] = "erased.jsonl";

/* --- the salt -------------------------------------------------------------------- */

static enum hs_result make_salt(int private_dir, char salt[static HS_SALT + 1])
{
	uint64_t random[2] = { hs_io_random(), hs_io_random() };
	enum hs_result r = HS_OK;
	int fd;

	hs_hex_encode((const uint8_t *)random, sizeof random, salt);
	salt[HS_SALT] = '\0';
	hs_io_unlink(private_dir, NEW_SALT);
	fd = hs_io_make(private_dir, NEW_SALT, 0600);
	if (fd < 0)
		return hs_io_result(errno);
	if (hs_io_write_at(fd, salt, HS_SALT, 0) < 0)
		r = hs_io_result(errno);
	else if (hs_io_sync_data(fd) < 0)
		r = HS_E_SYNC;
	else if (hs_io_rename(private_dir, NEW_SALT, private_dir, SALT) < 0 ||
		 hs_io_sync_dir(private_dir) < 0)
		r = HS_E_IO;
	hs_io_close(fd);
	return r;
}

enum hs_result hs_salt(int private_dir, char salt[static HS_SALT + 1])
{
	int fd = hs_io_open_read(private_dir, SALT);
	ssize_t got;

	if (fd < 0)
		return errno == ENOENT ? make_salt(private_dir, salt) : HS_E_IO;
	got = hs_io_read_at(fd, salt, HS_SALT, 0);
	hs_io_close(fd);
	salt[HS_SALT] = '\0';
	return got == HS_SALT ? HS_OK : HS_E_IO;
}

/* --- receipts ----------------------------------------------------------------------- */

static const char *kind_name(const struct hs_subject *who)
{
	return who->kind == HS_SUBJECT_USER ? "user" : "anonymous";
}

static bool put_id(struct hs_buf *out, const char *salt, const struct hs_subject *who)
{
	uint8_t sum[HS_SHA256_BYTES];
	char text[2 * HS_SHA256_BYTES];
	struct hs_buf whole = { 0 };
	bool ok;

	hs_buf_put_slice(&whole, hs_slice_str(salt));
	hs_buf_put_slice(&whole, hs_slice_str(kind_name(who)));
	hs_buf_putc(&whole, ':');
	hs_buf_put(&whole, who->id, who->n);
	ok = hs_buf_ok(&whole) && hs_sha256(hs_buf_slice(&whole), sum);
	hs_buf_free(&whole);
	if (!ok)
		return false;
	hs_hex_encode(sum, sizeof sum, text);
	hs_buf_put_json(out, hs_slice(text, sizeof text));
	return true;
}

static void put_label(struct hs_buf *out, const char *label, const char *value)
{
	hs_buf_put_slice(out, hs_slice_str(label));
	hs_buf_put_json(out, hs_slice_str(value));
}

static bool put_receipt(struct hs_buf *out, const char *salt, const struct hs_subject *who,
			const struct hs_receipt *receipt)
{
	char now[HS_CLOCK_TEXT + 1];

	hs_clock_text(hs_io_now(), now);
	put_label(out, "{\"erased_at\":", now);
	put_label(out, ",\"state\":", receipt->state);
	put_label(out, ",\"kind\":", kind_name(who));
	hs_buf_put_slice(out, HS_SLICE(",\"id\":"));
	if (!put_id(out, salt, who))
		return false;
	if (who->tenant != NULL && who->tenant[0] != '\0')
		put_label(out, ",\"tenant\":", who->tenant);
	hs_buf_put_slice(out, HS_SLICE(",\"events\":"));
	hs_buf_put_uint(out, who->events);
	hs_buf_put_slice(out, HS_SLICE(",\"others\":"));
	hs_buf_put_uint(out, who->others);
	put_label(out, ",\"by\":", receipt->by);
	hs_buf_put_slice(out, receipt->suppressed ? HS_SLICE(",\"suppressed\":true}\n")
						  : HS_SLICE(",\"suppressed\":false}\n"));
	return hs_buf_ok(out);
}

/* Where the next line goes: behind the last whole one. */
static enum hs_result find_end(int fd, uint64_t *end)
{
	struct stat st;
	char c = '\n';

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	for (*end = (uint64_t)st.st_size; *end > 0;
	     --*end) { /* no further than a kill left of a line */
		if (hs_io_read_at(fd, &c, 1, *end - 1) != 1)
			return HS_E_IO;
		if (c == '\n')
			break;
	}
	return *end < (uint64_t)st.st_size && hs_io_truncate(fd, *end) < 0 ? HS_E_IO : HS_OK;
}

static enum hs_result append(const struct hs_place *place, struct hs_slice text)
{
	int fd = hs_io_open_or_make(place->dir, RECEIPTS, (mode_t)place->settings->spool_mode);
	enum hs_result r;
	uint64_t end;

	if (fd < 0)
		return hs_io_result(errno);
	r = find_end(fd, &end);
	if (r == HS_OK && hs_io_write_at(fd, text.p, text.n, end) < 0)
		r = hs_io_result(errno);
	if (r == HS_OK && hs_io_sync_data(fd) < 0)
		r = HS_E_SYNC;
	if (r == HS_OK && hs_io_sync_dir(place->dir) < 0)
		r = HS_E_IO;
	hs_io_close(fd);
	return r;
}

enum hs_result hs_receipts_put(const struct hs_place *place, const struct hs_subjects *subjects,
			       const struct hs_receipt *receipt)
{
	struct hs_buf text = { 0 };
	char salt[HS_SALT + 1];
	enum hs_result r = hs_salt(place->private_dir, salt);

	for (size_t i = 0; i < subjects->count && r == HS_OK; i++)
		if (!put_receipt(&text, salt, subjects->list[i], receipt))
			r = HS_E_MEMORY;
	if (r == HS_OK && text.n > 0)
		r = append(place, hs_buf_slice(&text));
	hs_buf_free(&text);
	return r;
}
