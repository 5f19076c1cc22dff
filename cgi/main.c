/* hookspool.fcgi: the handler: reads the settings, chooses a transport, serves. */
#include "base/io.h"
#include "base/log.h"
#include "cgi/server/listen.h"
#include "cgi/server/serve_cgi.h"
#include "cgi/server/serve_fcgi.h"
#include "config/settings_file.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

static struct hs_settings *load_or_tell(struct hs_settings_error *error)
{
	char used[PATH_MAX];
	struct hs_settings *s = hs_settings_load(NULL, environ, used, sizeof used, error);

	if (s == NULL)
		hs_log(HS_LOG_ERROR, "settings: %s", error->text);
	return s;
}

/* An hs_reload, also for the first load. Ignores the context. */
static struct hs_settings *load(void *context)
{
	struct hs_settings_error error;

	(void)context;
	return load_or_tell(&error);
}

static int serve_cgi(void)
{
	struct hs_settings_error error;
	struct hs_settings *settings = load_or_tell(&error);

	return hs_serve_cgi(settings, &error);
}

static int serve_fcgi(int fd)
{
	struct hs_settings *settings = load(NULL);

	return settings == NULL ? EX_CONFIG : hs_serve_fcgi(fd, settings, load, NULL);
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
	struct stat file;
	int fd, code;

	hold_signals();
	fd = hs_listen(address, &file);
	if (fd < 0)
		return EX_UNAVAILABLE;
	code = serve_fcgi(fd);
	hs_listen_end(address, &file);
	return code;
}

static int check(void)
{
	struct hs_settings *settings = load(NULL);

	if (settings == NULL)
		return EX_CONFIG;
	hs_settings_free(settings);
	puts("settings are fine");
	return 0;
}

/* Without arguments, the process that started us decides where requests come from. */
static int serve_inherited(void)
{
	int fd = hs_listen_inherited();

	if (fd != -1)
		return fd < 0 ? EX_UNAVAILABLE : serve_fcgi(fd);
	if (hs_listen_is(STDIN_FILENO))
		return serve_fcgi(STDIN_FILENO);
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

	hs_io_keep_private();
	if (getenv("GATEWAY_INTERFACE") != NULL)
		argc = 1; /* a CGI server passes parts of the URL as arguments (RFC 3875, 4.4) */
	option = getopt_long(argc, argv, "", options, NULL);
	switch (option) {
	case -1: return optind == argc ? serve_inherited() : (fputs(USAGE, stderr), 2);
	case 'l': return serve_address(optarg);
	case 'c': return check();
	case 'h': print_help(); return 0;
	case 'V': puts("hookspool " HS_VERSION); return 0;
	default: fputs(USAGE, stderr); return 2;
	}
}
