/*
 * id_spelling: an id of the command line in the spelling that a record shows. As an id a number counts by its value
 * (id_text.h), so 7.0 is the text 7.0, and, where an event has the number 7.0, the person 7.
 */
#ifndef HS_ID_SPELLING_H
#define HS_ID_SPELLING_H

#include "event/data_subject.h"
#include "tools/sink/event_source.h"

/*
 * Adds the person of that tenant (NULL: any) with this id, and the one of the number in that spelling if an event up to
 * `end` has it, after a message. The reader is elsewhere then. 0 or an exit code.
 */
int hs_id_spelling_add(struct hs_subjects *people, enum hs_subject_kind kind, struct hs_slice id, const char *tenant,
                       const struct hs_event_source *source, struct hs_position end);

#endif
