/* SPDX-License-Identifier: ISC */
/*
 * Small encodings, all strict: what decodes is exactly what would be written.
 */
#ifndef TORFED_ENCODE_H
#define TORFED_ENCODE_H

#include <stddef.h>
#include <stdint.h>

/* Hexadecimal, lower case only. Output: 2 * length digits and NUL. */
void hex_encode(char *text, const uint8_t *bytes, size_t length);
/* Exactly 2 * length digits; upper case is refused. 0 or -1. */
int hex_decode(
    uint8_t *bytes, size_t length, const char *text, size_t text_length);

/* base64, RFC 4648 section 4, padded. */
#define BASE64_LENGTH(n) ((((n) + 2) / 3) * 4)
#define BASE64_SHA256	 44 /* characters for 32 bytes */
#define BASE64_SIGNATURE 88 /* characters for 64 bytes */
/* text: BASE64_LENGTH(length) + 1 bytes, terminated. */
void base64_encode(char *text, const uint8_t *bytes, size_t length);
/*
 * Refuses missing padding, unused bits that are not zero, and any other
 * character. *length: bytes decoded, at most size. 0 or -1.
 */
int base64_decode(uint8_t *bytes, size_t size, size_t *length, const char *text,
    size_t text_length);
/* The same for an exact number of bytes. */
int base64_decode_exact(
    uint8_t *bytes, size_t length, const char *text, size_t text_length);

/* UUID version 4, variant 1, lower case (RFC 9562). */
#define UUID_SIZE 16
#define UUID_TEXT 36			/* characters, without NUL */
void uuid_new(uint8_t uuid[UUID_SIZE]); /* libsodium's randomness */
void uuid_format(char text[UUID_TEXT + 1], const uint8_t uuid[UUID_SIZE]);
int uuid_parse(uint8_t uuid[UUID_SIZE], const char *text, size_t length);

/*
 * YYYY-MM-DDTHH:MM:SSZ, years 1970 to 9998, a real date, no leap second.
 * time_format() writes the nearest time that has a text.
 */
#define TIME_TEXT 20 /* characters, without NUL */
void time_format(char text[TIME_TEXT + 1], int64_t seconds);
int time_parse(int64_t *seconds, const char *text, size_t length);

/* Unsigned decimal without sign, spaces or leading zeros, <= maximum. */
int decimal_parse(
    uint64_t *value, const char *text, size_t length, uint64_t maximum);

#endif
