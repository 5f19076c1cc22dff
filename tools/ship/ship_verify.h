/* ship_verify: compares the stream with the spool, and sends what the stream lacks. */
#ifndef HS_SHIP_VERIFY_H
#define HS_SHIP_VERIFY_H

#include "tools/ship/options.h"

/*
 * Reads the headers of this receiver's messages, and the records of the spool from --since on, up to the cursor.
 * Prints each record that no message of this receiver has: as "lacking" if the stream has no message with its id,
 * otherwise as "elsewhere", with the sequence of that message; and each message whose record was erased. --mend sends
 * what is lacking, and nothing that is elsewhere, which would be stored twice. 0; 1: something is lacking, and was not
 * mended, or is there twice; or an exit code after a message.
 */
int hs_ship_verify(const struct hs_ship_run *run, const char *receiver, struct hs_engine *engine);

#endif
