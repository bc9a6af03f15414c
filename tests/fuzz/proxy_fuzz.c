/* SPDX-License-Identifier: ISC */
/*
 * tor's PROXY line: what is taken is one line of the one form, and bytes that
 * come one at a time are judged as all at once.
 */
#include <stdlib.h>
#include <string.h>

#include "fed-listener/proxy.c"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t circuit = 0, again = 0;
	const char *text = (const char *)data;
	int used, step = 0;
	size_t length;

	used = proxy_parse(&circuit, text, size);
	if (used < -1 || used > PROXY_LINE_MAX ||
	    (used > 0 && (size_t)used > size))
		abort();
	if (used > 0 &&
	    (circuit > UINT32_MAX || text[used - 1] != '\n' ||
		memchr(text, '\n', (size_t)used) != text + used - 1))
		abort();
	for (length = 0; length <= size && step == 0; length++)
		step = proxy_parse(&again, text, length);
	if (step != used || again != circuit)
		abort();
	return 0;
}
