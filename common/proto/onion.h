/* SPDX-License-Identifier: ISC */
/*
 * Tor v3 onion addresses: rend-spec-v3, section 6 [ONIONADDRESS]. An address
 * is an Ed25519 public key; on the wire it is 56 lower-case base32 characters
 * and ".onion", nothing else.
 */
#ifndef TORFED_ONION_H
#define TORFED_ONION_H

#include <stddef.h>
#include <stdint.h>

#include "proto/code.h"

#define ONION_LENGTH 62 /* characters, with ".onion" */
#define ONION_SIZE   (ONION_LENGTH + 1)
#define ONION_KEY    32 /* bytes */

/* The wire's rules. CODE_OK, or the first rule that text breaks. */
enum code onion_parse(uint8_t key[ONION_KEY], const char *text, size_t length);
/*
 * The same without the last rule, that the key is a point of prime order: for
 * text whose key is checked by itself, as a certificate's is.
 */
enum code onion_decode(uint8_t key[ONION_KEY], const char *text, size_t length);
void onion_format(char text[ONION_SIZE], const uint8_t key[ONION_KEY]);
/*
 * For what a person types: surrounding white space is dropped and upper case
 * lowered, then onion_parse(). text_out may be NULL.
 */
enum code onion_normalise(
    uint8_t key[ONION_KEY], char text_out[ONION_SIZE], const char *text);

#endif
