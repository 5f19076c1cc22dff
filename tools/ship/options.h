/* options: the command line of hookspool-ship, over the section [ship] of the settings. */
#ifndef HS_SHIP_OPTIONS_H
#define HS_SHIP_OPTIONS_H

#include "config/ship.h"
#include "tools/ship/engine.h"
#include "tools/ship/stream_rules.h"

struct hs_settings;

struct hs_ship_run {
	struct hs_ship given; /* by the command line, then completed by the settings and the defaults */
	const char *config, *since;
	struct hs_engine_create make;
	bool create, once, dry_run, verify, mend, check, quiet;
	bool from_start, from_now, new_receiver, lossy, old_server;
	bool plain_given, oversize_given; /* by the command line, whatever they say */
};

/* Reads the command line; hs_ship_clear(&run->given) in any case. False after a message: exit with 2. */
bool hs_ship_options_read(int argc, char **argv, struct hs_ship_run *run);

/*
 * Completes run->given from the settings, then by the defaults. 0, or an exit code after a message: no servers, a
 * subject that is no template, a file with a secret that others may read.
 */
int hs_ship_options_settle(struct hs_ship_run *run, const struct hs_settings *settings);

#endif
