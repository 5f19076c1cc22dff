#include "tools/load/erase_requests.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/admin/erase_requests.h"
#include "tools/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static int result_code(const struct hs_load_requests *q, enum hs_result result)
{
	return hs_command_result(q->command, ".hookspool/" HS_LOADS_FOLDER, result);
}

/* 0 if no records of another tenant are in these tables; else 2 after a message, or as result_code. */
static int is_alone(const struct hs_load_requests *q, const struct hs_erase_marker *marker)
{
	struct hs_buf other = { 0 };
	int code = result_code(q, hs_erase_requests_find_other(q->dir->private_dir, marker, &other));

	if (code == 0 && other.n > 0) {
		fprintf(
		    stderr,
		    "hookspool %s: under the --name %.*s records of another tenant were loaded into these tables, in "
		    "which user u-1 of one would be that of the other: give this loader a prefix or a database of "
		    "its own, or in PostgreSQL a schema; if the tables are this tenant's all the same, \"hookspool "
		    "cursors remove %.*s\"\n",
		    q->command, (int)other.n, other.p, (int)other.n, other.p);
		code = 2;
	}
	hs_buf_free(&other);
	return code;
}

int hs_load_requests_begin(struct hs_load_requests *q)
{
	struct hs_erase_marker marker = { q->database, hs_slice_str(q->place), q->tenant };
	struct hs_buf before = { 0 };
	enum hs_result result;
	int code = is_alone(q, &marker);

	if (code != 0)
		return code;
	result = hs_erase_requests_mark(q->dir, &marker, &before);
	if (before.n > 0)
		fprintf(
		    stderr,
		    "hookspool %s: the --name %s was that of another database before, %.*s; hookspool erase reaches "
		    "one of each name: if both are in use, give each its own --name, and erase again whom you have "
		    "erased\n",
		    q->command, q->database, (int)before.n, before.p);
	hs_buf_free(&before);
	return result_code(q, result);
}

int64_t hs_load_requests_due(const struct hs_load_requests *q)
{
	int64_t left = q->looked_ms + HS_LOAD_REQUESTS_LOOK_MS - hs_io_now_monotonic();

	return q->looked_ms == 0 || left < 0 ? 0 : left;
}

/* --- one request ---------------------------------------------------------------- */

/* False also for a person of one tenant where there are none any more: the rows of several may be in the tables. */
static bool is_of_tenant(const struct hs_load_requests *q, const struct hs_subject *who)
{
	return who->tenant == NULL || strcmp(who->tenant, q->tenant == NULL ? "" : q->tenant) == 0;
}

/* The user of a delete event goes by the event itself; what `on_delete = ignore` keeps stays. */
static bool is_wanted(const struct hs_load_requests *q, const struct hs_subject *who)
{
	return is_of_tenant(q, who) && !(who->deleted && (q->ignore_deletes || !who->derived));
}

/* Events were spooled up to the person's own limit, or until the seal; later ones have another request. */
static bool settle_until(const struct hs_erase_plan *plan, const struct hs_subject *who, struct hs_buf *until)
{
	int64_t ms = who->until_ms < plan->sealed_ms ? who->until_ms : plan->sealed_ms;
	char text[HS_TIMESTAMP_TEXT + 1];
	struct hs_value value = { .text = hs_slice_str(text), .is_string = true };

	hs_buf_reset(until);
	if (who->until_ms == INT64_MAX) /* suppressed: nothing is kept */
		return true;
	hs_timestamp_text(ms, text);
	value.text = hs_slice_str(text);
	return hs_value_fits(&value, HS_COLUMN_TIMESTAMP, HS_NUMBER_DOUBLE, until);
}

/* An id that no text column takes is in no row; its events have it in _rest. */
static int erase_one(struct hs_load_requests *q, const struct hs_erase_plan *plan, const struct hs_subject *who)
{
	struct hs_value id = { .text = hs_slice(who->id, who->n), .is_string = true };
	struct hs_buf text = { 0 }, until = { 0 };
	struct hs_person person = { .kind = who->kind, .derived = who->derived };
	int code = EX_OSERR;

	if (!hs_value_fits(&id, HS_COLUMN_TEXT, HS_NUMBER_DOUBLE, &text)) {
		code = hs_buf_ok(&text) ? 0 : EX_OSERR;
	} else if (hs_buf_ok(&text) && settle_until(plan, who, &until) && hs_buf_ok(&until)) {
		person.id = hs_buf_slice(&text);
		person.until = until.n > 0 ? hs_buf_slice(&until) : HS_SLICE_NONE;
		code = hs_loader_erase(q->loader, &person);
	}
	hs_buf_free(&text);
	hs_buf_free(&until);
	return code;
}

/* Found ids go last, since rows that still name a user then are another's. */
static int erase_all(struct hs_load_requests *q, const struct hs_erase_plan *plan, size_t *people)
{
	int code = 0;

	*people = 0;
	for (int derived = 0; derived < 2; derived++)
		for (size_t i = 0; i < plan->people->count && code == 0; i++) {
			const struct hs_subject *who = plan->people->list[i];

			if (who->derived != (derived == 1) || !is_wanted(q, who))
				continue;
			code = erase_one(q, plan, who);
			++*people;
		}
	return code;
}

/* Tells of a request that is not carried out, and stays. */
static void tell_of(struct hs_load_requests *q, const char *name, const char *what, const char *remedy)
{
	fprintf(stderr, "hookspool %s: .hookspool/" HS_LOADS_FOLDER "/%s, a request of hookspool erase, %s: %s\n",
	        q->command, name, what, remedy);
	q->unusable++;
}

static int carry_out(struct hs_load_requests *q, const char *name, const struct hs_erase_plan *plan)
{
	uint64_t before = hs_loader_counts(q->loader).erased;
	size_t people;
	int code = erase_all(q, plan, &people);

	if (code != 0)
		return code;
	code = result_code(q, hs_erase_requests_remove(q->dir->private_dir, name));
	if (code == 0 && !q->quiet)
		fprintf(stderr, "hookspool %s: erased %zu ids as hookspool erase asked: %" PRIu64 " rows\n", q->command,
		        people, hs_loader_counts(q->loader).erased - before);
	return code;
}

static const char give_up[] = "remove it, and erase its people by their ids again";

/* Reads a request, and carries it out if it is due. */
static int take(struct hs_load_requests *q, const char *name, struct hs_position done, bool tell)
{
	struct hs_subjects people;
	struct hs_erase_plan plan = { .people = &people };
	enum hs_result result;
	char what[128];
	int code = 0;

	hs_subjects_init(&people, hs_io_random());
	result = hs_erase_requests_read(q->dir->private_dir, name, &plan);
	snprintf(what, sizeof what, "could not be read: %s", strerror(errno));
	if (result == HS_E_MEMORY)
		code = result_code(q, result);
	else if (result != HS_OK && tell && errno == EILSEQ)
		tell_of(q, name, "is damaged", give_up);
	else if (result != HS_OK && tell)
		tell_of(q, name, what, "keep it, load tries again"); /* removed, it would leave its people there */
	else if (result == HS_OK && strcmp(plan.spool, q->dir->history.id) != 0 && tell)
		tell_of(q, name, "is of another spool", give_up);
	else if (result == HS_OK && strcmp(plan.spool, q->dir->history.id) == 0 && done.number >= plan.next)
		code = carry_out(q, name, &plan);
	hs_subjects_free(&people);
	return code;
}

int hs_load_requests_look(struct hs_load_requests *q, struct hs_position done)
{
	struct hs_erase_request *request;
	bool tell = q->unusable == 0;
	size_t count;
	enum hs_result result = hs_erase_requests_list(q->dir->private_dir, &request, &count);
	int code = result_code(q, result);

	q->looked_ms = hs_io_now_monotonic();
	if (code != 0)
		return code;
	for (size_t i = 0; i < count && code == 0; i++)
		if (strcmp(request[i].database, q->database) == 0)
			code = take(q, request[i].name, done, tell);
	free(request);
	return code;
}
