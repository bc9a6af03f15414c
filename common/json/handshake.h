/* SPDX-License-Identifier: ISC */
/*
 * What a handshake says, reduced to typed fields of fixed size, so that a
 * stranger's JSON never reaches the process that holds the database. The
 * payload of a handshake, and "answer" in the acknowledgement of one:
 *
 *	{"certificate":"<base64 of the certificate>",
 *	 "description":"...",	optional, <= 256 bytes
 *	 "name":"...",		optional, <= 64 bytes
 *	 "protocols":["tor-chat-federation-v1"],	1 to 8, <= 32 bytes each
 *	 "version":"..."}	optional, <= 50 bytes
 */
#ifndef TORFED_HANDSHAKE_H
#define TORFED_HANDSHAKE_H

#include <jansson.h>
#include <stdbool.h>

#include "proto/cert.h"

#define HANDSHAKE_NAME_MAX	  64
#define HANDSHAKE_DESCRIPTION_MAX 256
#define HANDSHAKE_VERSION_MAX	  50
#define HANDSHAKE_PROTOCOLS_MAX	  8
#define HANDSHAKE_PROTOCOL_MAX	  32

struct handshake {
	struct cert cert;		   /* shape checked, not verified */
	char name[HANDSHAKE_NAME_MAX + 1]; /* UTF-8, "" none */
	char description[HANDSHAKE_DESCRIPTION_MAX + 1];
	char version[HANDSHAKE_VERSION_MAX + 1];
	uint32_t protocol_count;
	char protocols[HANDSHAKE_PROTOCOLS_MAX][HANDSHAKE_PROTOCOL_MAX + 1];
};

/*
 * From a payload or an answer. CODE_OK, PAYLOAD_MALFORMED or
 * CERTIFICATE_MALFORMED. Unknown members are left alone; an optional member
 * that is there must have its type and size.
 */
enum code handshake_reduce(struct handshake *, const json_t *);
/* Whether it names the protocol that it is written in. */
bool handshake_speaks(const struct handshake *);
/*
 * The canonical object, newly allocated (free()). NULL: out of memory, or a
 * text that is not valid.
 */
char *handshake_format(const struct handshake *, size_t *length);

#endif
