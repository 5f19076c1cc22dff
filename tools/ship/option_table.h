/*
 * option_table: the options of `hookspool ship`, for both programs: hookspool-ship parses them, and hookspool has the
 * help, the manual page and the completion from them.
 */
#ifndef HS_SHIP_OPTION_TABLE_H
#define HS_SHIP_OPTION_TABLE_H

#include "tools/command.h"

/* Up to HS_SHIP_OVERSIZE they are also settings of [ship], named with _ for -. */
enum hs_ship_option {
	HS_SHIP_TO = HS_OPT_OWN,
	HS_SHIP_STREAM,
	HS_SHIP_SUBJECT,
	HS_SHIP_CA,
	HS_SHIP_CERT,
	HS_SHIP_KEY,
	HS_SHIP_CREDS,
	HS_SHIP_NKEY,
	HS_SHIP_USER,
	HS_SHIP_PASSWORD,
	HS_SHIP_PLAIN,
	HS_SHIP_IN_FLIGHT,
	HS_SHIP_ACK_WAIT,
	HS_SHIP_HOLD,
	HS_SHIP_OVERSIZE,
	HS_SHIP_CREATE,
	HS_SHIP_REPLICAS,
	HS_SHIP_WINDOW,
	HS_SHIP_MAX_BYTES,
	HS_SHIP_ONCE,
	HS_SHIP_DRY_RUN,
	HS_SHIP_VERIFY,
	HS_SHIP_MEND,
	HS_SHIP_SINCE,
	HS_SHIP_FROM_START,
	HS_SHIP_FROM_NOW,
	HS_SHIP_NEW_RECEIVER,
	HS_SHIP_LOSSY,
	HS_SHIP_OLD_SERVER,
	HS_SHIP_CHECK,
	HS_SHIP_QUIET,
};

extern const struct hs_option hs_ship_options[];

#define HS_SHIP_HELP "send the events into a replicated log, NATS JetStream, exactly once"

#endif
