#include "cgi/server/sandbox.h"
#include "base/io.h"
#include "base/landlock.h"
#include "base/log.h"
#include "cgi/server/sandbox_calls.h"
#include "spool/shared/spool_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || HAS_FEATURE(address_sanitizer) || \
    HAS_FEATURE(thread_sanitizer) || HAS_FEATURE(memory_sanitizer)
static const bool SANITIZED = true;
#else
static const bool SANITIZED = false;
#endif

enum {
	PLACES = 8,
	FILES_MOST = 256, /* of plain CGI, which has some twenty open, and what its server left open */
};

static const char BOOT_ID[] = "/proc/sys/kernel/random/boot_id", SANITIZER[] = "this program has a sanitizer",
		  NO_SPOOL[] = "spool_dir is missing", NO_LANDLOCK[] = "this kernel has none, or it is disabled",
		  OLD_LANDLOCK[] = "that of this kernel is too old: Linux 5.19 or newer";

struct places {
	struct hs_landlock_place place[PLACES];
	char path[PLACES][PATH_MAX];
	size_t n;
};

static char *add(struct places *places, enum hs_landlock_right right, const char *path)
{
	char *copy = places->path[places->n];

	snprintf(copy, PATH_MAX, "%s", path);
	places->place[places->n++] = (struct hs_landlock_place){ copy, right };
	return copy;
}

/* The folder of a file, so that the file may be replaced; but never the whole tree. */
static void add_folder(struct places *places, enum hs_landlock_right right, const char *file)
{
	char *copy = add(places, right, file), *slash = strrchr(copy, '/');

	if (slash == NULL)
		snprintf(copy, PATH_MAX, ".");
	else if (slash > copy)
		*slash = '\0';
}

/* A file that is to be read again, which may be a symbolic link. */
static void add_file(struct places *places, const char *file)
{
	char real[PATH_MAX];

	if (file == NULL || file[0] == '\0')
		return;
	add_folder(places, HS_LANDLOCK_READ, file);
	if (hs_io_real_path(file, real) == 0)
		add_folder(places, HS_LANDLOCK_READ, real);
}

/* NULL: done; else what was in the way. */
static const char *confine(struct places *places, const struct hs_settings *settings, struct hs_sandbox *sandbox)
{
	int version = SANITIZED ? 0 : hs_landlock_version();

	add(places, HS_LANDLOCK_USE, settings->spool_dir);
	add(places, HS_LANDLOCK_READ, BOOT_ID);
	add_file(places, settings->sdk_script);
	if (SANITIZED)
		return SANITIZER;
	if (version < HS_LANDLOCK_LEAST)
		return version == 0 ? NO_LANDLOCK : OLD_LANDLOCK;
	if (hs_landlock_enter(places->place, places->n) < 0)
		return strerror(errno);
	sandbox->landlock = version;
	return NULL;
}

/* Logs what is in force, and why the rest is not. True: it is enough. */
static bool settle(const struct hs_settings *settings, const char *no_landlock, const char *no_seccomp,
                   const struct hs_sandbox *sandbox)
{
	char landlock[160], seccomp[160] = "seccomp";
	bool enough = settings->sandbox != HS_SANDBOX_STRICT || (no_landlock == NULL && no_seccomp == NULL);

	snprintf(landlock, sizeof landlock, "Landlock %d", sandbox->landlock);
	if (no_landlock != NULL)
		snprintf(landlock, sizeof landlock, "no Landlock (%s)", no_landlock);
	if (no_seccomp != NULL)
		snprintf(seccomp, sizeof seccomp, "no seccomp (%s)", no_seccomp);
	if (enough)
		hs_log(HS_LOG_INFO, "start: sandbox: %s, %s", landlock, seccomp);
	else
		hs_log(HS_LOG_ERROR, "start: sandbox = strict, but there is %s, %s: remedy it, or set sandbox = auto",
		       landlock, seccomp);
	return enough;
}

bool hs_sandbox_enter_server(const struct hs_settings *settings, const struct hs_sandbox_needs *needs,
                             struct hs_sandbox *sandbox)
{
	struct places places;
	const char *no_landlock = NO_SPOOL, *no_seccomp;

	*sandbox = (struct hs_sandbox){ 0 };
	if (settings->sandbox == HS_SANDBOX_OFF) {
		hs_log(HS_LOG_INFO, "start: sandbox: off");
		return true;
	}
	places.n = 0;
	add_file(&places, needs->settings_file);
	if (needs->socket != NULL)
		add_folder(&places, HS_LANDLOCK_REMOVE, needs->socket);
	if (hs_spool_dir_make(settings))
		no_landlock = confine(&places, settings, sandbox);
	/* Stays open: procfs would make a new file of one that is not in use, and Landlock knows files, not names. */
	(void)hs_io_open_place(BOOT_ID);
	no_seccomp = SANITIZED ? SANITIZER : hs_sandbox_limit_calls(settings->sandbox == HS_SANDBOX_STRICT);
	sandbox->seccomp = no_seccomp == NULL;
	return settle(settings, no_landlock, no_seccomp, sandbox);
}

static void limit_files(void)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur > FILES_MOST)
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){ FILES_MOST, FILES_MOST });
}

bool hs_sandbox_enter_cgi(const struct hs_settings *settings, struct hs_sandbox *sandbox)
{
	bool strict = settings->sandbox == HS_SANDBOX_STRICT;
	struct places places;
	const char *fault = NO_SPOOL;
	struct stat st;

	*sandbox = (struct hs_sandbox){ 0 };
	if (settings->sandbox == HS_SANDBOX_OFF)
		return true;
	places.n = 0;
	limit_files();
	if (strict ? hs_spool_dir_make(settings) : hs_io_stat(AT_FDCWD, settings->spool_dir, &st) == 0)
		fault = confine(&places, settings, sandbox);
	if (strict && fault != NULL)
		hs_log(HS_LOG_ERROR,
		       "sandbox = strict, but there is no Landlock (%s): remedy it, or set sandbox = auto", fault);
	return !strict || fault == NULL;
}

void hs_sandbox_end_threads(const struct hs_sandbox *sandbox)
{
	if (sandbox->landlock > 0)
		setrlimit(RLIMIT_NPROC, &(struct rlimit){ 0, 0 });
}

/* --- settings that are read again ---------------------------------------------- */

static bool can_open(int fd)
{
	if (fd >= 0)
		hs_io_close(fd);
	return fd >= 0;
}

static bool is_same(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

/* Settings that have stayed are used as before, even if their file cannot be opened now. */
bool hs_sandbox_admits(const struct hs_sandbox *sandbox, const struct hs_settings *old, const struct hs_settings *next)
{
	const char *outside = NULL;

	if (sandbox->landlock == 0)
		return true;
	if (!is_same(old->spool_dir, next->spool_dir) && !can_open(hs_io_open_dir(AT_FDCWD, next->spool_dir)))
		outside = "spool_dir";
	else if (next->sdk_script != NULL && !is_same(old->sdk_script, next->sdk_script) &&
	         !can_open(hs_io_open_outside(next->sdk_script)) && errno == EACCES)
		outside = "sdk_script";
	if (outside != NULL)
		hs_log(HS_LOG_ERROR,
		       "SIGHUP: %s is outside the sandbox: the settings in use stay until the program is restarted",
		       outside);
	return outside == NULL;
}
