/*
 * check_program: checks that a web server can run the plain CGI handler. Looks for it where the
 * bundle's INSTALL.txt puts it: in a folder next to the one of this command.
 */
#ifndef HS_CHECK_PROGRAM_H
#define HS_CHECK_PROGRAM_H

#include "tools/report/findings.h"

/*
 * Adds a finding for each hookspool.cgi; none if there is none. The rules are suEXEC's:
 * https://httpd.apache.org/docs/2.4/suexec.html
 */
void hs_check_program(struct hs_findings *report);

#endif
