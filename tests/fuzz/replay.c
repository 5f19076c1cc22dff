/*
 * replay: a target without libFuzzer. Runs files, and the files in directories, through
 * LLVMFuzzerTestOneInput once each, so that any compiler can replay the corpora:
 *
 *	cc … -fsanitize=address,undefined tests/fuzz/replay.c tests/fuzz/fuzz_json.c …
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int give_up(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

/* The bytes of an open file, in memory of exactly that size, so that ASan sees a read beyond. */
static int run_open_file(FILE *in, size_t size, const char *path)
{
	uint8_t *data = malloc(size > 0 ? size : 1);

	if (data == NULL || fread(data, 1, size, in) != size) {
		free(data);
		return give_up(path);
	}
	fprintf(stderr, "%s\n", path); /* before it runs: the last one is the one that crashed */
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static int run_file(const char *path, const struct stat *st)
{
	FILE *in = fopen(path, "rb");
	int count;

	if (in == NULL)
		return give_up(path);
	count = run_open_file(in, (size_t)st->st_size, path);
	fclose(in);
	return count;
}

/* The number of files that ran, or -1. Directories in a directory are skipped. */
static int run_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (dir == NULL)
		return give_up(path);
	while (count >= 0 && (entry = readdir(dir)) != NULL) {
		char file[PATH_MAX];
		struct stat st;
		int n = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);

		if (n < 0 || (size_t)n >= sizeof file || stat(file, &st) != 0)
			count = give_up(path);
		else if (S_ISREG(st.st_mode))
			count = run_file(file, &st) < 0 ? -1 : count + 1;
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		int count = stat(argv[i], &st) != 0 ? give_up(argv[i])
		            : S_ISDIR(st.st_mode)   ? run_directory(argv[i])
		                                    : run_file(argv[i], &st);

		if (count < 0)
			return 1;
		total += count;
	}
	printf("%d inputs\n", total);
	return total > 0 ? 0 : 1; /* an empty corpus shows nothing */
}
