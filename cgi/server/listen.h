/*
 * listen: listening sockets, our own or one that a supervisor hands over.
 */
#ifndef HS_LISTEN_H
#define HS_LISTEN_H

#include <sys/stat.h>

/*
 * Listens on `address`: unix:/path (mode 0660; replaces a dead socket, but neither a live one
 * nor any other file) or HOST:PORT with a numeric host. Returns the descriptor, and for a
 * unix socket the status of its file; or -1 after a message on standard error.
 */
int hs_listen(const char *address, struct stat *file);

/*
 * Finds the socket that a supervisor listens on for us, by the protocol of sd_listen_fds(3): it is
 * descriptor 3 if $LISTEN_PID is this process. Returns the descriptor; -1 if there is none; -2,
 * after a message on standard error, if it is not exactly one listening socket.
 */
int hs_listen_inherited(void);

/* The path of unix:/path; NULL: the address is another one, or NULL. */
const char *hs_listen_path(const char *address);

/* Removes the file of a unix socket, unless another program has replaced it. */
void hs_listen_end(const char *address, const struct stat *file);

/* True if the descriptor is a listening socket (SO_ACCEPTCONN, socket(7)). */
int hs_listen_is(int fd);

#endif
