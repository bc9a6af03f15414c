/* SPDX-License-Identifier: ISC */
/* Text of others, safe to be shown; see printable.h. */
#include <stdio.h>

#include "printable.h"

const char *
printable(char *buf, size_t size, const char *text, size_t length)
{
	size_t i, used = 0;
	unsigned char c;

	for (i = 0; i < length && used + 5 <= size; i++) {
		c = (unsigned char)text[i];
		if (c >= ' ' && c <= '~' && c != '\\')
			buf[used++] = (char)c;
		else
			used += (size_t)snprintf(
			    buf + used, size - used, "\\%03o", c);
	}
	buf[used] = '\0';
	return buf;
}
