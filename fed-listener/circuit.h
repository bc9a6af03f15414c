/* SPDX-License-Identifier: ISC */
/*
 * Tor circuits: how many connections each has at once, and how many requests a
 * minute. Circuit 0 stands for "not known" and has no limits.
 */
#ifndef TORFED_CIRCUIT_H
#define TORFED_CIRCUIT_H

#include <stddef.h>
#include <stdint.h>

struct circuit;
struct circuits;

/* per_circuit: connections at once; per_minute: requests; both for each
 * circuit, and 0 is no limit. NULL: out of memory. */
struct circuits *circuits_new(int64_t per_circuit, int64_t per_minute);
void circuits_free(struct circuits *);
/*
 * One connection more. *circuit is NULL for number 0. -1 when the circuit has
 * as many as it may, or memory is out.
 */
int circuit_attach(
    struct circuits *, uint64_t number, int64_t now_ms, struct circuit **);
void circuit_detach(struct circuits *, struct circuit *, int64_t now_ms);
/* One request more: 0, or the seconds until it would be welcome. */
uint32_t circuit_request(
    const struct circuits *, struct circuit *, int64_t now_ms);
uint64_t circuit_number(const struct circuit *); /* 0 for NULL */
/* Forgets circuits without a connection whose minute is over. */
void circuits_expire(struct circuits *, int64_t now_ms);
size_t circuits_count(const struct circuits *);

#define CIRCUITS_UNUSED_MAX 4096 /* remembered without a connection */

#endif
