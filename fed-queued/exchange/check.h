/* SPDX-License-Identifier: ISC */
/*
 * The order of checks on a request (federation(7), "CHECKS"): destination,
 * certificate and signature, time window, rate, trust. Pure but for the rate's
 * bucket: no I/O, so that every path can be tested.
 */
#ifndef TORFED_EXCHANGE_CHECK_H
#define TORFED_EXCHANGE_CHECK_H

#include "exchange/ack.h"
#include "json/wire.h"
#include "proto/code.h"
#include "servers/peer_table.h"

enum verdict {
	VERDICT_COMMIT,	   /* items, some of them to store */
	VERDICT_HANDSHAKE, /* a handshake to store */
	VERDICT_LOOKUP,	   /* a user to look up; the one result stands */
	VERDICT_SYNC,	   /* heads of rooms; the one result stands */
	VERDICT_ANSWER,	   /* signed: nothing to store */
	VERDICT_REFUSED,   /* unsigned 401; the reason is for our log alone */
	VERDICT_LIMITED,   /* unsigned 429, seconds */
	VERDICT_BUSY,	   /* unsigned 503, seconds */
	VERDICT_MALFORMED  /* unsigned 400 */
};

/* One item of the request; a request that is no batch has one. */
struct check_item {
	bool commit;		  /* to be stored; else result stands */
	struct ack_result result; /* without commit */
	uint8_t digest[32];
};

struct check {
	enum verdict verdict;
	enum code code;
	uint32_t seconds;
	uint8_t request_hash[32]; /* SHA-256 of the signing text */
	/* with a signed verdict but for a handshake's: one result each */
	uint32_t item_count;
	struct check_item items[BATCH_ITEMS];
	uint32_t unstored; /* items for which the inbox has no room */
	/* with CERTIFICATE_CONFLICT: what we had, for the evidence */
	const struct cert *known;
};

struct check_context {
	uint8_t server[32]; /* ourselves */
	int64_t now;	    /* seconds since 1970 */
	int64_t now_ms;	    /* monotonic */
	int64_t window_s;
	struct limiter *strangers; /* answers to level 0 */
	/* Checks that end in 401; over it a request that cannot succeed is
	 * refused without the dummy verification. */
	struct limiter *failures;
	bool crowded; /* the server named has too much under way */
	size_t space; /* in the inbox, items */
};

/* peer: the server that the envelope names, or NULL. */
void check_request(struct check *, const struct check_context *,
    struct peer *peer, const struct wire_request *);
/*
 * The signing text of a request that was checked, SIGNTEXT_BATCH_MAX bytes.
 * Returns the length; not terminated.
 */
size_t check_signing_text(
    char *text, const struct check *, const struct wire_envelope *);
/*
 * An answer to a request of ours: is it an ack, from that server, to us, under
 * a valid certificate and signature? peer's certificates, or the one that the
 * answer to a handshake brings, which *cert is set to when it is good.
 */
enum code check_answer(const struct check_context *, const struct peer *peer,
    const uint8_t asked[32], const struct wire_envelope *,
    const struct cert **cert);

#endif
