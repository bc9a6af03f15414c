/* SPDX-License-Identifier: ISC */
/*
 * Tor v3 onion addresses: base32 of key (32 bytes), checksum (2) and version
 * (1), where checksum is the start of SHA3-256 over ".onion checksum", key and
 * version. 35 bytes are exactly 56 characters, so base32 needs no padding and
 * an address has one text.
 */
#include <string.h>

#include "proto/ed.h"
#include "proto/keccak.h"
#include "proto/onion.h"

#define SUFFIX	      ".onion"
#define SUFFIX_LENGTH 6
#define LABEL_LENGTH  (ONION_LENGTH - SUFFIX_LENGTH)
#define DECODED	      35 /* bytes: key, checksum, version */
#define VERSION	      3
#define FORMATS_KNOWN 64

static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";

static void
checksum(uint8_t sum[2], const uint8_t key[ONION_KEY])
{
	static const char prefix[] = ".onion checksum";
	uint8_t digest[32], input[sizeof(prefix) - 1 + ONION_KEY + 1];

	memcpy(input, prefix, sizeof(prefix) - 1);
	memcpy(input + sizeof(prefix) - 1, key, ONION_KEY);
	input[sizeof(input) - 1] = VERSION;
	sha3_256(digest, input, sizeof(input));
	memcpy(sum, digest, 2);
}

static int
base32_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

static int
base32_decode(uint8_t bytes[DECODED], const char text[LABEL_LENGTH])
{
	unsigned int bits = 0, held = 0;
	size_t i, n = 0;
	int value;

	for (i = 0; i < LABEL_LENGTH; i++) {
		if ((value = base32_value(text[i])) == -1)
			return -1;
		held = (held << 5 | (unsigned int)value) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			bytes[n++] = (uint8_t)(held >> bits);
		}
	}
	return 0;
}

static void
base32_encode(char text[LABEL_LENGTH], const uint8_t bytes[DECODED])
{
	unsigned int bits = 0, held = 0;
	size_t i, n = 0;

	for (i = 0; i < DECODED; i++) {
		held = (held << 8 | bytes[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			text[n++] = base32_digits[held >> (bits - 5) & 31];
	}
}

enum code
onion_decode(uint8_t key[ONION_KEY], const char *text, size_t length)
{
	uint8_t bytes[DECODED], sum[2];

	if (length == 0)
		return CODE_ADDRESS_EMPTY;
	if (length < SUFFIX_LENGTH ||
	    memcmp(text + length - SUFFIX_LENGTH, SUFFIX, SUFFIX_LENGTH) != 0)
		return CODE_ADDRESS_SUFFIX;
	if (length != ONION_LENGTH)
		return CODE_ADDRESS_LENGTH;
	if (base32_decode(bytes, text) == -1)
		return CODE_ADDRESS_CHARACTER;
	if (bytes[DECODED - 1] != VERSION)
		return CODE_ADDRESS_VERSION;
	checksum(sum, bytes);
	if (memcmp(sum, bytes + ONION_KEY, sizeof(sum)) != 0)
		return CODE_ADDRESS_CHECKSUM;
	memcpy(key, bytes, ONION_KEY);
	return CODE_OK;
}

enum code
onion_parse(uint8_t key[ONION_KEY], const char *text, size_t length)
{
	uint8_t decoded[ONION_KEY];
	enum code code;

	if ((code = onion_decode(decoded, text, length)) != CODE_OK)
		return code;
	if (!ed_key_valid(decoded))
		return CODE_ADDRESS_KEY;
	memcpy(key, decoded, ONION_KEY);
	return CODE_OK;
}

/*
 * A daemon writes the same few addresses over and over, several for a message,
 * and the checksum is most of the work. What was written last is remembered,
 * one for each lowest byte of a key.
 */
void
onion_format(char text[ONION_SIZE], const uint8_t key[ONION_KEY])
{
	static struct {
		uint8_t key[ONION_KEY];
		char label[LABEL_LENGTH];
	} known[FORMATS_KNOWN], *entry;
	uint8_t bytes[DECODED];

	entry = &known[key[0] % FORMATS_KNOWN];
	if (entry->label[0] == '\0' ||
	    memcmp(entry->key, key, ONION_KEY) != 0) {
		memcpy(bytes, key, ONION_KEY);
		checksum(bytes + ONION_KEY, key);
		bytes[DECODED - 1] = VERSION;
		base32_encode(entry->label, bytes);
		memcpy(entry->key, key, ONION_KEY);
	}
	memcpy(text, entry->label, LABEL_LENGTH);
	memcpy(text + LABEL_LENGTH, SUFFIX, SUFFIX_LENGTH + 1);
}

/* In the C locale, whatever the process's is. */
static int
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

enum code
onion_normalise(
    uint8_t key[ONION_KEY], char text_out[ONION_SIZE], const char *text)
{
	char lower[ONION_SIZE + 1];
	enum code code;
	size_t i, length;

	while (is_space(*text))
		text++;
	for (length = strlen(text); length > 0 && is_space(text[length - 1]);)
		length--;
	/* Too long is too long: what the copy keeps decides between codes. */
	if (length > ONION_LENGTH) {
		text += length - (ONION_LENGTH + 1);
		length = ONION_LENGTH + 1;
	}
	for (i = 0; i < length; i++)
		lower[i] = text[i] >= 'A' && text[i] <= 'Z'
			       ? (char)(text[i] - 'A' + 'a')
			       : text[i];
	if ((code = onion_parse(key, lower, length)) != CODE_OK)
		return code;
	if (text_out != NULL) {
		memcpy(text_out, lower, ONION_LENGTH);
		text_out[ONION_LENGTH] = '\0';
	}
	return CODE_OK;
}
