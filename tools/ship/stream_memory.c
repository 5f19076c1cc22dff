#include "tools/ship/stream_memory.h"

#include <stdio.h>
#include <string.h>

static bool is_another(const struct hs_stream_memory *memory, const struct hs_engine_stream *stream)
{
	return strcmp(memory->created, stream->created) != 0 && !stream->is_older;
}

enum hs_stream_change hs_stream_memory_judge(const struct hs_stream_memory *memory, const struct hs_engine_asked *asked)
{
	uint64_t own = asked->any ? asked->sequence : 0;

	if (memory->created[0] != '\0' && is_another(memory, &asked->stream))
		return HS_STREAM_ANOTHER;
	if (asked->stream.last < memory->sequence || memory->back != 0 || hs_stream_says_too_much(asked))
		return HS_STREAM_FORGOT;
	return own < memory->own && asked->stream.first <= memory->own ? HS_STREAM_FORGOT : HS_STREAM_SAME;
}

bool hs_stream_says_too_much(const struct hs_engine_asked *asked)
{
	return asked->any && asked->done.stored_at >= asked->sequence;
}

void hs_stream_memory_take(struct hs_stream_memory *memory, const struct hs_engine_asked *asked)
{
	if (is_another(memory, &asked->stream))
		memory->back = 0;
	snprintf(memory->created, sizeof memory->created, "%s", asked->stream.created);
	memory->sequence = asked->stream.last;
	memory->own = asked->any ? asked->sequence : 0;
}

void hs_stream_memory_note(struct hs_stream_memory *memory, uint64_t sequence, bool duplicate)
{
	if (sequence > memory->sequence)
		memory->sequence = sequence;
	if (!duplicate && sequence > memory->own) {
		memory->own = sequence;
		memory->back = 0;
	}
}
