#include "spool/shared/history.h"
#include "base/digest.h"
#include "base/file_replace.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "spool/file/segment_list.h"
#include "spool/shared/shared_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 192, NAME_MAX_BYTES = 32 };
static const char NAME[] = HS_HISTORY_FILE;

bool hs_history_hash(struct hs_digest *d, struct hs_slice line, uint64_t *hash)
{
	uint8_t sum[HS_SHA256_BYTES];

	if (!hs_digest_start(d) || !hs_digest_add(d, line) || !hs_digest_end(d, sum))
		return false;
	*hash = 0;
	for (int i = 0; i < 8; i++)
		*hash = *hash << 8 | sum[i];
	if (*hash == 0) /* means "not known" */
		*hash = 1;
	return true;
}

/* --- its file --------------------------------------------------------------- */

static size_t print(char out[static TEXT_MAX], const struct hs_history *h)
{
	char now[HS_TIMESTAMP_TEXT + 1];

	hs_timestamp_text(hs_io_now(), now);
	return (size_t)snprintf(out, TEXT_MAX,
	                        "{\"id\":\"%s\",\"epoch\":%" PRIu64 ",\"settled\":%s,\"begun_at\":\"%s\"}\n", h->id,
	                        h->epoch, h->settled ? "true" : "false", now);
}

static bool parse(const char *text, struct hs_history *h)
{
	char settled[8], begun[HS_TIMESTAMP_TEXT + 1];
	int end = 0;

	if (sscanf(text,
	           "{\"id\":\"%32[0-9a-f]\",\"epoch\":%" SCNu64 ",\"settled\":%7[a-z],\"begun_at\":\"%24[^\"]\"}\n%n",
	           h->id, &h->epoch, settled, begun, &end) != 4 ||
	    end == 0 || text[end] != '\0' || strlen(h->id) != HS_HISTORY_ID || h->epoch == 0)
		return false;
	h->settled = strcmp(settled, "true") == 0;
	return h->settled || strcmp(settled, "false") == 0;
}

enum hs_result hs_history_read(int private_dir, const char *name, struct hs_history *h)
{
	char text[TEXT_MAX];
	int fd = hs_io_open_read(private_dir, name), saved;
	ssize_t got;

	if (fd < 0)
		return HS_E_IO;
	got = hs_io_read_at(fd, text, sizeof text - 1, 0);
	saved = errno;
	hs_io_close(fd);
	errno = got < 0 ? saved : 0;
	if (got < 0)
		return HS_E_IO;
	text[got] = '\0';
	return parse(text, h) ? HS_OK : HS_E_CURSOR;
}

/* The temporary file has a name of its own: several processes may do this at once. */
static enum hs_result write_new(struct hs_file_replace *f, char temporary[static NAME_MAX_BYTES],
                                const struct hs_history *h)
{
	char text[TEXT_MAX];
	size_t n = print(text, h);
	enum hs_result result;

	snprintf(temporary, NAME_MAX_BYTES, HS_HISTORY_TEMPORARY "%016" PRIx64, hs_io_random());
	f->temporary = temporary;
	result = hs_file_replace_begin(f);
	return result == HS_OK && hs_io_write_at(f->fd, text, n, 0) < 0 ? hs_io_result(errno) : result;
}

enum hs_result hs_history_put(int private_dir, int temporary_dir, const char *name, const struct hs_history *h)
{
	char temporary[NAME_MAX_BYTES];
	struct hs_file_replace f = { private_dir, name, temporary_dir, NULL, 0600, false, -1 };

	return hs_file_replace_end(&f, write_new(&f, temporary, h));
}

/* Makes the file; *made is false if another process was faster, and then its file counts. */
static enum hs_result put_first(int private_dir, int run_dir, const struct hs_history *h, bool *made)
{
	char temporary[NAME_MAX_BYTES];
	struct hs_file_replace f = { private_dir, NAME, run_dir, NULL, 0600, false, -1 };

	return hs_file_replace_first(&f, write_new(&f, temporary, h), made);
}

/* --- opening ---------------------------------------------------------------- */

static bool look_at_name(void *context, const char *name)
{
	bool *found = context;
	struct hs_sealed sealed;

	*found = strcmp(name, "events.jsonl") == 0 || strcmp(name, "rejected.jsonl") == 0 ||
	         hs_sealed_parse("events", name, &sealed) || hs_sealed_parse("rejected", name, &sealed);
	return !*found;
}

static void make_id(struct hs_history *h)
{
	uint64_t random[2] = { hs_io_random(), hs_io_random() };

	hs_hex_encode((const uint8_t *)random, sizeof random, h->id);
	h->id[HS_HISTORY_ID] = '\0';
	h->epoch = 1;
}

/* Makes a history where there is none, or a damaged one. */
static enum hs_result begin(const struct hs_history_at *at, bool damaged, struct hs_history *h)
{
	bool used = false, made;
	enum hs_result result;

	if (hs_io_list(at->spool_dir, look_at_name, &used) < 0)
		return HS_E_IO;
	if (strlen(at->state->spool_id) == HS_HISTORY_ID && at->state->spool_epoch > 0) {
		memcpy(h->id, at->state->spool_id, sizeof h->id); /* the file alone was lost */
		h->epoch = at->state->spool_epoch;
		h->settled = true;
	} else {
		make_id(h);
		h->settled = !used && !damaged;
	}
	if (damaged && hs_io_unlink(at->private_dir, NAME) < 0 && errno != ENOENT)
		return HS_E_IO;
	result = put_first(at->private_dir, at->run_dir, h, &made);
	if (result != HS_OK)
		return result;
	if (made && !h->settled)
		hs_log(HS_LOG_ERROR, ".hookspool/" HS_HISTORY_FILE " was lost, and with it the files "
		                     "beside it: restore them from a backup, or run hookspool adopt");
	return made ? HS_OK : hs_history_read(at->private_dir, NAME, h);
}

enum hs_result hs_history_open(const struct hs_history_at *at, struct hs_history *h)
{
	struct hs_shared_state *state = at->state;
	enum hs_result result = hs_history_read(at->private_dir, NAME, h);

	if (result == HS_E_CURSOR || (result == HS_E_IO && errno == ENOENT))
		result = begin(at, result == HS_E_CURSOR, h);
	if (result == HS_OK && (strcmp(state->spool_id, h->id) != 0 || state->spool_epoch != h->epoch)) {
		memcpy(state->spool_id, h->id, sizeof h->id);
		state->spool_epoch = h->epoch;
	}
	return result;
}
