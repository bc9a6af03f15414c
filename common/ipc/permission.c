/* SPDX-License-Identifier: ISC */
/*
 * Who may send what to whom, and how long it may be.  Every missing line is a
 * security statement: there is no way from fed-listener or fed-sender to
 * fed-signer, and nobody but fed-queued may ask for a signature.
 *
 * The lengths are those of the codecs in message.c, added up field by field;
 * the unit test of the codecs encodes the shortest and the longest message of
 * each type and holds them against this table.  For what carries parts of the
 * protocol (common/json/wire.c) the upper bound is what two busy channels may
 * cost in memory; its decoders are stricter.
 */
#include "ipc/channel.h"
#include "ipc/message.h"
#include "ipc/permission.h"

#define STRING(size)	  (4 + (size)-1) /* longest string of a field */

#define START_MIN	  (4 * 4 + 2 * 4)
#define START_MAX	  (4 * 4 + 2 * STRING(PATH_MAX_SHORT))
#define SETTINGS_MIN	  (sizeof(struct settings) + 4)
#define SETTINGS_MAX	  (sizeof(struct settings) + STRING(DATABASE_SIZE))
#define GO_LENGTH	  (4 + 8 + 4 * ROLE_COUNT)

#define KEYS_LENGTH	  (32 + 32 + 8 + 1)

#define IDENTITY_MIN	  (32 + 32 + 8 + 4 + 1)
#define IDENTITY_MAX	  (32 + 32 + 8 + 4 + IDENTITY_CERTIFICATE_MAX)

/* What an envelope and a batch have in common, the type's characters apart. */
#define SIGN_COMMON	  (4 + 16 + 32 + 32 + 8 + 8)
#define SIGN_ITEM	  (16 + 32)
#define SIGN_ENVELOPE_MIN (SIGN_COMMON + 1 + 32)
#define SIGN_ENVELOPE_MAX (SIGN_COMMON + SIGN_TYPE_SIZE - 1 + 32)
#define SIGN_BATCH_MIN	  (SIGN_COMMON + 1 + 4 + SIGN_ITEM)
#define SIGN_BATCH_MAX \
	(SIGN_COMMON + SIGN_TYPE_SIZE - 1 + 4 + SIGN_ITEMS_MAX * SIGN_ITEM)
/* The same of a state event. */
#define SIGN_STATE  (16 + 8 + 32 + 4 + 8 + 32 + 8)

#define CONTROL_MIN (2 + 4)
#define CONTROL_MAX \
	(CONTROL_MIN + CONTROL_ARGUMENTS * STRING(CONTROL_ARGUMENT_SIZE))
#define ROW_MIN	      (4 + 1 + 4) /* its kind, and no field */
#define END_MIN	      (1 + 4 + 4)
#define END_MAX	      (1 + STRING(32) + STRING(256))

/* common/json/wire.c: an envelope with a type of one character, no handshake
 * and a payload of one byte; what goes around it. */
#define ENVELOPE_MIN  (4 + 1 + 16 + 32 + 32 + 8 + 32 + 64 + 1 + 1 + 4 + 1)
#define REQUEST_MIN   (8 + 1 + ENVELOPE_MIN)
#define RESPONSE_MIN  (2 + 4 + 4)	   /* a status alone */
#define SEND_MIN      (32 + 4 + 1 + 4 + 1) /* a body of one byte */
#define SENT_MIN      (2 + 2 + 4 + 1)	   /* a code alone */
#define PROBE_LENGTH  (32 + 4)
#define PROBED_LENGTH (2 + 2)

#define LIMITS_LENGTH (4 * 8 * LIMIT_LISTENER_COUNT)

#define EXACT(length) (length), (length)

/* Type, from, to, shortest, longest, with a descriptor. */
static const struct permission table[] = {
    /* The start: fedd and each of its children. */
    {MSG_START, ROLE_FEDD, ROLE_LISTENER, START_MIN, START_MAX, false},
    {MSG_SETTINGS, ROLE_FEDD, ROLE_LISTENER, EXACT(SETTINGS_MIN), false},
    {MSG_DESCRIPTOR, ROLE_FEDD, ROLE_LISTENER, EXACT(1), true},
    {MSG_CHANNEL, ROLE_FEDD, ROLE_LISTENER, EXACT(1), true},
    {MSG_SETUP_DONE, ROLE_FEDD, ROLE_LISTENER, EXACT(0), false},
    {MSG_READY, ROLE_LISTENER, ROLE_FEDD, EXACT(0), false},
    {MSG_GO, ROLE_FEDD, ROLE_LISTENER, EXACT(GO_LENGTH), false},

    {MSG_START, ROLE_FEDD, ROLE_SIGNER, START_MIN, START_MAX, false},
    {MSG_SETTINGS, ROLE_FEDD, ROLE_SIGNER, EXACT(SETTINGS_MIN), false},
    {MSG_DESCRIPTOR, ROLE_FEDD, ROLE_SIGNER, EXACT(1), true},
    {MSG_CHANNEL, ROLE_FEDD, ROLE_SIGNER, EXACT(1), true},
    {MSG_SETUP_DONE, ROLE_FEDD, ROLE_SIGNER, EXACT(0), false},
    {MSG_KEYS, ROLE_SIGNER, ROLE_FEDD, EXACT(KEYS_LENGTH), false},
    {MSG_READY, ROLE_SIGNER, ROLE_FEDD, EXACT(0), false},
    {MSG_GO, ROLE_FEDD, ROLE_SIGNER, EXACT(GO_LENGTH), false},

    {MSG_START, ROLE_FEDD, ROLE_SENDER, START_MIN, START_MAX, false},
    {MSG_SETTINGS, ROLE_FEDD, ROLE_SENDER, EXACT(SETTINGS_MIN), false},
    {MSG_CHANNEL, ROLE_FEDD, ROLE_SENDER, EXACT(1), true},
    {MSG_SETUP_DONE, ROLE_FEDD, ROLE_SENDER, EXACT(0), false},
    {MSG_READY, ROLE_SENDER, ROLE_FEDD, EXACT(0), false},
    {MSG_GO, ROLE_FEDD, ROLE_SENDER, EXACT(GO_LENGTH), false},

    /* The database's string goes to fed-queued alone. */
    {MSG_START, ROLE_FEDD, ROLE_QUEUED, START_MIN, START_MAX, false},
    {MSG_SETTINGS, ROLE_FEDD, ROLE_QUEUED, SETTINGS_MIN, SETTINGS_MAX, false},
    {MSG_DESCRIPTOR, ROLE_FEDD, ROLE_QUEUED, EXACT(1), true},
    {MSG_CHANNEL, ROLE_FEDD, ROLE_QUEUED, EXACT(1), true},
    {MSG_SETUP_DONE, ROLE_FEDD, ROLE_QUEUED, EXACT(0), false},
    {MSG_READY, ROLE_QUEUED, ROLE_FEDD, EXACT(0), false},
    {MSG_GO, ROLE_FEDD, ROLE_QUEUED, EXACT(GO_LENGTH), false},

    {MSG_SOCKS_WANTED, ROLE_SENDER, ROLE_FEDD, EXACT(0), false},
    {MSG_SOCKS, ROLE_FEDD, ROLE_SENDER, EXACT(0), true},
    {MSG_SOCKS_FAILED, ROLE_FEDD, ROLE_SENDER, EXACT(4), false},

    {MSG_RELOAD, ROLE_QUEUED, ROLE_FEDD, EXACT(0), false},
    {MSG_RELOADED, ROLE_FEDD, ROLE_QUEUED, EXACT(1), false},

    {MSG_IDENTITY, ROLE_SIGNER, ROLE_QUEUED, IDENTITY_MIN, IDENTITY_MAX, false},
    {MSG_IDENTITY, ROLE_QUEUED, ROLE_LISTENER, IDENTITY_MIN, IDENTITY_MAX,
	false},
    {MSG_SIGN_ENVELOPE, ROLE_QUEUED, ROLE_SIGNER, SIGN_ENVELOPE_MIN,
	SIGN_ENVELOPE_MAX, false},
    {MSG_SIGN_BATCH, ROLE_QUEUED, ROLE_SIGNER, SIGN_BATCH_MIN, SIGN_BATCH_MAX,
	false},
    {MSG_SIGN_STATE, ROLE_QUEUED, ROLE_SIGNER, SIGN_STATE + 1,
	SIGN_STATE + SIGN_TYPE_SIZE - 1, false},
    {MSG_SIGNATURE, ROLE_SIGNER, ROLE_QUEUED, EXACT(64), false},
    {MSG_SIGN_REFUSED, ROLE_SIGNER, ROLE_QUEUED, EXACT(1), false},

    {MSG_REQUEST, ROLE_LISTENER, ROLE_QUEUED, REQUEST_MIN, MESSAGE_LARGE,
	false},
    {MSG_LIMITS, ROLE_LISTENER, ROLE_QUEUED, EXACT(LIMITS_LENGTH), false},
    {MSG_RESPONSE, ROLE_QUEUED, ROLE_LISTENER, RESPONSE_MIN, MESSAGE_LARGE,
	false},
    {MSG_SEND, ROLE_QUEUED, ROLE_SENDER, SEND_MIN, MESSAGE_LARGE, false},
    {MSG_SENT, ROLE_SENDER, ROLE_QUEUED, SENT_MIN, MESSAGE_LARGE, false},
    {MSG_PROBE, ROLE_QUEUED, ROLE_SENDER, EXACT(PROBE_LENGTH), false},
    {MSG_PROBED, ROLE_SENDER, ROLE_QUEUED, EXACT(PROBED_LENGTH), false},

    {MSG_CONTROL_REQUEST, ROLE_CONTROL, ROLE_QUEUED, CONTROL_MIN, CONTROL_MAX,
	false},
    {MSG_CONTROL_ROW, ROLE_QUEUED, ROLE_CONTROL, ROW_MIN, MESSAGE_SMALL, false},
    {MSG_CONTROL_END, ROLE_QUEUED, ROLE_CONTROL, END_MIN, END_MAX, false},
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
