/* SPDX-License-Identifier: ISC */
/* Asking for SOCKS descriptors, and handing them out. */
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "log.h"
#include "sender.h"

void
broker_init(struct broker *broker)
{
	TAILQ_INIT(&broker->waiting);
	broker->waiting_count = 0;
	broker->wanted = 0;
}

void
broker_want(struct sender *sender, struct link *link)
{
	struct broker *broker = &sender->broker;

	TAILQ_INSERT_TAIL(&broker->waiting, link, waiting);
	if (++broker->waiting_count <= broker->wanted)
		return; /* one is on its way that nobody waits for */
	broker->wanted++;
	if (chanev_send(sender->parent, MSG_SOCKS_WANTED, 0, 0, -1, NULL, 0) ==
	    -1)
		fatal("channel peer=fedd error=\"does not read\"");
}

void
broker_forget(struct sender *sender, struct link *link)
{
	TAILQ_REMOVE(&sender->broker.waiting, link, waiting);
	sender->broker.waiting_count--;
}

/* Who has waited longest; NULL: nobody. */
static struct link *
broker_answered(struct sender *sender)
{
	struct link *link = TAILQ_FIRST(&sender->broker.waiting);

	if (sender->broker.wanted == 0)
		fatal("channel peer=fedd error=\"SOCKS answer to no request\"");
	sender->broker.wanted--;
	if (link != NULL)
		broker_forget(sender, link);
	return link;
}

static void
broker_failed(struct sender *sender, const struct message *message)
{
	struct link *link = broker_answered(sender);
	uint32_t error;

	if (msg_u32_decode(message, &error) == -1)
		fatal("channel peer=fedd error=\"malformed SOCKS answer\"");
	log_debug("socks error=\"%s\"", strerror((int)error));
	if (link != NULL)
		link_refused(link);
}

void
broker_on_parent(struct message *message, void *argument)
{
	struct sender *sender = argument;
	struct link *link;

	switch (message->type) {
	case MSG_SOCKS:
		link = broker_answered(sender);
		if (link != NULL)
			link_start(link, message->descriptor);
		else
			close(message->descriptor);
		break;
	case MSG_SOCKS_FAILED:
		broker_failed(sender, message);
		break;
	default:
		fatal("channel peer=fedd type=%u error=\"not expected\"",
		    message->type);
	}
}
