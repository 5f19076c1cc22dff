/*
 * receiver: this spool's name in subjects and headers: .hookspool/receiver.
 *
 *	{"receiver":"kodabuzi","spool":"5f0c0f6b…","epoch":2}
 *
 * Ship asks the stream for the records of this name, so no two spools may have one name. The id and the epoch tell
 * whether the spool is still the one that got it: a copy that was adopted has another epoch.
 */
#ifndef HS_RECEIVER_H
#define HS_RECEIVER_H

#include "base/result.h"
#include "spool/shared/spool_dir.h"

enum { HS_RECEIVER = 8 /* letters */ };

struct hs_receiver {
	char name[HS_RECEIVER + 1];
	struct hs_history history;
};

/* Reads it. HS_OK; HS_E_CURSOR: the file is damaged; HS_E_IO, with errno ENOENT if there is none. */
enum hs_result hs_receiver_read(const struct hs_spool_dir *dir, struct hs_receiver *receiver);

/* Makes a new name, at random, on stable storage. HS_OK, or as hs_file_replace_text. */
enum hs_result hs_receiver_make(const struct hs_spool_dir *dir, struct hs_receiver *receiver);

/* True if the spool is the one that got the name. */
bool hs_receiver_is_of(const struct hs_receiver *receiver, const struct hs_spool_dir *dir);

#endif
