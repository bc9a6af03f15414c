/* SPDX-License-Identifier: ISC */
/*
 * Certificates: the identity key (the onion address) binds a signing key for
 * at most 90 days. A certificate is its signing text, LF, the signature in
 * base64, LF. The lines of the signing text:
 *
 *	tor-chat-federation-v1/certificate
 *	server		address with .onion
 *	serial		decimal
 *	minSerial	decimal, <= serial
 *	notBefore	YYYY-MM-DDTHH:MM:SSZ
 *	notAfter	the same
 *	signing key	base64 of 32 bytes
 *	second door	address with .onion, or -
 *	client-authorisation key	base64 of 32 bytes (x25519), or -
 */
#ifndef TORFED_CERT_H
#define TORFED_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/code.h"

#define CERT_MAX	640 /* bytes, signature line included */
#define CERT_DAYS_MAX	90
#define CERT_GRACE_S	(24 * 3600) /* at both ends, and for serials */
#define CERT_NUMBER_MAX INT64_C(9007199254740991) /* serials */

struct cert {
	uint8_t server[32]; /* identity key */
	uint64_t serial;
	uint64_t min_serial;
	int64_t not_before; /* seconds since 1970 */
	int64_t not_after;
	uint8_t signing_key[32];
	bool has_door;
	uint8_t door[32];
	bool has_client_auth;
	uint8_t client_auth[32];
	uint8_t signature[64]; /* by the identity key */
};

/* Signing text into text (CERT_MAX bytes); returns its length. */
size_t cert_text(char *text, const struct cert *);
/* Text, LF, base64 signature, LF into text (CERT_MAX bytes). */
size_t cert_format(char *text, const struct cert *);
/* Shape only; what parses is what cert_format() would write. */
enum code cert_parse(struct cert *, const void *text, size_t length);
void cert_key_id(uint8_t key_id[32], const struct cert *);
/*
 * What the certificate itself shows, in this order: keys of prime order,
 * lifetime, minSerial <= serial, the identity key's signature, and what
 * cert_verify_time() looks at.
 */
enum code cert_verify(const struct cert *, int64_t now);
/* The part that changes with time: notBefore and notAfter with 24 h of grace,
 * serial at most 24 h ahead of now. */
enum code cert_verify_time(const struct cert *, int64_t now);

#endif
