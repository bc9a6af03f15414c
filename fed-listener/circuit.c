/* SPDX-License-Identifier: ISC */
/*
 * A tree of circuits by number. A circuit without connections is remembered
 * for a minute, so that reconnecting does not refill its bucket; the number
 * remembered is capped, and the one longest unused goes first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bucket.h"
#include "base/share.h"
#include "base/tree.h"
#include "circuit.h"

#define CIRCUIT_MEMORY_MS 60000

struct circuit {
	RB_ENTRY(circuit) node;
	TAILQ_ENTRY(circuit) entry; /* when unused, oldest first */
	uint64_t number;
	int64_t connections;
	int64_t unused_ms; /* since when */
	size_t pending;	   /* requests at fed-queued */
	struct bucket requests;
	struct bucket failures;
};

RB_HEAD(circuit_tree, circuit);
TAILQ_HEAD(circuit_list, circuit);

struct circuit_table {
	struct circuit_tree tree;
	struct circuit_list unused;
	size_t count;
	size_t unused_count;
	int64_t per_circuit;
	struct bucket_rate requests;
	struct bucket_rate failures;
};

static int
circuit_compare(const struct circuit *a, const struct circuit *b)
{
	return a->number < b->number ? -1 : a->number > b->number;
}

RB_GENERATE_STATIC(circuit_tree, circuit, node, circuit_compare);

/* So many a minute, and at once. */
static struct bucket_rate
rate_minute(int64_t count)
{
	return (struct bucket_rate){
	    .count = count, .interval_ms = 60000, .burst = count};
}

/* Seconds, rounded up, until the bucket holds one. */
static uint32_t
wait_s(
    const struct bucket *bucket, const struct bucket_rate *rate, int64_t now_ms)
{
	return (
	    uint32_t)((bucket_wait_ms(bucket, rate, 1, now_ms) + 999) / 1000);
}

struct circuit_table *
circuit_table_new(int64_t per_circuit, int64_t per_minute, int64_t failures)
{
	struct circuit_table *circuits = xcalloc(1, sizeof(*circuits));

	RB_INIT(&circuits->tree);
	TAILQ_INIT(&circuits->unused);
	circuits->per_circuit = per_circuit;
	circuits->requests = rate_minute(per_minute);
	circuits->failures = rate_minute(failures);
	return circuits;
}

static void
circuit_forget(struct circuit_table *circuits, struct circuit *circuit)
{
	if (circuit->connections == 0) {
		TAILQ_REMOVE(&circuits->unused, circuit, entry);
		circuits->unused_count--;
	}
	RB_REMOVE(circuit_tree, &circuits->tree, circuit);
	circuits->count--;
	free(circuit);
}

void
circuit_table_free(struct circuit_table *circuits)
{
	struct circuit *circuit;

	if (circuits == NULL)
		return;
	while ((circuit = RB_ROOT(&circuits->tree)) != NULL)
		circuit_forget(circuits, circuit);
	free(circuits);
}

/* The circuit, made when it is new; with at least one connection after. */
static struct circuit *
circuit_find(struct circuit_table *circuits, uint64_t number, int64_t now_ms)
{
	struct circuit wanted = {.number = number}, *circuit;

	circuit = RB_FIND(circuit_tree, &circuits->tree, &wanted);
	if (circuit == NULL) {
		circuit = calloc(1, sizeof(*circuit));
		if (circuit == NULL)
			return NULL;
		circuit->number = number;
		bucket_fill(&circuit->requests, &circuits->requests, now_ms);
		bucket_fill(&circuit->failures, &circuits->failures, now_ms);
		RB_INSERT(circuit_tree, &circuits->tree, circuit);
		circuits->count++;
	} else if (circuit->connections == 0) {
		TAILQ_REMOVE(&circuits->unused, circuit, entry);
		circuits->unused_count--;
	}
	return circuit;
}

int
circuit_attach(struct circuit_table *circuits, uint64_t number, int64_t now_ms,
    struct circuit **found)
{
	*found = NULL;
	if (number == 0)
		return 0;
	*found = circuit_find(circuits, number, now_ms);
	if (*found == NULL)
		return -1;
	if (circuits->per_circuit != 0 &&
	    (*found)->connections >= circuits->per_circuit) {
		*found = NULL;
		return -1;
	}
	(*found)->connections++;
	return 0;
}

void
circuit_detach(
    struct circuit_table *circuits, struct circuit *circuit, int64_t now_ms)
{
	if (circuit == NULL || --circuit->connections > 0)
		return;
	circuit->unused_ms = now_ms;
	TAILQ_INSERT_TAIL(&circuits->unused, circuit, entry);
	if (++circuits->unused_count > CIRCUITS_UNUSED_MAX)
		circuit_forget(circuits, TAILQ_FIRST(&circuits->unused));
}

uint32_t
circuit_request(const struct circuit_table *circuits, struct circuit *circuit,
    int64_t now_ms)
{
	if (circuit == NULL)
		return 0;
	if (bucket_take(&circuit->requests, &circuits->requests, 1, now_ms))
		return 0;
	return wait_s(&circuit->requests, &circuits->requests, now_ms);
}

bool
circuit_share(const struct circuit *circuit, size_t used, size_t maximum)
{
	return circuit == NULL || fair_share(circuit->pending, used, maximum);
}

void
circuit_begin(struct circuit *circuit)
{
	if (circuit != NULL)
		circuit->pending++;
}

/* One that is still there; NULL for number 0. */
static struct circuit *
circuit_look(struct circuit_table *circuits, uint64_t number)
{
	struct circuit wanted = {.number = number};

	if (number == 0)
		return NULL;
	return RB_FIND(circuit_tree, &circuits->tree, &wanted);
}

void
circuit_end(struct circuit_table *circuits, uint64_t number)
{
	struct circuit *circuit = circuit_look(circuits, number);

	/* It may have been forgotten, and met again. */
	if (circuit != NULL && circuit->pending > 0)
		circuit->pending--;
}

bool
circuit_fail(struct circuit_table *circuits, uint64_t number, int64_t now_ms)
{
	struct circuit *circuit = circuit_look(circuits, number);

	if (circuit == NULL)
		return false;
	(void)bucket_take(&circuit->failures, &circuits->failures, 1, now_ms);
	return true;
}

uint32_t
circuit_failures(const struct circuit_table *circuits,
    const struct circuit *circuit, int64_t now_ms)
{
	if (circuit == NULL)
		return 0;
	return wait_s(&circuit->failures, &circuits->failures, now_ms);
}

uint64_t
circuit_number(const struct circuit *circuit)
{
	return circuit == NULL ? 0 : circuit->number;
}

void
circuit_table_expire(struct circuit_table *circuits, int64_t now_ms)
{
	struct circuit *circuit;

	while ((circuit = TAILQ_FIRST(&circuits->unused)) != NULL &&
	       now_ms - circuit->unused_ms >= CIRCUIT_MEMORY_MS)
		circuit_forget(circuits, circuit);
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void
circuit_table_most(struct circuit_table *circuits,
    struct circuit_table_most *most, int64_t now_ms)
{
	struct circuit *circuit;

	memset(most, 0, sizeof(*most));
	RB_FOREACH (circuit, circuit_tree, &circuits->tree) {
		most->connections =
		    larger(most->connections, (uint64_t)circuit->connections);
		most->requests = larger(
		    most->requests, (uint64_t)bucket_used(&circuit->requests,
					&circuits->requests, now_ms));
		most->failures = larger(
		    most->failures, (uint64_t)bucket_used(&circuit->failures,
					&circuits->failures, now_ms));
	}
}

size_t
circuit_table_count(const struct circuit_table *circuits)
{
	return circuits->count;
}
