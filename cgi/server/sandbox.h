/*
 * sandbox: once it has started, the program gives up what it does not need, so that a fault in it stays in
 * it. The setting `sandbox` decides:
 *
 *	auto    what the kernel and this build offer
 *	strict  all of it: without Landlock, or for FastCGI without seccomp, the program does not start
 *	off     nothing
 *
 * FastCGI keeps the spool, and may read the folders of the settings file and of sdk_script, for reloads.
 * Plain CGI keeps the spool and the folder of sdk_script. Both may read the kernel's boot_id, which the
 * spool is compared with. Neither can execute a program, nor can it open a TCP connection or reach a
 * process outside if the kernel's Landlock is new enough (landlock.h). FastCGI also makes no system calls
 * but those in sandbox_calls.c. Plain CGI has no filter of calls: it would cost more than the request.
 *
 * A build with a sanitizer has no sandbox: it reads /proc, and traces itself.
 */
#ifndef HS_SANDBOX_H
#define HS_SANDBOX_H

#include "config/settings.h"

struct hs_sandbox {
	int landlock; /* its version; 0: it is not in force */
	bool seccomp;
};

/* The needs of a FastCGI server beside the spool. */
struct hs_sandbox_needs {
	const char *settings_file; /* to be read again; "": none */
	const char *socket;        /* the path of a Unix socket, to be removed at the end; NULL: none */
};

/*
 * Enters the sandbox of a FastCGI server, and logs it. Call it before threads start, because it confines
 * this thread and those that it starts. Makes spool_dir if it is missing. False, after a message: strict is set
 * and cannot be had.
 */
bool hs_sandbox_enter_server(const struct hs_settings *settings, const struct hs_sandbox_needs *needs,
                             struct hs_sandbox *sandbox);

/*
 * Enters the sandbox of plain CGI, and limits the number of open files. Logs an error alone. A spool that
 * is missing is only made for strict; for auto its first event has no sandbox. False, after a message: as above.
 */
bool hs_sandbox_enter_cgi(const struct hs_settings *settings, struct hs_sandbox *sandbox);

/* For plain CGI, once all threads have started: no thread and no process can be started any more. */
void hs_sandbox_end_threads(const struct hs_sandbox *sandbox);

/*
 * True if settings that were read again can be used inside the sandbox. False, after a message: their
 * spool_dir or sdk_script is outside.
 */
bool hs_sandbox_admits(const struct hs_sandbox *sandbox, const struct hs_settings *old, const struct hs_settings *next);

#endif
