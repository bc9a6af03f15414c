/* SPDX-License-Identifier: ISC */
/*
 * Who may send what to whom, and how long it may be.  Every missing line is a
 * security statement: there is no way from fed-listener or fed-sender to
 * fed-signer, and nobody but fed-queued may ask for a signature.
 *
 * The lengths are those of the codecs in message.c, added up field by field;
 * the unit test of the codecs encodes the shortest and the longest message of
 * each type and holds them against this table.  For what carries parts of the
 * protocol (common/proto/wire.c) the upper bound is what two busy channels may
 * cost in memory; its decoders are stricter.
 */
#include "channel.h"
#include "message.h"

#define STRING(size)	  (4 + (size)-1) /* longest string of a field */

#define START_MIN	  (4 * 4 + 2 * 4)
#define START_MAX	  (4 * 4 + 2 * STRING(PATH_MAX_SHORT))
#define SETTINGS_MIN	  (sizeof(struct settings) + 4)
#define SETTINGS_MAX	  (sizeof(struct settings) + STRING(DATABASE_SIZE))
#define GO		  (4 + 8 + 4 * ROLE_COUNT)

#define IDENTITY_MIN	  (32 + 32 + 4 + 1)
#define IDENTITY_MAX	  (32 + 32 + 4 + IDENTITY_CERTIFICATE_MAX)

/* What an envelope and a batch have in common, the type's characters apart. */
#define SIGN_COMMON	  (4 + 16 + 32 + 32 + 8)
#define SIGN_ITEM	  (16 + 32)
#define SIGN_ENVELOPE_MIN (SIGN_COMMON + 1 + 32)
#define SIGN_ENVELOPE_MAX (SIGN_COMMON + SIGN_TYPE_SIZE - 1 + 32)
#define SIGN_BATCH_MIN	  (SIGN_COMMON + 1 + 4 + SIGN_ITEM)
#define SIGN_BATCH_MAX \
	(SIGN_COMMON + SIGN_TYPE_SIZE - 1 + 4 + SIGN_ITEMS_MAX * SIGN_ITEM)

#define CONTROL_MIN  (2 + 4)
#define CONTROL_MAX  (2 + 4 + CONTROL_ARGUMENTS * STRING(CONTROL_ARGUMENT_SIZE))
#define ROW_MIN	     (4 + 1 + 4) /* its kind, and no field */
#define END_MIN	     (1 + 4 + 4)
#define END_MAX	     (1 + STRING(32) + STRING(256))

/* common/proto/wire.c: an envelope with a type of one character, no handshake
 * and a payload of one byte; what goes around it. */
#define ENVELOPE_MIN (4 + 1 + 16 + 32 + 32 + 8 + 32 + 64 + 1 + 4 + 1)
#define REQUEST_MIN  (8 + 1 + ENVELOPE_MIN)
#define RESPONSE_MIN (2 + 4 + 4)	  /* a status alone */
#define SEND_MIN     (32 + 4 + 1 + 4 + 1) /* a body of one byte */
#define SENT_MIN     (2 + 2 + 4 + 1)	  /* a code alone */

/* Exactly length bytes. */
#define EXACT(type, from, to, length)                                         \
	{                                                                     \
		MSG_##type, ROLE_##from, ROLE_##to, (length), (length), false \
	}
#define BETWEEN(type, from, to, minimum, maximum)                         \
	{                                                                 \
		MSG_##type, ROLE_##from, ROLE_##to, (minimum), (maximum), \
		    false                                                 \
	}
/* With a descriptor. */
#define CARRIES(type, from, to, length)                                      \
	{                                                                    \
		MSG_##type, ROLE_##from, ROLE_##to, (length), (length), true \
	}

/* What fedd says to each of its children, and what each answers. */
#define CHILD(role)                                                            \
	BETWEEN(START, FEDD, role, START_MIN, START_MAX),                      \
	    CARRIES(CHANNEL, FEDD, role, 1), EXACT(SETUP_DONE, FEDD, role, 0), \
	    EXACT(GO, FEDD, role, GO), EXACT(READY, role, FEDD, 0)

static const struct permission table[] = {
    CHILD(LISTENER),
    EXACT(SETTINGS, FEDD, LISTENER, SETTINGS_MIN),
    CARRIES(DESCRIPTOR, FEDD, LISTENER, 1),

    CHILD(SIGNER),
    EXACT(SETTINGS, FEDD, SIGNER, SETTINGS_MIN),
    CARRIES(DESCRIPTOR, FEDD, SIGNER, 1),

    CHILD(SENDER),
    EXACT(SETTINGS, FEDD, SENDER, SETTINGS_MIN),
    EXACT(SOCKS_WANTED, SENDER, FEDD, 0),
    CARRIES(SOCKS, FEDD, SENDER, 0),
    EXACT(SOCKS_FAILED, FEDD, SENDER, 4),

    /* The database's string goes to fed-queued alone. */
    CHILD(QUEUED),
    BETWEEN(SETTINGS, FEDD, QUEUED, SETTINGS_MIN, SETTINGS_MAX),
    CARRIES(DESCRIPTOR, FEDD, QUEUED, 1),

    BETWEEN(
	SIGN_ENVELOPE, QUEUED, SIGNER, SIGN_ENVELOPE_MIN, SIGN_ENVELOPE_MAX),
    BETWEEN(SIGN_BATCH, QUEUED, SIGNER, SIGN_BATCH_MIN, SIGN_BATCH_MAX),
    EXACT(SIGNATURE, SIGNER, QUEUED, 64),
    EXACT(SIGN_REFUSED, SIGNER, QUEUED, 1),
    BETWEEN(IDENTITY, SIGNER, QUEUED, IDENTITY_MIN, IDENTITY_MAX),
    BETWEEN(IDENTITY, QUEUED, LISTENER, IDENTITY_MIN, IDENTITY_MAX),

    BETWEEN(REQUEST, LISTENER, QUEUED, REQUEST_MIN, MESSAGE_LARGE),
    BETWEEN(RESPONSE, QUEUED, LISTENER, RESPONSE_MIN, MESSAGE_LARGE),
    BETWEEN(SEND, QUEUED, SENDER, SEND_MIN, MESSAGE_LARGE),
    BETWEEN(SENT, SENDER, QUEUED, SENT_MIN, MESSAGE_LARGE),

    BETWEEN(CONTROL_REQUEST, CONTROL, QUEUED, CONTROL_MIN, CONTROL_MAX),
    BETWEEN(CONTROL_ROW, QUEUED, CONTROL, ROW_MIN, MESSAGE_SMALL),
    BETWEEN(CONTROL_END, QUEUED, CONTROL, END_MIN, END_MAX),
};

_Static_assert(CONTROL_MAX <= MESSAGE_SMALL, "a request is small");
_Static_assert(SETTINGS_MAX <= MESSAGE_SMALL, "settings are small");
_Static_assert(SIGN_BATCH_MAX <= MESSAGE_BATCH, "a batch fits");

#define COUNT (sizeof(table) / sizeof(table[0]))

const struct permission *
permission_find(uint16_t type, enum role from, enum role to)
{
	size_t i;

	for (i = 0; i < COUNT; i++)
		if (table[i].type == type && table[i].from == from &&
		    table[i].to == to)
			return &table[i];
	return NULL;
}

const struct permission *
permission_table(size_t *count)
{
	*count = COUNT;
	return table;
}
