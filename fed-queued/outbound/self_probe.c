/* SPDX-License-Identifier: ISC */
/* Whether others can reach us; see self_probe.h. */
#include <sodium.h>
#include <string.h>

#include "base/log.h"
#include "env.h"
#include "events/timer.h"
#include "json/wire.h"
#include "outbound/schedule.h"
#include "outbound/self_probe.h"
#include "servers/liveness.h"

#define FIRST_MS 100  /* fed-signer tells who we are before */
#define SOON_MS	 1000 /* after tor went away */
#define TOR_MS	 5000 /* between looks for a tor that is not there */

static struct {
	enum reachable state;
	enum code code;	     /* why not */
	int64_t checked;     /* seconds since 1970; 0 never */
	bool asked;	     /* one is under way */
	uint32_t generation; /* of its credentials, and its message's id */
	int64_t began_ms;
	uint32_t failures; /* in a row */
	struct event *timer;
} probe;

static void
probe_send(void)
{
	struct wire_probe message;
	uint8_t buf[MESSAGE_SMALL];
	struct pack pack;

	memcpy(message.server, env.identity.server, sizeof(message.server));
	message.generation = ++probe.generation; /* a circuit of its own */
	pack_init(&pack, buf, sizeof(buf));
	wire_probe_encode(&pack, &message);
	if (!pack_ok(&pack))
		fatal("probe does not fit a message");
	probe.asked = true;
	probe.began_ms = clock_ms();
	chanev_send(env.sender, MSG_PROBE, probe.generation, 0, -1, pack.data,
	    pack.length);
}

static void
timer_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	if (!env.has_identity)
		timer_arm(probe.timer, FIRST_MS);
	else if (!probe.asked)
		probe_send();
}

void
self_probe_init(void)
{
	if (env.settings.health_self_probe_ms == 0)
		return;
	probe.generation = randombytes_random();
	probe.timer = timer_new(env.base, timer_fire, NULL);
	timer_arm(probe.timer, FIRST_MS);
}

void
self_probe_soon(void)
{
	if (probe.timer == NULL || probe.asked || probe.code == CODE_TOR_DOWN)
		return; /* it is looked for already */
	timer_arm(probe.timer, SOON_MS);
}

bool
self_probe_good(void)
{
	return probe.state == REACHABLE_YES;
}

static void
state_set(enum reachable state, enum code code, uint16_t status)
{
	long long ms = clock_ms() - probe.began_ms;

	if (state == REACHABLE_YES && state != probe.state)
		log_info("self-probe reachable=yes ms=%lld", ms);
	else if (state == REACHABLE_NO &&
		 (state != probe.state || code != probe.code))
		log_warning("self-probe reachable=no code=%s status=%u ms=%lld",
		    code_name(code), status, ms);
	probe.state = state;
	probe.code = code;
	probe.checked = clock_now();
}

void
self_probe_answer(const struct message *message)
{
	int64_t interval = env.settings.health_self_probe_ms, delay;
	struct wire_probe_result probed;

	if (wire_probe_result_decode(message, &probed) != 0)
		fatal("fed-sender sent a malformed answer to a probe");
	if (!probe.asked || message->id != probe.generation)
		fatal("fed-sender answered a probe that was not asked for");
	probe.asked = false;
	if (liveness_reachable(
		probed.code, probed.status, env.settings.answer_ping != 0)) {
		probe.failures = 0;
		state_set(REACHABLE_YES, CODE_OK, probed.status);
	} else {
		probe.failures++;
		state_set(REACHABLE_NO,
		    probed.code == CODE_OK ? CODE_ANSWER_HTTP : probed.code,
		    probed.status);
	}
	delay =
	    liveness_probe_delay(probe.failures, interval, schedule_random());
	if (probed.code == CODE_TOR_DOWN && delay > TOR_MS)
		delay = TOR_MS; /* it costs next to nothing */
	timer_arm(probe.timer, delay);
}

void
self_probe_state(struct self_probe_state *state)
{
	state->reachable = probe.state;
	state->code = probe.code;
	state->checked_s = probe.checked;
}
