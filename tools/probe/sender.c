#include "tools/probe/sender.h"
#include "base/base64.h"
#include "base/hex.h"

static const char CLASSIC[] = "Segment.io/1.0", ACTIONS[] = "Segment (Actions)";

static const struct hs_sender_info senders[] = {
	[HS_SENDER_SUBSCRIPTION] = { "subscription", CLASSIC, false, 5000 },
	[HS_SENDER_WEBHOOK] = { "webhook", CLASSIC, false, 5000 },
	[HS_SENDER_ACTIONS] = { "actions", ACTIONS, true, 10000 },
	[HS_SENDER_EXTENSIBLE] = { "extensible", ACTIONS, true, 10000 },
};

const struct hs_sender_info *hs_sender_info(enum hs_sender sender)
{
	return &senders[sender];
}

enum hs_sender hs_sender_named(const char *name)
{
	int i = 0;

	while (i < HS_SENDERS && strcmp(senders[i].name, name) != 0)
		i++;
	return (enum hs_sender)i;
}

/* --- the body ------------------------------------------------------------------ */

void hs_parcel_start(struct hs_parcel *p, enum hs_sender sender, bool batch)
{
	p->sender = sender;
	p->batch = batch;
	p->events = p->first = p->first_end = 0;
	hs_buf_reset(&p->body);
	if (batch)
		hs_buf_putc(&p->body, '[');
}

void hs_parcel_add(struct hs_parcel *p, struct hs_slice event)
{
	bool wrapped = p->batch && p->sender == HS_SENDER_EXTENSIBLE;

	if (p->events > 0)
		hs_buf_putc(&p->body, ',');
	if (wrapped)
		hs_buf_put_slice(&p->body, HS_SLICE("{\"json\":"));
	if (p->events++ == 0)
		p->first = p->body.n;
	hs_buf_put_slice(&p->body, event);
	if (p->events == 1)
		p->first_end = p->body.n;
	if (wrapped)
		hs_buf_putc(&p->body, '}');
}

bool hs_parcel_end(struct hs_parcel *p)
{
	if (p->batch)
		hs_buf_putc(&p->body, ']');
	return hs_buf_ok(&p->body);
}

void hs_parcel_free(struct hs_parcel *p)
{
	hs_buf_free(&p->body);
}

struct hs_slice hs_parcel_signed(const struct hs_parcel *p)
{
	return p->batch && p->events > 0 ? hs_slice(p->body.p + p->first, p->first_end - p->first)
	                                 : hs_buf_slice(&p->body);
}

/* --- the headers --------------------------------------------------------------- */

static void put_header(struct hs_buf *out, const char *name, struct hs_slice value)
{
	hs_buf_put_slice(out, hs_slice_str(name));
	hs_buf_put_slice(out, HS_SLICE(": "));
	hs_buf_put_slice(out, value);
	hs_buf_putc(out, '\0');
}

static bool put_signature(struct hs_buf *out, const struct hs_hmac *secret, struct hs_slice covered)
{
	uint8_t mac[HS_SHA1_BYTES];
	char hex[2 * HS_SHA1_BYTES];

	if (!hs_hmac_sha1(secret, covered, mac))
		return false;
	hs_hex_encode(mac, sizeof mac, hex);
	put_header(out, "X-Signature", hs_slice(hex, sizeof hex));
	return true;
}

/* RFC 7617 with an empty password, or RFC 6750. */
static bool put_key(struct hs_buf *out, const char *key, bool bearer)
{
	struct hs_buf plain = { 0 }, value = { 0 };
	bool ok;

	hs_buf_put_slice(&value, bearer ? HS_SLICE("Bearer ") : HS_SLICE("Basic "));
	hs_buf_put_slice(&plain, hs_slice_str(key));
	if (!bearer)
		hs_buf_putc(&plain, ':');
	if (bearer)
		hs_buf_put_slice(&value, hs_buf_slice(&plain));
	else
		hs_base64_encode(hs_buf_slice(&plain), &value);
	put_header(out, "Authorization", hs_buf_slice(&value));
	ok = hs_buf_ok(&plain) && hs_buf_ok(&value);
	hs_buf_wipe(&plain);
	hs_buf_wipe(&value);
	return ok;
}

bool hs_sender_headers(enum hs_sender sender, const struct hs_hmac *secret, const char *key, struct hs_slice covered,
                       struct hs_buf *out)
{
	put_header(out, "Content-Type", HS_SLICE("application/json"));
	put_header(out, "User-Agent", hs_slice_str(senders[sender].user_agent));
	if (sender == HS_SENDER_SUBSCRIPTION) /* base64 of {"sentBy":"hookspool"} */
		put_header(out, "X-Segment-Settings", HS_SLICE("eyJzZW50QnkiOiJob29rc3Bvb2wifQ=="));
	else if (secret != NULL && !put_signature(out, secret, covered))
		return false;
	if (key != NULL && !put_key(out, key, sender == HS_SENDER_EXTENSIBLE))
		return false;
	return hs_buf_ok(out);
}
