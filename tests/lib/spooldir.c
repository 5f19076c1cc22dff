#include "tests/lib/spooldir.h"
#include "base/io.h"
#include "base/log.h"
#include "tests/lib/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* --- the directory ------------------------------------------------------------ */

void spooldir_make(struct spooldir *d, const char *settings)
{
	const char *tmp = getenv("TMPDIR");
	struct hs_settings_error error = { .text = "" };
	char text[PATH_MAX + 1024];
	int n;

	if (getenv("HS_TEST_LOG") == NULL) /* failures that a test arranges fill the log */
		hs_log_level((enum hs_level) - 1);
	snprintf(d->above, sizeof d->above, "%s/hookspool-unit.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(d->above));
	snprintf(d->path, sizeof d->path, "%s/spool", d->above);
	n = snprintf(text, sizeof text, "spool_dir = %s\nauth = none\n%s%s", d->path,
	             strstr(settings, "min_free") == NULL ? "min_free = 0\n" : "", settings);
	d->settings = hs_settings_new("test", hs_slice(text, (size_t)n), NULL, &error);
	if (d->settings == NULL)
		fail_msg("%s", error.text);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void spooldir_remove(struct spooldir *d)
{
	if (d->above[0] == '\0')
		return;
	nftw(d->above, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	hs_settings_free(d->settings);
	*d = (struct spooldir){ 0 };
}

int spooldir_open(const struct spooldir *d)
{
	int fd;

	spooldir_mkdir(d, "");
	fd = hs_io_open_dir(AT_FDCWD, d->path);
	assert_true(fd >= 0);
	return fd;
}

/* --- files ----------------------------------------------------------------------- */

static const char *path_of(const struct spooldir *d, const char *name, char path[static PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%s", d->path, name);

	assert_true(n > 0 && n < PATH_MAX);
	return path;
}

const char *spooldir_path(const struct spooldir *d, const char *name)
{
	static char ring[4][PATH_MAX];
	static unsigned turn;

	return path_of(d, name, ring[turn++ % 4]);
}

const char *spooldir_beside(const struct spooldir *d, const char *name)
{
	static char ring[2][PATH_MAX];
	static unsigned turn;
	char *path = ring[turn++ % 2];

	snprintf(path, PATH_MAX, "%s/%s", d->above, name);
	return path;
}

void spooldir_write_beside(const struct spooldir *d, const char *name, mode_t mode, const char *text)
{
	FILE *file = fopen(spooldir_beside(d, name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(spooldir_beside(d, name), mode), 0);
}

void spooldir_configure(const struct spooldir *d, char *config, size_t size)
{
	char text[PATH_MAX + 64];

	snprintf(text, sizeof text, "spool_dir = %s\nauth = none\nmin_free = 0\n", d->path);
	spooldir_write_beside(d, "hs.conf", 0644, text);
	snprintf(config, size, "%s", spooldir_beside(d, "hs.conf"));
}

void spooldir_mkdir(const struct spooldir *d, const char *name)
{
	char path[PATH_MAX];

	assert_int_equal(mkdir(path_of(d, name, path), 0700), 0);
}

struct hs_buf spooldir_read(const struct spooldir *d, const char *name)
{
	struct hs_buf text = { 0 };
	char path[PATH_MAX];
	gzFile file = gzopen(path_of(d, name, path), "rb"); /* plain text is read as it is */
	int got = 1;

	assert_non_null(file);
	while (got > 0) {
		char *to = hs_buf_reserve(&text, 1 << 16);

		assert_non_null(to);
		got = gzread(file, to, 1 << 16);
		assert_true(got >= 0);
		text.n += (size_t)got;
	}
	gzclose(file);
	return text;
}

struct hs_buf spooldir_read_raw(const struct spooldir *d, const char *name)
{
	struct hs_buf text = { 0 };
	char path[PATH_MAX];
	FILE *file = fopen(path_of(d, name, path), "r");

	assert_non_null(file);
	for (int c; (c = getc(file)) != EOF;)
		hs_buf_putc(&text, (char)c);
	fclose(file);
	return text;
}

static void put_text(const struct spooldir *d, const char *name, int flags, struct hs_slice text)
{
	char path[PATH_MAX];
	int fd = open(path_of(d, name, path), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.p, text.n), text.n);
	close(fd);
}

/* By system call: tests replace clock_gettime. */
void file_time_passes(void)
{
	struct timespec before, now;

	syscall(SYS_clock_gettime, CLOCK_REALTIME_COARSE, &before);
	do
		syscall(SYS_clock_gettime, CLOCK_REALTIME_COARSE, &now);
	while (now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec);
}

void spooldir_write(const struct spooldir *d, const char *name, struct hs_slice text)
{
	put_text(d, name, O_TRUNC, text);
}

void spooldir_add(const struct spooldir *d, const char *name, struct hs_slice text)
{
	put_text(d, name, O_APPEND, text);
}

void spooldir_cut(const struct spooldir *d, const char *name, off_t size)
{
	char path[PATH_MAX];

	assert_int_equal(truncate(path_of(d, name, path), size), 0);
}

void spooldir_age(const struct spooldir *d, const char *name)
{
	const struct timespec times[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	char path[PATH_MAX];

	assert_int_equal(utimensat(AT_FDCWD, path_of(d, name, path), times, 0), 0);
}

void spooldir_flip(const struct spooldir *d, const char *name, size_t byte)
{
	struct hs_buf text = spooldir_read_raw(d, name);

	assert_true(byte < text.n);
	text.p[byte] ^= 1;
	spooldir_write(d, name, hs_buf_slice(&text));
	hs_buf_free(&text);
}

void spooldir_rename(const struct spooldir *d, const char *from, const char *to)
{
	char a[PATH_MAX], b[PATH_MAX];

	assert_int_equal(rename(path_of(d, from, a), path_of(d, to, b)), 0);
}

void spooldir_unlink(const struct spooldir *d, const char *name)
{
	char path[PATH_MAX];

	assert_int_equal(unlink(path_of(d, name, path)), 0);
}

struct stat spooldir_stat(const struct spooldir *d, const char *name)
{
	struct stat st = { .st_size = -1 };
	char path[PATH_MAX];

	if (lstat(path_of(d, name, path), &st) < 0)
		assert_int_equal(errno, ENOENT);
	return st;
}

bool spooldir_exists(const struct spooldir *d, const char *name)
{
	return spooldir_stat(d, name).st_size >= 0;
}

off_t spooldir_size(const struct spooldir *d, const char *name)
{
	return spooldir_stat(d, name).st_size;
}

ino_t spooldir_inode(const struct spooldir *d, const char *name)
{
	return spooldir_stat(d, name).st_ino;
}

static int list(const struct spooldir *d, const char *directory, struct dirent ***names)
{
	char path[PATH_MAX];
	int n = scandir(path_of(d, directory, path), names, NULL, alphasort);

	assert_true(n >= 0);
	return n;
}

/* The nth name that begins like this; how many there are. */
static size_t find_names(const struct spooldir *d, const char *directory, const char *begin, size_t nth,
                         char out[static NAME_MAX + 1])
{
	struct dirent **names;
	size_t found = 0;
	int n = list(d, directory, &names);

	for (int i = 0; i < n; i++) {
		if (strncmp(names[i]->d_name, begin, strlen(begin)) == 0 && found++ == nth)
			snprintf(out, NAME_MAX + 1, "%s", names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return found;
}

size_t spooldir_names(const struct spooldir *d, const char *directory, const char *begin)
{
	char name[NAME_MAX + 1];

	return find_names(d, directory, begin, 0, name);
}

const char *spooldir_name(const struct spooldir *d, const char *begin, size_t nth)
{
	static char name[4][NAME_MAX + 1];
	static unsigned next;
	char *out = name[next++ % 4];

	if (find_names(d, "", begin, nth, out) <= nth)
		fail_msg("there are no %zu names that begin with %s", nth + 1, begin);
	return out;
}

/* --- what is in it ----------------------------------------------------------------- */

/* Calls `each` for every line of a stream; a line is not NUL-terminated. */
static void each_line(const struct spooldir *d, const char *stream,
                      void (*each)(void *context, struct hs_slice line, const char *name), void *context)
{
	struct dirent **names;
	int n = list(d, "", &names);

	for (int i = 0; i < n; i++) {
		struct hs_buf text = { 0 };

		if (strncmp(names[i]->d_name, stream, strlen(stream)) == 0)
			text = spooldir_read(d, names[i]->d_name);
		for (size_t at = 0; at < text.n;) {
			const char *end = memchr(text.p + at, '\n', text.n - at);
			size_t length = end == NULL ? text.n - at : (size_t)(end - text.p) - at;

			if (end == NULL)
				fail_msg("%s does not end with a newline", names[i]->d_name);
			each(context, hs_slice(text.p + at, length), names[i]->d_name);
			at += length + 1;
		}
		hs_buf_free(&text);
		free(names[i]);
	}
	free(names);
}

struct counts {
	struct hs_json json;
	const char *word;
	size_t lines, found;
};

static void counts_line(void *context, struct hs_slice line, const char *name)
{
	struct counts *t = context;
	const char *id = t->word == NULL ? NULL : strchr(t->word, '/');
	char part[256], tenant[256];

	t->lines++;
	if (hs_json_document(&t->json, line) != HS_OK || t->json.tok[0].kind != HS_JSON_OBJECT)
		fail_msg("%s: not a record: %s", name, unit_show(line));
	if (t->word == NULL)
		return;
	snprintf(part, sizeof part, "\"message_id\":\"%s\"", id == NULL ? t->word : id + 1);
	snprintf(tenant, sizeof tenant, "\"tenant\":\"%.*s\"", id == NULL ? 0 : (int)(id - t->word), t->word);
	t->found += memmem(line.p, line.n, part, strlen(part)) != NULL &&
	            (memmem(line.p, line.n, id == NULL ? "\"tenant\"" : tenant, id == NULL ? 8 : strlen(tenant)) !=
	             NULL) == (id != NULL);
}

static struct counts counts(const struct spooldir *d, const char *stream, const char *word)
{
	struct counts t = { .word = word };

	each_line(d, stream, counts_line, &t);
	hs_json_free(&t.json);
	return t;
}

size_t spooldir_lines(const struct spooldir *d)
{
	return counts(d, "events", NULL).lines;
}

size_t spooldir_count(const struct spooldir *d, const char *word)
{
	return counts(d, "events", word).found;
}

void spooldir_assert_once(const struct spooldir *d, const char *words, const char *file, int line)
{
	while (*(words += strspn(words, " ")) != '\0') {
		size_t n = strcspn(words, " "), found;
		char word[256];

		snprintf(word, sizeof word, "%.*s", (int)n, words);
		found = spooldir_count(d, word);
		if (found != 1) {
			print_error("# %s is in the spool %zu times\n", word, found);
			_fail(file, line);
		}
		words += n;
	}
}

void spooldir_assert_sound(const struct spooldir *d, const char *file, int line)
{
	static const char *const streams[] = { "events", "rejected" };

	for (size_t f = 0; f < 2; f++) {
		struct hs_sealed before = { 0 }, sealed;
		struct dirent **names;
		int n = list(d, "", &names);

		counts(d, streams[f], NULL);
		for (int i = 0; i < n; i++) {
			if (hs_sealed_parse(streams[f], names[i]->d_name, &sealed)) {
				if (sealed.number <= before.number) {
					print_error("# %s comes after number %lu\n", names[i]->d_name,
					            (unsigned long)before.number);
					_fail(file, line);
				}
				before = sealed;
			}
			free(names[i]);
		}
		free(names);
	}
	if (spooldir_names(d, ".hookspool", "aside-") + spooldir_names(d, ".hookspool/run", "copy-") > 0) {
		print_error("# a file waits for cleaning in .hookspool\n");
		_fail(file, line);
	}
}

/* --- the shared state ----------------------------------------------------------------- */

struct hs_shared_state *spooldir_state(const struct spooldir *d)
{
	char path[PATH_MAX];
	int fd = open(path_of(d, ".hookspool/run/state", path), O_RDWR | O_CLOEXEC);
	struct hs_shared_state *state;

	assert_true(fd >= 0);
	assert_int_equal(spooldir_size(d, ".hookspool/run/state"), sizeof *state);
	state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(state != MAP_FAILED);
	close(fd);
	return state;
}

void spooldir_state_done(struct hs_shared_state *state)
{
	munmap(state, sizeof *state);
}

int summaries_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[PATH_MAX + 128];
	int n = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof line, maps) != NULL)
		n += strstr(line, "/run/summary/") != NULL;
	fclose(maps);
	return n;
}
