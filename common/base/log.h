/*
 * log: lines to descriptor 2, where both web servers collect them.
 *
 * A line is one write(2), so lines of threads and processes do not mix; it is at most
 * HS_LOG_LINE bytes, and control characters and marks that reorder text
 * (hs_utf8_unprintable) are replaced by '?', so a sender cannot forge a line. Never hand it
 * a secret, a key or a signature.
 *
 * If descriptor 2 is a plain file (lighttpd's server.breakagelog, a shell's 2>>), a line begins with
 * the time, UTC; elsewhere whoever collects it adds one.
 *
 * Logging never waits: a pipe or socket that is full, because nobody reads it, costs the line.
 * Lines that were dropped are counted, and the next line that passes is preceded by their number.
 */
#ifndef HS_LOG_H
#define HS_LOG_H

#include "base/result.h"

enum { HS_LOG_LINE = 1024 };

/* Lines above this level are dropped; HS_LOG_INFO until it is called. */
void hs_log_level(enum hs_level level);

/* Says now how many lines were dropped, if any were and there is room again. */
void hs_log_flush(void);

__attribute__((format(printf, 2, 3))) void hs_log(enum hs_level level, const char *format, ...);

/* The table's level and remedy for a result, behind what was being done. */
__attribute__((format(printf, 2, 3))) void hs_log_result(enum hs_result r, const char *format, ...);

#endif
