/*
 * log: lines on standard error, where web servers collect them.
 *
 * A line is one write(2), so lines of threads and processes do not mix; it is at most
 * HS_LOG_LINE bytes, and control characters and marks that reorder text
 * (hs_utf8_unprintable) are replaced by '?', so a sender cannot forge a line. Never hand it
 * a secret, a key or a signature.
 *
 * If standard error is a plain file (lighttpd's server.breakagelog, a shell's 2>>), a line begins with
 * the time, UTC. Elsewhere the program that collects the lines adds it.
 *
 * Logging never waits: if a pipe or socket is full because its reader is slow, the line is dropped.
 * Dropped lines are counted, and their number precedes the next line that can be written.
 */
#ifndef HS_LOG_H
#define HS_LOG_H

#include "base/result.h"

enum { HS_LOG_LINE = 1024 };

/* Sets the level above which lines are not logged; HS_LOG_INFO at first. */
void hs_log_level(enum hs_level level);

/* Logs how many lines were dropped, if any were and there is room again. */
void hs_log_flush(void);

/* Logs one line. Both functions leave errno as it is. */
__attribute__((format(printf, 2, 3))) void hs_log(enum hs_level level, const char *format, ...);

/* Logs what was being done, then the message and remedy of the result, at its level. */
__attribute__((format(printf, 2, 3))) void hs_log_result(enum hs_result result, const char *format, ...);

#endif
