#include "tools/probe/check_consumers.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "event/record_fields.h"
#include "spool/admin/dead_letters.h"
#include "spool/file/segment_list.h"
#include "spool/position/cursor.h"
#include "spool/read/reader.h"
#include "spool/shared/spool_dir.h"
#include "tools/report/bar_table.h"
#include "tools/report/erase_waiting.h"
#include "tools/report/filter.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DAY_MS = 86400000,
	STALE_DAYS = 3,         /* longer than a weekend */
	ERASE_LATE_MS = 3600000 /* longer than cron takes to come back */
};

struct waiting {
	struct hs_findings *report;
	const struct hs_settings *settings;
	int dir;
	const struct hs_sealed *sealed;
	size_t count;
};

/* Counts what a cursor holds back from deletion: the sealed segments that it has not passed. */
static uint64_t kept_for(const struct waiting *w, struct hs_position at, uint64_t *bytes)
{
	uint64_t segments = 0;

	*bytes = 0;
	for (size_t i = 0; i < w->count; i++) {
		char name[HS_SEALED_NAME];
		struct stat st;

		if (w->sealed[i].number < at.number || (i > 0 && w->sealed[i].number == w->sealed[i - 1].number))
			continue;
		hs_sealed_print("events", &w->sealed[i], name);
		if (hs_io_stat(w->dir, name, &st) < 0)
			continue;
		/* it may be at the end of this one; for a .gz that cannot be seen without inflating it */
		if (w->sealed[i].number == at.number && at.offset > 0 &&
		    (w->sealed[i].gzip || (uint64_t)st.st_size <= at.offset))
			continue;
		segments++;
		*bytes += (uint64_t)st.st_size;
	}
	return segments;
}

static bool check_cursor(void *context, const struct hs_cursor_info *info)
{
	struct waiting *w = context;
	struct hs_findings *r = w->report;
	int64_t days = (hs_io_now() - info->saved_ms) / DAY_MS;
	uint64_t bytes, segments;
	char remedy[256], text[HS_BAR_TABLE_BYTES];

	snprintf(remedy, sizeof remedy, "start its consumer; or give it up: hookspool cursors remove %s", info->name);
	if (info->damaged && info->error != 0) {
		hs_findings_warn(r, "cursor", "try again before you reset it: its position may be whole",
		                 "%s cannot be read: %s: no segment is deleted", info->name, strerror(info->error));
		return true;
	}
	if (info->damaged) {
		snprintf(remedy, sizeof remedy, "hookspool cursors reset %s --from oldest|now|TIME", info->name);
		hs_findings_warn(r, "cursor", remedy, "%s is damaged: no segment is deleted", info->name);
		return true;
	}
	segments = kept_for(w, info->position, &bytes);
	if (days < STALE_DAYS || segments == 0)
		return true;
	hs_bar_table_bytes(bytes, text);
	hs_findings_warn(r, "cursor", remedy, "%s has not moved for %" PRId64 " days: %" PRIu64 " segments, %s, %s",
	                 info->name, days, segments, text,
	                 w->settings->retain_force ? "wait for it, until retention deletes them unread"
	                                           : "wait for it, and retention does not delete them");
	return true;
}

/* Names the databases that still have rows of people whom an erase has removed from the spool. */
static enum hs_result check_erases(struct hs_findings *report, const struct hs_spool_dir *dir)
{
	struct hs_erase_waiting waiting;
	enum hs_result r = hs_erase_waiting_read(&waiting, dir);

	for (size_t i = 0; i < waiting.count; i++) {
		const char *database = waiting.list[i].database;
		char since[HS_TIMESTAMP_TEXT + 1];
		bool late = hs_io_now() - waiting.list[i].since_ms > ERASE_LATE_MS;

		hs_timestamp_text(waiting.list[i].since_ms, since);
		if (late)
			hs_findings_warn(report, "load",
			                 "run hookspool load of that database; its messages say why it cannot erase",
			                 "%s: waiting requests of hookspool erase: %zu, the oldest of %s", database,
			                 waiting.list[i].requests, since);
		else
			hs_findings_ok(report, "load", "%s: waiting requests of hookspool erase: %zu, the oldest of %s",
			               database, waiting.list[i].requests, since);
	}
	hs_erase_waiting_free(&waiting);
	return r;
}

void hs_check_cursors(struct hs_findings *report, const struct hs_settings *settings, const struct hs_spool_dir *dir)
{
	struct waiting w = { .report = report, .settings = settings, .dir = dir->fd };
	struct hs_sealed *list = NULL;
	enum hs_result r = hs_sealed_list(dir->fd, "events", &list, &w.count);

	w.sealed = list;
	if (r == HS_OK)
		r = hs_cursor_list(dir->private_dir, check_cursor, &w);
	if (r == HS_OK)
		r = check_erases(report, dir);
	if (r != HS_OK)
		hs_findings_warn(report, "cursor", hs_result_info(r)->remedy, "cannot be read");
	free(list);
}

void hs_check_failed(struct hs_findings *report, const struct hs_settings *settings, int dir)
{
	static const char remedy[] = "hookspool cat --failed shows them, hookspool each --failed tries them again; or "
				     "raise failed_max";
	uint64_t most = (uint64_t)settings->failed_max;
	char bytes[HS_BAR_TABLE_BYTES], since[HS_TIMESTAMP_TEXT + 1] = "an unknown time";
	struct hs_dead_letters_size size;
	enum hs_result r = hs_dead_letters_look(dir, hs_io_now(), &size);

	if (r != HS_OK) {
		hs_findings_warn(report, "failed", hs_result_info(r)->remedy, "failed.jsonl cannot be read");
		return;
	}
	if (size.bytes == 0)
		return;
	hs_findings_figure(report, "failed", size.bytes, "B");
	hs_bar_table_bytes(size.bytes, bytes);
	if (size.oldest_ms > 0)
		hs_timestamp_text(size.oldest_ms, since);
	if (size.bytes >= most - most / 16) /* a letter may not fit before it is reached */
		hs_findings_fail(report, "failed", remedy,
		                 "%s of dead letters since %s: at failed_max each gives up no "
		                 "record, and its user waits",
		                 bytes, since);
	else if (size.bytes >= most / 2)
		hs_findings_warn(report, "failed", remedy, "%s of dead letters since %s: more than half of failed_max",
		                 bytes, since);
	else
		hs_findings_ok(report, "failed", "%s of dead letters since %s: hookspool cat --failed", bytes, since);
}

static bool any(void *context, struct hs_slice line)
{
	(void)context;
	(void)line;
	return true;
}

/* Reads spooled_at of the last event into *ms; 0: there is none. */
static enum hs_result find_last(const struct hs_settings *settings, int64_t *ms)
{
	struct hs_reader *reader;
	struct hs_slice line;
	enum hs_result r = hs_reader_open(settings, &reader);

	*ms = 0;
	if (r != HS_OK)
		return r;
	r = hs_reader_last(reader, 1, any, NULL);
	if (r == HS_OK && hs_reader_next(reader, &line) == HS_READ_LINE) {
		struct hs_record_fields walk = hs_record_fields_of(line);
		struct hs_record_field leaf;

		while (hs_record_field_next(&walk, &leaf))
			if (hs_slice_eq(leaf.name, HS_SLICE("spooled_at")) && hs_timestamp_parse(leaf.value, ms))
				break;
	}
	hs_reader_close(reader);
	return r;
}

void hs_check_quiet(struct hs_findings *report, const struct hs_settings *settings, const char *quiet_for)
{
	static const char remedy[] = "look at Segment's Event Delivery; try the mount: hookspool check --url URL";
	int64_t now = hs_io_now(), limit = now, last;
	__attribute__((unused)) bool is_time;
	char text[HS_TIMESTAMP_TEXT + 1];
	enum hs_result r;

	if (quiet_for == NULL)
		return;
	is_time = hs_filter_when(quiet_for, now, &limit);
	assert(is_time);
	r = find_last(settings, &last);
	hs_timestamp_text(last, text);
	if (r == HS_OK && last > 0)
		hs_findings_figure(report, "quiet", (uint64_t)(now > last ? (now - last) / 1000 : 0), "s");
	if (r != HS_OK)
		hs_findings_fail(report, "quiet", hs_result_info(r)->remedy, "the last event cannot be read");
	else if (last == 0)
		hs_findings_warn(report, "quiet", remedy, "no event has come yet");
	else if (last < limit)
		hs_findings_warn(report, "quiet", remedy, "no event has come for %s: the last one at %s", quiet_for,
		                 text);
	else
		hs_findings_ok(report, "quiet", "the last event came at %s", text);
}
