/* SPDX-License-Identifier: ISC */
/*
 * Codes: what went wrong, in capitals as they travel in acknowledgements and
 * as fedctl and the logs print them. Each has a class with one reaction. The
 * table is code.def: NAME, class, sentence for a person.
 */
#ifndef TORFED_CODE_H
#define TORFED_CODE_H

#include <stddef.h>

enum code_class {
	CODE_CLASS_SUCCESS,
	CODE_CLASS_NEVER,	   /* this item will never be taken */
	CODE_CLASS_LATER,	   /* this item, later */
	CODE_CLASS_ADMINISTRATIVE, /* the peer's or our admin must act */
	CODE_CLASS_LOAD,	   /* a limiter, with seconds */
	CODE_CLASS_LOCAL,	   /* transport; never seen in an ack */
	CODE_CLASS_INPUT	   /* bad data; never seen in an ack */
};

enum code {
#define CODE(name, class, text) CODE_##name,
#include "proto/code.def"
#undef CODE
	CODE_COUNT
};

const char *code_name(enum code); /* "ID_CONFLICT" */
/* The same of a code read from a peer: "REFUSED" for one that we do not know
 * (CODE_COUNT). */
const char *code_peer_name(enum code);
const char *code_text(enum code); /* "same id, other content" */
enum code_class code_class(enum code);
/* By name, exact; CODE_COUNT when there is none. */
enum code code_find(const char *name, size_t length);

#endif
