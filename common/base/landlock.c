#include "base/landlock.h"
#include "base/io.h"

#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The numbers are the same on every architecture that has Landlock. Debian 12's headers lack the later names. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum {
	CREATE_VERSION = 1, /* LANDLOCK_CREATE_RULESET_VERSION */
	PATH_BENEATH = 1,   /* LANDLOCK_RULE_PATH_BENEATH */
};

/* LANDLOCK_ACCESS_FS_… */
enum {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	REFER = 1 << 13,
	TRUNCATE = 1 << 14,

	OF_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE, /* what a rule for a file may name */
};

/* struct landlock_ruleset_attr; a kernel that knows less of it accepts zeros at the end. */
struct ruleset {
	uint64_t files, net, scopes;
};

/* struct landlock_path_beneath_attr */
struct rule {
	uint64_t files;
	int32_t fd;
} __attribute__((packed));

/* Indexed by version: all rights to files that the kernel knows, which are those to be refused. */
static const uint64_t FILES[] = { 0, (1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1, (1 << 15) - 1, (1 << 16) - 1 };

static const uint64_t TCP = 3, SCOPES = 3; /* LANDLOCK_ACCESS_NET_… and LANDLOCK_SCOPE_…: both of each */

static const uint64_t RIGHTS[] = {
	[HS_LANDLOCK_USE] =
	    WRITE_FILE | READ_FILE | READ_DIR | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE,
	[HS_LANDLOCK_READ] = READ_FILE,
	[HS_LANDLOCK_REMOVE] = REMOVE_FILE,
};

int hs_landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return version > 0 ? (int)version : 0;
}

static int allow(int ruleset, const struct hs_landlock_place *place, uint64_t known)
{
	int fd = place->path == NULL ? -1 : hs_io_open_place(place->path), result;
	struct rule rule = { .files = RIGHTS[place->right] & known, .fd = fd };
	struct stat st;

	if (fd < 0)
		return 0;
	if (hs_io_fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.files &= OF_FILE;
	result = (int)syscall(SYS_landlock_add_rule, ruleset, PATH_BENEATH, &rule, 0);
	hs_io_close(fd);
	return result;
}

int hs_landlock_enter(const struct hs_landlock_place *place, size_t n)
{
	static const int newest = sizeof FILES / sizeof FILES[0] - 1;
	int version = hs_landlock_version(), ruleset, result = 0, saved;
	uint64_t known = FILES[version < newest ? version : newest];
	struct ruleset refused = { known, version >= 4 ? TCP : 0, version >= 6 ? SCOPES : 0 };

	if (version < HS_LANDLOCK_LEAST) {
		errno = version == 0 ? ENOSYS : EOPNOTSUPP;
		return -1;
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &refused, sizeof refused, 0);
	if (ruleset < 0)
		return -1;
	for (size_t i = 0; i < n && result == 0; i++)
		result = allow(ruleset, &place[i], known);
	if (result == 0)
		result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (result == 0)
		result = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	saved = errno;
	hs_io_close(ruleset);
	errno = saved;
	return result;
}
