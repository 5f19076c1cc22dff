/*
 * setup_page: a page for the person who opens the mount in a browser before hookspool is configured. Pure.
 */
#ifndef HS_SETUP_PAGE_H
#define HS_SETUP_PAGE_H

#include "cgi/http/response.h"
#include "config/settings.h"

/*
 * Fills the response: 503 and plain text that says what is missing. Anyone can read it, so it
 * shows no name, value or path of the settings.
 */
void hs_setup_page(const struct hs_settings_error *error, struct hs_response *response);

#endif
