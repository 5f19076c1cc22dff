#include "tests/lib/temp_dir.h"

#include <unistd.h>

struct temp_dir temp;

int temp_dir_begin(void **state)
{
	(void)state;
	wrap_reset();
	spooldir_make(&temp.d, "");
	temp.fd = spooldir_open(&temp.d);
	return 0;
}

int temp_dir_end(void **state)
{
	(void)state;
	wrap_reset();
	close(temp.fd);
	spooldir_remove(&temp.d);
	return 0;
}
