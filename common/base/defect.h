/*
 * defect: deliberate defects, each one line, for `make faults-selftest`: it builds the
 * program with -DHS_DEFECT=N and shows that the fault harness catches it. 0 is none.
 */
#ifndef HS_DEFECT_H
#define HS_DEFECT_H

enum {
	HS_DEFECT_NONE,
	HS_DEFECT_NO_SYNC,       /* 1: data are never synced */
	HS_DEFECT_INDEX_FIRST,   /* 2: what is written counts as spooled before it is synced */
	HS_DEFECT_NO_LOCK,       /* 3: the append lock is ignored */
	HS_DEFECT_IGNORE_POISON, /* 4: a failed sync is forgotten */
	HS_DEFECT_BLIND_SYNC,    /* 5: a sync counts for what was written before its descriptor was opened */
};

#ifndef HS_DEFECT
#define HS_DEFECT HS_DEFECT_NONE
#endif

#endif
