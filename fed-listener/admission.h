/* SPDX-License-Identifier: ISC */
/*
 * Memory for large bodies. A body of one size class (8 KiB) is read at once;
 * larger ones share ADMISSION_MAX bytes, and those that do not fit wait in
 * line, unread. While one waits, a body that comes more slowly than
 * ADMISSION_RATE loses its place: so bodies that are announced and do not come
 * keep no other out.
 */
#ifndef TORFED_FED_LISTENER_ADMISSION_H
#define TORFED_FED_LISTENER_ADMISSION_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADMISSION_FREE	   8192U /* bytes of a body that is not counted */
#define ADMISSION_MAX	   (4U * 1024 * 1024) /* bytes at once */
#define ADMISSION_RATE	   (16 * 1024)	      /* bytes a second */
#define ADMISSION_GRACE_MS 1000		      /* before the rate counts */
#define ADMISSION_READY	   (32U * 1024) /* bytes arrived, to leave the line */

struct admission {
	size_t used;	   /* bytes */
	struct event next; /* somebody waits: see who can go on */
};

/* Whether length bytes are granted; they are to be given back then. */
bool admission_take(struct admission *, size_t length);
void admission_release(struct admission *, size_t length);
/*
 * Whether a body that began at start_ms is slower than ADMISSION_RATE, the
 * first grace_ms milliseconds apart.
 */
bool admission_slow(
    int64_t start_ms, int64_t grace_ms, size_t received, int64_t now_ms);
/*
 * When a body's time is over: start and timeout, or earlier when it comes
 * with fewer than rate bytes a second after a grace of 5 s. rate 0: none.
 */
int64_t admission_deadline(
    int64_t start_ms, int64_t timeout_ms, int64_t rate, size_t received);

#endif
