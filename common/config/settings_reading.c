#include "config/settings_reading.h"

#include <stdarg.h>
#include <stdio.h>

bool hs_settings_fail(struct hs_settings_reading *reading, const char *format, ...)
{
	char *out = reading->error->text;
	size_t n = 0;
	va_list args;

	if (reading->failed)
		return false;
	reading->failed = true;
	reading->error->fault = reading->stage;
	reading->error->line = reading->line;
	if (reading->line > 0)
		n = (size_t)snprintf(out, sizeof reading->error->text, "%.200s:%d: ", reading->name, reading->line);
	else if (reading->name != NULL)
		n = (size_t)snprintf(out, sizeof reading->error->text, "%.200s: ", reading->name);
	va_start(args, format);
	vsnprintf(out + n, sizeof reading->error->text - n, format, args);
	va_end(args);
	for (; *out != '\0'; out++) /* the error goes to a log: one line, no escapes */
		if ((unsigned char)*out < ' ' || *out == 0x7F)
			*out = '?';
	return false;
}
