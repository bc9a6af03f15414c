/* SPDX-License-Identifier: ISC */
/*
 * Bytes of a text that is being written: each puts them to to, where there is
 * room, and returns what is behind them.
 */
#ifndef TORFED_PUT_H
#define TORFED_PUT_H

#include <stddef.h>

char *put_bytes(char *to, const char *bytes, size_t length);
char *put_text(char *to, const char *text);
/* length bytes in base64; leaves a terminator behind them. */
char *put_base64(char *to, const void *bytes, size_t length);

#endif
