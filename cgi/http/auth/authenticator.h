/*
 * authenticator: one form in which a sender shows who it is. Pure.
 *
 * A form is a file of this folder and a row of HS_AUTHENTICATORS; its own settings, if it has any, are
 * rows of config/settings_table.h. auth.c decides which forms a request must pass. Each check has
 * two halves. The head's needs no body, so that a stranger is refused before its body is
 * read. The body's, if the form has one, is called after all heads, with the whole body.
 */
#ifndef HS_AUTHENTICATOR_H
#define HS_AUTHENTICATOR_H

#include "config/settings.h"
#include "event/dialect.h"

/*
 * The headers that forms look at: X(member of hs_credentials, CGI variable). If a server passes
 * one of them twice, the first counts.
 */
#define HS_CREDENTIALS(X) \
	X(signature, "HTTP_X_SIGNATURE") \
	X(authorization, "HTTP_AUTHORIZATION")

struct hs_credentials {
#define HS_CREDENTIAL_MEMBER(member, variable) struct hs_slice member; /* p == NULL: not sent */
	HS_CREDENTIALS(HS_CREDENTIAL_MEMBER)
#undef HS_CREDENTIAL_MEMBER
	bool signature_twice; /* X-Signature came more than once */
};

/*
 * Hashing a body costs its bytes times the number of secrets, before anything is known of its sender.
 * A text of up to HS_AUTH_SMALL bytes costs less than the rest of its request; the caller may
 * refuse the effort for larger ones.
 */
enum { HS_AUTH_SMALL = 1 << 16 };

struct hs_auth_effort {
	unsigned first;  /* index of the secret to try first; set to that of the one that matched */
	bool only_small; /* hash no text above HS_AUTH_SMALL bytes: HS_E_UNVERIFIED instead */
	uint64_t hashed; /* bytes of texts above HS_AUTH_SMALL that were hashed, added */
};

/* The input of a form, and where it writes the tenant. Nothing is owned. */
struct hs_auth_exchange {
	const struct hs_settings *settings;
	const struct hs_credentials *credentials;
	struct hs_buf *scratch;  /* for the head's half; the form wipes it before it returns */
	struct hs_slice *tenant; /* the customer's label, in the settings; empty: not known */

	/* for the body's half alone */
	struct hs_slice body;
	struct hs_body_reader *events; /* of the body, from its start; may be peeked at, not read */
	struct hs_auth_effort *effort;
};

struct hs_authenticator {
	const char *name;
	const char *challenge; /* for WWW-Authenticate (RFC 9110, 11.6.1); NULL: none */
	bool (*configured)(const struct hs_settings *settings);
	/* Whether the sender uses this form, rightly or not. */
	bool (*shown)(const struct hs_credentials *credentials);
	/* HS_OK, a result of class auth, or HS_E_MEMORY. A result with status 403 is final. */
	enum hs_result (*check_head)(struct hs_auth_exchange *x);
	/* NULL: the head decides. Else as check_head, or HS_E_UNVERIFIED. */
	enum hs_result (*check_body)(struct hs_auth_exchange *x);
};

/* The forms, in the order in which they are tried. */
#define HS_AUTHENTICATORS(X) \
	X(key) \
	X(signature)

#define HS_AUTHENTICATOR_DECLARE(form) extern const struct hs_authenticator hs_authenticator_##form;
HS_AUTHENTICATORS(HS_AUTHENTICATOR_DECLARE)
#undef HS_AUTHENTICATOR_DECLARE

#endif
