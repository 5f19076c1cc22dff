/* load_program: where hookspool-load is installed. */
#ifndef HS_LOAD_PROGRAM_H
#define HS_LOAD_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#define HS_LOAD_PROGRAM_REMEDY \
	"apt-get install hookspool-load, or in the sources make LOAD=\"sqlite postgresql mariadb\" && make install"

/* Looks in the folder of this program, in ../lib/hookspool, and where it is installed. False: it is nowhere. */
bool hs_load_program_find(char path[static 2 * PATH_MAX]);

#endif
