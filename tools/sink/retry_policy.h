/*
 * retry_policy: what becomes of a record that a sink could not deal with: it is tried again,
 * with growing delays, for retry_for_ms after its first failure; then, or at once if it is
 * refused, it goes to failed.jsonl as a dead letter (spool/admin/dead_letters.h). While that file
 * has reached failed_max no record is given up: it is tried again, too.
 */
#ifndef HS_RETRY_POLICY_H
#define HS_RETRY_POLICY_H

#include "base/buf.h"
#include "tools/sink/pump_input.h"

struct hs_retry_policy {
	const char *command, *cursor; /* for messages and dead letters */
	const char *noun, *failed;    /* the sink's words */
	struct hs_pump_input *in;     /* where the records were read: dead letters are not bound by failed_max */
	int64_t retry_for_ms;
	uint64_t dead, again, gone; /* how many became dead letters; how often one was put off; how many were erased */
	bool said_full, said_window, said_again[HS_SINK_GROUPS];
	struct hs_buf line; /* the dead letter that is being written */
};

enum hs_fate {
	HS_FATE_PARK,  /* try it again at item->retry_ms */
	HS_FATE_DEAD,  /* its dead letter is on stable storage */
	HS_FATE_GONE,  /* it was erased since it was read, and has no dead letter */
	HS_FATE_ERROR, /* neither is possible; it was said why */
};

/* For an ack that is HS_OUTCOME_RETRY or _REFUSED. *code: the exit code of HS_FATE_ERROR. */
enum hs_fate hs_retry_policy_decide(struct hs_retry_policy *p, const struct hs_ack *ack, int *code);

/* Says, once, that nothing more is read until one of the records that wait is done. */
void hs_retry_policy_say_window(struct hs_retry_policy *p, size_t waiting);

void hs_retry_policy_free(struct hs_retry_policy *p);

#endif
