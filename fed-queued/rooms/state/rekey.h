/* SPDX-License-Identifier: ISC */
/*
 * After our certificate has revoked others: each room of ours whose last event
 * one of those signed gets an event of the kind key (federation(7), "State").
 */
#ifndef TORFED_ROOMS_STATE_REKEY_H
#define TORFED_ROOMS_STATE_REKEY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Looks for such rooms, a few at a time, until there are none; again after a
 * new certificate. Costs nothing once that is done.
 */
void rekey_look(void);
/* Whether a certificate of ours with that key id is known to be revoked. */
bool rekey_due(const uint8_t key_id[32]);

#endif
