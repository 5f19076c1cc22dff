#include "tools/report/output.h"
#include "base/io.h"
#include "tools/report/terminal.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum {
	ENOUGH = 1 << 17,
	PIECE = 4096, /* PIPE_BUF: a pipe takes this much when poll(2) calls it writable */
};

void hs_output_start(struct hs_output *o, bool careful, struct hs_position from)
{
	*o = (struct hs_output){ .careful = careful, .confirmed = from };
	o->terminal = isatty(STDOUT_FILENO) == 1;
}

void hs_output_free(struct hs_output *o)
{
	hs_buf_free(&o->buf);
}

void hs_output_ends(struct hs_output *o, struct hs_progress *progress)
{
	struct stat st;

	if (hs_io_fstat(STDOUT_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
		o->progress = progress;
}

bool hs_output_is_full(const struct hs_output *o)
{
	return o->buf.n >= ENOUGH || o->marks == HS_OUTPUT_MARKS;
}

static bool is_writable(int ms)
{
	struct pollfd p = { STDOUT_FILENO, POLLOUT, 0 };

	return poll(&p, 1, ms) > 0;
}

/* False with errno. Stops early if it would have to wait and must not. */
static bool write_out(struct hs_output *o)
{
	if (o->progress != NULL && o->written < o->buf.n)
		hs_progress_end(o->progress);
	while (o->written < o->buf.n) {
		size_t left = o->buf.n - o->written;
		ssize_t wrote;

		if (o->careful && !is_writable(0))
			return true;
		wrote = write(STDOUT_FILENO, o->buf.p + o->written, o->careful && left > PIECE ? PIECE : left);
		if (wrote >= 0)
			o->written += (size_t)wrote;
		else if (errno == EAGAIN && o->careful)
			return true;
		else if (errno == EAGAIN) /* another process made it non-blocking */
			is_writable(-1);
		else if (errno != EINTR)
			return false;
	}
	return true;
}

static void confirm(struct hs_output *o)
{
	size_t n = 0;

	while (n < o->marks && o->mark[n].end <= o->written)
		n++;
	if (n > 0)
		o->confirmed = o->mark[n - 1].position;
	if (o->written < o->buf.n)
		return;
	o->marks = o->written = o->cleaned = o->buf.n = 0;
}

bool hs_output_flush(struct hs_output *o)
{
	bool ok;

	if (!hs_buf_ok(&o->buf)) {
		errno = ENOMEM;
		return false;
	}
	ok = write_out(o);
	confirm(o);
	return ok;
}

bool hs_output_line(struct hs_output *o, const struct hs_position *position)
{
	if (o->terminal) {
		hs_terminal_clean(&o->buf, o->cleaned);
		o->cleaned = o->buf.n;
	}
	if (o->careful) {
		o->mark[o->marks].end = o->buf.n;
		o->mark[o->marks++].position = *position;
	}
	return !hs_output_is_full(o) || hs_output_flush(o);
}
