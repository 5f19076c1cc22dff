/* receiver: a name at random, kept with the spool's history; a damaged file is told from one that is missing. */
#include "base/io.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/ship/receiver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct scene {
	struct spooldir d;
	struct hs_opened_spool o;
} s;

FIXTURE(make)
{
	wrap_reset();
	spooldir_make(&s.d, "");
	return hs_spool_dir_open(&s.o, s.d.settings, true) == HS_OK ? 0 : -1;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_spool_dir_close(&s.o);
	spooldir_remove(&s.d);
	return 0;
}

TEST(a_name_is_made_once_and_read)
{
	struct hs_receiver made, read;

	assert_result(hs_receiver_read(&s.o.dir, &read), HS_E_IO);
	assert_int_equal(errno, ENOENT);
	for (int i = 0; i < 50; i++) {
		assert_result(hs_receiver_make(&s.o.dir, &made), HS_OK);
		assert_int_equal(strlen(made.name), HS_RECEIVER);
		assert_int_equal(strspn(made.name, "abcdefghijklmnopqrstuvwxyz"), HS_RECEIVER);
		assert_result(hs_receiver_read(&s.o.dir, &read), HS_OK);
		assert_string_equal(read.name, made.name);
		assert_true(hs_receiver_is_of(&read, &s.o.dir));
	}
	assert_result(hs_receiver_make(&s.o.dir, &read), HS_OK);
	assert_string_not_equal(read.name, made.name); /* 26^8 names */
}

TEST(another_history_is_another_spool)
{
	struct hs_receiver receiver;

	assert_result(hs_receiver_make(&s.o.dir, &receiver), HS_OK);
	receiver.history.epoch++;
	assert_false(hs_receiver_is_of(&receiver, &s.o.dir));
	receiver.history.epoch--;
	assert_true(hs_receiver_is_of(&receiver, &s.o.dir));
	receiver.history.id[0] = receiver.history.id[0] == '0' ? '1' : '0';
	assert_false(hs_receiver_is_of(&receiver, &s.o.dir));
}

TEST(files)
{
	static const struct {
		const char *text;
		enum hs_result result;
	} cases[] = {
		{ "{\"receiver\":\"kodabuzi\",\"spool\":\"5f0c0f6b\",\"epoch\":2}\n", HS_OK },
		{ "{\"receiver\":\"kodabuzi\",\"spool\":\"5f0c0f6b\",\"epoch\":2}", HS_OK },
		{ "", HS_E_CURSOR },
		{ "{}\n", HS_E_CURSOR },
		{ "{\"receiver\":\"kodabuzi\",\"spool\":\"5f0c0f6b\",\"epoch\":2", HS_E_CURSOR },
		{ "{\"receiver\":\"kodabuzi\"}\n", HS_E_CURSOR },
		{ "{\"receiver\":\"kodabu\",\"spool\":\"5f0c0f6b\",\"epoch\":2}\n", HS_E_CURSOR },
		{ "{\"receiver\":\"kodabuzix\",\"spool\":\"5f0c0f6b\",\"epoch\":2}\n", HS_E_CURSOR },
		{ "{\"receiver\":\"Kodabuzi\",\"spool\":\"5f0c0f6b\",\"epoch\":2}\n", HS_E_CURSOR },
		{ "{\"receiver\":\"koda.uzi\",\"spool\":\"5f0c0f6b\",\"epoch\":2}\n", HS_E_CURSOR },
		{ "{\"receiver\":\"\",\"spool\":\"5f0c0f6b\",\"epoch\":2}\n", HS_E_CURSOR },
		{ "{\"receiver\":\"kodabuzi\",\"spool\":\"\",\"epoch\":2}\n", HS_E_CURSOR },
		{ "{\"receiver\":\"kodabuzi\",\"spool\":\"5f0c0f6b\",\"epoch\":x}\n", HS_E_CURSOR },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_receiver receiver;

		spooldir_write(&s.d, ".hookspool/receiver", hs_slice_str(cases[i].text));
		if (hs_receiver_read(&s.o.dir, &receiver) != cases[i].result)
			fail_msg("%s", cases[i].text);
		if (cases[i].result == HS_OK) {
			assert_string_equal(receiver.name, "kodabuzi");
			assert_string_equal(receiver.history.id, "5f0c0f6b");
			assert_int_equal(receiver.history.epoch, 2);
		}
	}
}

TEST(a_failure_is_reported_and_leaves_the_old_name)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_PWRITE, WRAP_RENAMEAT };
	struct hs_receiver made, other, read;

	assert_result(hs_receiver_make(&s.o.dir, &made), HS_OK);
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		wrap_fail(calls[i], 1, 1, EIO);
		assert_int_not_equal(hs_receiver_make(&s.o.dir, &other), HS_OK);
		wrap_reset();
		assert_result(hs_receiver_read(&s.o.dir, &read), HS_OK);
		assert_string_equal(read.name, made.name);
	}
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_result(hs_receiver_read(&s.o.dir, &read), HS_E_IO);
	assert_int_equal(errno, EIO);
}

TESTS("ship_receiver", make, finish)
