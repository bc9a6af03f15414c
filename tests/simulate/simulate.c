/* SPDX-License-Identifier: ISC */
/*
 * Rooms on three to five servers that lose, double and reorder what they are
 * sent, are cut off, restarted and restored, one of them perhaps dishonest;
 * after healing the honest ones must agree. Each seed is one history.
 *
 *	simulate [-qv] [-p FAULT] [-d HOST:PREFIX] SEEDS [FROM]
 *
 * Seeds FROM (1) to FROM + SEEDS - 1.
 *
 * -v says what the histories were like and, of one that fails, what each server
 * has at the end. -p makes a fault on purpose, to see that it is found. -q ends
 * with the first that fails, which is not made shorter. -d: in the databases
 * PREFIX0 to PREFIX4 at HOST, too (sql/mirror.h); "simulate -k" tells which
 * servers those are.
 *
 * Prints for each seed that fails the shortest history found and why; ends
 * with "simulate: n seeds, f failed" and status 1 when f is not 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/ed.h"
#include "sql/mirror.h"

#define FAILURES_SHOWN 3

static bool verbose;
static bool quick; /* the first that fails is enough, as it is */

/* What each server has of each room at the end. */
static void
world_print(void)
{
	const struct room *room;
	const struct item *item;
	int i, j, k;

	for (i = 0; i < NODES; i++)
		for (j = 0; j < ROOMS && world.nodes[i].exists; j++) {
			room = &world.nodes[i].db.rooms[j];
			printf("node %d room %d: number %lld disputed %lld:", i,
			    j, (long long)room->state.number,
			    (long long)room->state.disputed);
			for (k = 1; k <= room->state.number; k++)
				printf(" %d:%s", room->chain[k],
				    room_kind_name(world.events[room->chain[k]]
						       .event.kind));
			printf("\n");
			for (k = 0; k < room->entry_count; k++) {
				item = &world.items[room->entries[k].item];
				printf("    item %d origin %d epoch %lld lane "
				       "%d number %lld state %lld status %d "
				       "flags %x acked %x\n",
				    room->entries[k].item, item->origin,
				    (long long)item->message.epoch,
				    item->message.lane,
				    (long long)item->message.place.sequence,
				    (long long)item->message.state_number,
				    room->entries[k].status,
				    room->entries[k].flags,
				    room->entries[k].acked);
			}
			for (k = 0; k < room->stream_count; k++)
				printf("    stream of %d epoch %lld lane %d: "
				       "contiguous %lld highest %lld forked "
				       "%lld\n",
				    room->streams[k].origin,
				    (long long)room->streams[k].stream.epoch,
				    room->streams[k].stream.lane,
				    (long long)room->streams[k]
					.stream.contiguous,
				    (long long)room->streams[k].stream.highest,
				    (long long)room->streams[k].stream.forked);
			for (k = 0; k < room->evidence_count; k++)
				printf("    evidence %d number %lld: %d %d\n",
				    room->evidence[k].kind,
				    (long long)room->evidence[k].number,
				    room->evidence[k].a, room->evidence[k].b);
		}
}

static void
failure_show(uint64_t seed, struct history *history)
{
	int i;

	printf("seed %llu: %s\n", (unsigned long long)seed, world.failure);
	fflush(stdout);
	if (quick)
		return;
	history_shrink(history);
	history_run(history);
	printf("shortest: %d servers, dishonest %d, robbed %d, %d operations: "
	       "%s\n",
	    history->servers, history->dishonest, history->robbed,
	    history->count, world.failure);
	for (i = 0; i < history->count; i++)
		op_print(&history->ops[i]);
	if (verbose)
		world_print();
	fflush(stdout);
}

/* What the histories were like, so that it can be seen that they are rich. */
struct tally {
	unsigned long events;
	unsigned long items;
	unsigned long packets;
	unsigned long evidence[3];
	unsigned long frozen;
	unsigned long refused;
	unsigned long held;
	unsigned long late;
};

static void
tally_room(struct tally *tally, const struct room *room)
{
	int i;

	tally->frozen += room->state.disputed != 0;
	for (i = 0; i < room->evidence_count; i++)
		tally->evidence[room->evidence[i].kind]++;
	for (i = 0; i < room->entry_count; i++) {
		tally->refused += room->entries[i].status == STATUS_REFUSED;
		tally->held += (room->entries[i].flags & ROOM_WAS_HELD) != 0;
		tally->late += (room->entries[i].flags & ROOM_LATE) != 0;
	}
}

static void
tally_add(struct tally *tally)
{
	int i, j;

	tally->events += (unsigned long)world.event_count;
	tally->items += (unsigned long)world.item_count;
	tally->packets += world.delivered;
	for (i = 0; i < world.servers; i++)
		for (j = 0; j < ROOMS; j++)
			tally_room(tally, &world.nodes[i].db.rooms[j]);
}

static void
tally_print(const struct tally *tally)
{
	printf("events %lu messages %lu packets %lu evidence %lu %lu %lu "
	       "frozen %lu refused %lu held %lu late %lu\n",
	    tally->events, tally->items, tally->packets, tally->evidence[0],
	    tally->evidence[1], tally->evidence[2], tally->frozen,
	    tally->refused, tally->held, tally->late);
}

static int
usage(void)
{
	fprintf(stderr, "usage: simulate [-qv] [-p FAULT] [-d HOST:PREFIX] "
			"SEEDS [FROM]\n       simulate -k\n");
	return 64;
}

/* Each is made where planted_is() asks for it. */
static const char *const faults[] = {
    "forget",
    /* member.c: a home is asked for another invitation in place of the same */
    "again",
    /* state.c: a home stamps its events with a clock that went back */
    "clock",
    /* talk.c: what was written before we were put out is refused */
    "late",
    /* sync.c: nobody is given what follows the close */
    "shown",
    /* sync.c: a number that its origin gives no more is asked of nobody else */
    "holders",
    /* vouch.c: nobody heeds a revocation */
    "thief",
};

static bool
fault_set(const char *name)
{
	size_t i;

	planted = name;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (planted_is(faults[i]))
			return true;
	return false;
}

static bool
options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "d:kp:qv")) != -1)
		if (option == 'v')
			verbose = true;
		else if (option == 'q')
			quick = true;
		else if (option == 'd')
			mirror_open(optarg);
		else if (option == 'k') {
			ledger_print();
			exit(0);
		} else if (option != 'p' || !fault_set(optarg))
			return false;
	return true;
}

int
main(int argc, char **argv)
{
	static struct history history;
	struct tally tally = {0};
	uint64_t seed, first = 1, count, failed = 0;

	if (ed_init() == -1)
		return usage();
	ledger_begin();
	if (!options(argc, argv))
		return usage();
	argc -= optind - 1;
	argv += optind - 1;
	if (argc < 2 || argc > 3)
		return usage();
	count = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 10);
	if (count == 0)
		return usage();
	for (seed = first; seed - first < count && !(quick && failed > 0);
	     seed++) {
		mirror_progress(seed, seed - first);
		history_make(&history, seed);
		if (history_run(&history)) {
			tally_add(&tally);
			continue;
		}
		if (failed++ < FAILURES_SHOWN)
			failure_show(seed, &history);
	}
	if (verbose)
		tally_print(&tally);
	mirror_print();
	printf("simulate: %llu seeds, %llu failed\n", (unsigned long long)count,
	    (unsigned long long)failed);
	return failed != 0;
}
