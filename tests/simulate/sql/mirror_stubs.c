/* SPDX-License-Identifier: ISC */
/* What fed-queued's other files do for those of rooms: nothing goes out. */
#include <string.h>

#include "env.h"
#include "events/timer.h"
#include "exchange/signing.h"
#include "inbound/hold.h"
#include "inbound/inbox.h"
#include "rooms/confirmed.h"
#include "rooms/home_certificate.h"
#include "rooms/messages/judge.h"
#include "rooms/resync.h"
#include "rooms/state/rekey.h"
#include "rooms/state/requests.h"
#include "servers/peer_table.h"
#include "sql/mirror_internal.h"

struct queued env;

const char *
log_address(char buf[LOG_ADDRESS_SIZE], const uint8_t key[32])
{
	onion_format(buf, key);
	return buf;
}

void
signing_mark(int64_t mark)
{
	(void)mark;
}

void
signing_state(
    const struct room_event *event, signing_callback callback, void *argument)
{
	uint8_t signature[64];

	if (event->timestamp - mirror_clock > ROOM_AHEAD_S) {
		callback(NULL, 0, argument);
		return;
	}
	memset(signature, 1, sizeof(signature));
	room_event_hash(signature, event);
	callback(signature, 0, argument);
}

void
inbox_stored(void)
{
}

void
resync_prove(
    const struct room_id *room, const uint8_t peer[ONION_KEY], int64_t number)
{
	(void)room;
	(void)peer;
	(void)number;
}

void
resync_soon(const struct room_id *room, const uint8_t *peer)
{
	(void)room;
	(void)peer;
}

void
resync_all(void)
{
}

void
hold(int64_t at_ms, void (*run)(void *), void *argument)
{
	(void)at_ms;
	(void)run;
	(void)argument;
	world_fail("sql: messages are not judged");
}

bool
confirmed_wait(const struct room_id *room, uint32_t servers)
{
	(void)room;
	(void)servers;
	return false;
}

void
confirmed_set(const struct room_id *room)
{
	(void)room;
}

struct event *__wrap_timer_new(
    struct event_base *, event_callback_fn, void *argument);
struct event *
__wrap_timer_new(struct event_base *base, event_callback_fn run, void *argument)
{
	(void)base;
	(void)run;
	(void)argument;
	return NULL;
}

void __wrap_timer_arm_once(struct event *, int64_t ms);
void
__wrap_timer_arm_once(struct event *event, int64_t ms)
{
	(void)event;
	(void)ms;
}

/* The signer's log: ahead of the database when the model says so. */
static int64_t marked;

void
mirror_marked(int64_t mark)
{
	marked = mark;
}

int64_t
signing_marked(void)
{
	return marked;
}

static struct peer peers[SERVERS];

void
mirror_peers(int node)
{
	int i;

	for (i = 0; i < SERVERS; i++)
		peers[i].min_serial = world.nodes[node].db.min_serial[i];
}

/* Who asks whether anything was revoked since is told of more each time: one
 * process plays several servers. */
void
peer_table_each(void (*each)(struct peer *, void *), void *argument)
{
	static struct peer more;
	int i;

	more.min_serial += SERVERS * 2;
	each(&more, argument);
	for (i = 0; i < SERVERS; i++)
		each(&peers[i], argument);
}

struct peer *
peer_table_find(const uint8_t key[32])
{
	int i;

	for (i = 0; i < SERVERS; i++)
		if (memcmp(ledger_key(i), key, ONION_KEY) == 0) {
			peers[i].trust = TRUST_VERIFIED;
			return &peers[i];
		}
	return NULL;
}

const struct cert *
peer_certificate(const struct peer *peer, const uint8_t key_id[32])
{
	return ledger_cert_find((int)(peer - peers), key_id);
}

/* The model signs when it likes: mirror_sign(). */
void __wrap_requests_soon(const struct room_id *);
void
__wrap_requests_soon(const struct room_id *room)
{
	(void)room;
}

void __wrap_requests_wait(
    const struct room_id *, void (*run)(void *), void *argument);
void
__wrap_requests_wait(
    const struct room_id *room, void (*run)(void *), void *argument)
{
	(void)room;
	run(argument);
}

/* Nor are messages judged again but when it says so: mirror_judge(). */
void __wrap_messages_judge(const struct room_id *);
void
__wrap_messages_judge(const struct room_id *room)
{
	(void)room;
}

/* Of look-ups there is always one left. */
bool
limiter_ready(struct limiter *limiter, int64_t amount, int64_t now_ms)
{
	(void)limiter;
	(void)amount;
	(void)now_ms;
	return true;
}

bool
limiter_take(struct limiter *limiter, int64_t amount, int64_t now_ms)
{
	(void)limiter;
	(void)amount;
	(void)now_ms;
	return true;
}

/* All certificates are known. */
void
home_certificates_init(struct room_certificates *certificates,
    const struct cert *given, uint32_t count)
{
	memset(certificates, 0, sizeof(*certificates));
	certificates->given = given;
	certificates->count = count;
}

const struct cert *
home_certificate_find(
    struct room_certificates *certificates, const struct room_event *event)
{
	struct peer *home = peer_table_find(event->room.home);

	(void)certificates;
	return home == NULL ? NULL : peer_certificate(home, event->key_id);
}

void
rekey_look(void)
{
}

static bool rekeyed;

void
mirror_rekey(bool due)
{
	rekeyed = due;
}

bool
rekey_due(const uint8_t key_id[32])
{
	return rekeyed && memcmp(key_id, env.identity.key_id, ROOM_HASH) != 0;
}
