#include "tools/report/erase_waiting.h"
#include "base/timestamp.h"

#include <stdlib.h>
#include <string.h>

enum hs_result hs_erase_waiting_read(struct hs_erase_waiting *waiting, const struct hs_spool_dir *dir)
{
	struct hs_erase_request *request = NULL;
	size_t count = 0, last;
	enum hs_result r = dir->read_only ? HS_OK : hs_erase_requests_list(dir->private_dir, &request, &count);

	*waiting = (struct hs_erase_waiting){ .list = NULL };
	if (r == HS_OK && count > 0)
		waiting->list = calloc(count, sizeof *waiting->list);
	if (r == HS_OK && count > 0 && waiting->list == NULL)
		r = HS_E_MEMORY;
	for (size_t i = 0; i < count && r == HS_OK; i++) {
		if (i == 0 || strcmp(request[i].database, request[i - 1].database) != 0) {
			last = waiting->count++;
			memcpy(waiting->list[last].database, request[i].database, sizeof request[i].database);
			waiting->list[last].since_ms = request[i].since_ms;
		}
		last = waiting->count - 1;
		waiting->list[last].requests++;
		if (request[i].since_ms < waiting->list[last].since_ms)
			waiting->list[last].since_ms = request[i].since_ms;
	}
	free(request);
	return r;
}

void hs_erase_waiting_free(struct hs_erase_waiting *waiting)
{
	free(waiting->list);
	*waiting = (struct hs_erase_waiting){ .list = NULL };
}

void hs_erase_waiting_put(const struct hs_erase_waiting *waiting, struct hs_buf *out)
{
	for (size_t i = 0; i < waiting->count; i++) {
		char since[HS_TIMESTAMP_TEXT + 1];

		hs_timestamp_text(waiting->list[i].since_ms, since);
		hs_buf_printf(out, "%s: waiting requests of hookspool erase: %zu, the oldest of %s\n",
		              waiting->list[i].database, waiting->list[i].requests, since);
	}
}

void hs_erase_waiting_json(const struct hs_erase_waiting *waiting, struct hs_json_writer *w)
{
	if (waiting->count == 0)
		return;
	hs_json_writer_array(w, "erase_requests");
	for (size_t i = 0; i < waiting->count; i++) {
		hs_json_writer_object(w, NULL);
		hs_json_writer_text(w, "database", hs_slice_str(waiting->list[i].database));
		hs_json_writer_uint(w, "requests", waiting->list[i].requests);
		hs_json_writer_time(w, "since", waiting->list[i].since_ms);
		hs_json_writer_end(w, '}');
	}
	hs_json_writer_end(w, ']');
}
