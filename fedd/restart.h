/* SPDX-License-Identifier: ISC */
/* How long to wait before the next generation. */
#ifndef TORFED_FEDD_RESTART_H
#define TORFED_FEDD_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_PAUSE_MS 500 /* at most 1 s is allowed */
#define RESTART_YOUNG_MS 1000
#define RESTART_MAX_MS	 60000

/*
 * Milliseconds. was_ready: the generation that ended had become ready, lived_ms
 * after its start. failures: how many in a row have not, it included.
 */
int64_t restart_delay_ms(
    bool was_ready, int64_t lived_ms, unsigned int failures);

#endif
