/* SPDX-License-Identifier: ISC */
/* Memory, or the end; see alloc.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"

void *
xpointer(void *pointer)
{
	if (pointer == NULL)
		fatal("out of memory");
	return pointer;
}

void *
xmalloc(size_t size)
{
	return xpointer(malloc(size == 0 ? 1 : size));
}

void *
xcalloc(size_t count, size_t size)
{
	return xpointer(calloc(count, size));
}

char *
xstrdup(const char *text)
{
	return xpointer(strdup(text));
}

void *
xmemdup(const void *from, size_t size)
{
	void *to = xmalloc(size);

	if (size > 0)
		memcpy(to, from, size);
	return to;
}

size_t
xasprintf(char **text, const char *fmt, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, fmt);
	length = vasprintf(text, fmt, arguments);
	va_end(arguments);
	if (length == -1)
		fatal("out of memory");
	return (size_t)length;
}
