#include "cgi/http/response.h"

#include <assert.h>

static bool is_kept(const struct hs_outcome *o)
{
	return o->has_counts && (o->accepted > 0 || o->duplicate > 0 || o->rejected == 0);
}

int hs_response_status(const struct hs_outcome *o)
{
	if (o->result != HS_OK)
		return hs_result_info(o->result)->status;
	if (o->has_counts && !is_kept(o))
		return hs_result_info(o->why)->status; /* nothing in the batch was valid */
	return o->not_synced && o->accepted > 0 ? 202 : 200;
}

void hs_response_message(const struct hs_outcome *o, struct hs_buf *out)
{
	enum hs_result r = o->result != HS_OK ? o->result : o->why;

	if (o->result == HS_OK && o->in_batch && o->rejected > 0) {
		hs_buf_put_slice(out, HS_SLICE("event "));
		hs_buf_put_uint(out, o->first_rejected + 1);
		hs_buf_put_slice(out, HS_SLICE(": "));
	}
	hs_buf_put_slice(out, hs_slice_str(hs_result_info(r)->message));
	if (o->has_offset) {
		hs_buf_put_slice(out, HS_SLICE(", at byte "));
		hs_buf_put_uint(out, o->offset);
	}
}

static void put_message(const struct hs_outcome *o, struct hs_buf *out)
{
	char room[256]; /* every message of the table is far shorter */
	struct hs_buf text = { .p = room, .cap = sizeof room, .max = sizeof room };

	hs_response_message(o, &text);
	assert(hs_buf_ok(&text));
	hs_buf_put_slice(out, HS_SLICE("\"message\":"));
	hs_buf_put_json(out, hs_buf_slice(&text));
}

static void put_count(struct hs_buf *out, const char *label, uint64_t count)
{
	hs_buf_put_slice(out, hs_slice_str(label));
	hs_buf_put_uint(out, count);
}

static void put_body(const struct hs_outcome *o, struct hs_buf *body)
{
	hs_buf_putc(body, '{');
	if (o->is_health && o->result == HS_OK) {
		hs_buf_put_slice(body, HS_SLICE("\"status\":\"ok\""));
	} else if (o->result != HS_OK || (o->has_counts && !o->in_batch && o->rejected > 0)) {
		put_message(o, body);
	} else {
		put_count(body, "\"accepted\":", o->accepted);
		put_count(body, ",\"duplicate\":", o->duplicate);
		put_count(body, ",\"rejected\":", o->rejected);
		if (o->rejected > 0) {
			hs_buf_putc(body, ',');
			put_message(o, body);
		}
	}
	hs_buf_put_slice(body, HS_SLICE("}\n"));
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text; /* RFC 9110, 15 */
	} reasons[] = {
		{ 200, "OK" }, { 202, "Accepted" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 411, "Length Required" }, { 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" }, { 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Error";
}

static void put_status(int status, const char *type, size_t content_length, struct hs_buf *head)
{
	hs_buf_put_slice(head, HS_SLICE("Status: "));
	hs_buf_put_uint(head, (uint64_t)status);
	hs_buf_putc(head, ' ');
	hs_buf_put_slice(head, hs_slice_str(reason(status)));
	hs_buf_put_slice(head, HS_SLICE("\r\nContent-Type: "));
	hs_buf_put_slice(head, hs_slice_str(type));
	hs_buf_put_slice(head, HS_SLICE("\r\nContent-Length: "));
	hs_buf_put_uint(head, content_length);
}

static void put_head(const struct hs_outcome *o, size_t content_length, struct hs_buf *head)
{
	int status = hs_response_status(o);

	put_status(status, "application/json", content_length, head);
	if (status == 401)
		hs_buf_put_slice(head, HS_SLICE("\r\nWWW-Authenticate: Basic realm=\"hookspool\""));
	if (status == 405)
		hs_buf_put_slice(head, o->is_health ? HS_SLICE("\r\nAllow: GET, HEAD")
		                                    : HS_SLICE("\r\nAllow: POST, PUT, PATCH"));
	if (status == 503)
		hs_buf_put_slice(head, HS_SLICE("\r\nRetry-After: 5"));
	hs_buf_put_slice(head, HS_SLICE("\r\n\r\n"));
}

void hs_response(const struct hs_outcome *o, bool without_body, struct hs_buf *head,
                struct hs_buf *body)
{
	hs_buf_reset(head);
	hs_buf_reset(body);
	put_body(o, body);
	put_head(o, body->n, head);
	if (without_body)
		hs_buf_reset(body);
}

static const char *missing(enum hs_settings_fault fault)
{
	switch (fault) {
	case HS_FAULT_ABSENT:
		return "The settings: there is no hookspool.conf, neither beside this program nor in the\n"
		       "folder \"hookspool\" that lies next to this program's folder.";
	case HS_FAULT_UNREADABLE:
		return "The settings: hookspool.conf is there, but the user who runs this program cannot\n"
		       "read it. Give it the permissions 600 and the owner that this program has.";
	case HS_FAULT_EXPOSED:
		return "Privacy: hookspool.conf holds a secret, and every user of this machine may read\n"
		       "it. Give it the permissions 600.";
	case HS_FAULT_LINE:
		return "A correct hookspool.conf: this program cannot take line ";
	case HS_FAULT_ENVIRONMENT:
		return "A correct variable HOOKSPOOL_... of the web server.";
	case HS_FAULT_SPOOL_DIR:
		return "The line spool_dir in hookspool.conf: which folder the events go to.";
	case HS_FAULT_ACCESS:
		return "Who may send: set a secret in hookspool.conf (and what auth demands there).";
	case HS_FAULT_OTHER:
		break;
	}
	return "Memory.";
}

void hs_response_unconfigured(const struct hs_settings_error *error, struct hs_buf *head,
                             struct hs_buf *body)
{
	hs_buf_reset(head);
	hs_buf_reset(body);
	hs_buf_put_slice(body, HS_SLICE("hookspool runs here, and takes no events yet. "
	                                "This is missing:\n\n"));
	hs_buf_put_slice(body, hs_slice_str(missing(error->fault)));
	if (error->fault == HS_FAULT_LINE) {
		hs_buf_put_uint(body, (uint64_t)error->line);
		hs_buf_putc(body, '.');
	}
	hs_buf_put_slice(body, HS_SLICE("\n\nThe error log of the web server says more. "
	                                "Then load this page again.\n"));
	put_status(503, "text/plain; charset=utf-8", body->n, head);
	hs_buf_put_slice(head, HS_SLICE("\r\nRetry-After: 5\r\nCache-Control: no-store"
	                                "\r\nX-Content-Type-Options: nosniff\r\n\r\n"));
}
