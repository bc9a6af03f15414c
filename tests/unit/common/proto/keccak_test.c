/* SPDX-License-Identifier: ISC */
/* SHA3-256 against published digests and lengths around the block's border. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "proto/keccak.h"

static void
check(const void *bytes, size_t length, const char *expected)
{
	uint8_t digest[32];
	char text[65];

	sha3_256(digest, bytes, length);
	hex_encode(text, digest, 32);
	assert_string_equal(text, expected);
}

/* NIST's examples. */
static void
published(void **state)
{
	uint8_t a3[200];

	(void)state;
	check("", 0,
	    "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
	check("abc", 3,
	    "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
	check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
	    "41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376");
	memset(a3, 0xa3, sizeof(a3));
	check(a3, sizeof(a3),
	    "79f38adec5c20307a98ef76e8324afbfd46cfd81b22e3973c65fa1bd9de31787");
}

/* Bytes 0, 1, 2, ...; computed with another implementation. */
static void
borders(void **state)
{
	uint8_t bytes[1000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	check(bytes, 1,
	    "5d53469f20fef4f8eab52b88044ede69c77a6a68a60728609fc4a65ff531e7d0");
	check(bytes, 135,
	    "fded8fd9d6551c601eeb3b7c6bc5e5cfd8aad1d015b7e9aaa9c9b9475231d5e2");
	check(bytes, 136,
	    "cf3ccff92480a29160c2d38317c430e14749bfee1788106957dfe73f8c4930e5");
	check(bytes, 137,
	    "ce9d7dc90913ee5d92745019479a5352c6d6279bef18ed07dc0a83ee8084daca");
	check(bytes, 272,
	    "0b21ec4a8eff6d179e09ba9fe0ab08515b24e0923fbf419f5c30a38e64577db5");
	check(bytes, 1000,
	    "14e5de35911194ddad95ac1572e2b6ce054ed2146cd0562280fcab04ccfecbd8");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published),
	    cmocka_unit_test(borders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
