/*
 * fcgi_records: FastCGI's frames, as far as is needed to see the end of a request. Pure; libfcgi
 * reads what is in them.
 */
#ifndef HS_FCGI_RECORDS_H
#define HS_FCGI_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Do the bytes hold a request from begin to end, as every web server writes it: BEGIN_REQUEST
 * for a responder, PARAMS …, an empty one, STDIN …, an empty one, all of one version and one
 * number (FastCGI specification 1.0, 3.3, 5.1, 5.2, 5.3 and 6.2)? What libfcgi reads otherwise
 * or might wait in for more is none: number 0, padding behind BEGIN_REQUEST.
 */
bool hs_fcgi_records_whole(const unsigned char *p, size_t n);

#endif
