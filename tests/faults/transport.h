/*
 * transport: one request to hookspool, by the four ways in which a server hands it over.
 */
#ifndef FAULTS_TRANSPORT_H
#define FAULTS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct request {
	const char *body;
	size_t n;
	char signature[41]; /* of the body */
};

/* The answer. status 0: no answer, or not a whole one. */
struct answer {
	int status;
	bool killed; /* by kill_after_ns */
	char text[4096];
};

/*
 * Runs the program as a CGI server does (RFC 3875). kill_after_ns >= 0: SIGKILL so long
 * after the start, unless it has ended by then.
 */
void post_cgi(const char *program, const struct request *r, int64_t kill_after_ns, struct answer *a);

/* To a FastCGI program that listens on a socket in the file system. */
void post_fcgi(const char *socket_path, const struct request *r, struct answer *a);

/* HTTP to 127.0.0.1. */
void post_http(int port, const char *path, const struct request *r, struct answer *a);

/* Starts a program, standard input from /dev/null; its process id or -1. */
pid_t start_program(char *const argv[]);

int64_t now_ns(void);
void sleep_ns(int64_t ns);

#endif
