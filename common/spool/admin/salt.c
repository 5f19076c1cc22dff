#include "spool/admin/salt.h"
#include "base/hex.h"
#include "base/io.h"
#include "spool/admin/loss.h"

#include <errno.h>

static const char SALT[] = HS_SALT_FILE, NEW_SALT[] = "salt-new";

static enum hs_result make_salt(int private_dir, char salt[static HS_SALT + 1])
{
	uint64_t random[2] = { hs_io_random(), hs_io_random() };
	enum hs_result r = HS_OK;
	int fd;

	hs_hex_encode((const uint8_t *)random, sizeof random, salt);
	salt[HS_SALT] = '\0';
	hs_io_unlink(private_dir, NEW_SALT);
	fd = hs_io_make(private_dir, NEW_SALT, 0600);
	if (fd < 0)
		return hs_io_result(errno);
	if (hs_io_write_at(fd, salt, HS_SALT, 0) < 0)
		r = hs_io_result(errno);
	else if (hs_io_sync_data(fd) < 0)
		r = HS_E_SYNC;
	else if (hs_io_rename(private_dir, NEW_SALT, private_dir, SALT) < 0 ||
		 hs_io_sync_dir(private_dir) < 0)
		r = HS_E_IO;
	hs_io_close(fd);
	return r;
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
	if (got == HS_SALT)
		return HS_OK;
	if (got < 0)
		return HS_E_IO;
	r = hs_loss_needs_salt(dir, &needed);
	if (r != HS_OK)
		return r;
	return needed ? HS_E_SALT : make_salt(dir->private_dir, salt);
}
