/*
 * landlock: gives up, for good, what this process does not need of files, connections and other
 * processes (landlock(7)). The kernel refuses it with EACCES, or with EPERM for signals and abstract sockets.
 */
#ifndef HS_LANDLOCK_H
#define HS_LANDLOCK_H

#include <stddef.h>

enum {
	/* Earlier kernels refuse to rename or link a file into another directory, which the spool needs. */
	HS_LANDLOCK_LEAST = 2,
};

enum hs_landlock_right {
	HS_LANDLOCK_USE,    /* all of a directory tree's files and directories, but no execution, and no other kind */
	HS_LANDLOCK_READ,   /* to read the files of a directory tree, or one file */
	HS_LANDLOCK_REMOVE, /* to remove files of a directory tree */
};

struct hs_landlock_place {
	const char *path; /* NULL: none */
	enum hs_landlock_right right;
};

/* Returns the version of the kernel's Landlock, from 1; 0: the kernel has none, or it was disabled at boot. */
int hs_landlock_version(void);

/*
 * Confines this thread, and the threads that it starts afterwards, to n places, and sets no_new_privs. Open
 * descriptors stay usable. Nothing is allowed in a place that is missing. A kernel whose Landlock has version 4
 * also refuses TCP, one that has version 6 also abstract Unix sockets and signals to other processes.
 * Returns 0, or -1 with errno set: ENOSYS or EOPNOTSUPP if the version is below HS_LANDLOCK_LEAST.
 */
int hs_landlock_enter(const struct hs_landlock_place *place, size_t n);

#endif
