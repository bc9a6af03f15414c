/* SPDX-License-Identifier: ISC */
/*
 * Onion addresses: what parses is what would be written, and normalising
 * takes all of it.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/ed.h"
#include "proto/onion.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_parsed(const uint8_t key[ONION_KEY], const char *text)
{
	char again[ONION_SIZE];

	onion_format(again, key);
	if (memcmp(again, text, ONION_LENGTH) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[ONION_SIZE], *text;
	uint8_t key[ONION_KEY], normal[ONION_KEY];
	enum code code;

	if (ed_init() == -1)
		abort();
	if ((text = malloc(size + 1)) == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	code = onion_parse(key, text, size);
	if (code == CODE_OK) {
		check_parsed(key, text);
		if (onion_normalise(normal, out, text) != CODE_OK ||
		    memcmp(normal, key, sizeof(key)) != 0 ||
		    strcmp(out, text) != 0)
			abort();
	} else if (onion_normalise(normal, out, text) == CODE_OK)
		check_parsed(normal, out);
	free(text);
	return 0;
}
