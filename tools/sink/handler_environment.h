/*
 * handler_environment: the environment of a handler's process: that of this process, and HS_TYPE,
 * HS_EVENT, HS_USER_ID … with the fields of the record (record_head.h).
 */
#ifndef HS_HANDLER_ENVIRONMENT_H
#define HS_HANDLER_ENVIRONMENT_H

#include "base/buf.h"
#include "tools/sink/ack_tracker.h"

/*
 * item NULL: no record's variables. A value that is too long, or holds a NUL, is left out. The
 * list is the caller's to free(); its strings are in `text` and in environ. NULL: out of memory.
 */
char **hs_handler_environment(struct hs_buf *text, const struct hs_item *item);

#endif
