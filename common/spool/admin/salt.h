/*
 * salt: what is hashed before an id, so that neither the erasure log nor the suppression list can
 * be searched for known ids by those who have not the salt: .hookspool/salt.
 */
#ifndef HS_SALT_H
#define HS_SALT_H

#include "spool/shared/private_files.h"
#include "spool/shared/spool_dir.h"

/* hex digits */

#define HS_SALT_FILE "salt"

/*
 * Reads the spool's salt, or makes it. HS_E_SALT: it is gone or damaged, and there are receipts
 * or suppressed people that need it. HS_OK, HS_E_IO, HS_E_FULL, HS_E_SYNC.
 */
enum hs_result hs_salt(const struct hs_spool_dir *dir, char salt[static HS_SALT + 1]);

/* Makes a new one whatever was there. HS_OK, HS_E_IO, HS_E_FULL, HS_E_SYNC. */
enum hs_result hs_salt_renew(int private_dir);

#endif
