/*
 * handlers: the functions that serve the routes of routes.c. A handler is called once the head has been
 * read and, as far as it decides that, has let the sender in. It answers the exchange exactly once,
 * before it returns or later, from another thread.
 */
#ifndef HS_HANDLERS_H
#define HS_HANDLERS_H

struct hs_exchange;

void hs_handle_events(struct hs_exchange *exchange);       /* webhook.c */
void hs_handle_health(struct hs_exchange *exchange);       /* health.c */
void hs_handle_metrics(struct hs_exchange *exchange);      /* metrics.c */
void hs_handle_direct(struct hs_exchange *exchange);       /* direct.c */
void hs_handle_sdk_metrics(struct hs_exchange *exchange);  /* direct.c */
void hs_handle_unknown(struct hs_exchange *exchange);      /* direct.c */
void hs_handle_sdk_settings(struct hs_exchange *exchange); /* sdk_settings.c */
void hs_handle_sdk_script(struct hs_exchange *exchange);   /* sdk_script.c */
void hs_handle_preflight(struct hs_exchange *exchange);    /* cors.c */
/* console/, which has the pages of the console */
void hs_handle_console_page(struct hs_exchange *exchange);
void hs_handle_console_file(struct hs_exchange *exchange);
void hs_handle_console_login(struct hs_exchange *exchange);
void hs_handle_console_logout(struct hs_exchange *exchange);
void hs_handle_console_feed(struct hs_exchange *exchange);
void hs_handle_console_rejected(struct hs_exchange *exchange);
void hs_handle_console_overview(struct hs_exchange *exchange);
void hs_handle_console_schema(struct hs_exchange *exchange);

#endif
