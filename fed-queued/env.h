/* SPDX-License-Identifier: ISC */
/*
 * What the parts of fed-queued share. Each part has one subject:
 *
 *	main.c		start, channels, the loop
 *	statements.c	every SQL statement, in one table; statements_admin.c
 *			those that fedctl asks for, statements_messages.c
 *	peers.c		the cache of servers; peer.c their certificates
 *	strangers.c	handshakes stored, and how many strangers may be
 *	limiter.c	token buckets; limits.c their names and counters
 *	fairness.c	servers that send at once, pure; credit.c, too
 *	inbox.c		how full the inbox is
 *	signing.c	questions to fed-signer and their answers; restored.c
 *			whether its log is ahead of the database
 *	check.c		the order of checks on a request, pure
 *	inbound.c	a request from fed-listener to its answer
 *	commit.c	many items, one transaction
 *	ack.c		acknowledgements, written and read, pure
 *	reaction.c	what each outcome of an exchange calls for, a table
 *	schedule.c	which destination is due, back-off, fairness
 *	queue.c		claims and settlements in the database
 *	work.c		which lanes have items
 *	transport.c	one exchange with a peer: sign, send, verify
 *	outbound.c	a claimed item through an exchange to its settlement
 *	handshake_out.c	our handshakes with others
 *	lookup_in.c	others look up our users; hold.c answers held back
 *	lookup_out.c	we look up theirs
 *	items_take.c	items of rooms in requests; room_item.c which they are,
 *			and certificate_choose.c who signed an event, pure
 *	room_shown.c	invitations that others show to our users
 *	room_events.c	state events taken, by what room_facts.c reads;
 *			state_decide.c what we decide as a home,
 *			room_wishes.c in its order: decide, sign, apply;
 *			confirmed_set.c not before somebody was heard
 *	evidence.c	contradictions, kept for the admin
 *	room_row.c	rooms in results and parameters
 *	turn_begin.c	one thing at a time in each room
 *	room_sync.c	with whom heads of rooms are exchanged: sync_exchange.c
 *			we begin, sync_answer.c others do; room_sync_give.c
 *			what they are given (room_sync_items.c messages,
 *			room_sync_heads.c heads), room_sync_take.c what comes
 *			in (room_sync_void.c, room_sync_evidence.c,
 *			room_sync_compare.c); room_document.c what is signed
 *	room_messages.c	rooms in which messages wait: room_take.c those of
 *			others, judged by intake_run.c (pure), again by
 *			room_judge.c; messages_number.c places for ours
 *	liveness.c	when a silent peer is asked, what silence means, pure
 *	health.c	pings to peers, who is there
 *	self_probe.c	whether we can be reached ourselves
 *	ping.c		fedctl's ping of a server
 *	receipts.c	what a peer signed, as a document for others
 *	upkeep.c	what nobody needs any more
 *	control.c	fedctl's socket; control_verbs.c what it asks:
 *			control_server.c about servers, control_queue.c how
 *			messages stand, control_change.c what an admin does
 *			with them
 */
#ifndef TORFED_QUEUED_H
#define TORFED_QUEUED_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"
#include "ipc/chanev.h"
#include "ipc/message.h"
#include "ipc/settings.h"
#include "proto/cert.h"

/* The one environment of this process. */
struct queued {
	struct event_base *base;
	struct db *db;
	struct chanev *fedd;
	struct chanev *listener;
	struct chanev *signer;
	struct chanev *sender;
	struct settings settings;
	struct msg_go go;
	uid_t owner_uid;

	bool has_identity;
	struct msg_identity identity; /* ours, from fed-signer */
	struct cert certificate;      /* the same, parsed */
	char address[63];	      /* ours, with .onion */
	uint8_t incarnation[16];      /* UUID of this start */
	bool registered; /* so, and it was not put back to a backup */
};
extern struct queued env;

/* Milliseconds that never jump, for delays and rates. */
int64_t clock_ms(void);
/* Seconds since 1970, for what is signed and for certificates. */
int64_t clock_now(void);

/* An address as logs show it (settings.log_servers): full, short, or "-". */
#define LOG_ADDRESS_SIZE 64
const char *log_address(char buf[LOG_ADDRESS_SIZE], const uint8_t key[32]);

#endif
