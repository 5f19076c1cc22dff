/*
 * replay: what a disk may hold after a power cut, from a log of all that was written to it.
 *
 *	replay points LOG                    "ENTRY OFFSET" for each flush: the entries before
 *	                                     ENTRY are on the disk; they end at OFFSET of the log
 *	replay apply LOG IMAGE FROM TO       writes the entries FROM to TO-1 into the image
 *	replay tear LOG IMAGE FROM TO SEED   the same, but some are missing, some are torn
 *	                                     between two sectors, and they come in any order
 *
 * The format is that of the kernel's dm-log-writes (Documentation/admin-guide/device-mapper/
 * log-writes.rst, include/uapi in xfstests' src/log-writes), as qemu's blklogwrites writes it.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x6a736677736872)
enum { SECTOR = 512, FLUSH = 1, FUA = 2, DISCARD = 4, ENTRIES = 1 << 18 };

struct super {
	uint64_t magic, version, entries;
	uint32_t sector;
};

struct entry {
	uint64_t sector, sectors, flags, data;
};

struct place {
	struct entry entry;
	off_t data; /* offset of its bytes in the log */
	off_t end;
};

static struct place place[ENTRIES];
static size_t places;
static struct super super;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void read_at(int fd, void *to, size_t n, off_t at)
{
	if (pread(fd, to, n, at) != (ssize_t)n)
		die("replay: the log is short");
}

/* The count in the super block may be behind; the file's end is what counts. */
static void load(int log)
{
	off_t at, end = lseek(log, 0, SEEK_END);

	read_at(log, &super, sizeof super, 0);
	if (super.magic != MAGIC || super.sector < SECTOR)
		die("replay: not a log of writes");
	for (at = super.sector; at + (off_t)super.sector <= end && places < ENTRIES;) {
		struct place *p = &place[places];
		bool has_data;

		read_at(log, &p->entry, sizeof p->entry, at);
		if (places >= super.entries && p->entry.sectors == 0 && p->entry.flags == 0)
			break;
		has_data = (p->entry.flags & DISCARD) == 0;
		p->data = at + super.sector;
		p->end = p->data + (off_t)(has_data ? p->entry.sectors * super.sector : 0);
		if (p->end > end)
			break;
		at = p->end;
		places++;
	}
}

static void points(void)
{
	for (size_t i = 0; i < places; i++)
		if ((place[i].entry.flags & (FLUSH | FUA)) != 0)
			printf("%zu %lld\n", i + 1, (long long)place[i].end);
}

static void put(int log, int image, const struct place *p, uint64_t from, uint64_t to)
{
	static char sector[1 << 16];

	for (uint64_t i = from; i < to; i++) {
		if ((p->entry.flags & DISCARD) != 0)
			memset(sector, 0, super.sector);
		else
			read_at(log, sector, super.sector, p->data + (off_t)(i * super.sector));
		if (pwrite(image, sector, super.sector, (off_t)((p->entry.sector + i) * super.sector)) !=
		    (ssize_t)super.sector)
			die("replay: image");
	}
}

static void apply(int log, int image, size_t from, size_t to)
{
	for (size_t i = from; i < to && i < places; i++)
		put(log, image, &place[i], 0, place[i].entry.sectors);
}

/* Half of them arrive; one in four of those only in part. */
static void tear(int log, int image, size_t from, size_t to)
{
	size_t n = to > from ? to - from : 0, *order = calloc(n + 1, sizeof *order);

	for (size_t i = 0; i < n; i++) {
		size_t j = (size_t)rand() % (i + 1);

		order[i] = order[j];
		order[j] = from + i;
	}
	for (size_t i = 0; i < n; i++) {
		const struct place *p = &place[order[i]];
		uint64_t sectors = p->entry.sectors, cut = sectors;

		if (rand() % 2 == 0 || sectors == 0)
			continue;
		if (rand() % 4 == 0)
			cut = (uint64_t)rand() % sectors;
		if (rand() % 2 == 0)
			put(log, image, p, 0, cut);
		else
			put(log, image, p, sectors - cut, sectors);
	}
	free(order);
}

int main(int argc, char **argv)
{
	int log, image = -1;

	if (argc < 3 || (strcmp(argv[1], "points") != 0 && argc < 6)) {
		fputs("usage: replay points LOG | apply LOG IMAGE FROM TO | tear LOG IMAGE FROM TO SEED\n", stderr);
		return 2;
	}
	log = open(argv[2], O_RDONLY);
	if (log < 0)
		die(argv[2]);
	load(log);
	if (argc > 3 && (image = open(argv[3], O_RDWR)) < 0)
		die(argv[3]);
	if (strcmp(argv[1], "points") == 0) {
		points();
	} else if (strcmp(argv[1], "apply") == 0) {
		apply(log, image, strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10));
	} else {
		srand(argc > 6 ? (unsigned)atoi(argv[6]) : 1);
		tear(log, image, strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10));
	}
	return 0;
}
