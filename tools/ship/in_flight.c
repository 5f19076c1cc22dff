#include "tools/ship/in_flight.h"

#include <stdlib.h>
#include <string.h>

enum { ATTEMPT_BITS = 8, ATTEMPTS = 1 << ATTEMPT_BITS };

struct hs_in_flight {
	struct hs_in_flight_record *record; /* `room` of them */
	size_t room, front, count;
	size_t bytes, bytes_max;
	uint64_t left; /* how many records have left: the number of the front one */
	struct hs_in_flight_record last;
};

struct hs_in_flight *hs_in_flight_new(size_t records, size_t bytes)
{
	struct hs_in_flight *ring = calloc(1, sizeof *ring);

	if (ring == NULL)
		return NULL;
	ring->room = records;
	ring->bytes_max = bytes;
	ring->record = calloc(records, sizeof *ring->record);
	if (ring->record != NULL)
		return ring;
	free(ring);
	return NULL;
}

void hs_in_flight_free(struct hs_in_flight *ring)
{
	if (ring == NULL)
		return;
	for (size_t i = 0; i < ring->count; i++)
		free(hs_in_flight_at(ring, i)->bytes);
	free(ring->last.bytes);
	free(ring->record);
	free(ring);
}

static size_t size_of(const struct hs_in_flight_record *record)
{
	return record->subject.n + record->id.n + record->line.n;
}

bool hs_in_flight_has_room(const struct hs_in_flight *ring, size_t bytes)
{
	return ring->count == 0 || (ring->count < ring->room && ring->bytes + bytes <= ring->bytes_max);
}

static struct hs_slice copy(char **to, struct hs_slice from)
{
	struct hs_slice at = hs_slice(*to, from.n);

	if (from.n > 0)
		memcpy(*to, from.p, from.n);
	*to += from.n;
	return at;
}

struct hs_in_flight_record *hs_in_flight_add(struct hs_in_flight *ring, struct hs_slice subject, struct hs_slice id,
                                             struct hs_slice line)
{
	struct hs_in_flight_record *record = &ring->record[(ring->front + ring->count) % ring->room];
	char *bytes = malloc(subject.n + id.n + line.n + 1), *to = bytes;

	if (bytes == NULL || ring->count == ring->room) {
		free(bytes);
		return NULL;
	}
	*record = (struct hs_in_flight_record){ .bytes = bytes };
	record->subject = copy(&to, subject);
	record->id = copy(&to, id);
	record->line = copy(&to, line);
	ring->bytes += size_of(record);
	ring->count++;
	return record;
}

size_t hs_in_flight_count(const struct hs_in_flight *ring)
{
	return ring->count;
}

struct hs_in_flight_record *hs_in_flight_at(const struct hs_in_flight *ring, size_t i)
{
	return &ring->record[(ring->front + i) % ring->room];
}

struct hs_in_flight_record *hs_in_flight_first(const struct hs_in_flight *ring)
{
	for (size_t i = 0; i < ring->count; i++)
		if (hs_in_flight_at(ring, i)->state != HS_FLIGHT_ANSWERED)
			return hs_in_flight_at(ring, i);
	return NULL;
}

uint64_t hs_in_flight_tag(const struct hs_in_flight *ring, const struct hs_in_flight_record *record)
{
	size_t i = ((size_t)(record - ring->record) + ring->room - ring->front) % ring->room;

	return (ring->left + i) << ATTEMPT_BITS | record->sends % ATTEMPTS;
}

struct hs_in_flight_record *hs_in_flight_find(const struct hs_in_flight *ring, uint64_t tag, bool *latest)
{
	uint64_t number = tag >> ATTEMPT_BITS;
	struct hs_in_flight_record *record;

	if (number < ring->left || number - ring->left >= ring->count)
		return NULL;
	record = hs_in_flight_at(ring, (size_t)(number - ring->left));
	*latest = tag % ATTEMPTS == record->sends % ATTEMPTS;
	return record;
}

bool hs_in_flight_leave(struct hs_in_flight *ring)
{
	uint64_t left = ring->left;

	while (ring->count > 0 && hs_in_flight_at(ring, 0)->state == HS_FLIGHT_ANSWERED) {
		free(ring->last.bytes);
		ring->last = *hs_in_flight_at(ring, 0);
		ring->bytes -= size_of(&ring->last);
		ring->front = (ring->front + 1) % ring->room;
		ring->count--;
		ring->left++;
	}
	return ring->left != left;
}

const struct hs_in_flight_record *hs_in_flight_last(const struct hs_in_flight *ring)
{
	return &ring->last;
}
