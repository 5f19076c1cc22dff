/* hookspool.fcgi: the handler: reads the settings, chooses a transport, serves. */
#include "base/io.h"
#include "base/log.h"
#include "cgi/server/listen.h"
#include "cgi/server/serve_cgi.h"
#include "cgi/server/serve_fcgi.h"
#include "config/settings_file.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

extern char **environ;

static const char USAGE[] = "usage: hookspool.fcgi                  FastCGI if a socket is handed over (descriptor 0,\n"
			    "                                       or LISTEN_FDS of systemd), else CGI\n"
			    "       hookspool.fcgi --listen ADDRESS unix:/path or 127.0.0.1:9000\n"
			    "       hookspool.fcgi --check          read the settings, say what is wrong, exit\n"
			    "       hookspool.fcgi --help | --version\n";

static void print_help(void)
{
	struct hs_setting_doc doc;

	fputs(USAGE, stdout);
	puts("\nSettings are read from $HOOKSPOOL_CONF, else hookspool.conf beside the program, else\n"
	     "hookspool/hookspool.conf in the folder above the program's, else\n"
	     "/etc/hookspool/hookspool.conf. HOOKSPOOL_<NAME> in the environment overrides one.\n");
	for (size_t i = 0; i < hs_settings_count(); i++) {
		hs_setting_doc(i, &doc);
		printf("  %-15s %s\n  %-15s %s%s%s\n", doc.name, doc.help, "", doc.expected,
		       doc.fallback[0] != '\0' ? "; default " : "", doc.fallback);
	}
	puts("\n  [keys]          LABEL = KEY, sha256:HEX or revoked:KEY; the label is the tenant\n"
	     "  [sources]       LABEL = KEY [browser | server] [tenant=NAME] [origin=ORIGIN ...] [rate=N/s]\n"
	     "                  [daily=SIZE]; for Segment's own libraries, see hookspool.conf(5)");
}

/* The exit code after what was asked for has been printed. */
static int end_print(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return 0;
	fprintf(stderr,
	        "hookspool.fcgi: standard output: %s: not all of it was written: make room, or write it elsewhere\n",
	        errno != 0 ? strerror(errno) : "a write failed");
	return EX_IOERR;
}

/* `used` gets the name of the file; "": the environment alone. */
static struct hs_settings *load_or_tell(char used[static PATH_MAX], struct hs_settings_error *error)
{
	struct hs_settings *s = hs_settings_load(NULL, environ, used, PATH_MAX, error);

	if (s == NULL)
		hs_log(HS_LOG_ERROR, "settings: %s", error->text);
	return s;
}

/* Says what runs with what, so that a log tells which of several mounts it is of. */
static void log_settings(const char *when, const char *kind, const char *used, const struct hs_settings *settings)
{
	hs_log(HS_LOG_INFO, "%s: hookspool " HS_VERSION ", %s, settings %s, spool %s", when, kind,
	       used[0] != '\0' ? used : "of the environment alone", settings->spool_dir);
}

/* An hs_reload; the context is the kind of the mount. The sandbox may be what keeps it from reading a file. */
static struct hs_settings *reload(void *context)
{
	char used[PATH_MAX];
	struct hs_settings_error error;
	struct hs_settings *settings = load_or_tell(used, &error);

	if (settings != NULL)
		log_settings("SIGHUP", context, used, settings);
	else if (error.fault == HS_FAULT_UNREADABLE)
		hs_log(HS_LOG_ERROR, "SIGHUP: the settings in use stay; if the file can be read, but is in another "
		                     "folder than at the start, as by a symbolic link, restart the program");
	else
		hs_log(HS_LOG_ERROR, "SIGHUP: the settings in use stay");
	return settings;
}

static int serve_cgi(void)
{
	char used[PATH_MAX];
	struct hs_settings_error error;
	struct hs_settings *settings = load_or_tell(used, &error);

	return hs_serve_cgi(settings, &error);
}

/* `kind` says where the socket is from; `address` is one that hs_listen made, or NULL. */
static int serve_fcgi(int fd, char *kind, const char *address)
{
	char used[PATH_MAX];
	struct hs_sandbox_needs needs = { used, hs_listen_path(address) };
	struct hs_settings_error error;
	struct hs_settings *settings = load_or_tell(used, &error);
	int code;

	if (settings == NULL)
		return EX_CONFIG;
	log_settings("start", kind, used, settings);
	code = hs_serve_fcgi(fd, settings, &needs, reload, kind);
	hs_log(HS_LOG_INFO, "stop: hookspool " HS_VERSION ", %s", kind);
	hs_log_flush();
	return code;
}

/* Blocks these until serve_fcgi waits for them: from now on there is a socket to remove. */
static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int serve_address(const char *address)
{
	char kind[PATH_MAX + 16];
	struct stat file;
	int fd, code;

	hold_signals();
	fd = hs_listen(address, &file);
	if (fd < 0)
		return EX_UNAVAILABLE;
	snprintf(kind, sizeof kind, "FastCGI at %s", address);
	code = serve_fcgi(fd, kind, address);
	hs_listen_end(address, &file);
	return code;
}

static int check(void)
{
	char used[PATH_MAX];
	struct hs_settings_error error;
	struct hs_settings *settings = load_or_tell(used, &error);

	if (settings == NULL)
		return EX_CONFIG;
	hs_settings_free(settings);
	puts("settings are fine");
	return end_print();
}

/* Without arguments, the process that started us decides where requests come from. */
static int serve_inherited(void)
{
	static char from_systemd[] = "FastCGI by a socket of systemd",
		    from_server[] = "FastCGI by a web server's socket";
	int fd = hs_listen_inherited();

	if (fd != -1)
		return fd < 0 ? EX_UNAVAILABLE : serve_fcgi(fd, from_systemd, NULL);
	if (hs_listen_is(STDIN_FILENO))
		return serve_fcgi(STDIN_FILENO, from_server, NULL);
	if (getenv("REQUEST_METHOD") != NULL)
		return serve_cgi();
	fputs(USAGE, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
		                                 { "check", no_argument, NULL, 'c' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { "version", no_argument, NULL, 'V' },
		                                 { NULL, 0, NULL, 0 } };
	int option;

	if (hs_io_hold_standard() < 0) {
		perror("hookspool.fcgi: /dev/null, in the place of a closed standard stream");
		return EX_OSERR;
	}
	hs_io_keep_private();
	if (getenv("GATEWAY_INTERFACE") != NULL)
		argc = 1; /* a CGI server passes parts of the URL as arguments (RFC 3875, 4.4) */
	option = getopt_long(argc, argv, "", options, NULL);
	switch (option) {
	case -1: return optind == argc ? serve_inherited() : (fputs(USAGE, stderr), 2);
	case 'l': return serve_address(optarg);
	case 'c': return check();
	case 'h': print_help(); return end_print();
	case 'V': puts("hookspool " HS_VERSION); return end_print();
	default: fputs(USAGE, stderr); return 2;
	}
}
