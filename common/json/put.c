/* SPDX-License-Identifier: ISC */
/* Bytes of a text that is being written; see put.h. */
#include <string.h>

#include "base/encode.h"
#include "json/put.h"

char *
put_bytes(char *to, const char *bytes, size_t length)
{
	memcpy(to, bytes, length);
	return to + length;
}

char *
put_text(char *to, const char *text)
{
	return put_bytes(to, text, strlen(text));
}

char *
put_base64(char *to, const void *bytes, size_t length)
{
	base64_encode(to, bytes, length);
	return to + BASE64_LENGTH(length);
}
