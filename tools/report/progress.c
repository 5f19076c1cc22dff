#include "tools/report/progress.h"
#include "base/io.h"
#include "tools/report/bar_table.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum {
	FIRST_MS = 2000,
	EVERY_MS = 200,
	LEFT_MOST_S = 100 * 3600 /* a longer estimate says nothing */
};

void hs_progress_begin(struct hs_progress *p)
{
	p->begun_ms = hs_io_now_monotonic();
	p->next_ms = p->begun_ms + FIRST_MS;
	p->from = 0;
	p->terminal = isatty(STDERR_FILENO) == 1;
	p->shown = false;
}

void hs_progress_show(struct hs_progress *p, const char *format, ...)
{
	int64_t now = hs_io_now_monotonic();
	va_list args;

	if (!p->terminal || now < p->next_ms)
		return;
	fputs("\r\033[K", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	p->next_ms = now + EVERY_MS;
	p->shown = true;
}

void hs_progress_clear(struct hs_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

void hs_progress_end(struct hs_progress *p)
{
	hs_progress_clear(p);
	p->terminal = false;
}

void hs_progress_left(const struct hs_progress *p, uint64_t done, uint64_t all, char text[HS_PROGRESS_LEFT])
{
	double seconds = (double)(hs_io_now_monotonic() - p->begun_ms) / 1000;

	text[0] = '\0';
	if (done == 0 || done >= all)
		return;
	seconds *= (double)(all - done) / (double)done;
	if (seconds < 100)
		snprintf(text, HS_PROGRESS_LEFT, ", %.0f s left", seconds);
	else if (seconds < LEFT_MOST_S)
		snprintf(text, HS_PROGRESS_LEFT, ", %.0f min left", seconds / 60);
}

/* --- signals --------------------------------------------------------------------- */

static volatile sig_atomic_t asked; /* the signal's number; a signal handler can only set a global */

static void note(int number)
{
	asked = number;
}

void hs_stop_catch(void)
{
	struct sigaction action = { .sa_handler = note }; /* no SA_RESTART: reads must end */

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool hs_stop_asked(void)
{
	return asked != 0;
}

void hs_stop_finish(void)
{
	if (asked == 0)
		return;
	fflush(NULL);
	signal(asked, SIG_DFL);
	raise(asked);
}

void hs_progress_part(struct hs_progress *p, uint64_t done, uint64_t all, const char *what)
{
	char bytes[HS_BAR_TABLE_BYTES], left[HS_PROGRESS_LEFT];

	hs_bar_table_bytes(all, bytes);
	hs_progress_left(p, done, all, left);
	hs_progress_show(p, "%3u %% of %s%s%s", (unsigned)(done * 100 / all), bytes, what, left);
}
