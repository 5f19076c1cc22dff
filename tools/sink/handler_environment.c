#include "tools/sink/handler_environment.h"
#include "tools/report/record_head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { VARIABLE_MAX = 1 << 15 /* bytes of a value; longer ones are left out */ };

static bool is_handler_variable(const char *variable)
{
	for (int f = 0; f < HS_HEAD_FIELDS; f++) {
		const char *name = hs_record_head_name((enum hs_head_field)f);
		size_t n = strlen(name);

		if (strncasecmp(variable, "HS_", 3) == 0 && strncasecmp(variable + 3, name, n) == 0 &&
		    variable[3 + n] == '=')
			return true;
	}
	return false;
}

/* Appends HS_USER_ID=… and a NUL; false, and nothing, if it cannot be a variable. */
static bool put_variable(struct hs_buf *out, enum hs_head_field field, const struct hs_record_field *leaf)
{
	size_t start = out->n, value;

	if (leaf->name.p == NULL)
		return false;
	hs_buf_put_slice(out, HS_SLICE("HS_"));
	for (const char *p = hs_record_head_name(field); *p != '\0'; p++)
		hs_buf_putc(out, (char)(*p == '_' ? *p : *p - 'a' + 'A'));
	hs_buf_putc(out, '=');
	value = out->n;
	hs_record_field_put(leaf, out);
	if (hs_buf_ok(out) && out->n - value <= VARIABLE_MAX && memchr(out->p + value, '\0', out->n - value) == NULL) {
		hs_buf_putc(out, '\0');
		return true;
	}
	out->n = start; /* cut short, it could pass for another user's */
	return false;
}

char **hs_handler_environment(struct hs_buf *text, const struct hs_item *item)
{
	extern char **environ;
	struct hs_record_head m = { 0 };
	size_t count = 0, used = 0;
	char **list, *p;

	while (environ[count] != NULL)
		count++;
	list = calloc(count + HS_HEAD_FIELDS + 1, sizeof *list);
	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!is_handler_variable(environ[i]))
			list[used++] = environ[i];
	hs_buf_reset(text);
	if (item != NULL)
		hs_record_head_read(&m, hs_slice(item->line, item->n - 1));
	count = 0;
	for (int f = 0; f < HS_HEAD_FIELDS; f++)
		count += put_variable(text, (enum hs_head_field)f, &m.leaf[f]);
	if (!hs_buf_ok(text)) { /* a handler must not take its record for one of nobody */
		free(list);
		return NULL;
	}
	for (p = text->p; count > 0; count--, p += strlen(p) + 1)
		list[used++] = p;
	return list;
}
