/* SPDX-License-Identifier: ISC */
/*
 * Tor circuits: how many connections each has at once, how many requests are
 * at fed-queued, and how many requests and failures there are in a minute.
 * Circuit 0 stands for "not known" and has no limits.
 */
#ifndef TORFED_FED_LISTENER_CIRCUIT_H
#define TORFED_FED_LISTENER_CIRCUIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct circuit;
struct circuit_table;

/* per_circuit: connections at once; per_minute: requests; failures: a minute;
 * all for each circuit, and 0 is no limit. */
struct circuit_table *circuit_table_new(
    int64_t per_circuit, int64_t per_minute, int64_t failures);
void circuit_table_free(struct circuit_table *);
/*
 * One connection more. *circuit is NULL for number 0. -1 when the circuit has
 * as many as it may, or memory is out.
 */
int circuit_attach(
    struct circuit_table *, uint64_t number, int64_t now_ms, struct circuit **);
void circuit_detach(struct circuit_table *, struct circuit *, int64_t now_ms);
/* One request more: 0, or the seconds until it would be welcome. */
uint32_t circuit_request(
    const struct circuit_table *, struct circuit *, int64_t now_ms);
/*
 * A request of the circuit has failed, whether or not it still has the
 * connection; number 0 and a circuit forgotten since do not count. Whether it
 * was charged.
 */
bool circuit_fail(struct circuit_table *, uint64_t number, int64_t now_ms);
/* 0, or the seconds until the circuit may fail once more. */
uint32_t circuit_failures(
    const struct circuit_table *, const struct circuit *, int64_t now_ms);
/*
 * Requests at fed-queued. Whether the circuit may have one more, where all
 * circuits together have used of maximum; then one more, and one less.
 */
bool circuit_share(const struct circuit *, size_t used, size_t maximum);
void circuit_begin(struct circuit *);
void circuit_end(struct circuit_table *, uint64_t number);
uint64_t circuit_number(const struct circuit *); /* 0 for NULL */
/* Forgets circuits without a connection whose minute is over. */
void circuit_table_expire(struct circuit_table *, int64_t now_ms);
size_t circuit_table_count(const struct circuit_table *);
/* What those that are nearest to their limits have in use. */
struct circuit_table_most {
	uint64_t connections;
	uint64_t requests;
	uint64_t failures;
};
void circuit_table_most(
    struct circuit_table *, struct circuit_table_most *, int64_t now_ms);

#define CIRCUITS_UNUSED_MAX 4096 /* remembered without a connection */

#endif
