/* SPDX-License-Identifier: ISC */
/*
 * What became of something that was shown to a room: one outcome, with a code
 * and what to ask for.
 */
#ifndef TORFED_ROOM_VERDICT_H
#define TORFED_ROOM_VERDICT_H

#include <stdint.h>

#include "proto/code.h"

enum room_outcome {
	ROOM_TAKEN,   /* to be stored; acknowledged as accepted */
	ROOM_KNOWN,   /* as it was before; acknowledged as duplicate */
	ROOM_HELD,    /* to be stored and judged again; accepted */
	ROOM_REFUSED, /* never: rejected, with code */
	ROOM_WAIT,    /* not now: retry, with code and seconds */
	ROOM_CONFLICT /* rejected, with code; both contents are evidence */
};

/* Marks of a message that is taken. */
#define ROOM_LATE \
	0x01U		      /* sender's membership ended long ago: kept,
			       * not shown */
#define ROOM_WAS_HELD	0x02U /* came before the state it was written under */
#define ROOM_UNVERIFIED 0x04U /* that state is still not known */
#define ROOM_HIDDEN	0x08U /* kept, not shown */
#define ROOM_FILLED	0x10U /* its number had been declared void */
/* Refused, but its number in the stream is settled all the same. */
#define ROOM_SETTLED	0x20U

struct room_verdict {
	enum room_outcome outcome;
	enum code code;	  /* CODE_OK when taken, known or held */
	uint32_t seconds; /* with ROOM_WAIT */
	unsigned int flags;
	/* numbers to ask for, both ends included; from 0: none. With
	 * ROOM_CONFLICT from is the number in dispute; with ROOM_KNOWN and
	 * ROOM_FROZEN it is not 0 if that event is in dispute, and then whoever
	 * showed it is shown why. */
	int64_t from;
	int64_t to;
};

#endif
