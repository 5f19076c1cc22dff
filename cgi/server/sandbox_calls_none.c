#include "cgi/server/sandbox_calls.h"

const char *hs_sandbox_limit_calls(bool kill)
{
	(void)kill;
	return "this program was built with SECCOMP=no";
}
