/* SPDX-License-Identifier: ISC */
/*
 * Signing texts: UTF-8 lines joined by LF, no LF at the end; the first line
 * separates the domains (man page federation, "Signatures").
 */
#ifndef TORFED_SIGNTEXT_H
#define TORFED_SIGNTEXT_H

#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_VERSION      "tor-chat-federation-v1"
#define TYPE_SIZE	      33  /* [a-z_]{1,32} and NUL */
#define SIGNTEXT_ENVELOPE_MAX 512 /* bytes; enough for any envelope */
#define SIGNTEXT_ITEM_MAX     256
#define BATCH_ITEMS	      64 /* in one request, at most */
/* A batch of n items: the envelope's lines and n lines of 81 bytes each. */
#define SIGNTEXT_BATCH_MAX    (SIGNTEXT_ENVELOPE_MAX + BATCH_ITEMS * 82)
#define SIGNTEXT_STATE_MAX    512 /* bytes; enough for any state event */
#define STATE_DOMAIN	      PROTOCOL_VERSION "/state"

/* What a signature over an envelope covers, but for the payload. */
struct envelope_header {
	char type[TYPE_SIZE];
	uint8_t id[16];	    /* UUID */
	uint8_t origin[32]; /* identity key = onion address */
	uint8_t destination[32];
	int64_t timestamp;  /* seconds since 1970 */
	uint8_t key_id[32]; /* SHA-256 of the certificate's text */
};

/* One item of a batch. */
struct batch_item {
	uint8_t id[16];
	uint8_t digest[32];
};

/* What a signature over a room's state event covers, but for the payload. */
struct state_header {
	uint8_t room[16];     /* UUID */
	uint8_t home[32];     /* with it: the global room id */
	int64_t number;	      /* 1 for the first event */
	uint8_t previous[32]; /* SHA-256 of the text before; first: zeros */
	char kind[TYPE_SIZE]; /* [a-z_]{1,32} */
	int64_t timestamp;    /* seconds since 1970 */
	uint8_t key_id[32];   /* of the home's certificate */
};

/* text: SIGNTEXT_ENVELOPE_MAX bytes. Returns the length; not terminated. */
size_t signtext_envelope(
    char *text, const struct envelope_header *, const uint8_t payload_hash[32]);
/* text: SIGNTEXT_BATCH_MAX bytes; 1 to 64 items. */
size_t signtext_batch(char *text, const struct envelope_header *,
    const struct batch_item *items, size_t count);
/* SHA-256 over the item's own text: type, id, hash of canonical payload. */
void signtext_item_digest(uint8_t digest[32], const char *type,
    const uint8_t id[16], const uint8_t payload_hash[32]);
/* text: SIGNTEXT_STATE_MAX bytes. Returns the length; not terminated. */
size_t signtext_state(
    char *text, const struct state_header *, const uint8_t payload_hash[32]);
/* [a-z_]{1,32}. */
int signtext_type_valid(const char *type, size_t length);

#endif
