/* SPDX-License-Identifier: ISC */
/*
 * Batches: any bytes may be cut, canonical or not; what is cut lies inside,
 * and canonical text that cuts is what would be written.
 */
#include <stdlib.h>
#include <string.h>

#include "json/batch.h"
#include "json/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_item items[BATCH_ITEMS];
	const char *text = (const char *)data;
	size_t length;
	uint32_t count, i;
	char *again;

	if (batch_cut(items, &count, text, size) != CODE_OK)
		return 0;
	for (i = 0; i < count; i++)
		if (items[i].payload < text ||
		    items[i].payload + items[i].payload_length > text + size)
			abort();
	again = batch_format(items, count, &length);
	if (again == NULL || length != size || memcmp(again, text, size) != 0)
		abort();
	free(again);
	return 0;
}
