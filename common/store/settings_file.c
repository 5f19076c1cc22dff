#include "store/settings_file.h"
#include "store/io.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };
static const char NAME[] = "hookspool.conf", SYSTEM[] = "/etc/hookspool/hookspool.conf";

/* hookspool.conf in the program's own folder; false if that cannot be told. */
static bool beside_program(char out[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - sizeof NAME);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = '\0';
	slash = strrchr(out, '/');
	if (slash == NULL)
		return false;
	memcpy(slash + 1, NAME, sizeof NAME);
	return true;
}

static const char *find_in(char *const *variables, const char *name)
{
	size_t n = strlen(name);

	for (; *variables != NULL; variables++)
		if (strncmp(*variables, name, n) == 0 && (*variables)[n] == '=')
			return *variables + n + 1;
	return NULL;
}

/* Which file to read; "" for none. */
static void choose(const char *path, char *const *variables, char out[static PATH_MAX])
{
	if (path == NULL)
		path = find_in(variables, "HOOKSPOOL_CONF");
	if (path != NULL && path[0] != '\0')
		snprintf(out, PATH_MAX, "%s", path);
	else if (!beside_program(out) || access(out, F_OK) != 0)
		snprintf(out, PATH_MAX, "%s", access(SYSTEM, F_OK) == 0 ? SYSTEM : "");
}

static struct hs_settings *refuse(struct hs_settings *s, struct hs_settings_error *error,
                                  const char *path, const char *why)
{
	hs_settings_free(s);
	snprintf(error->text, sizeof error->text, "%.300s: %s", path, why);
	return NULL;
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
	hs_buf_reserve(&text, 1); /* an empty file is a text, too */
	if (hs_io_read_file(chosen, FILE_MAX, &text, &st) < 0) {
		hs_buf_free(&text);
		return refuse(NULL, error, chosen, strerror(errno));
	}
	s = hs_settings_new(chosen, hs_buf_slice(&text), variables, error);
	hs_buf_free(&text);
	if (s != NULL && (st.st_mode & S_IROTH) != 0 && (s->secrets > 0 || s->keys > 0))
		return refuse(s, error, chosen, "holds secrets and everybody may read it: chmod 640");
	return s;
}
