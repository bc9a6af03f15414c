/* SPDX-License-Identifier: ISC */
/*
 * What an exchange means for the server it was with: back-off, a handshake, or
 * that all is well; see destination.h.
 */
#include "base/log.h"
#include "env.h"
#include "exchange/reaction.h"
#include "exchange/transport.h"
#include "outbound/destination.h"
#include "outbound/handshake_out.h"
#include "outbound/queue.h"
#include "outbound/schedule.h"
#include "outbound/self_probe.h"
#include "servers/peer_table.h"

/* heard: its answer was signed, or it was heard meanwhile. What is not signed
 * changes nothing that we believe, and no answer at all is a failure. */
static void
peer_postpone(struct peer *peer, int64_t delay_ms, enum code code, bool heard)
{
	enum contact contact =
	    code == CODE_ANSWER_UNSIGNED ? CONTACT_UNKNOWN : CONTACT_LOST;
	char address[LOG_ADDRESS_SIZE];

	log_info("postponed server=%s code=%s ms=%lld failures=%u",
	    log_address(address, peer->key), code_peer_name(code),
	    (long long)delay_ms, peer->retry_count);
	queue_postpone(peer, delay_ms, code, heard ? CONTACT_HEARD : contact);
}

static void
peer_back_off(struct peer *peer, bool longest, enum code code, bool heard)
{
	peer_postpone(peer, schedule_back_off(peer, longest), code, heard);
}

/* Our own outage. */
void
destination_pause(void)
{
	schedule_pause();
	self_probe_soon();
}

void
destination_unreachable(struct peer *peer, enum code code)
{
	const struct transport_outcome outcome = {.code = code};
	struct reaction reaction = reaction_find(&outcome, NULL, false);

	peer_back_off(
	    peer, reaction.destination == DESTINATION_LONG, code, false);
}

/* Here and in the database: after a restart it would wait once more. */
static void
peer_good(struct peer *peer)
{
	schedule_back_off_end(peer);
	queue_resume(peer);
}

/* A handshake; the destination waits for its end. */
static void
peer_ask(struct peer *peer, handshake_callback asked)
{
	peer->asking = true;
	schedule_handshake_begin(peer);
	schedule_wait(peer, env.settings.retry_max_ms);
	handshake_out(peer->key, false, asked, peer);
}

static void
handshaken(enum code code, const struct ack_result *result, void *argument)
{
	struct peer *peer = argument;

	peer->asking = false;
	if (code == CODE_OK)
		peer_good(peer);
	else if (code == CODE_TOR_DOWN) {
		schedule_back_off_end(peer);
		destination_pause();
	} else
		peer_back_off(peer, false, code, result != NULL);
	schedule_handshake_end(peer);
}

/* Our certificate is not known, or not any more. */
void
destination_handshake(struct peer *peer)
{
	peer_ask(peer, handshaken);
}

/* Of a suspect item: if the destination lives, its back-off begins anew. */
static void
proved(enum code code, const struct ack_result *result, void *argument)
{
	struct peer *peer = argument;
	int lane;

	peer->asking = false;
	for (lane = 1; lane <= LANES; lane++)
		suspect_proved(&peer->lanes[lane].suspects, code == CODE_OK);
	if (code == CODE_TOR_DOWN) {
		schedule_back_off_end(peer);
		destination_pause();
	} else {
		if (code == CODE_OK)
			peer_good(peer);
		peer_back_off(peer, false, code == CODE_OK ? CODE_CLOSED : code,
		    code == CODE_OK || result != NULL);
	}
	schedule_handshake_end(peer);
}

bool
destination_react(struct peer *peer, const struct reaction *reaction,
    enum code code, uint32_t seconds, bool heard)
{
	int64_t delay_ms;

	if (reaction->fresh_circuit)
		peer->generation++;
	switch (reaction->destination) {
	case DESTINATION_GOOD:
		schedule_resume();
		peer_good(peer);
		return false;
	case DESTINATION_NONE:
		return false;
	case DESTINATION_BACK_OFF:
	case DESTINATION_LONG:
		schedule_resume();
		peer_back_off(peer, reaction->destination == DESTINATION_LONG,
		    code, heard);
		break;
	case DESTINATION_WAIT:
		delay_ms = schedule_asked_ms(peer->asked++, seconds);
		schedule_wait(peer, delay_ms);
		peer_postpone(peer, delay_ms, code, heard);
		break;
	case DESTINATION_HANDSHAKE:
		if (peer->asking) /* what comes of that one is waited for */
			break;
		if (!peer->paused &&
		    limiter_take(&peer->introductions, 1, clock_ms()))
			destination_handshake(peer);
		else
			peer_back_off(peer, false, code, heard);
		break;
	case DESTINATION_PROVE:
		schedule_resume();
		if (peer->paused)
			peer_back_off(peer, false, code, heard);
		else
			peer_ask(peer, proved);
		break;
	case DESTINATION_PAUSE:
		destination_pause();
		break;
	}
	return true;
}

bool
destination_waiting(const struct peer *peer)
{
	return peer->retry_ms > clock_ms();
}

void
destination_wake(struct peer *peer)
{
	peer_good(peer);
	schedule_run();
}
