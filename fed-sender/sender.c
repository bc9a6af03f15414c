/* SPDX-License-Identifier: ISC */
/*
 * Requests from fed-queued and their answers: each MSG_SEND is answered by one
 * MSG_SENT. Between the two it is a job, in the pool's line or on a link. (For
 * MSG_PROBE see probe.c.)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "link.h"
#include "probe.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "sender.h"

/* Bodies that we hold before fed-queued is not read for a while. */
#define JOB_BYTES_HIGH (32U * 1024 * 1024)
#define JOB_BYTES_LOW  (16U * 1024 * 1024)
#define NAME_SHORT     8 /* characters of an address */

const char *
sender_name(const struct sender *sender, char *buf, const uint8_t key[32])
{
	onion_format(buf, key);
	switch (sender->settings->log_servers) {
	case LOG_SERVERS_FULL:
		break;
	case LOG_SERVERS_SHORT:
		buf[NAME_SHORT] = '\0';
		break;
	default:
		strcpy(buf, "-");
	}
	return buf;
}

/* Back-pressure: a fed-queued that asks for too much waits. */
static void
job_account(struct sender *sender)
{
	if (!sender->paused && sender->job_bytes > JOB_BYTES_HIGH) {
		chanev_pause(sender->queued);
		sender->paused = true;
	} else if (sender->paused && sender->job_bytes <= JOB_BYTES_LOW) {
		chanev_resume(sender->queued);
		sender->paused = false;
	}
}

static struct job *
job_new(struct sender *sender, uint32_t id, const struct wire_send *send)
{
	struct job *job = xmalloc(sizeof(*job) + send->body_length);

	memset(job, 0, sizeof(*job));
	job->id = id;
	job->generation = send->generation;
	job->handshake = send->handshake;
	job->length = send->body_length;
	memcpy(job->key, send->destination, sizeof(job->key));
	memcpy(job->body, send->body, send->body_length);
	sender->job_bytes += job->length;
	job_account(sender);
	return job;
}

static void
job_free(struct sender *sender, struct job *job)
{

	sender->job_bytes -= job->length;
	free(job);
	job_account(sender);
}

void
sender_finish(
    struct sender *sender, struct job *job, struct wire_send_result *sent)
{
	static uint8_t memory[MESSAGE_LARGE];
	char name[ONION_SIZE];
	struct pack pack;

	if (job->probe) {
		probe_finish(sender, job, sent);
		return;
	}
	sent->started = job->started;
	pack_init(&pack, memory, sizeof(memory));
	wire_send_result_encode(&pack, sent);
	if (!pack_ok(&pack) || chanev_send(sender->queued, MSG_SENT, job->id, 0,
				   -1, pack.data, pack.length) == -1)
		fatal("channel peer=fed-queued error=\"does not take an "
		      "answer\"");
	log_debug("sent server=%s code=%s status=%u started=%d",
	    sender_name(sender, name, job->key), code_name(sent->code),
	    sent->status, sent->started);
	job_free(sender, job);
}

void
sender_fail(struct sender *sender, struct job *job, enum code code)
{
	struct wire_send_result sent = {.code = code};

	sender_finish(sender, job, &sent);
}

static void
sender_put(struct sender *sender, struct job *job)
{
	struct slot *stale;

	pool_put(sender->pool, job);
	while ((stale = pool_stale(sender->pool, job)) != NULL)
		link_close(link_of(stale));
	sender_kick(sender);
}

void
sender_retry(struct sender *sender, struct job *job)
{
	job->fresh = true;
	sender_put(sender, job);
}

void
sender_on_queued(struct message *message, void *argument)
{
	struct sender *sender = argument;
	struct wire_send send;
	struct job *job;

	if (message->type == MSG_PROBE) {
		probe_begin(sender, message);
		return;
	}
	if (message->type != MSG_SEND)
		fatal("channel peer=fed-queued type=%u error=\"not expected\"",
		    message->type);
	if (wire_send_decode(message, &send) == -1)
		fatal("channel peer=fed-queued error=\"malformed request\"");
	job = job_new(sender, message->id, &send);
	/* fed-queued has checked this; what is no server gets no circuit. */
	if (!pool_known(sender->pool, job->key) && !ed_key_valid(job->key))
		sender_fail(sender, job, CODE_ONION_ADDRESS);
	else
		sender_put(sender, job);
}

static void
sender_on_dispatch(int descriptor, short what, void *argument)
{
	struct sender *sender = argument;
	struct slot *use, *evict;
	struct job *job;

	(void)descriptor;
	(void)what;
	while ((job = pool_take(sender->pool, &use, &evict)) != NULL) {
		if (evict != NULL)
			link_close(link_of(evict));
		if (use != NULL)
			link_use(link_of(use), job);
		else
			link_open(sender, job);
	}
	while ((evict = pool_excess(sender->pool)) != NULL)
		link_close(link_of(evict));
}

void
sender_kick(struct sender *sender)
{
	event_active(&sender->dispatch, EV_TIMEOUT, 0);
}

void
sender_init(struct sender *sender)
{
	event_assign(
	    &sender->dispatch, sender->base, -1, 0, sender_on_dispatch, sender);
	broker_init(sender);
}
