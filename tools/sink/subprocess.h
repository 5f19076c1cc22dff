/*
 * subprocess: a handler's process: sh -c COMMAND with a pipe to its standard input, one from
 * its standard error, and, if it is to answer, one from its standard output. No function blocks:
 * hs_subprocess_pump moves what can be moved.
 *
 * The process leads a process group of its own, so that Ctrl-C at the terminal does not reach it
 * and it can finish its records.
 */
#ifndef HS_SUBPROCESS_H
#define HS_SUBPROCESS_H

#include "base/buf.h"

#include <poll.h>
#include <sys/types.h>

enum {
	HS_SUBPROCESS_NOISE = 4096,  /* the last bytes of its standard error that are kept */
	HS_SUBPROCESS_ANSWER = 4096, /* bytes of an answer; the rest is cut off */
	HS_SUBPROCESS_FDS = 3,
};

/* Zeroed: no process. */
struct hs_subprocess {
	pid_t pid;        /* 0: none */
	int in, out, err; /* -1: closed; out is -1 if it does not answer */
	struct hs_buf to_write;
	size_t written; /* bytes of to_write */
	bool last;      /* close its input once to_write is empty */
	int cut; /* errno of a failure of ours that cut its input or its answers, which then do not count: it is killed */
	struct hs_buf answers;
	size_t taken; /* bytes of answers that were returned */
	char noise[HS_SUBPROCESS_NOISE];
	size_t noise_n; /* bytes read from its standard error; noise is a ring */
};

/* Starts the process. False with errno. environment: NAME=VALUE strings, and a NULL. */
bool hs_subprocess_start(struct hs_subprocess *w, const char *command, char **environment, bool answers);

void hs_subprocess_give(struct hs_subprocess *w, struct hs_slice line);
void hs_subprocess_give_last(struct hs_subprocess *w); /* nothing more follows */

/* Writes what can be written. A process that reads no further is left to itself; after any other error see `cut`. */
void hs_subprocess_write(struct hs_subprocess *w);

/* Writes and reads what can be. Take the answers before waiting for more. */
void hs_subprocess_pump(struct hs_subprocess *w);

/*
 * Returns the next answer, a line without its '\n', valid until the next pump. False: none has ended yet; what
 * a line has beyond HS_SUBPROCESS_ANSWER is dropped, however long it is.
 */
bool hs_subprocess_answer(struct hs_subprocess *w, struct hs_slice *line);

/* True if it has written more than the answers that were returned, be it a part of a line. */
bool hs_subprocess_has_said_more(const struct hs_subprocess *w);

/*
 * True once the process has ended: everything it wrote has been read, the pipes are closed, pid is
 * 0 and *status is that of wait(2). Answers and noise remain available.
 */
bool hs_subprocess_ended(struct hs_subprocess *w, int *status);

/* Fills in what to poll for. */
void hs_subprocess_poll(const struct hs_subprocess *w, struct pollfd p[static HS_SUBPROCESS_FDS]);

/* Appends the last bytes that it wrote to standard error, since it began or they were last forgotten. */
void hs_subprocess_put_noise(const struct hs_subprocess *w, struct hs_buf *out);
void hs_subprocess_forget_noise(struct hs_subprocess *w);

/* Signals its process group, if there is one. */
void hs_subprocess_kill(const struct hs_subprocess *w, int signal);
/* Closes the pipes; a process that runs is left alone. */
void hs_subprocess_free(struct hs_subprocess *w);

#endif
