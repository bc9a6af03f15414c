/* SPDX-License-Identifier: ISC */
/*
 * Certificates: a text made by another implementation, everything that the
 * parser must refuse, and both sides of every limit of the verifier.
 */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "proto/cert.h"
#include "proto/ed.h"
#include "proto/onion.h"

#define SERVER "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bqead.onion"
#define DOOR   "fgwlvykbxtfpbmrodkkngtily43b4utnbp7bfsexss6jgiuwnxluewad.onion"
#define KEY    "Kay64UG8yvCyLhqU000LxzYeUm0L/hLIl5S8kyKWbdc="
#define SIGNATURE                                                       \
	"ryooOb4A/35LXJwTVvPoRIjsDSVmLfixmuEHnqbmbr4fw1ay8u9a6f/4qNy2Z" \
	"tUV7vjOJLWA4gT3qduScygHAA=="
#define DOMAIN	   "tor-chat-federation-v1/certificate\n"
#define NUMBERS	   "1761825600\n1761825600\n"
#define TIMES	   "2025-10-30T12:00:00Z\n2026-01-28T12:00:00Z\n"
#define NOT_BEFORE INT64_C(1761825600)
#define DAY	   INT64_C(86400)
#define NOT_AFTER  (NOT_BEFORE + 90 * DAY)
#define HEAD	   DOMAIN SERVER "\n" NUMBERS TIMES KEY "\n"
#define GOOD	   HEAD "-\n-\n" SIGNATURE "\n"

static uint8_t identity[64]; /* secret of SERVER: the seed 0, 1, ... 31 */

static enum code
parse(struct cert *cert, const char *text)
{
	return cert_parse(cert, text, strlen(text));
}

static void
good(struct cert *cert)
{
	assert_int_equal(parse(cert, GOOD), CODE_OK);
}

static void
sign(struct cert *cert)
{
	char text[CERT_MAX];
	size_t length;

	length = cert_text(text, cert);
	crypto_sign_detached(
	    cert->signature, NULL, (uint8_t *)text, length, identity);
}

static void
vector(void **state)
{
	char text[CERT_MAX];
	uint8_t key_id[32];
	struct cert cert;
	char id[65];

	(void)state;
	good(&cert);
	assert_true(
	    cert.serial == 1761825600 && cert.min_serial == cert.serial);
	assert_true(cert.not_before == NOT_BEFORE);
	assert_true(cert.not_after == NOT_AFTER);
	assert_false(cert.has_door || cert.has_client_auth);
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_OK);
	assert_int_equal(cert_format(text, &cert), strlen(GOOD));
	assert_memory_equal(text, GOOD, strlen(GOOD));
	cert_key_id(key_id, &cert);
	hex_encode(id, key_id, 32);
	assert_string_equal(id,
	    "61488fe7500b7b24d76bdcf1a225b521f780a437ce1aebc4fe43c12b55894474");
	memcpy(cert.signature, "0", 1);
	sign(&cert); /* deterministic: the same signature again */
	assert_int_equal(cert_format(text, &cert), strlen(GOOD));
	assert_memory_equal(text, GOOD, strlen(GOOD));
}

static void
optional_lines(void **state)
{
	char text[CERT_MAX];
	struct cert cert, again;
	size_t length;

	(void)state;
	good(&cert);
	cert.has_door = true;
	onion_parse(cert.door, DOOR, ONION_LENGTH);
	cert.has_client_auth = true;
	memset(cert.client_auth, 0xab, 32);
	sign(&cert);
	length = cert_format(text, &cert);
	assert_true(length < CERT_MAX);
	assert_int_equal(cert_parse(&again, text, length), CODE_OK);
	assert_true(again.has_door && again.has_client_auth);
	assert_memory_equal(again.door, cert.door, 32);
	assert_memory_equal(again.client_auth, cert.client_auth, 32);
	assert_int_equal(cert_verify(&again, NOT_BEFORE), CODE_OK);
}

static const char *malformed[] = {
    "",
    "\n",
    HEAD "-\n-\n" SIGNATURE,	    /* no LF at the end */
    HEAD "-\n-\n" SIGNATURE "\n\n", /* one too many */
    HEAD "-\n-\n" SIGNATURE "\nx",
    HEAD "-\n-\n" SIGNATURE "\r\n",
    " " GOOD,
    HEAD "-\n" SIGNATURE "\n",	     /* a line less */
    HEAD "-\n-\n-\n" SIGNATURE "\n", /* a line more */
    HEAD "--\n-\n" SIGNATURE "\n",
    HEAD "\n-\n" SIGNATURE "\n",
    HEAD "-\n\n" SIGNATURE "\n",
    HEAD "-\n-\nAAAA\n", /* signature too short */
    HEAD "-\n-\n" SIGNATURE "AAAA\n",
    HEAD "-\n-\n-\n",
    HEAD "x.onion\n-\n" SIGNATURE "\n", /* door */
    HEAD "-\nAAAA\n" SIGNATURE "\n",	/* client authorisation */
    "tor-chat-federation-v2/certificate\n" SERVER "\n" NUMBERS TIMES KEY
    "\n-\n-\n" SIGNATURE "\n",
    DOMAIN "x" SERVER "\n" NUMBERS TIMES KEY "\n-\n-\n" SIGNATURE "\n",
    DOMAIN "-\n" NUMBERS TIMES KEY "\n-\n-\n" SIGNATURE "\n",
    DOMAIN SERVER "\n01\n1\n" TIMES KEY "\n-\n-\n" SIGNATURE "\n",
    DOMAIN SERVER "\n+1\n1\n" TIMES KEY "\n-\n-\n" SIGNATURE "\n",
    DOMAIN SERVER "\n1\n\n" TIMES KEY "\n-\n-\n" SIGNATURE "\n",
    DOMAIN SERVER "\n1\n-1\n" TIMES KEY "\n-\n-\n" SIGNATURE "\n",
    DOMAIN SERVER "\n9007199254740992\n1\n" TIMES KEY "\n-\n-\n" SIGNATURE "\n",
    DOMAIN SERVER "\n1\n9007199254740992\n" TIMES KEY "\n-\n-\n" SIGNATURE "\n",
    DOMAIN SERVER "\n" NUMBERS "2025-10-30T12:00:00\n2026-01-28T12:00:00Z\n" KEY
		  "\n-\n-\n" SIGNATURE "\n",
    DOMAIN SERVER "\n" NUMBERS
		  "2025-10-30T12:00:00Z\n2026-02-29T12:00:00Z\n" KEY
		  "\n-\n-\n" SIGNATURE "\n",
    DOMAIN SERVER "\n" NUMBERS TIMES "-\n-\n-\n" SIGNATURE "\n",
    /* unused bits in the key's base64 */
    DOMAIN SERVER
    "\n" NUMBERS TIMES
    "Kay64UG8yvCyLhqU000LxzYeUm0L/hLIl5S8kyKWbdd=\n-\n-\n" SIGNATURE "\n",
};

static void
refused(void **state)
{
	static char large[CERT_MAX + 100];
	struct cert cert;
	size_t i;

	(void)state;
	memset(&cert, 7, sizeof(cert));
	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(
		    parse(&cert, malformed[i]), CODE_CERTIFICATE_MALFORMED);
	assert_int_equal(
	    cert_parse(&cert, NULL, 0), CODE_CERTIFICATE_MALFORMED);
	memset(large, '\n', sizeof(large));
	assert_int_equal(cert_parse(&cert, large, sizeof(large)),
	    CODE_CERTIFICATE_MALFORMED);
	memcpy(large, GOOD, strlen(GOOD));
	assert_int_equal(cert_parse(&cert, large, sizeof(large)),
	    CODE_CERTIFICATE_MALFORMED);
	assert_int_equal(cert.server[0], 7); /* untouched on failure */
	assert_int_equal(parse(&cert, DOMAIN SERVER
			     "\n9007199254740991\n9007199254740991\n" TIMES KEY
			     "\n-\n-\n" SIGNATURE "\n"),
	    CODE_OK);
}

/* No byte can be changed, and no shorter or longer text is taken. */
static void
every_byte(void **state)
{
	char text[sizeof(GOOD)];
	struct cert cert;
	size_t at, length = strlen(GOOD);
	int bit;

	(void)state;
	for (at = 0; at < length; at++) {
		assert_int_equal(
		    cert_parse(&cert, GOOD, at), CODE_CERTIFICATE_MALFORMED);
		for (bit = 0; bit < 8; bit++) {
			memcpy(text, GOOD, sizeof(text));
			text[at] = (char)(text[at] ^ 1 << bit);
			if (cert_parse(&cert, text, length) != CODE_OK)
				continue;
			assert_int_not_equal(
			    cert_verify(&cert, NOT_BEFORE), CODE_OK);
		}
	}
}

static void
limits_time(void **state)
{
	struct cert cert;

	(void)state;
	good(&cert);
	cert.serial = cert.min_serial = 1; /* out of the way */
	sign(&cert);
	assert_int_equal(cert_verify(&cert, NOT_BEFORE - DAY), CODE_OK);
	assert_int_equal(
	    cert_verify(&cert, NOT_BEFORE - DAY - 1), CODE_CERTIFICATE_NOT_YET);
	assert_int_equal(cert_verify(&cert, NOT_AFTER + DAY), CODE_OK);
	assert_int_equal(
	    cert_verify(&cert, NOT_AFTER + DAY + 1), CODE_CERTIFICATE_EXPIRED);
	assert_int_equal(cert_verify_time(&cert, NOT_AFTER + DAY + 1),
	    CODE_CERTIFICATE_EXPIRED);
	assert_int_equal(cert_verify_time(&cert, 0), CODE_CERTIFICATE_NOT_YET);
}

static void
limits_lifetime(void **state)
{
	struct cert cert;

	(void)state;
	good(&cert);
	cert.not_after = NOT_AFTER + 1;
	sign(&cert);
	assert_int_equal(
	    cert_verify(&cert, NOT_BEFORE), CODE_CERTIFICATE_LIFETIME);
	cert.not_after = NOT_BEFORE;
	sign(&cert);
	assert_int_equal(
	    cert_verify(&cert, NOT_BEFORE), CODE_CERTIFICATE_LIFETIME);
	cert.not_after = NOT_BEFORE - 1;
	sign(&cert);
	assert_int_equal(
	    cert_verify(&cert, NOT_BEFORE), CODE_CERTIFICATE_LIFETIME);
	cert.not_after = NOT_BEFORE + 1;
	sign(&cert);
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_OK);
}

static void
limits_serial(void **state)
{
	struct cert cert;

	(void)state;
	good(&cert);
	cert.serial = (uint64_t)(NOT_BEFORE + DAY);
	sign(&cert);
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_OK);
	assert_int_equal(
	    cert_verify(&cert, NOT_BEFORE - 1), CODE_CERTIFICATE_SERIAL);
	cert.min_serial = cert.serial;
	sign(&cert);
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_OK);
	cert.min_serial = cert.serial + 1;
	sign(&cert);
	assert_int_equal(
	    cert_verify(&cert, NOT_BEFORE), CODE_CERTIFICATE_SERIAL);
}

static void
keys(void **state)
{
	struct cert cert;

	(void)state;
	good(&cert);
	memset(cert.signing_key, 0x99, 32);
	cert.signing_key[0] = 0x95; /* mixed order */
	sign(&cert);
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_KEY_INVALID);
	good(&cert);
	memset(cert.server, 0, 32); /* small order */
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_KEY_INVALID);
	good(&cert);
	cert.has_door = true;
	memset(cert.door, 0, 32);
	sign(&cert);
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_KEY_INVALID);
}

/* Shape is shape: a text with such a key parses, and then does not verify. */
static void
keys_parsed(void **state)
{
	char text[CERT_MAX];
	struct cert cert, again;
	size_t length;

	(void)state;
	good(&cert);
	memset(cert.server, 0, 32);
	length = cert_format(text, &cert);
	assert_int_equal(cert_parse(&again, text, length), CODE_OK);
	assert_int_equal(cert_verify(&again, NOT_BEFORE), CODE_KEY_INVALID);
}

static void
signatures(void **state)
{
	struct cert cert;

	(void)state;
	good(&cert);
	cert.signature[3] ^= 1;
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_SIGNATURE);
	/* "expired" is not said of what nobody signed */
	assert_int_equal(
	    cert_verify(&cert, NOT_AFTER + 2 * DAY), CODE_SIGNATURE);
	good(&cert);
	cert.not_after--;
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_SIGNATURE);
	good(&cert);
	memcpy(cert.server, cert.signing_key, 32);
	assert_int_equal(cert_verify(&cert, NOT_BEFORE), CODE_SIGNATURE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vector),
	    cmocka_unit_test(optional_lines),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(every_byte),
	    cmocka_unit_test(limits_time),
	    cmocka_unit_test(limits_lifetime),
	    cmocka_unit_test(limits_serial),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(keys_parsed),
	    cmocka_unit_test(signatures),
	};
	uint8_t key[32], seed[32];
	size_t i;

	if (ed_init() == -1)
		return 1;
	for (i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)i;
	crypto_sign_seed_keypair(key, identity, seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
