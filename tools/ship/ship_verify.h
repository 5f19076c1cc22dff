/* ship_verify: compares the stream with the spool, and sends what the stream lacks. */
#ifndef HS_SHIP_VERIFY_H
#define HS_SHIP_VERIFY_H

#include "tools/ship/options.h"

/*
 * Reads the headers of this receiver's messages, and the records of the spool from --since on, up to the cursor.
 * Prints each record that the stream lacks and each message whose record the spool has no more; --mend sends the
 * former. 0; 1: something was lacking and still is; or an exit code after a message.
 */
int hs_ship_verify(const struct hs_ship_run *run, const char *receiver, struct hs_engine *engine);

#endif
