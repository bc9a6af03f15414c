/* SPDX-License-Identifier: ISC */
/* The table of codes, generated from code.def. */
#include <string.h>

#include "proto/code.h"

static const struct {
	const char *name;
	const char *text;
	enum code_class class;
} codes[CODE_COUNT] = {
#define CODE(name, class, text) {#name, text, CODE_CLASS_##class},
#include "proto/code.def"
#undef CODE
};

/* A code that is out of range is a fault of ours, and says so. */
static enum code
code_checked(enum code code)
{
	return (unsigned int)code < CODE_COUNT ? code : CODE_INTERNAL;
}

const char *
code_name(enum code code)
{
	return codes[code_checked(code)].name;
}

const char *
code_peer_name(enum code code)
{
	return code == CODE_COUNT ? "REFUSED" : code_name(code);
}

const char *
code_text(enum code code)
{
	return codes[code_checked(code)].text;
}

enum code_class
code_class(enum code code)
{
	return codes[code_checked(code)].class;
}

enum code
code_find(const char *name, size_t length)
{
	int i;

	for (i = 0; i < CODE_COUNT; i++)
		if (strlen(codes[i].name) == length &&
		    memcmp(codes[i].name, name, length) == 0)
			return (enum code)i;
	return CODE_COUNT;
}
