#include "tools/ship/receiver.h"
#include "base/file_replace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char FILE_NAME[] = "receiver";

enum hs_result hs_receiver_read(const struct hs_spool_dir *dir, struct hs_receiver *receiver)
{
	char text[256];
	int fd = hs_io_open_read(dir->private_dir, FILE_NAME), end = 0;
	ssize_t got;

	if (fd < 0)
		return HS_E_IO;
	got = hs_io_read_at(fd, text, sizeof text - 1, 0);
	hs_io_close(fd);
	if (got < 0) {
		errno = EIO;
		return HS_E_IO;
	}
	text[got] = '\0';
	memset(receiver, 0, sizeof *receiver);
	sscanf(text, "{\"receiver\":\"%8[a-z]\",\"spool\":\"%32[0-9a-f]\",\"epoch\":%" SCNu64 "}%n", receiver->name,
	       receiver->history.id, &receiver->history.epoch, &end);
	return end > 0 && strlen(receiver->name) == HS_RECEIVER ? HS_OK : HS_E_CURSOR;
}

enum hs_result hs_receiver_make(const struct hs_spool_dir *dir, struct hs_receiver *receiver)
{
	uint64_t random = hs_io_random();
	char text[256];

	*receiver = (struct hs_receiver){ .history = dir->history };
	for (int i = 0; i < HS_RECEIVER; i++, random /= 26)
		receiver->name[i] = (char)('a' + random % 26);
	snprintf(text, sizeof text, "{\"receiver\":\"%s\",\"spool\":\"%s\",\"epoch\":%" PRIu64 "}\n", receiver->name,
	         dir->history.id, dir->history.epoch);
	return hs_file_replace_text(dir->private_dir, FILE_NAME, "receiver~", (mode_t)dir->settings->spool_mode,
	                            hs_slice_str(text));
}

bool hs_receiver_is_of(const struct hs_receiver *receiver, const struct hs_spool_dir *dir)
{
	return strcmp(receiver->history.id, dir->history.id) == 0 && receiver->history.epoch == dir->history.epoch;
}
