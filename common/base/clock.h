/* SPDX-License-Identifier: ISC */
/* The two clocks: one that never jumps, and the one that people share. */
#ifndef TORFED_CLOCK_H
#define TORFED_CLOCK_H

#include <stdint.h>

/* Milliseconds that never jump, for delays and rates. */
int64_t clock_ms(void);
/* Seconds since 1970, for what is signed and for certificates. */
int64_t clock_now(void);

#endif
