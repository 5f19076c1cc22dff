/* sandbox: from inside, what the program needs works, and everything else is refused. */
#include "base/io.h"
#include "base/landlock.h"
#include "cgi/server/sandbox.h"
#include "cgi/server/sandbox_calls.h"
#include "tests/lib/temp_spool.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char beside[PATH_MAX], settings_file[PATH_MAX], socket_file[PATH_MAX];

/* The forms of the sandbox: FastCGI with auto and strict, and plain CGI. */
static enum form { SERVER, SERVER_STRICT, CGI, FORMS } form;
static const char *const FORM[] = { "FastCGI", "FastCGI, strict", "CGI" };

static void make_file(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fclose(file);
}

FIXTURE(start)
{
	char folder[PATH_MAX];

	begin(state);
	put("outside");
	snprintf(folder, sizeof folder, "%.1000s/etc", s.d.above);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(settings_file, sizeof settings_file, "%.1000s/etc/test.conf", s.d.above);
	make_file(settings_file);
	snprintf(folder, sizeof folder, "%.1000s/run", s.d.above);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(socket_file, sizeof socket_file, "%.1000s/run/socket", s.d.above);
	make_file(socket_file);
	snprintf(beside, sizeof beside, "%.1000s/beside", s.d.above);
	make_file(beside);
	return 0;
}

static bool enter(struct hs_sandbox *sandbox)
{
	struct hs_sandbox_needs needs = { settings_file, socket_file };

	s.d.settings->sandbox = form == SERVER_STRICT ? HS_SANDBOX_STRICT : HS_SANDBOX_AUTO;
	return form == CGI ? hs_sandbox_enter_cgi(s.d.settings, sandbox)
	                   : hs_sandbox_enter_server(s.d.settings, &needs, sandbox);
}

static void skip_unless(bool is_so)
{
	if (!is_so)
		skip();
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
static const bool SANITIZED = true; /* its build has no sandbox */
#else
static const bool SANITIZED = false;
#endif

/* These tell what kernel and build can do, whatever the program makes of it. */
static bool has_landlock(int least)
{
	enum { CREATE_RULESET = 444, VERSION = 1 };

	return !SANITIZED && syscall(CREATE_RULESET, NULL, 0, VERSION) >= least;
}

static int was_left_out(void *context)
{
	const char *fault = hs_sandbox_limit_calls(false);

	(void)context;
	return fault != NULL && strstr(fault, "SECCOMP=no") != NULL;
}

static bool has_seccomp(void)
{
	return !SANITIZED && child_run(was_left_out, NULL) == 0;
}

/* --- what is refused ------------------------------------------------------------- */

static bool is_refusal(long result)
{
	return result < 0 && (errno == EACCES || errno == EPERM || errno == EXDEV);
}

static long open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long list_root(void)
{
	return open("/", O_RDONLY | O_DIRECTORY);
}

static long read_beside(void)
{
	return open(beside, O_RDONLY);
}

static long cut_beside(void)
{
	return truncate(beside, 0);
}

static long make_beside(void)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof path, "%s.new", beside);
	return open(path, O_WRONLY | O_CREAT, 0600);
}

static long remove_beside(void)
{
	return unlink(beside);
}

static long move_out(void)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof path, "%s.moved", beside);
	return rename(spooldir_path(&s.d, "events.jsonl"), path);
}

static long write_settings(void)
{
	return open(settings_file, O_WRONLY);
}

static long make_link(void)
{
	return symlink("/etc/passwd", spooldir_path(&s.d, "link"));
}

static long make_fifo(void)
{
	return mkfifo(spooldir_path(&s.d, "fifo"), 0600);
}

static long execute(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static long trace(void)
{
	return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static long connect_tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(1) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)&a, sizeof a);
}

static long listen_tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)&a, sizeof a);
}

static long signal_parent(void)
{
	return kill(getppid(), 0);
}

static long fork_child(void)
{
	long pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static long connect_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%.100s", socket_file);
	return connect(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr *)&a, sizeof a);
}

static long map_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long raise_limit(void)
{
	struct rlimit core = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &core);
}

static long mount_something(void)
{
	return syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL);
}

static const struct attempt {
	const char *name;
	long (*try)(void);
	int landlock;      /* the version that refuses it; 0: none does */
	bool is_of_filter; /* the filter of calls refuses it, too: strict kills */
} ATTEMPTS[] = {
	{ "open /etc/passwd", open_passwd, 2, false },
	{ "list /", list_root, 2, false },
	{ "read a file beside the spool", read_beside, 2, false },
	{ "cut a file beside the spool", cut_beside, 3, true },
	{ "make a file beside the spool", make_beside, 2, false },
	{ "remove a file beside the spool", remove_beside, 2, false },
	{ "move a segment out of the spool", move_out, 2, false },
	{ "write to the settings", write_settings, 2, false },
	{ "make a symbolic link in the spool", make_link, 2, true },
	{ "make a FIFO in the spool", make_fifo, 2, true },
	{ "execute", execute, 2, true },
	{ "trace", trace, 2, true },
	{ "connect to a TCP port", connect_tcp, 4, true },
	{ "listen on a TCP port", listen_tcp, 4, true },
	{ "signal another process", signal_parent, 6, true },
	{ "fork", fork_child, 0, true },
	{ "connect to a Unix socket", connect_unix, 0, true },
	{ "map memory as code", map_code, 0, true },
	{ "set a limit", raise_limit, 0, true },
	{ "mount", mount_something, 0, true },
};

/* 0: refused. */
static int attempt(void *context)
{
	const struct attempt *a = context;
	struct hs_sandbox sandbox;

	if (!enter(&sandbox))
		return 2;
	errno = 0;
	return is_refusal(a->try()) ? 0 : 1;
}

TEST(what_is_not_needed_is_refused)
{
	int version = hs_landlock_version();
	bool filtered = has_seccomp();

	skip_unless(has_landlock(HS_LANDLOCK_LEAST));
	for (size_t i = 0; i < sizeof ATTEMPTS / sizeof ATTEMPTS[0]; i++)
		for (form = SERVER; form < FORMS; form++) {
			const struct attempt *a = &ATTEMPTS[i];
			bool killed = form == SERVER_STRICT && a->is_of_filter;
			int expected = killed ? -1 : 0, got;

			if (form == SERVER_STRICT && !filtered) /* it is refused as a whole: see below */
				continue;
			if (!(form != CGI && filtered && a->is_of_filter) &&
			    (a->landlock == 0 || a->landlock > version))
				continue;
			got = child_run(attempt, (void *)a);
			if (got != expected)
				fail_msg("%s: %s: %d instead of %d", FORM[form], a->name, got, expected);
		}
}

static int try_without(void *context)
{
	const struct attempt *a = context;

	return a->try() < 0 && errno != ECONNREFUSED ? 1 : 0;
}

/* Otherwise the test above would show nothing. */
TEST(without_a_sandbox_it_is_possible)
{
	for (size_t i = 0; i < sizeof ATTEMPTS / sizeof ATTEMPTS[0]; i++)
		if (ATTEMPTS[i].try != mount_something && ATTEMPTS[i].try != trace &&
		    child_run(try_without, (void *)&ATTEMPTS[i]) != 0)
			fail_msg("%s: not possible", ATTEMPTS[i].name);
}

/* --- what works ------------------------------------------------------------------ */

static void *nothing(void *context)
{
	return context;
}

/* The number of the step that fails; 0: none. */
static int work(void *context)
{
	struct hs_sandbox sandbox;
	struct hs_spool *spool;
	struct hs_retention_counts counts;
	pthread_t thread;

	(void)context;
	if (!enter(&sandbox))
		return 1;
	spool = hs_spool_new(s.d.settings);
	if (spool == NULL || hs_spool_health(spool, NULL) != HS_OK)
		return 2;
	if (append("inside") != HS_OK)
		return 3;
	if (hs_spool_maintain(spool, NULL, NULL, &counts) != HS_OK)
		return 4;
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 5;
	if (form != CGI && hs_io_close(hs_io_open_outside(settings_file)) < 0)
		return 6;
	if (form != CGI && unlink(socket_file) < 0)
		return 7;
#ifdef SYS_open /* other C libraries open files by it */
	if (hs_io_close((int)syscall(SYS_open, s.d.path, O_RDONLY | O_DIRECTORY)) < 0)
		return 8;
#endif
	hs_spool_free(spool);
	return 0;
}

TEST(what_is_needed_works)
{
	bool strict = has_seccomp() && has_landlock(HS_LANDLOCK_LEAST);

	for (form = SERVER; form < FORMS; form++) {
		if (form == SERVER_STRICT && !strict)
			continue;
		rotate();
		if (form == CGI)
			make_file(socket_file);
		assert_int_equal(child_run(work, NULL), 0);
		make_file(socket_file);
	}
}

static int start_after_the_end(void *context)
{
	struct hs_sandbox sandbox;
	pthread_t thread;

	(void)context;
	if (!enter(&sandbox) || setgid(65534) < 0 || setuid(65534) < 0)
		return 2;
	hs_sandbox_end_threads(&sandbox);
	return pthread_create(&thread, NULL, nothing, NULL) == 0 || fork() >= 0 ? 1 : 0;
}

TEST(plain_cgi_starts_nothing_any_more)
{
	skip_unless(has_landlock(HS_LANDLOCK_LEAST) && geteuid() == 0);
	form = CGI;
	assert_int_equal(child_run(start_after_the_end, NULL), 0);
}

/* --- a machine without ------------------------------------------------------------ */

/* Makes a call fail with ENOSYS, as in a kernel that lacks it. */
static void take_away(unsigned call)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* 0: entered without Landlock; 1: refused. */
static int enter_without_landlock(void *context)
{
	struct hs_sandbox sandbox = { .landlock = 99 };

	(void)context;
	take_away(444); /* landlock_create_ruleset */
	if (!enter(&sandbox))
		return 1;
	return sandbox.landlock == 0 && hs_sandbox_admits(&sandbox, s.d.settings, s.d.settings) ? 0 : 2;
}

TEST(without_landlock_auto_goes_on_and_strict_does_not)
{
	static const int expected[] = { 0, 1, 0 };

	for (form = SERVER; form < FORMS; form++)
		assert_int_equal(child_run(enter_without_landlock, NULL), expected[form]);
}

static int enter_cgi_strictly(void *context)
{
	struct hs_sandbox sandbox;

	(void)context;
	take_away(444);
	s.d.settings->sandbox = HS_SANDBOX_STRICT;
	return hs_sandbox_enter_cgi(s.d.settings, &sandbox) ? 1 : 0;
}

TEST(nor_does_plain_cgi)
{
	assert_int_equal(child_run(enter_cgi_strictly, NULL), 0);
}

/* Makes both ways to set a filter of calls fail. */
static void take_away_filters(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* 0: entered without a filter; 1: refused. */
static int enter_without_filter(void *context)
{
	struct hs_sandbox sandbox = { .seccomp = true };

	(void)context;
	take_away_filters();
	if (!enter(&sandbox))
		return 1;
	return !sandbox.seccomp && sandbox.landlock > 0 ? 0 : 2;
}

TEST(without_a_filter_auto_goes_on_and_strict_does_not)
{
	skip_unless(has_landlock(HS_LANDLOCK_LEAST) && has_seccomp());
	form = SERVER;
	assert_int_equal(child_run(enter_without_filter, NULL), 0);
	form = SERVER_STRICT;
	assert_int_equal(child_run(enter_without_filter, NULL), 1);
}

/* 0: entered; 1: refused. */
static int enter_without_spool(void *context)
{
	char nowhere[] = "/proc/nowhere/spool";
	struct hs_sandbox sandbox;

	(void)context;
	s.d.settings->spool_dir = nowhere;
	return enter(&sandbox) ? 0 : 1;
}

/* Landlock would keep the spool from being made where it is missing, so there is none then. */
TEST(without_a_spool_auto_goes_on_and_strict_does_not)
{
	static const int expected[] = { 0, 1, 0 };

	for (form = SERVER; form < FORMS; form++)
		assert_int_equal(child_run(enter_without_spool, NULL), expected[form]);
}

/* The settings may be those of the environment alone, or a link, or in the root. */
static int enter_with(void *file)
{
	struct hs_sandbox_needs needs = { file, NULL };
	struct hs_sandbox sandbox;

	if (!hs_sandbox_enter_server(s.d.settings, &needs, &sandbox) || sandbox.landlock == 0)
		return 1;
	return is_refusal(open_passwd()) && is_refusal(list_root()) ? 0 : 2;
}

TEST(no_name_of_a_file_opens_more)
{
	static char *const files[] = { "", "/hookspool.conf", "/nowhere/hookspool.conf", "hookspool.conf" };

	skip_unless(has_landlock(HS_LANDLOCK_LEAST));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		assert_int_equal(child_run(enter_with, files[i]), 0);
}

/* The number of the step that fails; 0: none. */
static int read_again(void *file)
{
	struct hs_sandbox_needs needs = { file, NULL };
	struct hs_sandbox sandbox;

	if (chdir(s.d.above) < 0)
		return 1;
	make_file(file);
	if (!hs_sandbox_enter_server(s.d.settings, &needs, &sandbox))
		return 2;
	return hs_io_close(hs_io_open_outside(file)) < 0 ? 3 : 0;
}

/* HOOKSPOOL_CONF may be relative to the folder in which the program starts. */
TEST(settings_in_the_current_folder_can_be_read_again)
{
	static char *const files[] = { "s", "hookspool.conf" };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		assert_int_equal(child_run(read_again, files[i]), 0);
}

static int enter_with_few_files(void *context)
{
	struct rlimit few = { 100, 100 }, now;
	struct hs_sandbox sandbox;

	(void)context;
	if (setrlimit(RLIMIT_NOFILE, &few) < 0 || !hs_sandbox_enter_cgi(s.d.settings, &sandbox))
		return 1;
	return getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == few.rlim_cur ? 0 : 2;
}

TEST(plain_cgi_keeps_a_lower_limit)
{
	assert_int_equal(child_run(enter_with_few_files, NULL), 0);
}

static int enter_off(void *context)
{
	struct hs_sandbox_needs needs = { settings_file, NULL };
	struct hs_sandbox sandbox;

	(void)context;
	s.d.settings->sandbox = HS_SANDBOX_OFF;
	if (!hs_sandbox_enter_server(s.d.settings, &needs, &sandbox) || sandbox.landlock != 0 || sandbox.seccomp ||
	    !hs_sandbox_enter_cgi(s.d.settings, &sandbox) || sandbox.landlock != 0)
		return 1;
	return open_passwd() < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 ? 2 : 0;
}

TEST(off_is_off)
{
	assert_int_equal(child_run(enter_off, NULL), 0);
}

/* --- settings that are read again ---------------------------------------------------- */

static int reload(void *context)
{
	struct hs_settings *old = s.d.settings, next = *old;
	char missing[PATH_MAX + 8], inside[PATH_MAX + 16];
	struct hs_sandbox sandbox;

	(void)context;
	snprintf(missing, sizeof missing, "%s.js", settings_file);
	snprintf(inside, sizeof inside, "%s/.hookspool", s.d.path);
	if (!enter(&sandbox) || !hs_sandbox_admits(&sandbox, old, &next))
		return 1;
	next.spool_dir = s.d.above;
	if (hs_sandbox_admits(&sandbox, old, &next))
		return 2;
	next.spool_dir = old->spool_dir;
	next.sdk_script = beside;
	if (hs_sandbox_admits(&sandbox, old, &next))
		return 3;
	next.sdk_script = settings_file; /* its folder may be read */
	if (!hs_sandbox_admits(&sandbox, old, &next))
		return 4;
	next.sdk_script = missing; /* which the next request is told */
	if (!hs_sandbox_admits(&sandbox, old, &next))
		return 5;
	next.spool_dir = inside;
	if (!hs_sandbox_admits(&sandbox, old, &next))
		return 6;
	next.spool_dir = old->spool_dir;
	next.sdk_script = beside;
	return hs_sandbox_admits(&sandbox, &next, &next) ? 0 : 7; /* it was there before, in whatever state */
}

TEST(settings_that_lead_outside_are_not_taken)
{
	skip_unless(has_landlock(HS_LANDLOCK_LEAST));
	form = SERVER;
	assert_int_equal(child_run(reload, NULL), 0);
}

TESTS("sandbox", start, finish)
