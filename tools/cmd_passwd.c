/* hookspool passwd: prints the hash of a password, for the setting console_password. */
#include "base/io.h"
#include "base/password.h"
#include "base/utf8.h"
#include "tools/command.h"
#include "tools/report/progress.h"

#include <getopt.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

struct password {
	char text[HS_PASSWORD_MOST + 1];
	size_t n;
};

/* Reads a line; a longer one is cut, and refused later. */
static bool read_line(struct password *p)
{
	int c = EOF;

	while (p->n < sizeof p->text && (c = getchar()) != EOF && c != '\n')
		p->text[p->n++] = (char)c;
	return c != EOF || (p->n > 0 && ferror(stdin) == 0);
}

/* The page's field sends text in UTF-8, without what ends a line; the login takes no NUL. */
static bool can_be_entered(const struct password *p)
{
	size_t n = 1;

	for (size_t i = 0; i < p->n && n > 0; i += n)
		n = p->text[i] == '\0' || p->text[i] == '\r' ? 0 : hs_utf8_length(p->text + i, p->n - i);
	return n > 0;
}

/*
 * Asks at the terminal, which does not show what is typed. SIGINT and SIGTERM end the read alone, and the keys for
 * SIGQUIT and SIGTSTP do nothing: the terminal must not be left as it is here.
 */
static bool ask(const char *question, struct password *p)
{
	struct termios shown, hidden;
	bool done;

	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return false;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_cc[VQUIT] = hidden.c_cc[VSUSP] = _POSIX_VDISABLE;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) != 0)
		return false;
	fputs(question, stderr);
	done = read_line(p);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fputc('\n', stderr);
	return done;
}

/* NULL: the password may be used. */
static const char *fault_of(const struct password *p, const struct password *again)
{
	if (p->n < HS_PASSWORD_LEAST)
		return "take 12 characters or more: a few words, say";
	if (p->n > HS_PASSWORD_MOST)
		return "it is longer than 1024 bytes";
	if (!can_be_entered(p))
		return "it has bytes that a browser cannot send (NUL, a carriage return as of a file from Windows, or "
		       "no UTF-8): take others";
	return p->n == again->n && memcmp(p->text, again->text, p->n) == 0 ? NULL : "the two differ";
}

static bool read_password(struct password *p, struct password *again)
{
	if (isatty(STDIN_FILENO) != 0)
		return ask("Password of the console: ", p) && ask("Again: ", again);
	if (!read_line(p))
		return false;
	*again = *p;
	return true;
}

static int print_hash(const struct password *p)
{
	uint8_t salt[HS_PASSWORD_SALT];
	char hash[HS_PASSWORD_TEXT];

	for (size_t i = 0; i < sizeof salt; i += sizeof(uint64_t)) {
		uint64_t random = hs_io_random();

		memcpy(salt + i, &random, sizeof random);
	}
	if (!hs_password_hash(hs_slice(p->text, p->n), salt, hash))
		return EX_OSERR;
	printf("console_password = %s\n", hash);
	return 0;
}

static const struct hs_option passwd_options[] = { HS_OPTIONS_END };

static int cmd_passwd(int argc, char **argv)
{
	struct password p = { .n = 0 }, again = { .n = 0 };
	const char *fault;
	int code = EX_DATAERR;

	if (hs_option(argc, argv) != -1)
		return hs_usage(argv[0]);
	if (optind < argc)
		return hs_usage_surplus(argv[0], argv);
	hs_io_keep_private();
	hs_stop_catch();
	fault = read_password(&p, &again) ? fault_of(&p, &again) : "there is no password on standard input";
	if (fault == NULL)
		code = print_hash(&p);
	else if (!hs_stop_asked())
		fprintf(stderr, "hookspool passwd: %s\n", fault);
	explicit_bzero(&p, sizeof p);
	explicit_bzero(&again, sizeof again);
	hs_stop_finish();
	return code;
}

const struct hs_command hs_command_passwd = {
	.name = "passwd",
	.run = cmd_passwd,
	.options = passwd_options,
	.help = "print the hash of a password for the console",
};
