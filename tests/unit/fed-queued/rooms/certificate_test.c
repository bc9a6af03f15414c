/* SPDX-License-Identifier: ISC */
/*
 * The certificate that verifies a state event: from each place where it may
 * be, at both ends of its validity, and those that vouch for nothing.
 */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fed-queued/rooms/certificate.h"
#include "proto/ed.h"

#define NOW   INT64_C(1770000000)
#define DAY   INT64_C(86400)
#define START (NOW - 200 * DAY) /* of a certificate that has expired since */

static uint8_t secret[64]; /* the home's identity key */
static struct cert cert;
static struct room_event event;
static struct room_certificates certificates;
static struct peer home;

static void
cert_sign(struct cert *one, int64_t start)
{
	char text[CERT_MAX];
	size_t length;

	memcpy(one->server, event.room.home, 32);
	one->serial = (uint64_t)start;
	one->min_serial = one->serial;
	one->not_before = start;
	one->not_after = start + CERT_DAYS_MAX * DAY;
	length = cert_text(text, one);
	crypto_sign_detached(
	    one->signature, NULL, (const unsigned char *)text, length, secret);
}

static int
set_up(void **state)
{
	uint8_t seed[32] = {1}, unused[64];

	(void)state;
	memset(&cert, 0, sizeof(cert));
	memset(&event, 0, sizeof(event));
	memset(&home, 0, sizeof(home));
	memset(&certificates, 0, sizeof(certificates));
	crypto_sign_seed_keypair(event.room.home, secret, seed);
	seed[0] = 2;
	crypto_sign_seed_keypair(cert.signing_key, unused, seed);
	cert_sign(&cert, START);
	cert_key_id(event.key_id, &cert);
	event.timestamp = START + DAY;
	certificates.given = &cert;
	certificates.count = 1;
	return 0;
}

static const struct cert *
found(void)
{
	return certificate_choose(&certificates, &event, NOW);
}

static void
places(void **state)
{
	(void)state;
	assert_ptr_equal(found(), &cert);
	assert_int_equal(certificates.genuine, 1);
	certificates.count = 0;
	assert_null(found());
	certificates.own = &cert;
	assert_ptr_equal(found(), &cert);
	certificates.own = NULL;
	certificates.home = &home;
	assert_null(found());
	peer_certificate_add(&home, &cert, cert.serial, cert.min_serial);
	assert_ptr_equal(found(), &home.certificates[0].cert);
	/* Revoked since: it stands all the same. */
	home.min_serial = cert.serial + 1;
	assert_non_null(found());
}

static void
times(void **state)
{
	(void)state;
	event.timestamp = cert.not_before - CERT_GRACE_S;
	assert_non_null(found());
	event.timestamp--;
	assert_null(found());
	event.timestamp = cert.not_after + CERT_GRACE_S;
	assert_non_null(found());
	event.timestamp++;
	assert_null(found());
	certificates.own = &cert;
	assert_null(found());
}

/* Nobody's clock is so far ahead. */
static void
future(void **state)
{
	(void)state;
	cert_sign(&cert, NOW + CERT_GRACE_S);
	cert_key_id(event.key_id, &cert);
	event.timestamp = NOW + CERT_GRACE_S;
	assert_non_null(found());
	cert_sign(&cert, NOW + CERT_GRACE_S + 1);
	cert_key_id(event.key_id, &cert);
	assert_null(found());
}

static void
refused(void **state)
{
	(void)state;
	event.key_id[0] ^= 1;
	assert_null(found());
	set_up(NULL);
	cert.signature[0] ^= 1;
	assert_null(found());
	assert_int_equal(certificates.genuine, 0);
	/* Another server's, which has that very key id. */
	set_up(NULL);
	event.room.home[0] ^= 1;
	assert_null(found());
	certificates.own = &cert;
	assert_null(found());
	certificates.own = NULL;
	peer_certificate_add(&home, &cert, cert.serial, cert.min_serial);
	certificates.home = &home;
	assert_null(found());
}

static void
conflict(void **state)
{
	struct cert other;

	(void)state;
	other = cert;
	other.signing_key[0] ^= 1;
	peer_certificate_add(&home, &other, other.serial, other.min_serial);
	certificates.home = &home;
	assert_null(found());
	assert_ptr_equal(certificates.known, &home.certificates[0].cert);
	assert_ptr_equal(certificates.contradicts, &cert);
	/* What nobody signed contradicts nothing. */
	certificates.genuine = 0;
	cert.signature[0] ^= 1;
	assert_null(found());
	assert_null(certificates.known);
}

/* The one that the event names, wherever it stands. */
static void
several(void **state)
{
	struct cert given[3];

	(void)state;
	given[0] = cert;
	cert_sign(&given[0], START + DAY);
	given[1] = cert;
	given[1].signature[0] ^= 1;
	given[2] = cert;
	certificates.given = given;
	certificates.count = 3;
	assert_ptr_equal(found(), &given[2]);
	assert_int_equal(certificates.genuine, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(places, set_up),
	    cmocka_unit_test_setup(times, set_up),
	    cmocka_unit_test_setup(future, set_up),
	    cmocka_unit_test_setup(refused, set_up),
	    cmocka_unit_test_setup(conflict, set_up),
	    cmocka_unit_test_setup(several, set_up),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
