/* companion: the programs beside hookspool that link libraries of their own: hookspool-load, hookspool-ship. */
#ifndef HS_COMPANION_H
#define HS_COMPANION_H

#include <limits.h>
#include <stdbool.h>

#define HS_LOAD_PROGRAM_REMEDY \
	"apt-get install hookspool-load, or in the sources make LOAD=\"sqlite postgresql mariadb\" && make install"
#define HS_SHIP_PROGRAM_REMEDY \
	"apt-get install hookspool-ship, or in the sources apt-get install libnats-dev && make install"

/*
 * Looks for hookspool-NAME in the folder of this program, in ../lib/hookspool, and where it is installed. False: it
 * is nowhere.
 */
bool hs_companion_find(const char *name, char path[static 2 * PATH_MAX]);

/* Becomes hookspool-NAME, with these arguments. Returns an exit code, after a message, only if that fails. */
int hs_companion_become(const char *name, const char *remedy, char **argv);

#endif
