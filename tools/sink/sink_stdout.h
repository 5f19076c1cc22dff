/*
 * sink_stdout: records as lines on standard output, whole or some of their fields (projection.h).
 */
#ifndef HS_SINK_STDOUT_H
#define HS_SINK_STDOUT_H

#include "tools/report/output.h"
#include "tools/report/projection.h"
#include "tools/sink/sink.h"

/*
 * columns->count 0: whole lines. The arguments must outlive it; the pump closes it. careful:
 * positions are acknowledged, for a cursor, and a signal finds out what was printed. NULL: out of
 * memory.
 */
struct hs_sink *hs_sink_stdout_new(const char *command, struct hs_projection *columns, bool careful);

/* Appends the line, or the wanted fields of `record`, which it holds; then hs_output_line. */
void hs_sink_stdout_put(struct hs_output *out, struct hs_projection *columns, struct hs_slice line,
                        struct hs_slice record);

/*
 * After a write that failed: 0 if only the reader has gone, otherwise an exit code after a message. For want of memory
 * the message is left to hs_command_end.
 */
int hs_sink_stdout_failed(const char *command);

#endif
