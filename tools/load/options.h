/* options: the command line of hookspool-load. */
#ifndef HS_LOAD_OPTIONS_H
#define HS_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { HS_LOAD_LIST_MAX = 64 };

/* As given; NULL: not given. The texts are those of argv. The lists end with NULL. */
struct hs_load_options {
	const char *label; /* of a line of [load]; NULL: --to is given */
	const char *config, *to, *name, *prefix, *schema, *since, *tenant, *retype, *rebuild;
	const char *include[HS_LOAD_LIST_MAX + 1], *exclude[HS_LOAD_LIST_MAX + 1], *types[HS_LOAD_LIST_MAX + 1];
	uint64_t batch, every, columns, tables;
	bool once, dry_run, check, status, json, quiet;
};

/* Reads the command line over the defaults in *o. False after a message: exit with 2. */
bool hs_load_options_read(int argc, char **argv, struct hs_load_options *o);

#endif
