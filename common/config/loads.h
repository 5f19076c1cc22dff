/*
 * loads: the section [load] of the settings: a line for each database that `hookspool load` writes to.
 *
 *	LABEL = URL [password=TEXT] [schema=NAME] [prefix=TEXT] [tenant=LABEL] [on_delete=follow | ignore]
 *
 * Words are divided by blanks, so a password with a blank belongs in the database's own place
 * (PGPASSFILE, ~/.my.cnf). A URL never holds a password: it is printed in messages and in dead letters.
 */
#ifndef HS_LOADS_H
#define HS_LOADS_H

#include "config/settings.h"

enum { HS_LOADS_MAX = 64 };

struct hs_load {
	char label[HS_TENANT_MAX + 1]; /* also the name of position and cursor */
	char *url;
	char *password, *schema, *prefix, *tenant; /* NULL: not given */
	bool has_on_delete, ignore_deletes;
};

/* The line with this label, or NULL. */
const struct hs_load *hs_load_find(const struct hs_settings *s, const char *label);

/* True if any line has a password. */
bool hs_loads_have_password(const struct hs_settings *s);

/* True if the URL has a password before its host, or among its parameters. */
bool hs_load_url_has_password(struct hs_slice url);

#endif
