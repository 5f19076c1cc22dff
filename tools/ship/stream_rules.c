#include "tools/ship/stream_rules.h"

#include <stdio.h>

enum { WINDOW_LEAST_MS = 120000 };

/* Compares a version such as 2.10.27-beta.1 with major.minor.patch: -1, 0, 1; one that cannot be read is old. */
static int compare_version(const char *version, unsigned major, unsigned minor, unsigned patch)
{
	const unsigned wanted[3] = { major, minor, patch };
	unsigned got[3] = { 0 };

	if (sscanf(version, "%u.%u.%u", &got[0], &got[1], &got[2]) != 3)
		return -1;
	for (int i = 0; i < 3; i++)
		if (got[i] != wanted[i])
			return got[i] < wanted[i] ? -1 : 1;
	return 0;
}

static bool has_limit(const struct hs_engine_stream *s)
{
	return s->max_bytes > 0 || s->max_messages > 0;
}

static bool has_short_window(const struct hs_engine_stream *s, const struct hs_stream_rules *rules)
{
	return s->window_ms < WINDOW_LEAST_MS || s->window_ms < 4 * rules->ack_wait_ms;
}

size_t hs_stream_judge(const struct hs_engine_stream *s, const struct hs_stream_rules *rules,
                       struct hs_stream_finding finding[static HS_STREAM_FINDINGS])
{
	const bool older = compare_version(s->server_version, 2, 10, 23) < 0;
	const bool newer = compare_version(s->server_version, 2, 11, 0) >= 0;
	const struct {
		bool is_so;
		struct hs_stream_finding finding;
	} row[] = {
		{ older && !rules->old_server,
		  { HS_STREAM_REFUSED, "the server is older than 2.10.23: it may lose streams, or let replicas differ",
		    "install nats-server 2.12.3 or newer" } },
		{ s->no_ack,
		  { HS_STREAM_REFUSED, "the stream acknowledges nothing (no_ack)", "nats stream edit --ack" } },
		{ s->sealed, { HS_STREAM_REFUSED, "the stream is sealed", "name another stream, with --create" } },
		{ !s->limits_retention,
		  { HS_STREAM_REFUSED, "the stream deletes what its consumers have read (retention workqueue or interest)",
		    "name a stream with retention limits" } },
		{ s->max_per_subject > 0,
		  { HS_STREAM_REFUSED, "the stream keeps only some messages of a subject (max_msgs_per_subject)",
		    "nats stream edit --max-msgs-per-subject=-1" } },
		{ !s->discard_new && has_limit(s) && !rules->lossy,
		  { HS_STREAM_REFUSED, "the stream deletes its oldest messages when it is full (discard old and a limit)",
		    "nats stream edit --discard=new, or --lossy" } },
		{ has_short_window(s, rules) && !rules->old_server,
		  { HS_STREAM_REFUSED, "the stream's duplicate window is below 2 minutes or 4 times ack_wait",
		    "nats stream edit --dupe-window=2m" } },
		{ older && rules->old_server,
		  { HS_STREAM_DOUBTFUL, "the server is older than 2.10.23: it may lose streams, or let replicas differ",
		    "install nats-server 2.12.3 or newer" } },
		{ !older && !newer,
		  { HS_STREAM_DOUBTFUL, "the server is older than 2.11: it acknowledges what it has not stored yet",
		    "install nats-server 2.12.3 or newer" } },
		{ s->replicas < 2,
		  { HS_STREAM_DOUBTFUL, "the stream has one replica: its disk is the only copy",
		    "nats stream edit --replicas=3, in a cluster" } },
		{ !s->file_storage,
		  { HS_STREAM_DOUBTFUL, "the stream is in memory: it is gone when the servers stop",
		    "name a stream with file storage" } },
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].is_so)
			finding[n++] = row[i].finding;
	return n;
}
