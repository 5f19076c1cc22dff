#include "tools/sink/retry_policy.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "spool/admin/dead_letters.h"
#include "tools/command.h"
#include "tools/report/terminal.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	FIRST_MS = 1000,     /* doubled each time … */
	LONGEST_MS = 600000, /* … up to this; then half of it to all of it, by chance */
};

/* --- messages, each once ---------------------------------------------------- */

static void say_again(struct hs_retry_policy *p, const struct hs_ack *ack)
{
	bool *said = &p->said_again[ack->item->rule % HS_SINK_GROUPS];
	char why[256];

	if (*said)
		return;
	*said = true;
	if (ack->status != 0)
		snprintf(why, sizeof why, "%s %d", p->failed, ack->status);
	else
		snprintf(why, sizeof why, "no answer: %.*s", (int)ack->message.n, ack->message.p);
	hs_terminal_printf(stderr,
	                   "hookspool %s: %s %.*s: %s: the record is tried again, for %" PRId64
	                   " s (--retry-for); later ones of its user wait for it, others do not\n",
	                   p->command, p->noun, (int)ack->on.n, ack->on.p, why, p->retry_for_ms / 1000);
}

static void say_full(struct hs_retry_policy *p)
{
	if (p->said_full)
		return;
	p->said_full = true;
	fprintf(stderr,
	        "hookspool %s: failed.jsonl has reached failed_max: no record is given up, each that "
	        "fails is tried again; later ones of its user wait for it, others do not. See them: "
	        "hookspool cat --failed; try them again: hookspool %s --failed; or raise failed_max\n",
	        p->command, p->command);
}

void hs_retry_policy_say_window(struct hs_retry_policy *p, size_t waiting)
{
	if (p->said_window)
		return;
	p->said_window = true;
	fprintf(stderr,
	        "hookspool %s: %zu records wait for earlier ones of their users that are tried again: "
	        "nothing more is read until one is done. See why they fail, or give up sooner with "
	        "--retry-for\n",
	        p->command, waiting);
}

/* --- dead letters ------------------------------------------------------------- */

static void put_letter(struct hs_retry_policy *p, const struct hs_ack *ack)
{
	const struct hs_item *item = ack->item;
	struct hs_json_writer w = { .out = &p->line };

	hs_buf_reset(&p->line);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_time(&w, "failed_at", hs_io_now());
	hs_json_writer_text(&w, "cursor", hs_slice_str(p->cursor));
	hs_json_writer_text(&w, "on", ack->on);
	hs_json_writer_uint(&w, "status", (uint64_t)ack->status);
	hs_json_writer_uint(&w, "tries", (uint64_t)item->tries_before + item->tries + 1);
	if (ack->message.n > 0)
		hs_json_writer_text(&w, "message", ack->message);
	hs_json_writer_text(&w, "stderr", ack->noise);
	hs_json_writer_raw(&w, "record", hs_slice(item->line, item->n - 1));
	hs_json_writer_end(&w, '}');
	hs_buf_putc(&p->line, '\n');
}

/* A server may ask for a longer pause, not for a shorter one. The last try is when retry_for is over, not after it. */
static int64_t pause_of(const struct hs_retry_policy *p, const struct hs_ack *ack, int64_t now_ms)
{
	const struct hs_item *item = ack->item;
	int64_t ms = item->tries > 10 ? LONGEST_MS : (int64_t)FIRST_MS << (item->tries - 1);
	int64_t left = item->first_ms == 0 ? 0 : p->retry_for_ms - (now_ms - item->first_ms);

	ms = ms < LONGEST_MS ? ms : LONGEST_MS;
	ms = ms / 2 + (int64_t)(hs_io_random() % (uint64_t)(ms / 2 + 1));
	ms = ack->retry_after_ms > ms ? ack->retry_after_ms : ms;
	return left > 0 && left < ms ? left : ms; /* over, and not given up: failed.jsonl is full */
}

static enum hs_fate park(struct hs_retry_policy *p, const struct hs_ack *ack)
{
	int64_t now = hs_io_now_monotonic();

	ack->item->tries++;
	ack->item->retry_ms = now + pause_of(p, ack, now);
	p->again++;
	return HS_FATE_PARK;
}

struct origin {
	struct hs_pump_input *in;
	struct hs_item *item;
};

static enum hs_result look(void *context, bool *gone)
{
	const struct origin *of = context;

	hs_pump_input_look_again(of->in);
	return hs_pump_input_is_gone(of->in, of->item, gone);
}

static enum hs_fate give_up(struct hs_retry_policy *p, const struct hs_ack *ack, int *code)
{
	const struct hs_spool_dir *dir = hs_reader_dir(p->in->source.reader);
	uint64_t most = p->in->options->letters ? UINT64_MAX : (uint64_t)dir->settings->failed_max;
	struct origin of = { p->in, ack->item };
	struct hs_dead_letters_origin from = { .look = look, .context = &of };
	enum hs_result result = HS_E_MEMORY;

	put_letter(p, ack);
	if (hs_buf_ok(&p->line))
		result = hs_dead_letters_append(dir, hs_buf_slice(&p->line), most, &from);
	if (from.gone) {
		p->gone++;
		return HS_FATE_GONE;
	}
	if (result == HS_OK) {
		p->dead++;
		return HS_FATE_DEAD;
	}
	if (result == HS_E_FAILED_MAX) {
		say_full(p);
		return park(p, ack);
	}
	*code = hs_command_result(p->command, "failed.jsonl", result);
	return HS_FATE_ERROR;
}

enum hs_fate hs_retry_policy_decide(struct hs_retry_policy *p, const struct hs_ack *ack, int *code)
{
	int64_t now = hs_io_now_monotonic();

	if (ack->outcome == HS_OUTCOME_REFUSED)
		return give_up(p, ack, code);
	if (ack->item->first_ms == 0)
		ack->item->first_ms = now;
	if (now - ack->item->first_ms >= p->retry_for_ms)
		return give_up(p, ack, code);
	say_again(p, ack);
	return park(p, ack);
}

void hs_retry_policy_free(struct hs_retry_policy *p)
{
	hs_buf_free(&p->line);
}
