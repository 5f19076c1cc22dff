/*
 * suppression_file: the list of suppressed people as a file: .hookspool/suppressed.
 *
 *	8 bytes    "HSSUPP2\n"
 *	8 bytes    check sum: the CRC-32 of the salt (salt.h) and all hashes, in hex; 0 if there is no hash
 *	16 bytes   for each entry its hash (suppression_list.h), in order, no hash twice
 *
 * The file is only replaced as a whole. Its check sum has the salt in it, because hashes of another salt find no one:
 * damage to either would let events of suppressed people in.
 */
#ifndef HS_SUPPRESSION_FILE_H
#define HS_SUPPRESSION_FILE_H

#include "base/buf.h"
#include "base/result.h"
#include "spool/shared/private_files.h"

/*
 * Reads the file; the caller frees *file, also after an error. *there is false, and *file empty, if there is none.
 * HS_OK, HS_E_IO, HS_E_MEMORY, HS_E_SPOOL_VERSION (it does not begin as such a list), or HS_E_SUPPRESSED: it was cut.
 */
enum hs_result hs_suppression_file_read(int private_dir, struct hs_buf *file, bool *there);

/* The hashes of a file that was read. */
struct hs_slice hs_suppression_file_hashes(const struct hs_buf *file);

/* True if the check sum of a file that was read is that of its hashes and this salt. */
bool hs_suppression_file_is_intact(const struct hs_buf *file, const char salt[static HS_SALT]);

/* Replaces the file, durably. Without hashes no salt is needed. HS_OK, HS_E_SYNC, or as hs_io_result. */
enum hs_result hs_suppression_file_replace(int private_dir, const char *salt, struct hs_slice hashes);

#endif
