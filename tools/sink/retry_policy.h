/*
 * retry_policy: what becomes of a record that a sink could not deal with: it is tried again,
 * with growing delays, for retry_for_ms after its first failure; then, or at once if it is
 * refused, it goes to failed.jsonl as a dead letter (spool/admin/dead_letters.h). While that file
 * has reached failed_max no record is given up: it is tried again, too.
 */
#ifndef HS_RETRY_POLICY_H
#define HS_RETRY_POLICY_H

#include "base/buf.h"
#include "spool/shared/spool_dir.h"
#include "tools/sink/sink.h"

struct hs_retry_policy {
	const char *command, *cursor; /* for messages and dead letters */
	const char *noun, *failed;    /* the sink's words */
	const struct hs_spool_dir *dir;
	int64_t retry_for_ms;
	bool letters;         /* the records are dead letters already: failed_max does not bind them */
	uint64_t dead, again; /* how many became dead letters; how often one was put off */
	bool said_full, said_again[HS_SINK_GROUPS];
	struct hs_buf line; /* the dead letter that is being written */
};

enum hs_fate {
	HS_FATE_PARK,  /* try it again at item->retry_ms */
	HS_FATE_DEAD,  /* its dead letter is on stable storage */
	HS_FATE_ERROR, /* neither is possible; it was said why */
};

/* For an ack that is HS_OUTCOME_RETRY or _REFUSED. *code: the exit code of HS_FATE_ERROR. */
enum hs_fate hs_retry_policy_decide(struct hs_retry_policy *p, const struct hs_ack *ack, int *code);

void hs_retry_policy_free(struct hs_retry_policy *p);

#endif
