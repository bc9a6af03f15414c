/* SPDX-License-Identifier: ISC */
/*
 * The envelope: nine members, in any order and spacing when read, canonical
 * and padded with spaces when written.
 */
#ifndef TORFED_ENVELOPE_H
#define TORFED_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/code.h"
#include "proto/signtext.h"

#define ENVELOPE_MAX	  (256U * 1024) /* bytes of a body */
#define ITEM_MAX	  (64U * 1024)	/* bytes of one canonical payload */
#define ENVELOPE_OVERHEAD 700U		/* bytes around the payload, at most */

struct envelope {
	struct envelope_header header;
	uint8_t signature[64];
	char *text; /* the whole envelope, canonical; owned */
	size_t text_length;
	const char *payload; /* canonical, in text; terminated */
	size_t payload_length;
};

/*
 * CODE_OK, or the first thing wrong; then nothing needs freeing. No tree is
 * built. The payload's size and what its type asks for are the caller's; so is
 * the check that the origin's key is a point of prime order, which costs more
 * than all else and is done once for a server that is known.
 */
enum code envelope_parse(struct envelope *, const char *body, size_t length);
void envelope_free(struct envelope *); /* clears what it held */
/*
 * The body: canonical envelope padded with spaces to 8, 16, 32, 64, 128 or
 * 256 KiB. body: ENVELOPE_MAX bytes. Returns the padded length, 0 when it does
 * not fit. payload must be canonical.
 */
size_t envelope_format(char *body, const struct envelope_header *,
    const uint8_t signature[64], const char *payload, size_t payload_length);
/* The size class for length bytes; 0 above 256 KiB. */
size_t envelope_padded(size_t length);

#endif
