/* SPDX-License-Identifier: ISC */
/*
 * Finding a member in canonical text without building a tree. Values are
 * stepped over by their brackets and quotes alone, which suffices for text
 * that was checked or rewritten before; other text gives a wrong answer, but
 * never a look beyond its end.
 */
#include <string.h>

#include "json/canon.h"

/* Behind the string that begins at at; NULL when it has no end. */
static const char *
string_skip(const char *at, const char *end)
{
	const char *quote, *escape;

	for (at++; at < end; at = escape + 2) {
		quote = memchr(at, '"', (size_t)(end - at));
		if (quote == NULL)
			return NULL;
		escape = memchr(at, '\\', (size_t)(quote - at));
		if (escape == NULL)
			return quote + 1;
	}
	return NULL;
}

const char *
canon_skip(const char *at, const char *end)
{
	size_t depth = 0;

	while (at < end) {
		if (*at == '"') {
			if ((at = string_skip(at, end)) == NULL)
				return NULL;
		} else if (*at == '{' || *at == '[') {
			depth++;
			at++;
		} else if (*at == '}' || *at == ']') {
			if (depth == 0)
				return at;
			depth--;
			at++;
		} else if (*at == ',' && depth == 0) {
			return at;
		} else {
			at++;
			continue;
		}
		if (depth == 0)
			return at;
	}
	return NULL;
}

const char *
canon_member(
    const char *text, size_t length, const char *name, size_t *value_length)
{
	const char *at = text, *end = text + length, *found, *value;
	size_t name_length = strlen(name);

	*value_length = 0;
	if (length == 0 || *at != '{')
		return NULL;
	while (++at < end && *at == '"') {
		found = at + 1;
		if ((value = string_skip(at, end)) == NULL || value == end)
			return NULL;
		if ((at = canon_skip(value + 1, end)) == NULL)
			return NULL;
		if ((size_t)(value - 1 - found) == name_length &&
		    memcmp(found, name, name_length) == 0) {
			*value_length = (size_t)(at - (value + 1));
			return value + 1;
		}
	}
	return NULL;
}

unsigned int
canon_depth(const char *text, size_t length)
{
	const char *at = text, *end = text + length;
	unsigned int depth = 0, deepest = 0;

	while (at != NULL && at < end) {
		if (*at == '"') {
			at = string_skip(at, end);
			continue;
		}
		if (*at == '{' || *at == '[') {
			if (++depth > deepest)
				deepest = depth;
		} else if (*at == '}' || *at == ']')
			depth--;
		at++;
	}
	return deepest;
}
