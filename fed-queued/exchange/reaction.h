/* SPDX-License-Identifier: ISC */
/*
 * What each outcome of an exchange calls for: one table. Nothing unsigned ever
 * settles an item or counts against it.
 */
#ifndef TORFED_EXCHANGE_REACTION_H
#define TORFED_EXCHANGE_REACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange/ack.h"
#include "proto/code.h"

struct transport_outcome;

enum item_effect {
	ITEM_DELIVERED,
	ITEM_FAILED,  /* dead letter, at once */
	ITEM_REFUSED, /* counts; dead letter once there were too many */
	ITEM_LATER    /* nothing counted */
};

enum destination_effect {
	DESTINATION_GOOD,      /* its back-off ends */
	DESTINATION_BACK_OFF,  /* exponential, with jitter */
	DESTINATION_LONG,      /* the longest back-off at once */
	DESTINATION_WAIT,      /* for as long as it said */
	DESTINATION_NONE,      /* not its fault, or not its business */
	DESTINATION_HANDSHAKE, /* one handshake, one retry, then back off */
	DESTINATION_PROVE, /* a handshake, then back off (servers/suspect.h) */
	DESTINATION_PAUSE  /* our own outage: all sending pauses */
};

struct reaction {
	enum item_effect item;
	enum destination_effect destination;
	bool fresh_circuit;
};

/* result: of the item; NULL where the outcome has none. */
struct reaction reaction_find(
    const struct transport_outcome *, const struct ack_result *result);

#endif
