/* web_files: the files of web/, which the build puts into the program (mk/console.mk). */
#ifndef HS_WEB_FILES_H
#define HS_WEB_FILES_H

#include "base/slice.h"

struct hs_web_file {
	struct hs_slice name; /* "app.0123456789abcdef.js": with a hash, so that browsers may keep it for good */
	struct hs_slice media_type;
	struct hs_slice bytes;
};

/* The first is the page, which names the others. */
extern const struct hs_web_file hs_web_files[];
extern const size_t hs_web_files_count;

#endif
