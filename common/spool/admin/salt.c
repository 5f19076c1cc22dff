#include "spool/admin/salt.h"
#include "base/file_replace.h"
#include "base/hex.h"
#include "spool/admin/loss.h"

#include <errno.h>

static const char SALT[] = HS_SALT_FILE, NEW_SALT[] = "salt-new";

static enum hs_result make_salt(int private_dir, char salt[static HS_SALT + 1])
{
	uint64_t random[2] = { hs_io_random(), hs_io_random() };

	hs_hex_encode((const uint8_t *)random, sizeof random, salt);
	salt[HS_SALT] = '\0';
	return hs_file_replace_text(private_dir, SALT, NEW_SALT, 0600, hs_slice(salt, HS_SALT));
}

enum hs_result hs_salt_renew(int private_dir)
{
	char salt[HS_SALT + 1];

	return make_salt(private_dir, salt);
}

enum hs_result hs_salt(const struct hs_spool_dir *dir, char salt[static HS_SALT + 1])
{
	int fd = hs_io_open_read(dir->private_dir, SALT);
	ssize_t got = 0;
	bool needed;
	enum hs_result r;

	if (fd < 0 && errno != ENOENT)
		return HS_E_IO;
	if (fd >= 0) {
		got = hs_io_read_at(fd, salt, HS_SALT, 0);
		hs_io_close(fd);
	}
	salt[HS_SALT] = '\0';
	if (got < 0)
		return HS_E_IO;
	if (!hs_salt_is_damaged(salt, got))
		return HS_OK;
	r = hs_loss_needs_salt(dir, &needed);
	if (r != HS_OK)
		return r;
	return needed ? HS_E_SALT : make_salt(dir->private_dir, salt);
}
