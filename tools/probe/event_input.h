/*
 * event_input: the events to send: samples, or those of a file, unchanged.
 */
#ifndef HS_EVENT_INPUT_H
#define HS_EVENT_INPUT_H

#include "event/json.h"

#include <stdio.h>

enum { HS_EVENT_INPUT_RUN = 48 };

struct hs_event_input {
	const char *path; /* NULL: the samples */
	FILE *file;
	bool is_array;
	char *line; /* getline's buffer */
	size_t line_cap;
	struct hs_json json;
	struct hs_buf text; /* the whole array, or one sample */
	size_t number;      /* number of the last event, from 1 */
	char run[HS_EVENT_INPUT_RUN];
	char name[64];
};

/*
 * Opens a file of JSON lines or of one JSON array (at most 128 MB); "-" is standard input, NULL the
 * samples, with ids that end in `run`. Lines are not checked: a line that is no JSON is sent, too.
 * False after a message to standard error. Call hs_event_input_close in either case.
 */
bool hs_event_input_open(struct hs_event_input *o, const char *path, const char *run);

/*
 * 1: *event is the next event, valid until the next call, and o->name names it. 0: no more events.
 * -1 after a message to standard error; of the samples: out of memory, without one.
 */
int hs_event_input_next(struct hs_event_input *o, struct hs_slice *event);

void hs_event_input_close(struct hs_event_input *o);

#endif
