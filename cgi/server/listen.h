/*
 * listen: a listening socket of our own, for mod_proxy_fcgi and process supervisors.
 */
#ifndef HS_LISTEN_H
#define HS_LISTEN_H

#include <sys/stat.h>

/*
 * `address` is unix:/path (mode 0660; a dead socket in its place is replaced, a live one
 * and any other file is not) or HOST:PORT with a numeric host. Returns the descriptor, and of a
 * unix socket what its file is; or -1 after a message to standard error.
 */
int hs_listen(const char *address, struct stat *file);

/*
 * The socket that a supervisor listens on for us, by the protocol of sd_listen_fds(3): it is
 * descriptor 3 if $LISTEN_PID is this process. Returns the descriptor; -1 if there is none; -2,
 * after a message to standard error, if it is not one listening socket.
 */
int hs_listen_inherited(void);

/* Removes a unix socket's file, if it is still that one: another program may have replaced it. */
void hs_listen_end(const char *address, const struct stat *file);

/* Is the descriptor a listening socket? (SO_ACCEPTCONN, socket(7)) */
int hs_listen_is(int fd);

#endif
