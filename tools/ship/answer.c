/* Reads the answer to a published message (JSPubAckResponse in nats-server's stream.go). */
#include "event/json_members.h"
#include "tools/ship/engine.h"

/* err_code, as in nats-server's errors.json. */
enum {
	ACCOUNT_RESOURCES = 10002,
	NOT_AVAILABLE = 10008,
	NOT_LEADER = 10009,
	RESOURCES = 10023,
	MEMORY_RESOURCES = 10028,
	STORAGE_RESOURCES = 10047,
	MESSAGE_TOO_LARGE = 10054,
	OTHER_STREAM = 10060,
	SEQUENCE_DIFFERS = 10063,
	STORE_FAILED = 10077, /* maximum bytes or messages exceeded */
	HEADER_TOO_LARGE = 10097,
	IN_PROCESS = 10158, /* the id is being stored by another publish (2.11) */
};

static enum hs_answer_kind sort_error(int error, int64_t code)
{
	switch (error) {
	case IN_PROCESS: return HS_ANSWER_UNDER_WAY;
	case STORE_FAILED:
	case RESOURCES:
	case STORAGE_RESOURCES:
	case MEMORY_RESOURCES:
	case ACCOUNT_RESOURCES: return HS_ANSWER_FULL;
	case MESSAGE_TOO_LARGE:
	case HEADER_TOO_LARGE: return HS_ANSWER_OVERSIZE;
	case OTHER_STREAM: return HS_ANSWER_SETUP;
	case NOT_AVAILABLE:
	case NOT_LEADER:
	case SEQUENCE_DIFFERS: return HS_ANSWER_MOMENT;
	default: break;
	}
	if (code == HS_TOO_MANY_REQUESTS)
		return HS_ANSWER_FULL;
	return code >= 400 && code < 500 ? HS_ANSWER_SETUP : HS_ANSWER_MOMENT;
}

static void read_object(const struct hs_json *json, struct hs_answer *answer)
{
	uint32_t error = hs_member(json, 0, "error");

	answer->duplicate = hs_member_is_true(json, 0, "duplicate");
	if (error != 0 && json->tok[error].kind != HS_JSON_NULL) {
		answer->error = (int)hs_member_int(json, error, "err_code", 0);
		hs_member_text(json, error, "description", answer->text, sizeof answer->text);
		answer->kind = sort_error(answer->error, hs_member_int(json, error, "code", 0));
		return;
	}
	answer->sequence = hs_member_uint(json, 0, "seq", 0);
	if (answer->sequence > 0)
		answer->kind = HS_ANSWER_STORED;
	else if (hs_member_raw(json, 0, "stream").p != NULL)
		answer->kind = HS_ANSWER_UNDER_WAY;
	else
		hs_printable_copy(answer->text, sizeof answer->text, HS_SLICE("an answer without a stream"));
}

void hs_answer_read(struct hs_slice body, int status, struct hs_answer *answer)
{
	uint64_t tag = answer->tag;
	struct hs_json json;

	*answer = (struct hs_answer){ .tag = tag, .kind = HS_ANSWER_MOMENT };
	if (status == 503) {
		answer->kind = HS_ANSWER_NOBODY;
		hs_printable_copy(answer->text, sizeof answer->text, HS_SLICE("no responders"));
		return;
	}
	hs_json_init(&json, 0);
	if (hs_json_document(&json, body) == HS_OK && json.tok[0].kind == HS_JSON_OBJECT)
		read_object(&json, answer);
	else
		hs_printable_copy(answer->text, sizeof answer->text, HS_SLICE("an answer that is no JSON object"));
	hs_json_free(&json);
}
