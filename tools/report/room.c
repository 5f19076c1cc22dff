#include "tools/report/room.h"
#include "base/io.h"
#include "tools/report/bar_table.h"

#include <stdio.h>

enum { MINUTE_MS = 60000, DAY_MINUTES = 24 * 60 };

/* The bytes of the last day, or of a shorter time since counting began, scaled to a day. */
static uint64_t rate_of(const struct hs_metrics_figures *figures, int64_t now_ms)
{
	int64_t now = now_ms / MINUTE_MS, counted = now - hs_metrics_since(figures) / MINUTE_MS + 1;
	struct hs_metrics_minute found;
	double bytes = 0;

	if (counted < 1 || counted > DAY_MINUTES)
		counted = DAY_MINUTES;
	for (int64_t minute = now - counted + 1; minute <= now; minute++)
		if (hs_metrics_minute(figures, minute, &found))
			bytes += (double)found.bytes;
	return (uint64_t)(bytes * DAY_MINUTES / (double)counted);
}

struct hs_room hs_room_find(const struct hs_spool_dir *dir, const struct hs_metrics_figures *figures, int64_t now_ms)
{
	uint64_t min_free = (uint64_t)dir->settings->min_free;
	struct hs_room room = { 0 };
	struct hs_space space;

	if (hs_io_space(dir->fd, &space) < 0)
		return room;
	room.is_known = true;
	room.bytes = space.bytes > min_free ? space.bytes - min_free : 0;
	if (figures != NULL)
		room.bytes_a_day = rate_of(figures, now_ms);
	return room;
}

static double days_of(const struct hs_room *room)
{
	return (double)room->bytes / (double)room->bytes_a_day;
}

void hs_room_put(const struct hs_room *room, struct hs_buf *out)
{
	char bytes[HS_BAR_TABLE_BYTES];

	if (!room->is_known)
		return;
	hs_bar_table_bytes(room->bytes, bytes);
	if (room->bytes_a_day == 0)
		hs_buf_printf(out, "\nroom for %s\n", bytes);
	else
		hs_buf_printf(out, "\nroom for %.1f days, %s, at the rate of the last day\n", days_of(room), bytes);
}

void hs_room_json(const struct hs_room *room, struct hs_json_writer *w)
{
	char days[64];
	int n;

	hs_json_writer_line(w);
	if (!room->is_known) {
		hs_json_writer_null(w, "room");
		return;
	}
	hs_json_writer_object(w, "room");
	hs_json_writer_uint(w, "bytes", room->bytes);
	hs_json_writer_uint(w, "bytes_a_day", room->bytes_a_day);
	if (room->bytes_a_day == 0) {
		hs_json_writer_null(w, "days");
	} else {
		n = snprintf(days, sizeof days, "%.1f", days_of(room));
		hs_json_writer_raw(w, "days", hs_slice(days, (size_t)n));
	}
	hs_json_writer_end(w, '}');
}
