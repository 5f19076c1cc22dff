/*
 * salt: random text that is hashed before an id: .hookspool/salt. Without it, neither the erasure
 * log nor the suppression list can be searched for a known id.
 */
#ifndef HS_SALT_H
#define HS_SALT_H

#include "spool/shared/private_files.h"
#include "spool/shared/spool_dir.h"

/*
 * Reads the spool's salt, or makes it: HS_SALT hex digits and a NUL. HS_OK, HS_E_IO, HS_E_FULL,
 * HS_E_SYNC, or HS_E_SALT: it is gone or damaged, and the erasure log or the suppression list needs it.
 */
enum hs_result hs_salt(const struct hs_spool_dir *dir, char salt[static HS_SALT + 1]);

/* Replaces the salt, or what is left of it, by a new one. HS_OK, HS_E_IO, HS_E_FULL or HS_E_SYNC. */
enum hs_result hs_salt_renew(int private_dir);

#endif
