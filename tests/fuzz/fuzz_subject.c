/*
 * People of a line: the cheap match must never miss what the strict one finds, and
 * what it skips must be the start of a JSON text as far as it has looked. Lines of
 * other files, whatever is in their bodies, must be matched without harm.
 */
#include "event/links.h"
#include "event/subject_match.h"
#include "tests/fuzz/fuzz.h"

static const char *const ids[] = { "u", "7", "a\"b", "\xC3\xA4", "anna" };
enum { IDS = sizeof ids / sizeof ids[0] };

static void add_all(struct hs_subjects *s)
{
	hs_subjects_init(s, 7);
	for (int i = 0; i < 2 * IDS; i++) {
		struct hs_subject who = { .kind = (enum hs_subject_kind)(i / IDS),
			                  .id = (char *)(uintptr_t)ids[i % IDS],
			                  .n = strlen(ids[i % IDS]),
			                  .before = { UINT64_MAX, 0 },
			                  .until_ms = INT64_MAX };

		MUST(hs_subjects_add(s, &who, NULL));
	}
}

static void ignore(void *context, struct hs_subject *who)
{
	(void)context;
	(void)who;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice line = fuzz_copy(data, size);
	struct hs_mark at = { 1, 0 };
	struct hs_subject_matcher matcher = { 0 };
	struct hs_json json = { 0 };
	struct hs_subjects subjects;
	struct hs_named named;
	struct hs_links links;

	add_all(&subjects);
	matcher.subjects = &subjects;
	if (hs_json_document(&json, line) == HS_OK) {
		int found;

		hs_named_in_record(&named, &json, 0);
		found = hs_subjects_match(&subjects, &named, &at, ignore, NULL);
		MUST(found >= 0);
		/* a record has its ids before spooled_at, and that name once (flatten.h) */
		if (found > 0 && memmem(line.p, line.n, "spooled_at", 10) == NULL)
			MUST(hs_subjects_may_match(&subjects, line));
	}
	hs_links_init(&links, &subjects, 7);
	MUST(hs_links_find(&links, line, at));
	MUST(hs_links_check(&links, line));
	MUST(hs_links_settle(&links));
	MUST(subjects.count <= 2 * IDS + links.ids.count);
	hs_links_free(&links);
	hs_is_placeholder(line);
	MUST(hs_subject_match_event(&matcher, line, &at) >= 0);
	MUST(hs_subject_match_other(&matcher, line) >= 0);
	hs_subject_matcher_free(&matcher);
	hs_subjects_free(&subjects);
	hs_json_free(&json);
	free((char *)(uintptr_t)line.p);
	return 0;
}
