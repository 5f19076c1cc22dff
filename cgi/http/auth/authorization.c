#include "cgi/http/auth/authorization.h"
#include "base/base64.h"

enum hs_auth_scheme hs_authorization_read(struct hs_slice header, struct hs_buf *text)
{
	size_t scheme = 0;
	struct hs_slice rest;

	header = hs_slice_trim(header);
	while (scheme < header.n && header.p[scheme] != ' ')
		scheme++;
	rest = hs_slice_trim(hs_slice(header.p + scheme, header.n - scheme));
	if (hs_slice_eq_nocase(hs_slice(header.p, scheme), HS_SLICE("Bearer"))) {
		hs_buf_put_slice(text, rest);
		return hs_buf_ok(text) ? HS_AUTH_SCHEME_BEARER : HS_AUTH_SCHEME_NONE;
	}
	if (!hs_slice_eq_nocase(hs_slice(header.p, scheme), HS_SLICE("Basic")) || !hs_base64_decode(rest, text))
		return HS_AUTH_SCHEME_NONE;
	return HS_AUTH_SCHEME_BASIC;
}
