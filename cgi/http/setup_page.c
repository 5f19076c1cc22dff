#include "cgi/http/setup_page.h"

static const char *const missing[] = {
	[HS_FAULT_ABSENT] = "The settings: there is no hookspool.conf, neither beside this program nor in the\n"
			    "folder \"hookspool\" next to this program's folder.",
	[HS_FAULT_UNREADABLE] = "The settings: hookspool.conf is there, but the user who runs this program cannot\n"
				"read it. Give it the permissions 600 and the same owner as this program.",
	[HS_FAULT_FORM] = "A hookspool.conf that is a plain file, and has at most 1 MB.",
	[HS_FAULT_WRITABLE] = "Safety: every user of this machine may change hookspool.conf. Give it the\n"
			      "permissions 600.",
	[HS_FAULT_EXPOSED] = "Privacy: hookspool.conf holds a secret, and every user of this machine may read\n"
			     "it. Give it the permissions 600.",
	[HS_FAULT_LINE] = "A correct hookspool.conf: this program cannot read line ",
	[HS_FAULT_ENVIRONMENT] = "A correct variable HOOKSPOOL_... of the web server.",
	[HS_FAULT_SPOOL_DIR] = "The line spool_dir in hookspool.conf: which folder the events go to.",
	[HS_FAULT_ACCESS] = "Who may send: set a secret in hookspool.conf (and what auth demands there).",
	[HS_FAULT_OTHER] = "Memory.",
};

void hs_setup_page(const struct hs_settings_error *error, struct hs_response *response)
{
	struct hs_buf *body = response->body;

	hs_buf_reset(body);
	hs_buf_put_slice(body, HS_SLICE("hookspool runs here, but does not accept events yet. "
	                                "This is missing:\n\n"));
	hs_buf_put_slice(body, hs_slice_str(missing[error->fault]));
	if (error->fault == HS_FAULT_LINE) {
		hs_buf_put_uint(body, (uint64_t)error->line);
		hs_buf_putc(body, '.');
	}
	hs_buf_put_slice(body, HS_SLICE("\n\nThe error log of the web server says more. "
	                                "Then load this page again.\n"));
	response->status = 503;
	response->media_type = HS_SLICE("text/plain; charset=utf-8");
	hs_response_header(response, HS_SLICE("Retry-After"), HS_SLICE("5"));
	hs_response_header(response, HS_SLICE("Cache-Control"), HS_SLICE("no-store"));
	hs_response_header(response, HS_SLICE("X-Content-Type-Options"), HS_SLICE("nosniff"));
}
