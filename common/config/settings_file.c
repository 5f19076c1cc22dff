#include "config/settings_file.h"
#include "base/io.h"
#include "base/log.h"
#include "config/loads.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };
static const char SYSTEM[] = "/etc/hookspool/hookspool.conf";

/* False if another user may have put it there: in a folder like /tmp, anyone could. */
static bool is_of_owner(const char *path, const struct stat *st)
{
	struct stat program;

	if (st->st_uid == 0 || st->st_uid == geteuid() ||
	    (hs_io_own_stat(&program) == 0 && st->st_uid == program.st_uid))
		return true;
	hs_log(HS_LOG_WARN, "settings: %s is not read: chown it to the user who runs this program", path);
	return false;
}

/*
 * The path of `name` in the program's own folder (up 0) or in the one above (up 1), which is
 * outside a document root that holds the program. False: there is no such file.
 */
static bool near_program(int up, const char *name, char out[static PATH_MAX])
{
	bool above = up > 0;
	struct stat st;
	char *slash;

	if (hs_io_own_path(out, PATH_MAX) < 0)
		return false;
	for (slash = strrchr(out, '/'); slash != NULL && up > 0; up--) {
		*slash = '\0';
		slash = strrchr(out, '/');
	}
	if (slash == NULL || (size_t)(slash + 1 - out) + strlen(name) >= PATH_MAX)
		return false;
	memcpy(slash + 1, name, strlen(name) + 1);
	if (hs_io_stat_outside(out, &st) < 0)
		return errno == EACCES; /* it exists: reading it will report the error */
	return !above || is_of_owner(out, &st);
}

static const char *find_in(char *const *variables, const char *name)
{
	size_t n = strlen(name);

	for (; *variables != NULL; variables++)
		if (strncmp(*variables, name, n) == 0 && (*variables)[n] == '=')
			return *variables + n + 1;
	return NULL;
}

/* Chooses the file to read; "": none. */
static void choose(const char *path, char *const *variables, char out[static PATH_MAX])
{
	struct stat st;

	if (path == NULL)
		path = find_in(variables, "HOOKSPOOL_CONF");
	if (path != NULL && path[0] != '\0')
		snprintf(out, PATH_MAX, "%s", path);
	else if (!near_program(0, "hookspool.conf", out) && !near_program(1, "hookspool/hookspool.conf", out))
		snprintf(out, PATH_MAX, "%s", hs_io_stat_outside(SYSTEM, &st) == 0 ? SYSTEM : "");
}

static struct hs_settings *refuse(struct hs_settings *s, struct hs_settings_error *error, enum hs_settings_fault fault,
                                  const char *path, const char *why)
{
	hs_settings_free(s);
	*error = (struct hs_settings_error){ .fault = fault };
	snprintf(error->text, sizeof error->text, "%.300s: %s", path, why);
	return NULL;
}

/* The file was not read: says why, and what helps. */
static struct hs_settings *refuse_unread(struct hs_settings_error *error, const char *path, int number)
{
	const char *remedy =
	    number == ENOENT || number == ENOTDIR
		? ": \"hookspool docs sample\" prints one to begin with; HOOKSPOOL_CONF names another place"
	    : number == EACCES ? ": run it as a user who may read it, such as the owner of the spool"
			       : "";
	char text[200];

	if (number == EFBIG)
		return refuse(NULL, error, HS_FAULT_FORM, path, "it has more than 1 MB: shorten it");
	if (number == EISDIR || number == ESPIPE)
		return refuse(NULL, error, HS_FAULT_FORM, path,
		              "it is no plain file: put the file of the settings in its place");
	snprintf(text, sizeof text, "%s%s", strerror(number), remedy);
	return refuse(NULL, error, HS_FAULT_UNREADABLE, path, text);
}

static bool has_secrets(const struct hs_settings *s)
{
	return s->secrets > 0 || s->keys > 0 || s->sources > 0 || s->console_password != NULL ||
	       s->metrics_token.is_set || s->hash_key != NULL || hs_loads_have_password(s);
}

/* Wipes the stack below the caller's frame, which held lines and hash states. */
__attribute__((noinline)) static void wipe_stack(void)
{
	char below[16384];

	explicit_bzero(below, sizeof below);
}

struct hs_settings *hs_settings_load(const char *path, char *const *variables, char *used, size_t n,
                                     struct hs_settings_error *error)
{
	char chosen[PATH_MAX] = "";
	struct hs_buf text = { 0 };
	struct hs_settings *s = NULL;
	struct stat st;

	choose(path, variables, chosen);
	snprintf(used, n, "%s", chosen);
	if (chosen[0] == '\0')
		return hs_settings_new(NULL, HS_SLICE_NONE, variables, error);
	hs_buf_reserve(&text, 1); /* so that an empty file is an empty text, not none */
	if (hs_io_read_file(chosen, FILE_MAX, &text, &st) < 0) {
		int number = errno;

		hs_buf_wipe(&text);
		return refuse_unread(error, chosen, number);
	}
	s = hs_settings_new(chosen, hs_buf_slice(&text), variables, error);
	hs_buf_wipe(&text);
	wipe_stack();
	if (s == NULL || !S_ISREG(st.st_mode)) /* nothing stays in /dev/null */
		return s;
	if ((st.st_mode & S_IWOTH) != 0)
		return refuse(s, error, HS_FAULT_WRITABLE, chosen, "everybody may write to it: chmod 640");
	if ((st.st_mode & S_IROTH) != 0 && has_secrets(s))
		return refuse(s, error, HS_FAULT_EXPOSED, chosen, "holds secrets and everybody may read it: chmod 640");
	return s;
}
