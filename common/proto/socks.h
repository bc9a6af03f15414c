/* SPDX-License-Identifier: ISC */
/*
 * SOCKS5 (RFC 1928) with user name and password (RFC 1929) as a client of
 * tor: address type 3 only, extended errors F0 to F7 (tor's proposal 304).
 * Pure: what to write, and what the bytes that came mean.
 */
#ifndef TORFED_SOCKS_H
#define TORFED_SOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/code.h"

#define SOCKS_REQUEST_MAX 600 /* bytes of all that we write */
#define SOCKS_REPLY_MAX	  262 /* the longest reply: ATYP 3, 255 */

enum socks_state { SOCKS_METHOD, SOCKS_AUTH, SOCKS_REPLY, SOCKS_DONE };

struct socks {
	enum socks_state state;
	char user[65]; /* isolation credentials: see socks_init() */
	char password[65];
	char host[63]; /* address with .onion */
	uint16_t port;
};

/*
 * credentials: user = lower-case hex of SHA-256 over secret and key, so that
 * tor isolates each destination; password = the generation, to force fresh
 * circuits. secret: 32 bytes, random for each process start.
 */
void socks_init(struct socks *, const uint8_t secret[32], const uint8_t key[32],
    uint32_t generation, uint16_t port);
/* The same with a user that no destination has, the one probed included. */
void socks_init_probe(struct socks *, const uint8_t secret[32],
    const uint8_t key[32], uint32_t generation, uint16_t port);
/* What to write in the present state; returns its length. */
size_t socks_write(const struct socks *, uint8_t buf[SOCKS_REQUEST_MAX]);
/*
 * Takes what came. *used: bytes consumed; never more than the reply itself,
 * so what follows is the peer's HTTP. CODE_OK: look at state (it moved on, or
 * more bytes are needed when *used is 0); else the code of the failure.
 */
enum code socks_read(
    struct socks *, const uint8_t *buf, size_t length, size_t *used);

#endif
