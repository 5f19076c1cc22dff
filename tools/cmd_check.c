/*
 * hookspool check: finds what would keep the handler from starting, what would trouble it later,
 * and with --url what is between it and Segment.
 */
#include "base/io.h"
#include "base/timestamp.h"
#include "config/settings_file.h"
#include "config/sources.h"
#include "spool/admin/loss.h"
#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"
#include "tools/command.h"
#include "tools/probe/check_consumers.h"
#include "tools/probe/check_loads.h"
#include "tools/probe/check_modes.h"
#include "tools/probe/check_program.h"
#include "tools/probe/check_rules.h"
#include "tools/probe/check_sandbox.h"
#include "tools/probe/check_url.h"
#include "tools/report/bar_table.h"
#include "tools/report/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

extern char **environ;

enum { OPT_URL = HS_OPT_OWN, OPT_KEY, OPT_CACERT, OPT_INSECURE, OPT_NAGIOS, OPT_QUIET_FOR };

static const struct hs_option check_options[] = {
	HS_OPTION_CONFIG,
	{ "url", "URL", OPT_URL, "try this mount, too; nothing is written to the spool" },
	{ "key", "@FILE|TEXT", OPT_KEY, "an API key to try it with, if the settings have none in clear" },
	{ "cacert", "FILE", OPT_CACERT, "trust certificates that these authorities signed" },
	{ "insecure", NULL, OPT_INSECURE, "accept any certificate" },
	{ "quiet-for", "TIME", OPT_QUIET_FOR, "warn if no event has come for this long (30m, 1h, 2d)" },
	{ "nagios", NULL, OPT_NAGIOS, "one line, and the exit codes of Nagios' plugins: 0, 1, 2, 3" },
	HS_OPTION_JSON,
	HS_OPTIONS_END,
};

enum {
	INODES_LOW = 1000,
	PROBE_BYTES = 1 << 20,
	INDEX_MS = 60000, /* above this size rebuilding takes a while */
	NAGIOS_CRITICAL = 2,
	NAGIOS_UNKNOWN = 3,
	AHEAD_MS = 5000, /* tolerates ticks of the file system and corrections of the clock */
};

struct checked {
	struct hs_findings report;
	struct hs_settings *settings;
	char file[PATH_MAX];   /* the settings file; "": none */
	int dir;               /* the spool directory, or -1 */
	const char *quiet_for; /* --quiet-for; NULL: not given */
};

/* --- what a web server serves --------------------------------------------------- */

/* Usual names of document roots. */
static bool is_served(const char *path)
{
	static const char *const roots[] = {
		"/public_html/", "/htdocs/", "/httpdocs/", "/wwwroot/", "/www/", "/html/"
	};
	char folder[PATH_MAX + 1];

	snprintf(folder, sizeof folder, "%s/", path);
	for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
		if (strstr(folder, roots[i]) != NULL)
			return true;
	return false;
}

/* True if a .htaccess is in its folder or in one above. */
static bool is_below_htaccess(const char *path)
{
	static const char NAME[] = "/.htaccess";
	char file[PATH_MAX + sizeof NAME], *slash;
	struct stat st;

	snprintf(file, PATH_MAX, "%s", path);
	while ((slash = strrchr(file, '/')) != NULL) {
		memcpy(slash, NAME, sizeof NAME);
		if (hs_io_stat_outside(file, &st) == 0)
			return true;
		*slash = '\0';
	}
	return false;
}

static bool looks_served(const char *path)
{
	return is_served(path) || is_below_htaccess(path);
}

/* --- settings ------------------------------------------------------------------ */

static void check_file(struct hs_findings *r, const char *path)
{
	static const char remedy[] = "chmod 640, or 600";
	struct stat st;

	if (hs_io_stat_outside(path, &st) < 0)
		hs_findings_fail(r, "permissions", "", "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode)) /* such as /dev/null, which must stay as it is */
		hs_findings_ok(r, "permissions", "%s is no file", path);
	else if ((st.st_mode & S_IWGRP) != 0)
		hs_findings_warn(r, "permissions", remedy, "a group may write to %s", path);
	else
		hs_findings_ok(r, "permissions", "%s has mode %03o", path, (unsigned)st.st_mode & 0777);
}

static void put_limits(const struct hs_source *source, struct hs_buf *text)
{
	char limits[96], bytes[HS_BAR_TABLE_BYTES];

	if (source->rate > 0) {
		snprintf(limits, sizeof limits, ", %" PRId64 " events/s", source->rate / 1000);
		hs_buf_put_slice(text, hs_slice_str(limits));
	}
	if (source->daily > 0) {
		hs_bar_table_bytes((uint64_t)source->daily, bytes);
		snprintf(limits, sizeof limits, ", %s a day", bytes);
		hs_buf_put_slice(text, hs_slice_str(limits));
	}
}

static void put_source(const struct hs_source *source, struct hs_buf *text)
{
	hs_buf_put_slice(text, hs_slice_str(source->label));
	hs_buf_put_slice(text, source->browser ? HS_SLICE(": browser") : HS_SLICE(": server"));
	if (source->tenant[0] != '\0') {
		hs_buf_put_slice(text, HS_SLICE(", tenant "));
		hs_buf_put_slice(text, hs_slice_str(source->tenant));
	}
	for (unsigned i = 0; i < source->origins; i++) {
		hs_buf_put_slice(text, i == 0 ? HS_SLICE(", from ") : HS_SLICE(" "));
		hs_buf_put_slice(text, hs_slice_str(source->origin[i]));
	}
	if (source->any_origin)
		hs_buf_put_slice(text, HS_SLICE(", from any page"));
	put_limits(source, text);
	if (source->revoked)
		hs_buf_put_slice(text, HS_SLICE(", revoked"));
	hs_buf_put(text, "", 1);
}

/* Reports what pages need that the settings do not have. */
static void check_pages(struct hs_findings *r, const struct hs_settings *s, bool have_browsers)
{
	int fd = s->sdk_script == NULL ? -1 : hs_io_open_outside(s->sdk_script);

	if (have_browsers && s->public_url == NULL)
		hs_findings_warn(r, "public_url", "set public_url = https://host/path of the mount",
		                 "is missing: pages and apps cannot be told where to send");
	if (fd >= 0)
		hs_io_close(fd);
	else if (s->sdk_script != NULL)
		hs_findings_warn(r, "sdk_script", "name the file that npm installs: dist/umd/standalone.js",
		                 "%s cannot be read", s->sdk_script);
}

static void check_sources(struct hs_findings *r, const struct hs_settings *s)
{
	bool have_browsers = false;

	for (unsigned i = 0; i < s->sources; i++) {
		const struct hs_source *source = &s->source[i];
		struct hs_buf text = { 0 };

		put_source(source, &text);
		have_browsers = have_browsers || (source->browser && !source->revoked);
		if (!hs_buf_ok(&text))
			hs_findings_fail(r, "source", "", "out of memory");
		else if (source->any_origin && !source->revoked)
			hs_findings_warn(r, "source", "list the origins of its pages instead of origin=*", "%s",
			                 text.p);
		else
			hs_findings_ok(r, "source", "%s", text.p);
		hs_buf_free(&text);
	}
	check_pages(r, s, have_browsers);
}

static void check_console(struct hs_findings *r, const struct hs_settings *s)
{
	if (s->console_password != NULL && s->console_http)
		hs_findings_warn(r, "console", "use HTTPS, and take console_http = yes away",
		                 "it works without HTTPS: anyone on the way can read the password and the events");
	else if (s->console_password != NULL)
		hs_findings_ok(r, "console", "at the mount's address with /console, with its password, over HTTPS");
}

static void check_access(struct hs_findings *r, const struct hs_settings *s)
{
	if (s->auth == HS_AUTH_NONE)
		hs_findings_warn(r, "access", "set secret or [keys]", "auth = none: anybody may send");
	else if (s->auth == HS_AUTH_NOBODY)
		hs_findings_ok(r, "access",
		               "libraries with a key of [sources]; no webhook, for want of a secret and of [keys]");
	else
		hs_findings_ok(r, "access", "a sender must show %s%s", hs_settings_demand(s),
		               hs_settings_batch_demand(s));
}

static bool check_settings(struct checked *c, const char *path)
{
	struct hs_findings *r = &c->report;
	struct hs_settings_error error;

	c->settings = hs_settings_load(path, environ, c->file, sizeof c->file, &error);
	if (c->settings == NULL) { /* the text includes file, line and remedy */
		hs_findings_fail(r, "settings", "", "%s", error.text);
		return false;
	}
	hs_findings_ok(r, "settings", "%s", c->file[0] != '\0' ? c->file : "the environment's alone");
	if (c->file[0] != '\0')
		check_file(r, c->file);
	if (looks_served(c->file))
		hs_findings_warn(r, "place",
		                 "move it out of what the web server serves: hookspool/hookspool.conf in the\n"
		                 "folder above the program's is found, too",
		                 "%s, the settings, looks like a file that is served", c->file);
	check_access(r, c->settings);
	check_console(r, c->settings);
	hs_check_rules(r, c->settings);
	hs_check_sandbox(r, c->settings);
	if (c->settings->doubtful_line != 0)
		hs_findings_warn(r, "secrets", "correct the line, unless that is what was meant",
		                 "line %d holds a secret or key: %s", c->settings->doubtful_line, c->settings->doubt);
	if (!hs_command_as_owner(c->settings)) {
		hs_findings_fail(r, "spool", "run this as the owner of the spool",
		                 "%s was not checked: root may not become its owner here", c->settings->spool_dir);
		return false;
	}
	check_sources(r, c->settings); /* as the owner, who must be able to read the script */
	return true;
}

/* --- the spool ----------------------------------------------------------------- */

static void check_place(struct checked *c)
{
	static const char denied[] = "move it out of what the web server serves, or deny access to it:\n"
				     "Apache: Require all denied, in <Directory> of the spool\n"
				     "lighttpd: $HTTP[\"url\"] =~ \"^/spool/\" { url.access-deny = ( \"\" ) }";
	const char *path = c->settings->spool_dir;
	struct stat st;

	if (looks_served(path))
		hs_findings_warn(&c->report, "place", denied, "%s looks like a folder that is served", path);
	if (hs_io_fstat(c->dir, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
		hs_findings_warn(&c->report, "place", "chmod 700, or 2750 with a group of readers",
		                 "every user may list %s", path);
}

static void check_file_system(struct checked *c)
{
	int network = hs_io_is_network(c->dir);

	if (network == 0)
		hs_findings_ok(&c->report, "file system", "is local");
	else if (network < 0)
		hs_findings_warn(&c->report, "file system", "", "cannot be determined: %s", strerror(errno));
	else if (c->settings->allow_nfs)
		hs_findings_warn(&c->report, "file system", "move spool_dir to a local disk",
		                 "is on a network, which allow_nfs = yes permits: no promise holds");
	else
		hs_findings_fail(&c->report, "file system", hs_result_info(HS_E_SPOOL_NFS)->remedy,
		                 "is on a network: every event is answered 503");
}

static void check_space(struct checked *c)
{
	uint64_t min_free = (uint64_t)c->settings->min_free;
	uint64_t segment = (uint64_t)c->settings->rotate_size;
	char bytes[HS_BAR_TABLE_BYTES];
	struct hs_space space;

	bool known = hs_io_space(c->dir, &space) == 0;

	hs_bar_table_bytes(known ? space.bytes : 0, bytes);
	if (known)
		hs_findings_figure(&c->report, "free", space.bytes, "B");
	if (!known)
		hs_findings_fail(&c->report, "space", "", "%s", strerror(errno));
	else if (space.bytes < min_free)
		hs_findings_fail(&c->report, "space", hs_result_info(HS_E_FULL)->remedy,
		                 "%s free, less than min_free: every event is answered 503", bytes);
	else if (space.bytes < min_free + segment || space.inodes < INODES_LOW)
		hs_findings_warn(&c->report, "space", "free some, or set retain_days or retain_bytes",
		                 "%s and %" PRIu64 " inodes free: not for long", bytes, space.inodes);
	else
		hs_findings_ok(&c->report, "space", "%s free", bytes);
}

/*
 * Tries with a temporary file what statvfs(3) does not tell: whether this user's quota has room,
 * and whether blocks can be reserved.
 */
static void check_reserve(struct checked *c)
{
	static const char PROBE[] = ".hookspool/run/probe";
	int fd = hs_io_open_or_make(c->dir, PROBE, 0600);
	int r = fd < 0 ? -1 : hs_io_reserve(fd, 0, PROBE_BYTES), error = errno;

	if (r == 0)
		hs_findings_ok(&c->report, "quota", "has room");
	else if (error == EOPNOTSUPP || error == ENOSYS)
		hs_findings_warn(&c->report, "quota", "move spool_dir to ext4, XFS, btrfs or tmpfs",
		                 "room cannot be reserved (fallocate): a full disk is noticed in mid-write");
	else
		hs_findings_fail(&c->report, "quota", hs_result_info(hs_io_result(error))->remedy,
		                 "no room for a megabyte: %s", strerror(error));
	if (fd >= 0) {
		hs_io_unlink(c->dir, PROBE);
		hs_io_close(fd);
	}
}

/* The newest time of any file in the spool, in milliseconds. */
static int64_t newest(int dir)
{
	static const char *const names[] = { ".", "events.jsonl", ".hookspool/run/state" };
	struct hs_sealed *list;
	size_t count;
	int64_t found = 0;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct stat st;
		int64_t ms = hs_io_stat(dir, names[i], &st) < 0 ? 0 : (int64_t)st.st_mtime * 1000;

		found = ms > found ? ms : found;
	}
	if (hs_sealed_list(dir, "events", &list, &count) == HS_OK) {
		if (count > 0 && list[count - 1].sealed_ms > found)
			found = list[count - 1].sealed_ms;
		free(list);
	}
	return found;
}

static void check_clock(struct checked *c, struct hs_spool *spool)
{
	int64_t now = hs_io_now(), ahead = newest(c->dir) - now, lag = 0;
	char text[HS_TIMESTAMP_TEXT + 1];

	hs_timestamp_text(now, text);
	if (!hs_timestamp_is_possible(now))
		hs_findings_fail(&c->report, "clock", hs_result_info(HS_E_CLOCK)->remedy,
		                 "shows %s: every event is answered 503", text);
	else if (hs_spool_clock_lag(spool, &lag) == HS_OK && lag > 0)
		hs_findings_warn(&c->report, "clock",
		                 "timedatectl set-ntp true, or if it is right: hookspool maintain --trust-clock",
		                 "shows %s, %" PRId64 " hours ahead of the trusted time: nothing is deleted or "
		                 "forgotten by it",
		                 text, lag / 3600000);
	else if (ahead <= AHEAD_MS)
		hs_findings_ok(&c->report, "clock", "nothing in the spool is from the future");
	else
		hs_findings_warn(&c->report, "clock", "timedatectl set-ntp true",
		                 "the spool has files that are %" PRId64 " s from the future; names continue from "
		                 "there, and the files are deleted in their turn",
		                 ahead / 1000);
}

static void tell_progress(struct checked *c, const struct hs_known *known)
{
	int64_t left_s = known->permille == 0 ? 0 : known->took_ms * (1000 - known->permille) / known->permille / 1000;
	char left[64] = "";

	if (left_s > 0) /* it reads on with the events that come */
		snprintf(left, sizeof left, ", about %" PRId64 " s to go if events come as until now", left_s);
	hs_findings_ok(&c->report, "index",
	               "is catching up, %u %% done, %" PRIu64 " events so far%s; summaries answer for the rest",
	               known->permille / 10, known->ids, left);
}

static void check_index(struct checked *c, struct hs_spool *spool)
{
	struct hs_known known;
	enum hs_result r = hs_spool_known(spool, hs_io_now_monotonic() + INDEX_MS, &known);

	if (r != HS_OK)
		hs_findings_fail(&c->report, "index", hs_result_info(r)->remedy, "cannot be read");
	else if (known.off)
		hs_findings_warn(&c->report, "index", "set dedup_window",
		                 "dedup_window = 0: an event that is sent twice is kept twice");
	else if (known.behind)
		tell_progress(c, &known);
	else if (known.anew && known.ids > 0)
		hs_findings_ok(&c->report, "index", "knows %" PRIu64 " events; it was rebuilt, as after a reboot",
		               known.ids);
	else
		hs_findings_ok(&c->report, "index", "knows %" PRIu64 " events", known.ids);
}

/* Reports a restored backup that is not a spool yet. */
static void check_backup(struct checked *c, const struct hs_spool_dir *dir)
{
	const char *path = c->settings->spool_dir;
	enum hs_loss_backup backup;
	enum hs_result r = hs_loss_backup(dir, &backup);

	if (r != HS_OK)
		hs_findings_fail(&c->report, "backup", hs_result_info(r)->remedy, "cannot be determined: %s",
		                 strerror(errno));
	else if (backup == HS_LOSS_WHOLE_BACKUP)
		hs_findings_warn(&c->report, "backup", "run hookspool adopt before anything serves it",
		                 "%s is a backup that was not adopted", path);
	else if (backup == HS_LOSS_PART_OF_BACKUP)
		hs_findings_fail(
		    &c->report, "backup",
		    "run hookspool backup again where it came from; or take what there is: hookspool adopt "
		    "--accept-loss",
		    "%s is a backup that was interrupted: it may lack events", path);
}

/* Reports private files that are lost and cannot be rebuilt. */
static void check_losses(struct checked *c, const struct hs_spool_dir *dir)
{
	static const char give_up[] = "restore .hookspool from a backup; or give it up: hookspool adopt --accept-loss";
	static const char *const without[] = {
		"receipts and suppressed people cannot be recognised without it",
		"every event is answered 503, because it is unknown whose events must not be kept",
		"a retry of an erased event would come back",
		"rebuilt; cursors, imports and whatever else was in .hookspool may be lost, too",
	};
	char remedy[HS_CHECK_GIVE_BACK];
	unsigned lost = 0;

	if (hs_loss_find(dir, &lost) != HS_OK)
		hs_findings_fail(&c->report, "losses",
		                 errno == EACCES ? hs_check_give_back(c->settings, remedy)
		                                 : hs_result_info(HS_E_IO)->remedy,
		                 "cannot be determined: %s", strerror(errno));
	for (unsigned i = 0; i < HS_LOSSES; i++)
		if ((lost & 1U << i) != 0 && 1U << i == HS_LOSS_SUPPRESSED)
			hs_findings_fail(&c->report, "lost", give_up, "%s: %s", hs_loss_name(1U << i), without[i]);
		else if ((lost & 1U << i) != 0)
			hs_findings_warn(&c->report, "lost",
			                 1U << i == HS_LOSS_HISTORY ? "run hookspool adopt" : give_up, "%s: %s",
			                 hs_loss_name(1U << i), without[i]);
	check_backup(c, dir);
	hs_check_modes(&c->report, c->settings, dir);
}

/* `told`: that it cannot be opened. */
static void check_inside(struct checked *c, struct hs_spool *spool, bool told)
{
	struct hs_opened_spool o;
	enum hs_result r = hs_spool_dir_open(&o, c->settings, false);

	if (r == HS_OK)
		check_losses(c, &o.dir);
	else if (!told)
		hs_findings_fail(&c->report, "losses", hs_result_info(r)->remedy, "cannot be determined: %s",
		                 strerror(errno));
	check_clock(c, spool);
	if (r == HS_OK) {
		hs_check_cursors(&c->report, c->settings, &o.dir);
		hs_spool_dir_close(&o);
	}
	hs_check_failed(&c->report, c->settings, c->dir);
	hs_check_quiet(&c->report, c->settings, c->quiet_for);
}

static void check_spool(struct checked *c, struct hs_spool *spool)
{
	const char *path = c->settings->spool_dir;
	enum hs_result r = hs_spool_health(spool, NULL);
	char reach[HS_CHECK_GIVE_BACK];
	const char *remedy = r == HS_E_SPOOL_DIR ? hs_check_unreached(c->settings, reach) : NULL;

	if (r == HS_E_SPOOL_OWNER)
		remedy = "run this as the user who runs the handler, or chown it to that user";
	else if (remedy == NULL)
		remedy = hs_result_info(r)->remedy;
	if (r == HS_OK)
		hs_findings_ok(&c->report, "spool", "%s can be read and written", path);
	else
		hs_findings_fail(&c->report, "spool", remedy, "%s: %s", path, hs_result_info(r)->message);
	c->dir = hs_io_open_dir(AT_FDCWD, path);
	if (c->dir < 0 && r == HS_OK)
		hs_findings_fail(&c->report, "spool", hs_result_info(HS_E_IO)->remedy, "%s was not checked: %s", path,
		                 strerror(errno));
	if (c->dir < 0)
		return;
	check_place(c);
	check_file_system(c);
	check_space(c);
	if (r != HS_E_SPOOL_DIR && r != HS_E_SPOOL_OWNER && r != HS_E_READ_ONLY) /* it can be opened */
		check_inside(c, spool, r != HS_OK);
	if (r == HS_OK) {
		check_reserve(c);
		check_index(c, spool);
	}
	hs_io_close(c->dir);
}

/* --- the command --------------------------------------------------------------- */

static int check_all(struct checked *c, const char *path, const struct hs_http_target *target, struct hs_held *given)
{
	struct hs_spool *spool;
	int code = 0;

	hs_check_program(&c->report);
	if (!check_settings(c, path))
		return EX_CONFIG;
	spool = hs_spool_new(c->settings);
	if (spool == NULL)
		return EX_OSERR;
	check_spool(c, spool);
	hs_spool_free(spool);
	hs_check_loads(&c->report, c->settings, c->file);
	hs_check_ship(&c->report, c->settings, c->file);
	if (target->url != NULL) {
		if ((given->key == NULL && !hs_held_key_from(given, c->file)) ||
		    !hs_held_sources_from(given, c->settings, c->file))
			return EX_OSERR;
		code = hs_check_url(&c->report, c->settings, given, target);
	}
	return code != 0 ? code : c->report.count[HS_CHECK_FAIL] > 0 ? 1 : 0;
}

/* Parses an age as --since takes it; a date is an error. */
static bool is_duration(const char *text)
{
	int64_t ms;

	if (hs_duration_parse(text, &ms))
		return true;
	fprintf(stderr, "hookspool check: --quiet-for %s: expected a time (90s, 30m, 1h, 2d)\n", text);
	return false;
}

/* The exit code of a Nagios plugin: UNKNOWN if a check could not run. */
static int nagios_exit(const struct hs_findings *r, int code)
{
	return code == EX_CONFIG || code == 0 || code == 1 ? hs_findings_nagios_exit(r) : NAGIOS_UNKNOWN;
}

static int cmd_check(int argc, char **argv)
{
	struct checked c = { .report = { .colours = hs_command_colours(stdout) }, .dir = -1 };
	struct hs_http_target target = { 0 };
	struct hs_held given = { 0 };
	const char *path = NULL;
	int option, code;
	bool usage = false;

	while (!usage && (option = hs_option(argc, argv)) != -1)
		switch (option) {
		case HS_OPT_CONFIG: path = optarg; break;
		case HS_OPT_JSON: c.report.json = true; break;
		case OPT_NAGIOS: c.report.nagios = true; break;
		case OPT_QUIET_FOR:
			c.quiet_for = optarg;
			usage = !is_duration(optarg);
			break;
		case OPT_URL: target.url = optarg; break;
		case OPT_KEY: usage = !hs_held_key(&given, optarg); break;
		case OPT_CACERT: target.cacert = optarg; break;
		case OPT_INSECURE: target.insecure = true; break;
		default: usage = true;
		}
	code = usage                                ? hs_usage(argv[0])
	       : optind != argc                     ? hs_usage_surplus(argv[0], argv)
	       : (c.report.nagios && c.report.json) ? hs_usage_why(argv[0], "--nagios and --json exclude each other")
	                                            : check_all(&c, path, &target, &given);
	if (c.report.json && !hs_buf_ok(&c.report.text))
		code = EX_OSERR;
	code = c.report.nagios ? nagios_exit(&c.report, code) : code;
	hs_findings_end(&c.report, code == NAGIOS_UNKNOWN);
	if (c.report.nagios && code < NAGIOS_CRITICAL && (fflush(stdout) != 0 || ferror(stdout) != 0))
		code = NAGIOS_UNKNOWN; /* a monitor would take an empty line for OK */
	hs_held_free(&given);
	hs_settings_free(c.settings);
	return code;
}

const struct hs_command hs_command_check = {
	.name = "check",
	.run = cmd_check,
	.options = check_options,
	.help = "check settings and spool, and say what is wrong",
};
