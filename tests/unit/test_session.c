/* session: whose cookie opens the console, until when, and that checking it leaves nothing behind. */
#include "cgi/http/console/session.h"
#include "cgi/http/console/session_file.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/stage.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <unistd.h>

#define PASSWORD(digit) "console_password = scrypt:15:8:1:" SALT ":" SALT SALT_BUT_ONE digit "\n"
#define SALT "00112233445566778899aabbccddeeff"
#define SALT_BUT_ONE "00112233445566778899aabbccddeef"

static struct spooldir d;
static char cookie[HS_SESSION_COOKIE], header[4000];

/* A request of a browser that has this cookie; NULL: none. */
static struct stage *request(const char *password, const char *mount, const char *value)
{
	char conf[PATH_MAX + 400];
	struct stage *s;

	snprintf(conf, sizeof conf, "spool_dir = %s\nauth = none\nconsole_http = yes\n%s", d.path, password);
	s = new_stage(conf, HS_SLICE(""));
	s->exchange->settings = s->settings;
	s->exchange->scratch = s->scratch;
	param(s, "SCRIPT_NAME", mount);
	if (value != NULL) { /* may be longer than a parameter of the stage */
		snprintf(header, sizeof header, "HTTP_COOKIE=%s", value);
		s->params[s->param_count++] = header;
		s->params[s->param_count] = NULL;
	}
	return s;
}

FIXTURE(setup)
{
	struct hs_session_file *file;
	enum hs_result result;
	struct stage *s;

	spooldir_make(&d, "");
	close(spooldir_open(&d));
	spooldir_mkdir(&d, ".hookspool");
	spooldir_mkdir(&d, ".hookspool/run");
	s = request(PASSWORD("0"), "/m", NULL);
	file = hs_session_file_open(d.path, &result);
	assert_non_null(file);
	assert_result(hs_session_begin(s->exchange, file, cookie), HS_OK);
	hs_session_file_close(file);
	free_stage(s);
	*strchr(cookie, ';') = '\0';
	return 0;
}

FIXTURE(teardown)
{
	spooldir_remove(&d);
	return 0;
}

static enum hs_result check(const char *password, const char *mount, const char *value)
{
	struct stage *s = request(password, mount, value);
	enum hs_result result = hs_session_check(s->exchange, NULL);

	free_stage(s);
	return result;
}

TEST(its_own_cookie_opens_it)
{
	assert_result(check(PASSWORD("0"), "/m", cookie), HS_OK);
	assert_result(check(PASSWORD("0"), "/m", NULL), HS_E_CONSOLE_SESSION);
	assert_result(check(PASSWORD("1"), "/m", cookie), HS_E_CONSOLE_SESSION);
	assert_result(check(PASSWORD("0"), "/other", cookie), HS_E_CONSOLE_SESSION);
}

/* It is no damaged one: nobody is logged out because a disk failed for a moment. */
TEST(a_file_that_cannot_be_read_ends_no_session)
{
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_result(check(PASSWORD("0"), "/m", cookie), HS_E_IO);
	wrap_reset();
	assert_result(check(PASSWORD("0"), "/m", cookie), HS_OK);
}

/* Another time, another session, another signature. */
TEST(any_other_digit_is_another_cookie)
{
	size_t name = strcspn(cookie, "=") + 1;

	for (size_t i = name; cookie[i] != '\0'; i++) {
		char was = cookie[i];

		cookie[i] = was == '0' ? '1' : '0';
		assert_result(check(PASSWORD("0"), "/m", cookie), HS_E_CONSOLE_SESSION);
		cookie[i] = 'g'; /* no digit at all */
		assert_result(check(PASSWORD("0"), "/m", cookie), HS_E_CONSOLE_SESSION);
		cookie[i] = was;
	}
	assert_result(check(PASSWORD("0"), "/m", cookie), HS_OK);
}

#define TEN "/123456789"

/* A cookie is for the mount as the browser sees it, and no mount's name may add to it. */
TEST(a_cookie_has_the_path_of_its_mount)
{
	static const struct {
		const char *mount, *uri, *below, *path;
	} cases[] = {
		{ "/m", "/shop/m/console?x=1", "/console", "; Path=/shop/m;" },
		{ "/m", "/shop/m/console", "/console", "; Path=/shop/m;" },
		{ "/m", "/elsewhere?x=/console", "/console", "; Path=/m;" },
		{ "/m", "", "/console", "; Path=/m;" },
		{ "/m", "http://h.example/m/console", "/console", "; Path=/m;" }, /* as proxies are asked */
		{ "/m", "/console", "/console", "; Path=/m;" },
		{ "/m;Domain=example", "", "/console", "; Path=/;" },
		{ "/m,n", "", "/console", "; Path=/;" },
		{ "/m n", "", "/console", "; Path=/;" },
		{ "/m\x7F", "", "/console", "; Path=/;" },
		{ "/\xC3\xA9", "", "/console", "; Path=/;" },
		{ TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "/234567890", "",
		  "/console", "; Path=/;" },
		{ "", "", "/console", "; Path=/;" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct stage *s = request(PASSWORD("0"), cases[i].mount, NULL);
		char removed[HS_SESSION_COOKIE];

		param(s, "REQUEST_URI", cases[i].uri);
		param(s, "PATH_INFO", cases[i].below);
		hs_session_remove(s->exchange, removed);
		if (strstr(removed, cases[i].path) == NULL)
			fail_msg("%s, %s: %s", cases[i].mount, cases[i].uri, removed);
		free_stage(s);
	}
}

#define PUBLIC PASSWORD("0") "public_url = https://events.example/hook\n"

/* A page of another site can make a browser send a form, but neither of these headers. */
TEST(a_form_of_another_site_is_refused)
{
	static const struct {
		const char *site, *origin, *host; /* NULL: the header is absent */
		const char *conf;
		enum hs_result result;
	} cases[] = {
		{ "same-origin", NULL, "h.example", PUBLIC, HS_OK },
		{ "same-site", "https://h.example", "h.example", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ "cross-site", NULL, "h.example", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ "none", NULL, "h.example", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ "", "https://h.example", "h.example", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ NULL, "https://h.example", "h.example", PUBLIC, HS_OK },
		{ NULL, "http://h.example:81", "h.example:81", PASSWORD("0"), HS_OK },
		{ NULL, "https://h.example", "H.Example", PASSWORD("0"), HS_OK },
		{ NULL, "https://events.example", "127.0.0.1:81", PUBLIC, HS_OK }, /* behind a proxy */
		{ NULL, "https://events.example", "127.0.0.1:81", PASSWORD("0"), HS_E_CONSOLE_ORIGIN },
		{ NULL, "https://evil.example", "h.example", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ NULL, "https://h.example.evil", "h.example", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ NULL, "https://h.example:81", "h.example", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ NULL, "null", "null", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ NULL, "https://", "", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ NULL, "://", "", PASSWORD("0"), HS_E_CONSOLE_ORIGIN },
		{ NULL, "", "", PASSWORD("0"), HS_E_CONSOLE_ORIGIN },
		{ NULL, NULL, "h.example", PUBLIC, HS_E_CONSOLE_ORIGIN },
		{ NULL, NULL, NULL, PASSWORD("0"), HS_E_CONSOLE_ORIGIN },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct stage *s = request(cases[i].conf, "/m", NULL);

		if (cases[i].site != NULL)
			param(s, "HTTP_SEC_FETCH_SITE", cases[i].site);
		if (cases[i].origin != NULL)
			param(s, "HTTP_ORIGIN", cases[i].origin);
		if (cases[i].host != NULL)
			param(s, "HTTP_HOST", cases[i].host);
		if (hs_session_check_origin(s->exchange) != cases[i].result)
			fail_msg("case %zu: %s, %s", i, cases[i].site != NULL ? cases[i].site : "-",
			         cases[i].origin != NULL ? cases[i].origin : "-");
		free_stage(s);
	}
}

/* As long as ours, under another name. */
TEST(cookies_of_other_programs_are_no_tries)
{
	size_t name = strlen("hookspool_console");
	char all[3000] = "";

	for (int i = 0; i < 10; i++) {
		char other[HS_SESSION_COOKIE];
		size_t n = strlen(all);

		snprintf(other, sizeof other, "%s", cookie);
		other[i % 2 == 0 ? 0 : name] = 'X';
		snprintf(all + n, sizeof all - n, "%s; ", other);
	}
	assert_result(check(PASSWORD("0"), "/m", all), HS_E_CONSOLE_SESSION);
	strcat(all, cookie);
	assert_result(check(PASSWORD("0"), "/m", all), HS_OK);
}

/* Each costs an HMAC, so a sender cannot ask for many; those of other programs cost nothing. */
TEST(eight_cookies_are_tried)
{
	for (int before = 0; before < 12; before++) {
		char all[3000] = "other=1; hookspool_console=; ";

		for (int i = 0; i < before; i++) {
			size_t n = strlen(all);

			snprintf(all + n, sizeof all - n, "%s; a%d=b; ", cookie, i);
			all[n + strlen("hookspool_console=")] ^= 1; /* of another time */
		}
		strcat(all, cookie);
		assert_result(check(PASSWORD("0"), "/m", all), before < 8 ? HS_OK : HS_E_CONSOLE_SESSION);
	}
}

TEST(it_ends_after_twelve_hours)
{
	int64_t was = wall_ms;

	wall_ms = was + HS_SESSION_MS - 1;
	assert_result(check(PASSWORD("0"), "/m", cookie), HS_OK);
	wall_ms = was + HS_SESSION_MS;
	assert_result(check(PASSWORD("0"), "/m", cookie), HS_E_CONSOLE_SESSION);
	wall_ms = was - 1; /* a clock that was set back makes it no longer */
	assert_result(check(PASSWORD("0"), "/m", cookie), HS_E_CONSOLE_SESSION);
	wall_ms = was;
}

/* A page asks every few seconds, so a process would grow. */
TEST(checking_leaves_nothing_in_memory)
{
	struct stage *s = request(PASSWORD("0"), "/m", cookie);
	size_t heap;

	for (int i = 0; i < 10; i++)
		assert_result(hs_session_check(s->exchange, NULL), HS_OK);
	heap = unit_heap();
	for (int i = 0; i < 100; i++)
		assert_result(hs_session_check(s->exchange, NULL), HS_OK);
	assert_true(unit_heap() < heap + 100);
	free_stage(s);
}

/* To compare one takes 32 MB. */
TEST(two_passwords_are_compared_at_once_and_no_more)
{
	int first, second, third;

	assert_result(hs_session_file_work(d.path, &first), HS_OK);
	assert_result(hs_session_file_work(d.path, &second), HS_OK);
	assert_result(hs_session_file_work(d.path, &third), HS_E_CONSOLE_TRIES);
	assert_int_equal(third, -1);
	close(first);
	assert_result(hs_session_file_work(d.path, &first), HS_OK);
	close(first);
	close(second);
}

TESTS("session", setup, teardown)
