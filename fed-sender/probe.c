/* SPDX-License-Identifier: ISC */
/*
 * Probes of our own onion service: GET ping through tor, one at a time, over a
 * connection of its own under credentials of its own. It has no place in the
 * pool, so that no request ever waits for it, and is closed after its answer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "link.h"
#include "probe.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "sender.h"

void
probe_finish(
    struct sender *sender, struct job *job, const struct wire_send_result *sent)
{
	struct wire_probe_result probed = {.code = sent->code};
	uint8_t memory[MESSAGE_SMALL];
	char name[ONION_SIZE];
	struct pack pack;

	if (sent->code == CODE_OK)
		probed.status = sent->status;
	pack_init(&pack, memory, sizeof(memory));
	wire_probe_result_encode(&pack, &probed);
	if (!pack_ok(&pack) || chanev_send(sender->queued, MSG_PROBED, job->id,
				   0, -1, pack.data, pack.length) == -1)
		fatal("channel peer=fed-queued error=\"does not take an "
		      "answer\"");
	log_debug("probed server=%s code=%s status=%u",
	    sender_name(sender, name, job->key), code_name(probed.code),
	    probed.status);
	sender->probing = false;
	free(job);
}

void
probe_begin(struct sender *sender, const struct message *message)
{
	struct wire_probe probe;
	struct job *job;

	if (wire_probe_decode(message, &probe) == -1)
		fatal("channel peer=fed-queued error=\"malformed probe\"");
	if (sender->probing)
		fatal("channel peer=fed-queued error=\"two probes at once\"");
	job = xcalloc(1, sizeof(*job));
	sender->probing = true;
	job->probe = true;
	job->id = message->id;
	job->generation = probe.generation;
	memcpy(job->key, probe.server, sizeof(job->key));
	if (ed_key_valid(job->key))
		link_open(sender, job);
	else
		sender_fail(sender, job, CODE_ONION_ADDRESS);
}
