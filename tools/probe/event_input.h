/*
 * event_input: events to send: the suite's, or those of a file as they stand in it.
 */
#ifndef HS_EVENT_INPUT_H
#define HS_EVENT_INPUT_H

#include "event/json.h"

#include <stdio.h>

enum { HS_EVENT_INPUT_RUN = 48 };

struct hs_event_input {
	const char *path; /* NULL: the suite */
	FILE *file;
	bool is_array;
	char *line; /* getline's */
	size_t line_cap;
	struct hs_json json;
	struct hs_buf text; /* the whole array, or one event of the suite */
	size_t number;      /* of the event that was handed out last, from 1 */
	char run[HS_EVENT_INPUT_RUN];
	char name[64];
};

/*
 * A file of JSON lines, or of one JSON array (of at most 128 MB); "-" is standard input.
 * NULL is the suite, whose ids end in `run`. Lines are not looked at: a line that is no
 * JSON is sent, too. False after a message to standard error. In both cases
 * hs_event_input_close.
 */
bool hs_event_input_open(struct hs_event_input *o, const char *path, const char *run);

/*
 * 1: *event is the next one, valid until the next call; o->name says which. 0: there is
 * none. -1 after a message to standard error.
 */
int hs_event_input_next(struct hs_event_input *o, struct hs_slice *event);

void hs_event_input_close(struct hs_event_input *o);

#endif
