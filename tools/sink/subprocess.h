/*
 * subprocess: a handler's process: sh -c COMMAND with a pipe to its standard input, one from
 * its standard error, and, if it is to answer, one from its standard output. Nothing here
 * blocks: hs_subprocess_pump moves what can be moved.
 *
 * The process leads a process group of its own, so that Ctrl-C at the terminal leaves it
 * in peace to finish what it has in hand.
 */
#ifndef HS_SUBPROCESS_H
#define HS_SUBPROCESS_H

#include "base/buf.h"

#include <poll.h>
#include <sys/types.h>

enum {
	HS_SUBPROCESS_NOISE = 4096,  /* bytes kept of what it writes to standard error: the last */
	HS_SUBPROCESS_ANSWER = 4096, /* bytes of an answer; more is cut off */
	HS_SUBPROCESS_FDS = 3,
};

/* Zeroed: no process. */
struct hs_subprocess {
	pid_t pid;        /* 0: none */
	int in, out, err; /* -1: closed; out is -1 if it does not answer */
	struct hs_buf to_write;
	size_t written; /* of to_write */
	bool last;      /* nothing more will be given: close its input once all is written */
	struct hs_buf answers;
	size_t batch; /* of answers */
	char noise[HS_SUBPROCESS_NOISE];
	size_t noise_n; /* bytes seen; noise is a ring */
};

/* Starts it. False with errno. The environment is NULL-terminated NAME=VALUE strings. */
bool hs_subprocess_start(struct hs_subprocess *w, const char *command, char **environment, bool answers);

void hs_subprocess_give(struct hs_subprocess *w, struct hs_slice line);
void hs_subprocess_give_last(struct hs_subprocess *w); /* closes its input, when all is written */

/* Writes what can be written. */
void hs_subprocess_write(struct hs_subprocess *w);

/* The same, and reads what can be read: look for answers before you wait for more. */
void hs_subprocess_pump(struct hs_subprocess *w);

/* The next answer, without its '\n', valid until the next pump; false: none has come yet. */
bool hs_subprocess_answer(struct hs_subprocess *w, struct hs_slice *line);

/*
 * Has it ended? Then its last words have been read, the pipes are closed, pid is 0 and
 * *status is wait(2)'s; answers and noise can still be asked for.
 */
bool hs_subprocess_ended(struct hs_subprocess *w, int *status);

/* Fills p with what to poll for. */
void hs_subprocess_poll(const struct hs_subprocess *w, struct pollfd p[static HS_SUBPROCESS_FDS]);

/* The last that it wrote to standard error, appended. */
void hs_subprocess_put_noise(const struct hs_subprocess *w, struct hs_buf *out);

void hs_subprocess_kill(const struct hs_subprocess *w, int signal);
void hs_subprocess_free(struct hs_subprocess *w);

#endif
