/* SPDX-License-Identifier: ISC */
/* Asking for SOCKS descriptors, and handing them out. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "events/timer.h"
#include "link.h"
#include "sender.h"

#define PUT_OFF_MS 100

/*
 * Asks for as many as there are links that wait, those on their way included.
 */
static void
broker_ask(struct sender *sender)
{
	struct broker *broker = &sender->broker;

	if (evtimer_pending(&broker->put_off, NULL))
		return;
	for (; broker->wanted < broker->waiting_count; broker->wanted++)
		if (chanev_send(sender->parent, MSG_SOCKS_WANTED, 0, 0, -1,
			NULL, 0) == -1)
			fatal("channel peer=fedd error=\"does not read\"");
}

static void
broker_on_timer(int descriptor, short what, void *argument)
{
	(void)descriptor;
	(void)what;
	broker_ask(argument);
}

void
broker_init(struct sender *sender)
{
	struct broker *broker = &sender->broker;

	TAILQ_INIT(&broker->waiting);
	broker->waiting_count = 0;
	broker->wanted = 0;
	evtimer_assign(&broker->put_off, sender->base, broker_on_timer, sender);
}

void
broker_want(struct sender *sender, struct link *link)
{
	TAILQ_INSERT_TAIL(&sender->broker.waiting, link, waiting);
	sender->broker.waiting_count++;
	broker_ask(sender);
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

/* The link goes back to the head of the line. */
static void
broker_put_off(struct sender *sender, struct link *link)
{
	if (link != NULL) {
		TAILQ_INSERT_HEAD(&sender->broker.waiting, link, waiting);
		sender->broker.waiting_count++;
	}
	timer_arm_once(&sender->broker.put_off, PUT_OFF_MS);
}

static void
broker_failed(struct sender *sender, const struct message *message)
{
	struct link *link = broker_answered(sender);
	uint32_t error;

	if (msg_u32_decode(message, &error) == -1)
		fatal("channel peer=fedd error=\"malformed SOCKS answer\"");
	log_debug("socks error=\"%s\"", strerror((int)error));
	if (error == EAGAIN)
		broker_put_off(sender, link);
	else if (link != NULL)
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
