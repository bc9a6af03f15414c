/* SPDX-License-Identifier: ISC */
/*
 * Every interleaving of claim, send, commit, acknowledge, settle, time-out,
 * end of a lease, crash and restore, for two items of one lane and two workers
 * on one database (architecture: "Delivery rules"). What an answer does to an
 * item is decided by fed-queued's own reaction_find(); the database, the
 * network and the receiver are modelled here, with the smallest steps that can
 * be seen from outside.
 *
 * Checked in every state: no item has an effect twice, and one that is
 * "delivered" has had its effect; no outcome is written over but by a restore.
 * And from every state all items can still be
 * settled without another fault.
 *
 *	delivery [RULE]	RULE: leave a rule out, to see that this is found:
 *			claim-id, duplicates, commit, lease
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fed-queued/exchange/reaction.h"
#include "fed-queued/exchange/transport.h"

#define ITEMS	     2
#define WORKERS	     2
#define REQUESTS     2 /* on their way at a time */
#define ATTEMPTS_MAX 2
#define FAULTS_MAX   2 /* in one history; time-outs and leases' ends are none */
#define STATES_MAX   (1U << 24)

enum item_now { PENDING, CLAIMED, DELIVERED, FAILED };
enum answer { ANSWER_NONE, OK, DUPLICATE, LATER, REFUSED, NEVER, ANSWERS };

/* All of bytes, so that two states compare by memory. */
struct state {
	uint8_t item[ITEMS];
	uint8_t claim[ITEMS]; /* the claim that has it; 0 none */
	uint8_t attempts[ITEMS];
	uint8_t lease; /* the claim that has the lane; 0 none */
	uint8_t lease_worker;
	uint8_t worker[WORKERS]; /* the claim it works on; 0 idle */
	uint8_t sent[WORKERS];
	uint8_t taken[WORKERS]; /* items of its claim, a bit each */
	struct {
		uint8_t claim; /* 0: none here */
		uint8_t items; /* a bit each */
	} request[REQUESTS];
	struct {
		uint8_t claim;
		uint8_t answer[ITEMS];
	} ack[REQUESTS];
	uint8_t committed[ITEMS]; /* ids that the receiver remembers */
	uint8_t effects[ITEMS];
	uint8_t faults; /* so far: crashes, losses, restores */
	uint8_t backup; /* 0 none yet, 1 there is one, 2 it was restored */
	uint8_t backup_item[ITEMS];
	uint8_t backup_attempts[ITEMS];
};

static struct state *states;
static uint32_t *table, state_count;
/* Steps: from one state to another; fault: not needed to go on. */
static struct step {
	uint32_t from;
	uint32_t to;
} * steps;
static uint32_t step_count, step_room;
static const char *left_out = "";

static bool
rule(const char *name)
{
	return strcmp(left_out, name) != 0;
}

static uint32_t
state_hash(const struct state *state)
{
	const uint8_t *bytes = (const uint8_t *)state;
	uint32_t hash = 2166136261U;
	size_t i;

	for (i = 0; i < sizeof(*state); i++)
		hash = (hash ^ bytes[i]) * 16777619U;
	return hash;
}

static void
fail(const char *why, const struct state *state)
{
	int i;

	printf("delivery: %s:", why);
	for (i = 0; i < ITEMS; i++)
		printf(" item %d: state %d attempts %d effects %d", i,
		    state->item[i], state->attempts[i], state->effects[i]);
	printf("\n");
	exit(1);
}

static void
state_check(const struct state *state)
{
	int i;

	for (i = 0; i < ITEMS; i++) {
		if (state->effects[i] > 1)
			fail("an effect twice", state);
		if (state->item[i] == DELIVERED && state->effects[i] != 1)
			fail("delivered without an effect", state);
	}
}

/* States that differ only in names are one: claims by where they occur... */
static void
claims_rename(struct state *state)
{
	uint8_t *ids[ITEMS + 1 + WORKERS + 2 * REQUESTS], names[256] = {0};
	uint8_t count = 0;
	size_t i, n = 0;

	for (i = 0; i < WORKERS; i++)
		ids[n++] = &state->worker[i];
	ids[n++] = &state->lease;
	for (i = 0; i < ITEMS; i++)
		ids[n++] = &state->claim[i];
	for (i = 0; i < REQUESTS; i++)
		ids[n++] = &state->request[i].claim;
	for (i = 0; i < REQUESTS; i++)
		ids[n++] = &state->ack[i].claim;
	for (i = 0; i < n; i++) {
		if (*ids[i] == 0)
			continue;
		if (names[*ids[i]] == 0)
			names[*ids[i]] = ++count;
		*ids[i] = names[*ids[i]];
	}
}

static void
swap(void *a, void *b, size_t size)
{
	uint8_t kept[8];

	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

/* ...and workers and what is on its way in an order of their own. */
static void
state_canonical(struct state *state)
{
	if (state->worker[0] < state->worker[1]) {
		swap(&state->worker[0], &state->worker[1], 1);
		swap(&state->sent[0], &state->sent[1], 1);
		swap(&state->taken[0], &state->taken[1], 1);
		if (state->lease != 0)
			state->lease_worker ^= 1;
	}
	claims_rename(state);
	if (memcmp(&state->request[0], &state->request[1],
		sizeof(state->request[0])) < 0)
		swap(&state->request[0], &state->request[1],
		    sizeof(state->request[0]));
	if (memcmp(&state->ack[0], &state->ack[1], sizeof(state->ack[0])) < 0)
		swap(&state->ack[0], &state->ack[1], sizeof(state->ack[0]));
	claims_rename(state);
}

static uint32_t
state_find(const struct state *given)
{
	struct state canonical = *given, *state = &canonical;
	uint32_t at;

	state_canonical(state);
	at = state_hash(state) % (2 * STATES_MAX);

	while (table[at] != 0) {
		if (memcmp(&states[table[at] - 1], state, sizeof(*state)) == 0)
			return table[at] - 1;
		at = (at + 1) % (2 * STATES_MAX);
	}
	if (state_count == STATES_MAX)
		fail("too many states", state);
	state_check(state);
	states[state_count] = *state;
	table[at] = ++state_count;
	return state_count - 1;
}

/* Nothing but a restore changes an outcome. */
static void
outcome_check(const struct state *before, const struct state *after)
{
	int i;

	for (i = 0; i < ITEMS; i++)
		if ((before->item[i] == DELIVERED ||
			before->item[i] == FAILED) &&
		    after->item[i] != before->item[i])
			fail("an outcome was written over", after);
}

static void
reach(uint32_t from, const struct state *state, bool fault)
{
	struct state after = *state;
	uint32_t to;

	after.faults += fault;
	if (after.faults > FAULTS_MAX)
		return;
	to = state_find(&after);
	if (states[from].backup == after.backup)
		outcome_check(&states[from], &after);
	if (fault || to == from)
		return;
	if (step_count == step_room) {
		step_room = step_room == 0 ? 1 << 20 : 2 * step_room;
		steps = realloc(steps, step_room * sizeof(*steps));
		if (steps == NULL)
			exit(2);
	}
	steps[step_count].from = from;
	steps[step_count++].to = to;
}

/* Claims' ids are random: one that nothing refers to stands for a new one. */
static uint8_t
claim_new(const struct state *state)
{
	uint8_t id = 1;
	bool used;
	int i;

	do {
		used = state->lease == id;
		for (i = 0; i < ITEMS; i++)
			used |= state->claim[i] == id;
		for (i = 0; i < WORKERS; i++)
			used |= state->worker[i] == id;
		for (i = 0; i < REQUESTS; i++)
			used |= state->request[i].claim == id ||
				state->ack[i].claim == id;
	} while (used && ++id);
	return id;
}

/* The lease's end: what it claimed and did not settle is pending again. */
static void
lease_end(struct state *state)
{
	int i;

	for (i = 0; i < ITEMS; i++)
		if (state->item[i] == CLAIMED &&
		    state->claim[i] == state->lease) {
			state->item[i] = PENDING;
			state->claim[i] = 0;
		}
	state->lease = 0;
	state->lease_worker = 0;
}

static void
worker_idle(struct state *state, int worker)
{
	state->worker[worker] = 0;
	state->sent[worker] = 0;
	state->taken[worker] = 0;
}

static void
step_claim(uint32_t from, int worker)
{
	struct state state = states[from];
	uint8_t id, taken = 0;
	int i;

	if (state.worker[worker] != 0 || state.lease != 0)
		return;
	id = claim_new(&state);
	for (i = 0; i < ITEMS; i++)
		if (state.item[i] == PENDING) {
			state.item[i] = CLAIMED;
			state.claim[i] = id;
			taken |= (uint8_t)(1 << i);
		}
	if (taken == 0)
		return;
	state.taken[worker] = taken;
	state.lease = id;
	state.lease_worker = (uint8_t)worker;
	state.worker[worker] = id;
	state.sent[worker] = 0;
	reach(from, &state, false);
}

/* What a worker remembers of its claim is what it took, lease or not. */
static void
step_send(uint32_t from, int worker)
{
	struct state state = states[from];
	int i, slot;

	if (state.worker[worker] == 0 || state.sent[worker])
		return;
	for (slot = 0; slot < REQUESTS && state.request[slot].claim; slot++)
		;
	if (slot == REQUESTS)
		return;
	state.request[slot].claim = state.worker[worker];
	state.request[slot].items = 0;
	for (i = 0; i < ITEMS; i++)
		if (state.claim[i] == state.worker[worker])
			state.request[slot].items |= (uint8_t)(1 << i);
	state.sent[worker] = 1;
	if (state.request[slot].items == 0) {
		/* its lease ended before it sent anything */
		state.request[slot].claim = 0;
		worker_idle(&state, worker);
	}
	reach(from, &state, false);
}

/* The verdicts that a receiver may have on an item, committing some. */
static bool
item_answer(struct state *state, int i, enum answer answer)
{
	bool duplicate = state->committed[i] && rule("duplicates");

	if ((answer == DUPLICATE) != duplicate)
		return false;
	if (answer != OK)
		return true;
	if (!rule("commit")) /* acknowledged, and committed perhaps */
		return true;
	state->committed[i] = 1;
	if (state->effects[i] < 3)
		state->effects[i]++;
	return true;
}

static void
step_receive(uint32_t from, int slot)
{
	struct state state;
	uint8_t first, second, claim = states[from].request[slot].claim;
	uint8_t items = states[from].request[slot].items;
	int free_slot;

	if (claim == 0)
		return;
	for (first = OK; first < ANSWERS; first++)
		for (second = OK; second < ANSWERS; second++) {
			/* LATER does what a time-out does */
			if (first == LATER || second == LATER)
				continue;
			state = states[from];
			if (((items & 1) == 0 && first != OK) ||
			    ((items & 2) == 0 && second != OK))
				continue;
			if ((items & 1) != 0 &&
			    !item_answer(&state, 0, (enum answer)first))
				continue;
			if ((items & 2) != 0 &&
			    !item_answer(&state, 1, (enum answer)second))
				continue;
			state.request[slot].claim = 0;
			state.request[slot].items = 0;
			reach(from, &state, true); /* the answer is lost */
			for (free_slot = 0;
			     free_slot < REQUESTS && state.ack[free_slot].claim;
			     free_slot++)
				;
			if (free_slot == REQUESTS)
				continue;
			state.ack[free_slot].claim = claim;
			state.ack[free_slot].answer[0] =
			    (items & 1) != 0 ? first : ANSWER_NONE;
			state.ack[free_slot].answer[1] =
			    (items & 2) != 0 ? second : ANSWER_NONE;
			reach(from, &state, false);
		}
}

/* What fed-queued makes of it. */
static void
item_settle(struct state *state, int i, uint8_t claim, enum item_effect effect)
{
	if (rule("claim-id") &&
	    (state->item[i] != CLAIMED || state->claim[i] != claim))
		return;
	state->claim[i] = 0;
	switch (effect) {
	case ITEM_DELIVERED:
		state->item[i] = DELIVERED;
		break;
	case ITEM_FAILED:
		state->item[i] = FAILED;
		break;
	case ITEM_REFUSED:
		if (state->attempts[i] < ATTEMPTS_MAX)
			state->attempts[i]++;
		state->item[i] =
		    state->attempts[i] == ATTEMPTS_MAX ? FAILED : PENDING;
		break;
	case ITEM_POSTPONED:
	case ITEM_APPEALS:
	case ITEM_LATER:
	default:
		state->item[i] = PENDING;
		break;
	}
}

static enum item_effect
effect_of(enum answer answer)
{
	static const struct ack_result results[ANSWERS] = {
	    [OK] = {ACK_ACCEPTED, CODE_OK, 0},
	    [DUPLICATE] = {ACK_DUPLICATE, CODE_OK, 0},
	    [LATER] = {ACK_RETRY, CODE_BUSY, 5},
	    [REFUSED] = {ACK_REJECTED, CODE_STORAGE, 0},
	    [NEVER] = {ACK_REJECTED, CODE_PAYLOAD_MALFORMED, 0},
	};
	struct transport_outcome outcome = {.code = CODE_OK, .status = 200};

	return reaction_find(&outcome, &results[answer], true).item;
}

static void
worker_done(struct state *state, int worker)
{
	if (state->lease == state->worker[worker] && state->lease != 0)
		lease_end(state);
	worker_idle(state, worker);
}

/* An acknowledgement counts for the attempt that waits for it, or not. */
static void
step_settle(uint32_t from, int slot)
{
	struct state state = states[from];
	uint8_t claim = state.ack[slot].claim;
	int i, worker;

	if (claim == 0)
		return;
	for (worker = 0; worker < WORKERS; worker++)
		if (state.worker[worker] == claim && state.sent[worker])
			break;
	if (worker < WORKERS) {
		for (i = 0; i < ITEMS; i++)
			if (state.ack[slot].answer[i] != ANSWER_NONE)
				item_settle(&state, i, claim,
				    effect_of((enum answer)state.ack[slot]
						  .answer[i]));
		worker_done(&state, worker);
	}
	memset(&state.ack[slot], 0, sizeof(state.ack[slot]));
	reach(from, &state, false);
}

/* No answer, or one that is not signed: the items wait, nothing is counted. */
static void
step_timeout(uint32_t from, int worker, enum code code, uint16_t status)
{
	struct transport_outcome outcome = {.code = code, .status = status};
	struct state state = states[from];
	enum item_effect effect = reaction_find(&outcome, NULL, true).item;
	uint8_t claim = state.worker[worker];
	int i;

	if (claim == 0 || !state.sent[worker])
		return;
	for (i = 0; i < ITEMS; i++)
		if ((state.taken[worker] >> i & 1) != 0)
			item_settle(&state, i, claim, effect);
	worker_done(&state, worker);
	reach(from, &state, false);
}

/* A worker that is slow, or a host that is gone: the others go on. */
static void
step_expire(uint32_t from)
{
	struct state state = states[from];

	if (state.lease == 0 || !rule("lease"))
		return;
	lease_end(&state);
	reach(from, &state, false);
}

/* A new incarnation frees what the old one had. */
static void
step_crash(uint32_t from, int worker)
{
	struct state state = states[from];

	if (state.worker[worker] == 0)
		return;
	if (state.lease != 0 && state.lease_worker == worker && rule("lease"))
		lease_end(&state);
	worker_idle(&state, worker);
	reach(from, &state, true);
}

static void
step_lose(uint32_t from, int slot)
{
	struct state state = states[from];

	if (state.request[slot].claim != 0) {
		memset(&state.request[slot], 0, sizeof(state.request[slot]));
		reach(from, &state, true);
	}
	state = states[from];
	if (state.ack[slot].claim != 0) {
		memset(&state.ack[slot], 0, sizeof(state.ack[slot]));
		reach(from, &state, true);
	}
}

/* The sender's database goes back; what is on its way goes on. */
static void
step_restore(uint32_t from)
{
	struct state state = states[from];
	int i;

	if (state.backup == 0) {
		for (i = 0; i < ITEMS; i++) {
			state.backup_item[i] =
			    state.item[i] == CLAIMED ? PENDING : state.item[i];
			state.backup_attempts[i] = state.attempts[i];
		}
		state.backup = 1;
	} else if (state.backup == 1) {
		for (i = 0; i < ITEMS; i++) {
			state.item[i] = state.backup_item[i];
			state.attempts[i] = state.backup_attempts[i];
			state.claim[i] = 0;
			state.backup_item[i] = 0;
			state.backup_attempts[i] = 0;
		}
		memset(state.worker, 0, sizeof(state.worker));
		memset(state.sent, 0, sizeof(state.sent));
		memset(state.taken, 0, sizeof(state.taken));
		state.lease = 0;
		state.lease_worker = 0;
		state.backup = 2;
	} else
		return;
	reach(from, &state, true);
}

static void
explore(uint32_t from)
{
	int i;

	for (i = 0; i < WORKERS; i++) {
		step_claim(from, i);
		step_send(from, i);
		step_timeout(from, i, CODE_TIMEOUT_ANSWER, 0);
		step_timeout(from, i, CODE_ANSWER_UNSIGNED, 503);
		step_crash(from, i);
	}
	for (i = 0; i < REQUESTS; i++) {
		step_receive(from, i);
		step_settle(from, i);
		step_lose(from, i);
	}
	step_expire(from);
	step_restore(from);
}

static bool
settled(const struct state *state)
{
	int i;

	for (i = 0; i < ITEMS; i++)
		if (state->item[i] != DELIVERED && state->item[i] != FAILED)
			return false;
	return true;
}

/* From which states all can be settled: backwards until nothing is added. */
static void
liveness(void)
{
	uint8_t *live = calloc(state_count, 1);
	bool more = true;
	uint32_t i;

	if (live == NULL)
		exit(2);
	for (i = 0; i < state_count; i++)
		live[i] = settled(&states[i]);
	while (more) {
		more = false;
		for (i = step_count; i-- > 0;)
			if (!live[steps[i].from] && live[steps[i].to]) {
				live[steps[i].from] = 1;
				more = true;
			}
	}
	for (i = 0; i < state_count; i++)
		if (!live[i])
			fail("never settled", &states[i]);
	free(live);
}

int
main(int argc, char **argv)
{
	struct state begin;
	uint32_t i;

	if (argc > 2) {
		fprintf(stderr, "usage: delivery [RULE]\n");
		return 64;
	}
	if (argc == 2)
		left_out = argv[1];
	states = malloc((size_t)STATES_MAX * sizeof(*states));
	table = calloc(2 * (size_t)STATES_MAX, sizeof(*table));
	if (states == NULL || table == NULL)
		return 2;
	memset(&begin, 0, sizeof(begin));
	state_find(&begin);
	for (i = 0; i < state_count; i++)
		explore(i);
	liveness();
	printf("delivery: %u states, %u steps, 0 failed\n", state_count,
	    step_count);
	free(steps);
	free(table);
	free(states);
	return 0;
}
