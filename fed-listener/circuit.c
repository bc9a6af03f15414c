/* SPDX-License-Identifier: ISC */
/*
 * A tree of circuits by number. A circuit without connections is remembered
 * for a minute, so that reconnecting does not refill its bucket; the number
 * remembered is capped, and the one longest unused goes first.
 */
#include <stdlib.h>

#include "circuit.h"
#include "limit.h"
#include "tree.h"

#define CIRCUIT_MEMORY_MS 60000

struct circuit {
	RB_ENTRY(circuit) node;
	TAILQ_ENTRY(circuit) entry; /* when unused, oldest first */
	uint64_t number;
	int64_t connections;
	int64_t unused_ms; /* since when */
	struct bucket bucket;
};

RB_HEAD(circuit_tree, circuit);
TAILQ_HEAD(circuit_list, circuit);

struct circuits {
	struct circuit_tree tree;
	struct circuit_list unused;
	size_t count;
	size_t unused_count;
	int64_t per_circuit;
	int64_t per_minute;
};

static int
circuit_compare(const struct circuit *a, const struct circuit *b)
{
	return a->number < b->number ? -1 : a->number > b->number;
}

RB_GENERATE_STATIC(circuit_tree, circuit, node, circuit_compare);

struct circuits *
circuits_new(int64_t per_circuit, int64_t per_minute)
{
	struct circuits *circuits = calloc(1, sizeof(*circuits));

	if (circuits == NULL)
		return NULL;
	RB_INIT(&circuits->tree);
	TAILQ_INIT(&circuits->unused);
	circuits->per_circuit = per_circuit;
	circuits->per_minute = per_minute;
	return circuits;
}

static void
circuit_forget(struct circuits *circuits, struct circuit *circuit)
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
circuits_free(struct circuits *circuits)
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
circuit_find(struct circuits *circuits, uint64_t number, int64_t now_ms)
{
	struct circuit wanted = {.number = number}, *circuit;

	circuit = RB_FIND(circuit_tree, &circuits->tree, &wanted);
	if (circuit == NULL) {
		circuit = calloc(1, sizeof(*circuit));
		if (circuit == NULL)
			return NULL;
		circuit->number = number;
		bucket_init(&circuit->bucket, circuits->per_minute, now_ms);
		RB_INSERT(circuit_tree, &circuits->tree, circuit);
		circuits->count++;
	} else if (circuit->connections == 0) {
		TAILQ_REMOVE(&circuits->unused, circuit, entry);
		circuits->unused_count--;
	}
	return circuit;
}

int
circuit_attach(struct circuits *circuits, uint64_t number, int64_t now_ms,
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
    struct circuits *circuits, struct circuit *circuit, int64_t now_ms)
{
	if (circuit == NULL || --circuit->connections > 0)
		return;
	circuit->unused_ms = now_ms;
	TAILQ_INSERT_TAIL(&circuits->unused, circuit, entry);
	if (++circuits->unused_count > CIRCUITS_UNUSED_MAX)
		circuit_forget(circuits, TAILQ_FIRST(&circuits->unused));
}

uint32_t
circuit_request(
    const struct circuits *circuits, struct circuit *circuit, int64_t now_ms)
{
	if (circuit == NULL)
		return 0;
	return bucket_take(&circuit->bucket, circuits->per_minute, now_ms);
}

uint64_t
circuit_number(const struct circuit *circuit)
{
	return circuit == NULL ? 0 : circuit->number;
}

void
circuits_expire(struct circuits *circuits, int64_t now_ms)
{
	struct circuit *circuit;

	while ((circuit = TAILQ_FIRST(&circuits->unused)) != NULL &&
	       now_ms - circuit->unused_ms >= CIRCUIT_MEMORY_MS)
		circuit_forget(circuits, circuit);
}

size_t
circuits_count(const struct circuits *circuits)
{
	return circuits->count;
}
