/* SPDX-License-Identifier: ISC */
/*
 * Canonical JSON to and from jansson's trees. jansson takes and writes what
 * the narrowing refuses (reals, deep nesting, U+FFFE) and sorts by bytes, so
 * text passes the scan on its way in and the canonicaliser on its way out.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "json/canon.h"

void
canon_init(void)
{
	uint32_t seed;

	/* 0 would tell jansson to open /dev/urandom by itself. */
	do
		seed = randombytes_random();
	while (seed == 0);
	json_object_seed(seed);
}

enum code
canon_parse(json_t **root, const char *text, size_t length, bool strict_end)
{
	json_error_t error;
	enum code code;

	*root = NULL;
	if ((code = canon_scan(text, length, strict_end)) != CODE_OK)
		return code;
	*root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	if (*root != NULL)
		return CODE_OK;
	switch (json_error_code(&error)) {
	case json_error_duplicate_key:
		return CODE_JSON_DUPLICATE;
	case json_error_out_of_memory:
		return CODE_INTERNAL;
	default:
		return CODE_JSON;
	}
}

char *
canon_write(const json_t *root, size_t *length)
{
	char *canonical = NULL, *text;

	*length = 0;
	if ((text = json_dumps(root, JSON_COMPACT)) == NULL)
		return NULL;
	canon_rewrite(
	    &canonical, length, text, strlen(text), CANON_DEPTH, true);
	free(text);
	return canonical;
}
