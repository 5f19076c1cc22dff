/*
 * check_program: is the handler of plain CGI such that a web server will run it? It is looked
 * for where INSTALL.txt of the bundle puts it: in a folder beside the one of this command.
 */
#ifndef HS_CHECK_PROGRAM_H
#define HS_CHECK_PROGRAM_H

#include "tools/report/findings.h"

/*
 * Adds a finding for each hookspool.cgi there; none if there is no such file. What suEXEC
 * refuses: https://httpd.apache.org/docs/2.4/suexec.html
 */
void hs_check_program(struct hs_findings *report);

#endif
