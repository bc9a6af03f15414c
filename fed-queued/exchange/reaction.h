/* SPDX-License-Identifier: ISC */
/*
 * What each outcome of an exchange calls for: one table. Nothing unsigned ever
 * settles an item or counts against it.
 *
 * A wait belongs to what it concerns. Where the peer asks for one, or an admin
 * has to act, either the server waits, and the items with it as they are, or
 * the item alone, at the head of what keeps its order with it: the other items
 * of its room in that lane (sql/queue.sql). A code that is not in the table of
 * those that concern the server is the item's own.
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
	ITEM_FAILED,	/* dead letter, at once */
	ITEM_REFUSED,	/* counts; dead letter once there were too many; it
			 * waits by itself */
	ITEM_POSTPONED, /* nothing counted; it waits by itself */
	ITEM_APPEALS,	/* the same, and longest: an admin there must act */
	ITEM_LATER	/* nothing counted; it is due when its server is */
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

/* The codes with which an item appeals: a list that ends with CODE_OK. */
extern const enum code reaction_appeals[];

/*
 * result: of the item; NULL where the outcome has none. message: the item is a
 * message, which is all that some codes say anything of.
 */
struct reaction reaction_find(const struct transport_outcome *,
    const struct ack_result *result, bool message);

#endif
