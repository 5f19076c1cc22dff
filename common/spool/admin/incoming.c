#include "spool/admin/incoming.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/write/segment.h"

#include <stdlib.h>

enum {
	AWAIT_MS = 60000,
	LOCK_MS = 10000,
	POLL_MS = 50,
};

/* Takes in what is whole. *name is that of a segment which is not; empty: there is none. */
static enum hs_result settle(struct hs_segment *s, char name[static HS_SEALED_NAME])
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_segment_lock(s, deadline);

	name[0] = '\0';
	if (r != HS_OK)
		return r;
	r = hs_segment_settle(s, deadline);
	hs_segment_unlock(s);
	if (r != HS_OK)
		return r;
	r = hs_sealed_list_all(s->dir->fd, s->name, &list, &count);
	if (count > 0 && list[count - 1].number == HS_SEALED_LATER)
		hs_sealed_print(s->name, &list[count - 1], name);
	free(list);
	return r;
}

static enum hs_result await(struct hs_segment *s, bool (*must_stop)(void *context), void *context)
{
	int64_t deadline = hs_io_now_monotonic() + AWAIT_MS;
	char name[HS_SEALED_NAME];
	enum hs_result r = settle(s, name);

	while (r == HS_OK && name[0] != '\0' && (must_stop == NULL || !must_stop(context))) {
		if (hs_io_now_monotonic() > deadline) {
			hs_log(HS_LOG_WARN, "%s is still being copied into the spool: run this again when it is there",
			       name);
			return HS_E_REWRITTEN;
		}
		hs_io_pause(POLL_MS);
		r = settle(s, name);
	}
	return r;
}

enum hs_result hs_incoming_await(const struct hs_spool_dir *dir, bool (*must_stop)(void *context), void *context)
{
	enum hs_result r = HS_OK;

	for (int i = 0; i < HS_STREAMS && r == HS_OK; i++) {
		struct hs_segment s;

		hs_segment_init(&s, dir, i);
		r = await(&s, must_stop, context);
		hs_segment_close(&s);
	}
	return r;
}
