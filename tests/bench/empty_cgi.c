/*
 * The empty CGI program: the cost of starting any program under this server. Linked statically.
 * It reads the body: Apache reports an error if a program does not.
 */
#include "tests/bench/keep.h"

#include <unistd.h>

int main(void)
{
	static const char answer[] = "Status: 200 OK\r\nContent-Type: application/json\r\n"
				     "Content-Length: 42\r\n\r\n"
				     "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n";
	char body[65537];
	ssize_t got;
	size_t n = 0;

	while ((got = read(STDIN_FILENO, body, sizeof body - 1)) > 0)
		n = (size_t)got;
	if (!keep(keep_open(), body, n))
		return 1;
	return write(STDOUT_FILENO, answer, sizeof answer - 1) == (ssize_t)sizeof answer - 1 ? 0 : 1;
}
