/* SPDX-License-Identifier: ISC */
/*
 * Whether the database was put back to a backup, and what follows when our own
 * signature shows something that it does not have; see room_restore.h.
 */
#ifndef TORFED_EXCHANGE_RESTORED_H
#define TORFED_EXCHANGE_RESTORED_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/onion.h"
#include "room/room_restore.h"

/* ok false: the database failed, to be asked again. */
typedef void (*restored_callback)(bool ok, bool restored);

/*
 * Compares the database's mark with the signer's log and with what was signed
 * since. When the database is older, a new epoch has begun in it when the
 * callback comes. One at a time; who we are must be known.
 */
void restored_check(restored_callback);

/* What is known of the past: as of the last look, a minute ago at most. */
const struct room_past *restored_past(void);
/* Looks again, and ends the restored state when it is time. Every few seconds.
 * True: it has begun since, and all servers are to be asked. */
bool restored_tick(void);

/*
 * Something that we have not carries our signature, which was verified, under a
 * certificate that is not revoked.
 */
struct restored_shown {
	int64_t epoch;	 /* of a message; 0 of an event */
	uint64_t serial; /* of the certificate */
	uint8_t via[ONION_KEY];
};
enum restored_outcome {
	RESTORED_TAKE,	/* we forgot it, and take it */
	RESTORED_BEGUN, /* the same; the restored state has just begun */
	RESTORED_ALARM, /* nothing of it is taken; the alarm is stored */
	RESTORED_FAILED /* the database did not answer */
};
void restored_judge(const struct restored_shown *,
    void (*done)(enum restored_outcome, void *argument), void *argument);

/* An admin says that the whole machine went back, the log of signatures, too.
 * epoch: that has begun, 0 when the database failed. */
void restored_declare(const char *actor,
    void (*done)(int64_t epoch, void *argument), void *argument);

#endif
