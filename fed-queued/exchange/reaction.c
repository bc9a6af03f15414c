/* SPDX-License-Identifier: ISC */
/* What each outcome calls for; see reaction.h. */
#include <stddef.h>

#include "exchange/reaction.h"
#include "exchange/transport.h"

/* Outcomes without a valid acknowledgement. The item always waits. */
static const struct {
	enum code code;
	enum destination_effect destination;
	bool fresh_circuit;
} local_reactions[] = {
    /* ours: tor is not there */
    {CODE_TOR_DOWN, DESTINATION_PAUSE, false},
    /* ours: fed-signer refuses (rate, certificate) */
    {CODE_BUSY, DESTINATION_PAUSE, false},
    {CODE_SOCKS_PROTOCOL, DESTINATION_BACK_OFF, false},
    {CODE_SOCKS_GENERAL, DESTINATION_BACK_OFF, false},
    {CODE_SOCKS_RULES, DESTINATION_LONG, false},
    {CODE_SOCKS_NETWORK, DESTINATION_BACK_OFF, false},
    {CODE_SOCKS_HOST, DESTINATION_BACK_OFF, false},
    {CODE_SOCKS_REFUSED, DESTINATION_BACK_OFF, false},
    {CODE_SOCKS_TTL, DESTINATION_BACK_OFF, true},
    {CODE_SOCKS_COMMAND, DESTINATION_LONG, false},
    /* F0 to F7 */
    {CODE_ONION_NOT_FOUND, DESTINATION_BACK_OFF, false},
    {CODE_ONION_INVALID, DESTINATION_BACK_OFF, false},
    {CODE_ONION_INTRODUCTION, DESTINATION_BACK_OFF, true},
    {CODE_ONION_RENDEZVOUS, DESTINATION_BACK_OFF, true},
    {CODE_ONION_AUTH_MISSING, DESTINATION_LONG, false},
    {CODE_ONION_AUTH_WRONG, DESTINATION_LONG, false},
    {CODE_ONION_ADDRESS, DESTINATION_LONG, false},
    {CODE_ONION_TIMEOUT, DESTINATION_BACK_OFF, true},
    {CODE_TIMEOUT_CONNECT, DESTINATION_BACK_OFF, true},
    {CODE_TIMEOUT_SEND, DESTINATION_BACK_OFF, true},
    {CODE_TIMEOUT_ANSWER, DESTINATION_BACK_OFF, true},
    {CODE_CLOSED, DESTINATION_BACK_OFF, false},
    {CODE_ANSWER_HTTP, DESTINATION_BACK_OFF, false},
    {CODE_ANSWER_JSON, DESTINATION_BACK_OFF, false},
    {CODE_ANSWER_UNBOUND, DESTINATION_BACK_OFF, false},
    /* an acknowledgement under a key that we lack or that does not hold:
     * the peer may have a new certificate */
    {CODE_KEY_UNKNOWN, DESTINATION_HANDSHAKE, false},
    {CODE_SERVER_UNKNOWN, DESTINATION_HANDSHAKE, false},
    {CODE_CERTIFICATE_EXPIRED, DESTINATION_HANDSHAKE, false},
    {CODE_ANSWER_SIGNATURE, DESTINATION_BACK_OFF, false},
};

static struct reaction
reaction_local(const struct transport_outcome *outcome)
{
	struct reaction reaction = {ITEM_LATER, DESTINATION_BACK_OFF, false};
	size_t i;

	if (outcome->code == CODE_ANSWER_UNSIGNED) {
		if (outcome->status == 401)
			reaction.destination = DESTINATION_HANDSHAKE;
		else if ((outcome->status == 429 || outcome->status == 503) &&
			 outcome->retry_after > 0)
			reaction.destination = DESTINATION_WAIT;
		return reaction;
	}
	for (i = 0; i < sizeof(local_reactions) / sizeof(local_reactions[0]);
	     i++)
		if (local_reactions[i].code == outcome->code) {
			reaction.destination = local_reactions[i].destination;
			reaction.fresh_circuit =
			    local_reactions[i].fresh_circuit;
			break;
		}
	return reaction;
}

/* What was asked for before a handshake is asked for again: it is not known
 * yet whether that helped. */
static struct reaction
reaction_unacknowledged(const struct transport_outcome *outcome)
{
	struct reaction reaction = reaction_local(outcome);

	if (reaction.destination == DESTINATION_HANDSHAKE &&
	    outcome->introduced)
		reaction.destination = DESTINATION_NONE;
	return reaction;
}

/*
 * Signed codes that concern the server; all others concern the item. Of other
 * items than messages a server may be too busy, or want another level of trust,
 * for one room or one user alone.
 */
static const struct {
	enum code code;
	bool messages; /* only of these */
	enum destination_effect destination;
} server_codes[] = {
    {CODE_RATE, false, DESTINATION_WAIT},
    {CODE_BUSY, true, DESTINATION_WAIT},
    {CODE_STORAGE, true, DESTINATION_WAIT},
    /* a clock is wrong, there or here */
    {CODE_CLOCK_AHEAD, false, DESTINATION_BACK_OFF},
    {CODE_CLOCK_BEHIND, false, DESTINATION_BACK_OFF},
    /* an admin has to act: hours, not minutes */
    {CODE_UNTRUSTED, true, DESTINATION_LONG},
    {CODE_VERSION, false, DESTINATION_LONG},
};

/* The same of an item: what an admin there has to change for it. */
const enum code reaction_appeals[] = {CODE_UNTRUSTED, CODE_OK};

static bool
item_appeals(enum code code)
{
	size_t i;

	for (i = 0; reaction_appeals[i] != CODE_OK; i++)
		if (reaction_appeals[i] == code)
			return true;
	return false;
}

/* DESTINATION_GOOD: it does not concern the server. */
static enum destination_effect
server_effect(enum code code, bool message)
{
	size_t i;

	for (i = 0; i < sizeof(server_codes) / sizeof(server_codes[0]); i++)
		if (server_codes[i].code == code)
			return message || !server_codes[i].messages
				   ? server_codes[i].destination
				   : DESTINATION_GOOD;
	return DESTINATION_GOOD;
}

static struct reaction
reaction_retry(enum code code, bool message)
{
	struct reaction reaction = {
	    ITEM_LATER, server_effect(code, message), false};

	if (reaction.destination == DESTINATION_GOOD)
		reaction.item =
		    item_appeals(code) ? ITEM_APPEALS : ITEM_POSTPONED;
	return reaction;
}

static struct reaction
reaction_rejected(enum code code, bool message)
{
	struct reaction reaction = {
	    ITEM_REFUSED, server_effect(code, message), false};

	/* CODE_COUNT is a newer peer's word: it counts, and is tried again. */
	if (code == CODE_COUNT)
		return reaction;
	if (code_class(code) == CODE_CLASS_NEVER)
		return (struct reaction){ITEM_FAILED, DESTINATION_GOOD, false};
	/* Nobody has judged the item. */
	if (code_class(code) == CODE_CLASS_ADMINISTRATIVE)
		return reaction_retry(code, message);
	if (reaction.destination == DESTINATION_WAIT) /* it says no time */
		reaction.destination = DESTINATION_BACK_OFF;
	return reaction;
}

struct reaction
reaction_find(const struct transport_outcome *outcome,
    const struct ack_result *result, bool message)
{
	if (outcome->code != CODE_OK)
		return reaction_unacknowledged(outcome);
	switch (result->status) {
	case ACK_ACCEPTED:
	case ACK_DUPLICATE:
		return (struct reaction){
		    ITEM_DELIVERED, DESTINATION_GOOD, false};
	case ACK_REJECTED:
		return reaction_rejected(result->code, message);
	case ACK_RETRY:
	default:
		return reaction_retry(result->code, message);
	}
}
