/* dry_run: what ship would do: from where, how much, and how the stream is set up. */
#ifndef HS_SHIP_DRY_RUN_H
#define HS_SHIP_DRY_RUN_H

#include "tools/ship/options.h"

/* Prints it; sends and writes nothing. 0, or an exit code after a message. */
int hs_ship_dry_run(const struct hs_ship_run *run, const char *receiver, struct hs_engine *engine,
                    const struct hs_engine_stream *stream);

#endif
