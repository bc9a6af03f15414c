/* SPDX-License-Identifier: ISC */
/*
 * The limiters of all processes: one table of names that logs, fedctl and the
 * manual pages share. NAME, name, kind, unit of what is limited.
 */
#ifndef TORFED_LIMIT_NAMES_H
#define TORFED_LIMIT_NAMES_H

#include "ipc/channel.h"

/* fed-listener's, in the order in which it reports them to fed-queued. */
#define LIMITS_LISTENER(X)                                                     \
	X(CONNECTIONS, "connections", LEVEL, "connections")                    \
	X(CONNECTIONS_PER_CIRCUIT, "connections-per-circuit", LEVEL,           \
	    "connections")                                                     \
	X(REQUESTS_PER_CIRCUIT, "requests-per-circuit", LEVEL, "requests/min") \
	X(FAILURES_PER_CIRCUIT, "failures-per-circuit", LEVEL, "failures/min") \
	X(REQUESTS_PENDING, "requests-pending", LEVEL, "requests")             \
	X(BODY_MEMORY, "body-memory", LEVEL, "bytes")                          \
	X(DESCRIPTORS, "descriptors", EVENT, "") /* EMFILE, ENFILE */          \
	X(HEAD_TIME, "head-time", BOUND, "ms")                                 \
	X(BODY_TIME, "body-time", BOUND, "ms")                                 \
	X(BODY_RATE, "body-rate", BOUND, "bytes/s") /* at the least */         \
	X(ANSWER_TIME, "answer-time", BOUND, "ms")  /* fed-queued's */         \
	X(WRITE_TIME, "write-time", BOUND, "ms")    /* answer is not read */   \
	X(MALFORMED, "malformed", EVENT, "")

/* fed-queued's; of fed-signer's rate it counts what it was answered. */
#define LIMITS_QUEUED(X)                                                      \
	X(REQUESTS_UNDER_WAY, "requests-under-way", LEVEL, "requests")        \
	X(REQUESTS_PER_SERVER, "requests-per-server", LEVEL, "requests")      \
	X(BYTES_UNDER_WAY, "bytes-under-way", LEVEL, "bytes")                 \
	X(FAILURES, "failures", LEVEL, "failures/s")                          \
	X(STRANGERS, "strangers", LEVEL, "requests/s")                        \
	X(ITEMS_KNOWN, "items-known", LEVEL, "items/min")	/* level 1 */ \
	X(ITEMS_VERIFIED, "items-verified", LEVEL, "items/min") /* level 2 */ \
	X(ITEMS_TRUSTED, "items-trusted", LEVEL, "items/min")	/* level 3 */ \
	X(LOOKUPS, "lookups", LEVEL, "look-ups/min")                          \
	X(REFUSALS, "refusals", LEVEL, "answers/s")                           \
	X(CONFLICTS, "conflicts", LEVEL, "certificates/s")                    \
	X(INBOX, "inbox", LEVEL, "messages")                                  \
	X(SIGNATURES, "signatures", LEVEL, "signatures/s")

/* fedd's: in its log alone. */
#define LIMITS_FEDD(X) X(SOCKS, "socks", LEVEL, "connections/s")

enum limit {
#define LIMIT(name, text, kind, unit) LIMIT_##name,
	LIMITS_LISTENER(LIMIT) LIMIT_LISTENER_COUNT,
	LIMIT_LISTENER_LAST = LIMIT_LISTENER_COUNT - 1,
	LIMITS_QUEUED(LIMIT) LIMIT_QUEUED_END,
	LIMIT_QUEUED_LAST = LIMIT_QUEUED_END - 1,
	LIMITS_FEDD(LIMIT) LIMIT_COUNT
#undef LIMIT
};

enum limit_kind {
	LIMIT_LEVEL, /* so many are in use, of so many */
	LIMIT_BOUND, /* a figure that each has to keep to */
	LIMIT_EVENT  /* counted only */
};

const char *limit_name(enum limit); /* "body-memory" */
enum limit_kind limit_kind(enum limit);
const char *limit_unit(enum limit);
enum role limit_owner(enum limit); /* the process that enforces it */

#endif
