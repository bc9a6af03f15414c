/* SPDX-License-Identifier: ISC */
/*
 * fedctl's reload of the key files. fedd is asked once for all who wait; what
 * it says is the answer of them all.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/tree.h"
#include "control/reload.h"
#include "env.h"
#include "ipc/reload.h"

struct waiter {
	STAILQ_ENTRY(waiter) entry;
	struct control_client *client;
};

static STAILQ_HEAD(, waiter) waiters = STAILQ_HEAD_INITIALIZER(waiters);

/* CODE_OK: the key files are good. */
static enum code
reload_code(enum reload reload)
{
	switch (reload) {
	case RELOAD_DONE:
	case RELOAD_SAME:
		return CODE_OK;
	case RELOAD_SERVER:
		return CODE_CERTIFICATE_SERVER;
	case RELOAD_SERIAL:
		return CODE_CERTIFICATE_SERIAL;
	case RELOAD_TIME:
		return CODE_CERTIFICATE_EXPIRED;
	default:
		return CODE_FILE;
	}
}

static void
waiter_end(struct control_client *client, enum reload reload)
{
	enum code code = reload_code(reload);
	struct msg_control_row row;

	if (code == CODE_OK) {
		control_row_init(&row, "reload");
		control_add_string(&row, "result", reload_text(reload));
		control_row(client, &row);
	}
	control_end(client, code, reload_text(reload));
}

void
reload_keys(struct control_client *client, const struct msg_control *message)
{
	struct waiter *waiter = xcalloc(1, sizeof(*waiter));
	bool first = STAILQ_EMPTY(&waiters);

	(void)message;
	waiter->client = client;
	STAILQ_INSERT_TAIL(&waiters, waiter, entry);
	log_info("reload asked actor=\"%s\"", control_actor(client));
	if (first)
		chanev_send(env.fedd, MSG_RELOAD, 0, 0, -1, NULL, 0);
}

void
reload_answer(const struct message *message)
{
	int reload = msg_u8_decode(message, RELOAD_COUNT);
	struct waiter *waiter;

	if (reload == -1)
		fatal("fedd sent a malformed answer");
	while ((waiter = STAILQ_FIRST(&waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&waiters, entry);
		waiter_end(waiter->client, (enum reload)reload);
		free(waiter);
	}
	if (reload != RELOAD_DONE)
		return;
	log_info("exit: the key files are new");
	/* In the turn after the next, when the answers have been written. */
	if (event_base_loopexit(env.base, NULL) == -1)
		fatal("cannot leave the loop");
}
