/* SPDX-License-Identifier: ISC */
/* Questions to fed-signer; see signing.h. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tree.h"
#include "env.h"
#include "exchange/signing.h"
#include "servers/limiter.h"
#include "servers/limits.h"

struct question {
	RB_ENTRY(question) entry;
	uint32_t id;
	signing_callback callback;
	void *argument;
};

RB_HEAD(question_tree, question);

static int
question_compare(const struct question *a, const struct question *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE_STATIC(question_tree, question, entry, question_compare);

static struct question_tree questions = RB_INITIALIZER(&questions);
static uint32_t last_id;
static int64_t marked;

void
signing_mark(int64_t mark)
{
	if (mark > marked && mark <= SIGN_NUMBER_MAX)
		marked = mark;
}

int64_t
signing_marked(void)
{
	return marked > env.identity.logged ? marked : env.identity.logged;
}

static void
question_send(uint16_t type, const struct pack *pack, signing_callback callback,
    void *argument)
{
	struct question *question = calloc(1, sizeof(*question));

	if (question == NULL || !pack_ok(pack))
		fatal("cannot ask fed-signer");
	question->id = ++last_id;
	question->callback = callback;
	question->argument = argument;
	RB_INSERT(question_tree, &questions, question);
	chanev_send(
	    env.signer, type, question->id, 0, -1, pack->data, pack->length);
}

/* What both kinds have; origin and key are ours. */
static void
request_fill(struct msg_sign_envelope *request, struct envelope_header *header)
{
	memcpy(header->origin, env.identity.server, 32);
	memcpy(header->key_id, env.identity.key_id, 32);
	memset(request, 0, offsetof(struct msg_sign_envelope, items));
	memcpy(request->type, header->type, sizeof(request->type));
	memcpy(request->id, header->id, sizeof(request->id));
	memcpy(request->origin, header->origin, 32);
	memcpy(request->destination, header->destination, 32);
	request->timestamp = header->timestamp;
	request->mark = marked;
}

void
signing_envelope(struct envelope_header *header, const uint8_t payload_hash[32],
    signing_callback callback, void *argument)
{
	struct msg_sign_envelope request;
	uint8_t buf[MESSAGE_SMALL];
	struct pack pack;

	request_fill(&request, header);
	memcpy(request.payload_hash, payload_hash, 32);
	pack_init(&pack, buf, sizeof(buf));
	msg_sign_encode(&pack, &request, false);
	question_send(MSG_SIGN_ENVELOPE, &pack, callback, argument);
}

void
signing_batch(struct envelope_header *header, const struct batch_item *items,
    size_t count, signing_callback callback, void *argument)
{
	struct msg_sign_envelope request;
	uint8_t buf[MESSAGE_BATCH];
	struct pack pack;
	size_t i;

	request_fill(&request, header);
	request.item_count = (uint32_t)count;
	for (i = 0; i < count; i++) {
		memcpy(request.items[i].id, items[i].id, 16);
		memcpy(request.items[i].digest, items[i].digest, 32);
	}
	pack_init(&pack, buf, sizeof(buf));
	msg_sign_encode(&pack, &request, true);
	question_send(MSG_SIGN_BATCH, &pack, callback, argument);
}

void
signing_state(
    const struct room_event *event, signing_callback callback, void *argument)
{
	const char *kind = room_kind_name(event->kind);
	struct msg_sign_state request;
	uint8_t buf[MESSAGE_SMALL];
	struct pack pack;

	memset(&request, 0, sizeof(request));
	memcpy(request.room, event->room.uuid, sizeof(request.room));
	request.number = event->number;
	memcpy(request.previous, event->previous, sizeof(request.previous));
	memcpy(request.kind, kind, strlen(kind));
	request.timestamp = event->timestamp;
	memcpy(request.payload_hash, event->payload_hash,
	    sizeof(request.payload_hash));
	request.mark = marked;
	pack_init(&pack, buf, sizeof(buf));
	msg_sign_state_encode(&pack, &request);
	question_send(MSG_SIGN_STATE, &pack, callback, argument);
}

/* As often as requests come, but for this. */
static void
refused_log(int refusal)
{
	static struct limiter logged;

	limiter_set(&logged, 1, 1000, 5, clock_ms());
	if (limiter_take(&logged, 1, clock_ms()))
		log_warning("sign-refused reason=%d", refusal);
}

void
signing_answer(const struct message *message)
{
	struct question probe, *question;
	signing_callback callback;
	void *argument;
	int refusal = 0;

	probe.id = message->id;
	question = RB_FIND(question_tree, &questions, &probe);
	if (question == NULL)
		fatal("fed-signer answered what was not asked");
	if (message->type == MSG_SIGN_REFUSED) {
		refusal = msg_u8_decode(message, SIGN_REFUSED_LATER + 1);
		if (refusal <= 0)
			fatal("fed-signer sent a malformed refusal");
		refused_log(refusal);
		if (refusal == SIGN_REFUSED_RATE)
			limits_counter(LIMIT_SIGNATURES)->refused++;
		limits_log();
	} else {
		limits_counter(LIMIT_SIGNATURES)->taken++;
	}
	callback = question->callback;
	argument = question->argument;
	RB_REMOVE(question_tree, &questions, question);
	free(question);
	callback(refusal == 0 ? message->data : NULL, refusal, argument);
}
