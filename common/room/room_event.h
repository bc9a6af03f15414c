/* SPDX-License-Identifier: ISC */
/*
 * State events: what a room's home decided, numbered from 1, each naming the
 * hash of the one before, signed once by the home's signing key and kept byte
 * for byte; valid from any hand.
 *
 * The text is signtext_state()'s; what the event says beside it is its
 * payload, canonical JSON that other code parses into struct room_content.
 */
#ifndef TORFED_ROOM_EVENT_H
#define TORFED_ROOM_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/signtext.h"
#include "room/room_id.h"

#define ROOM_HASH	 32 /* SHA-256 */
#define ROOM_NONCE	 16 /* bytes, random; an invitation's */
#define ROOM_NUMBER_MAX	 INT64_C(9007199254740991) /* 2^53-1 */
#define ROOM_SERVERS_MAX 256		 /* beside the home; listed, too */
#define ROOM_INVITE_S	 (7 * 24 * 3600) /* an invitation lasts at most */
/* An event further ahead of our clock waits; a home signs none. */
#define ROOM_AHEAD_S	 (24 * 3600)

enum room_kind {
	ROOM_CREATE,
	ROOM_INVITE,
	ROOM_JOIN,
	ROOM_LEAVE,
	ROOM_REMOVE, /* a member, or who has an invitation that is open */
	ROOM_SERVERS,
	ROOM_RENAME, /* encrypted: nothing to decide */
	ROOM_FEDERATION,
	ROOM_CLOSE,
	ROOM_KEY, /* the home's new key: vouches for what lies before */
	ROOM_KINDS
};

/* What an event's payload says, as far as a decision needs it. */
struct room_content {
	/* create: who made it; invite: the invitee; join, leave, remove: who */
	struct room_user user;
	struct room_user inviter;  /* invite */
	uint8_t nonce[ROOM_NONCE]; /* invite, and join when has_nonce */
	bool has_nonce;		   /* join: uses an invitation */
	int64_t expires;	   /* invite: seconds since 1970 */
	bool require_invite;	   /* create: requireInviteForJoin */
	bool federated;		   /* create, federation */
	bool restricted;	   /* create, allowed_servers: a list */
};

struct room_event {
	struct room_id room;
	int64_t number;
	uint8_t previous[ROOM_HASH]; /* zeros in the first */
	enum room_kind kind;
	int64_t timestamp;	   /* seconds since 1970; never goes back */
	uint8_t key_id[ROOM_HASH]; /* of the home's certificate */
	uint8_t payload_hash[ROOM_HASH];
	struct room_content content; /* not in the text */
};

/* "create" ... "allowed_servers" ... "key". */
const char *room_kind_name(enum room_kind);
/* ROOM_KINDS when there is none of that name. */
enum room_kind room_kind_find(const char *name, size_t length);

/* text: SIGNTEXT_STATE_MAX bytes. Returns the length; not terminated. */
size_t room_event_text(char *text, const struct room_event *);
/* SHA-256 of the text: what the next event calls previous. */
void room_event_hash(uint8_t hash[ROOM_HASH], const struct room_event *);
/*
 * The text alone, content left empty; what parses is byte for byte what
 * room_event_text() would write. CODE_OK; STATE_EVENT, ROOM_ID or what is
 * wrong with the home's address.
 */
enum code room_event_parse(
    struct room_event *, const char *text, size_t length);
/*
 * Whether the home's signing key signed it; key from a certificate of the
 * home that was verified and has the event's key id.
 */
bool room_event_verify(const struct room_event *, const uint8_t signature[64],
    const uint8_t key[32]);

#endif
