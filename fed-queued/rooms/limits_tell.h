/* SPDX-License-Identifier: ISC */
/*
 * Limits of rooms that SQL applies by itself: what an application's calls are
 * held to before anything is decided (sql/rooms/contract.sql), and how much of
 * a kind is kept. They stand in C; the database is told.
 */
#ifndef TORFED_ROOMS_LIMITS_TELL_H
#define TORFED_ROOMS_LIMITS_TELL_H

/* The database is up and ours. */
void limits_tell(void);

#endif
