/* SPDX-License-Identifier: ISC */
/*
 * Ed25519: the key policy, malleability, and the public vectors of Wycheproof
 * and BoringSSL.
 */
#include <jansson.h>
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
#include "proto/ed.h"

#define HEX_MAX 4096

static void
from_hex(uint8_t *bytes, size_t length, const char *text)
{
	assert_int_equal(hex_decode(bytes, length, text, strlen(text)), 0);
}

/* A whole case of Wycheproof: 1 verifies, 0 not, by our whole policy. */
static int
verify_case(const char *key_text, const char *text, const char *signature_text)
{
	uint8_t key[ED_KEY], message[HEX_MAX], signature[ED_SIGNATURE];

	if (hex_decode(signature, sizeof(signature), signature_text,
		strlen(signature_text)) == -1)
		return 0; /* wrong length */
	from_hex(key, sizeof(key), key_text);
	assert_true(strlen(text) / 2 <= sizeof(message));
	from_hex(message, strlen(text) / 2, text);
	return ed_key_valid(key) &&
	       ed_verify(signature, message, strlen(text) / 2, key);
}

static void
wycheproof(void **state)
{
	json_t *group, *root, *test;
	size_t i, j, count = 0, valid = 0;
	const char *key, *result, *signature, *text;
	int expected;

	(void)state;
	root = json_load_file(
	    "tests/golden/wycheproof/ed25519_test.json", 0, NULL);
	assert_non_null(root);
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		assert_int_equal(
		    json_unpack(group, "{s{ss}}", "publicKey", "pk", &key), 0);
		json_array_foreach(json_object_get(group, "tests"), j, test)
		{
			assert_int_equal(
			    json_unpack(test, "{ssssss}", "msg", &text, "sig",
				&signature, "result", &result),
			    0);
			expected = strcmp(result, "valid") == 0;
			assert_int_equal(
			    verify_case(key, text, signature), expected);
			valid += (size_t)expected;
			count++;
		}
	}
	json_decref(root);
	assert_int_equal(count, 151);
	assert_true(valid > 50 && valid < count);
}

/* The value of "NAME: value", without the line's end. */
static const char *
field(char *line, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length) != 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return line + length;
}

static void
boringssl_one(const char *secret, const char *text, const char *signature_text)
{
	uint8_t both[64], key[32], message[HEX_MAX], signature[64],
	    signed_now[64];
	size_t length = strlen(text) / 2;

	from_hex(both, sizeof(both), secret);
	from_hex(message, length, text);
	from_hex(signature, sizeof(signature), signature_text);
	memcpy(key, both + 32, sizeof(key));
	assert_true(ed_key_valid(key));
	assert_true(ed_verify(signature, message, length, key));
	crypto_sign_detached(signed_now, NULL, message, length, both);
	assert_memory_equal(signed_now, signature, sizeof(signature));
	signature[length % 64] ^= (uint8_t)(1 << length % 8);
	assert_false(ed_verify(signature, message, length, key));
}

static void
boringssl(void **state)
{
	char line[HEX_MAX], secret[HEX_MAX] = "", text[HEX_MAX] = "";
	unsigned int count = 0;
	const char *value;
	FILE *file;

	(void)state;
	file = fopen("tests/golden/ed25519/boringssl_first.txt", "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		if ((value = field(line, "PRIV: ")) != NULL)
			strcpy(secret, value);
		else if ((value = field(line, "MESSAGE: ")) != NULL)
			strcpy(text, value);
		else if ((value = field(line, "SIG: ")) != NULL) {
			boringssl_one(secret, text, value);
			count++;
		}
	}
	fclose(file);
	assert_int_equal(count, 76);
}

/*
 * Points of order 1, 2, 4 and 8, and what other encodings they have: y not
 * reduced, or a sign bit where x is 0.
 */
static const char *small_order[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

/* The first eight are the torsion subgroup, canonically; 0 is neutral. */
#define TORSION 8

static void
keys_small_order(void **state)
{
	uint8_t key[ED_KEY];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++) {
		from_hex(key, sizeof(key), small_order[i]);
		assert_false(ed_key_valid(key));
	}
}

static void
keys_mixed_order(void **state)
{
	uint8_t key[ED_KEY], mixed[ED_KEY], secret[64], torsion[ED_KEY];
	size_t i, j;

	(void)state;
	for (i = 0; i < 8; i++) {
		crypto_sign_keypair(key, secret);
		assert_true(ed_key_valid(key));
		for (j = 1; j < TORSION; j++) {
			from_hex(torsion, sizeof(torsion), small_order[j]);
			assert_int_equal(
			    crypto_core_ed25519_add(mixed, key, torsion), 0);
			assert_false(ed_key_valid(mixed));
		}
	}
}

/* The constant of the self-test is what its comment says: B + (0, -1). */
static void
keys_self_test(void **state)
{
	uint8_t base[ED_KEY], mixed[ED_KEY], one[32] = {1}, order_two[ED_KEY];
	uint8_t expected[ED_KEY];

	(void)state;
	assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(base, one), 0);
	from_hex(order_two, sizeof(order_two), small_order[1]);
	assert_int_equal(crypto_core_ed25519_add(mixed, base, order_two), 0);
	memset(expected, 0x99, sizeof(expected));
	expected[0] = 0x95;
	assert_memory_equal(mixed, expected, sizeof(expected));
	assert_false(ed_key_valid(mixed));
	assert_true(ed_key_valid(base));
}

/* y between p and 2^255 that has a point: not canonical. */
static void
keys_not_canonical(void **state)
{
	uint8_t key[ED_KEY];
	int y;

	(void)state;
	for (y = 0; y < 19; y++) {
		memset(key, 0xff, sizeof(key));
		key[0] = (uint8_t)(0xed + y);
		key[31] = 0x7f;
		assert_false(ed_key_valid(key));
		key[31] = 0xff;
		assert_false(ed_key_valid(key));
	}
}

/* S + L verifies where S < L is not checked. */
static void
malleable(void **state)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63,
	    0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};
	uint8_t key[ED_KEY], secret[64], signature[64];
	unsigned int carry = 0;
	size_t i;

	(void)state;
	crypto_sign_keypair(key, secret);
	crypto_sign_detached(
	    signature, NULL, (const uint8_t *)"text", 4, secret);
	assert_true(ed_verify(signature, "text", 4, key));
	assert_false(ed_verify(signature, "texu", 4, key));
	assert_false(ed_verify_dummy(signature, "text", 4));
	for (i = 0; i < 32; i++) {
		carry += signature[32 + i] + order[i];
		signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_false(ed_verify(signature, "text", 4, key));
}

/* R = a point of small order and S = 0 fit some key and text cofactored. */
static void
small_order_r(void **state)
{
	uint8_t key[ED_KEY], secret[64], signature[64];
	size_t i;

	(void)state;
	crypto_sign_keypair(key, secret);
	for (i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++) {
		memset(signature, 0, sizeof(signature));
		from_hex(signature, 32, small_order[i]);
		assert_false(ed_verify(signature, "text", 4, key));
	}
}

/* Even a signature that the dummy's own key would take is not taken. */
static void
dummy_is_false(void **state)
{
	uint8_t signature[64], k[32], hash[64], r[32] = {5}, one[32] = {1};
	uint8_t base[ED_KEY], input[64 + 4];

	(void)state;
	crypto_scalarmult_ed25519_base_noclamp(base, one);
	crypto_scalarmult_ed25519_base_noclamp(signature, r);
	memcpy(input, signature, 32);
	memcpy(input + 32, base, 32);
	memcpy(input + 64, "text", 4);
	crypto_hash_sha512(hash, input, sizeof(input));
	crypto_core_ed25519_scalar_reduce(k, hash);
	crypto_core_ed25519_scalar_add(signature + 32, r, k); /* k * 1 */
	assert_true(ed_verify(signature, "text", 4, base));
	assert_false(ed_verify_dummy(signature, "text", 4));
}

static void
hash(void **state)
{
	uint8_t digest[ED_HASH];
	char text[65];

	(void)state;
	sha256(digest, "abc", 3);
	hex_encode(text, digest, sizeof(digest));
	assert_string_equal(text,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wycheproof),
	    cmocka_unit_test(boringssl),
	    cmocka_unit_test(keys_small_order),
	    cmocka_unit_test(keys_mixed_order),
	    cmocka_unit_test(keys_self_test),
	    cmocka_unit_test(keys_not_canonical),
	    cmocka_unit_test(malleable),
	    cmocka_unit_test(small_order_r),
	    cmocka_unit_test(dummy_is_false),
	    cmocka_unit_test(hash),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
