/* SPDX-License-Identifier: ISC */
/*
 * What fed-queued may have signed, and the signing.  A request states fields;
 * the text that is signed is built here, from those fields and from what we
 * know ourselves (who we are, which certificate is ours). No request signs
 * bytes that it brought.
 */
#include <errno.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>

#include "base/bucket.h"
#include "base/log.h"
#include "identity.h"
#include "proto/signtext.h"
#include "request.h"
#include "secret.h"
#include "signer.h"
#include "state.h"

/* What a request came to. */
struct wanted {
	uint8_t refusal; /* enum sign_refusal; 0: it may be signed */
	bool ack;
	int64_t mark;
	size_t length; /* of the text, not terminated */
	char text[SIGNTEXT_BATCH_MAX];
};
_Static_assert(SIGNTEXT_STATE_MAX <= SIGNTEXT_BATCH_MAX, "both fit");

/*
 * The only types that are ever signed, each by its own request. Notices are
 * missing on purpose: those are made by hand, with the identity key.
 */
static const struct {
	const char *type;
	uint16_t request;
} permitted[] = {
    {"ack", MSG_SIGN_ENVELOPE},
    {"handshake", MSG_SIGN_ENVELOPE},
    {"message", MSG_SIGN_ENVELOPE},
    {"room_invite", MSG_SIGN_ENVELOPE},
    {"room_join", MSG_SIGN_ENVELOPE},
    {"room_leave", MSG_SIGN_ENVELOPE},
    {"room_state", MSG_SIGN_ENVELOPE},
    {"server_sync", MSG_SIGN_ENVELOPE},
    {"user_lookup", MSG_SIGN_ENVELOPE},
    {"batch", MSG_SIGN_BATCH},
};

static int
type_permitted(const char *type, uint16_t request)
{
	size_t i;

	for (i = 0; i < sizeof(permitted) / sizeof(permitted[0]); i++)
		if (permitted[i].request == request &&
		    strcmp(permitted[i].type, type) == 0)
			return 1;
	return 0;
}

/* 0, or why it is not signed. The rate comes last, so that what is refused
 * anyway takes nothing from what is not. */
static uint8_t
envelope_refusal(struct signer *signer, const struct moment *now,
    uint16_t request, const struct msg_sign_envelope *sign)
{
	const struct cert *cert = &signer->identity->cert;

	if (!type_permitted(sign->type, request))
		return SIGN_REFUSED_TYPE;
	if (memcmp(sign->origin, cert->server, sizeof(sign->origin)) != 0)
		return SIGN_REFUSED_ORIGIN;
	if (sign->timestamp < now->utc_s - signer->window_s ||
	    sign->timestamp > now->utc_s + signer->window_s)
		return SIGN_REFUSED_TIME;
	if (cert_verify_time(cert, now->utc_s) != CODE_OK)
		return SIGN_REFUSED_CERTIFICATE;
	if (!bucket_take(&signer->bucket, &signer->rate, 1, now->monotonic_ms))
		return SIGN_REFUSED_RATE;
	return 0;
}

/* text: SIGNTEXT_BATCH_MAX bytes. */
static size_t
envelope_text(char *text, const struct signer *signer, uint16_t request,
    const struct msg_sign_envelope *sign)
{
	struct batch_item items[SIGN_ITEMS_MAX];
	struct envelope_header header;
	size_t i;

	memset(&header, 0, sizeof(header));
	memcpy(header.type, sign->type, sizeof(header.type));
	memcpy(header.id, sign->id, sizeof(header.id));
	memcpy(header.origin, signer->identity->message.server,
	    sizeof(header.origin));
	memcpy(
	    header.destination, sign->destination, sizeof(header.destination));
	header.timestamp = sign->timestamp;
	memcpy(header.key_id, signer->identity->message.key_id,
	    sizeof(header.key_id));
	if (request == MSG_SIGN_ENVELOPE)
		return signtext_envelope(text, &header, sign->payload_hash);
	for (i = 0; i < sign->item_count; i++) {
		memcpy(items[i].id, sign->items[i].id, sizeof(items[i].id));
		memcpy(items[i].digest, sign->items[i].digest,
		    sizeof(items[i].digest));
	}
	return signtext_batch(text, &header, items, sign->item_count);
}

/* The text of an envelope or a batch, or a refusal; -1 malformed. */
static int
envelope_want(struct signer *signer, const struct moment *now,
    const struct message *message, struct wanted *wanted)
{
	struct msg_sign_envelope sign;

	if (msg_sign_decode(message, &sign, message->type == MSG_SIGN_BATCH) ==
	    -1)
		return -1;
	wanted->refusal = envelope_refusal(signer, now, message->type, &sign);
	wanted->ack = strcmp(sign.type, "ack") == 0;
	wanted->mark = sign.mark;
	if (wanted->refusal == 0)
		wanted->length =
		    envelope_text(wanted->text, signer, message->type, &sign);
	return 0;
}

/* The same of a state event. */
static int
state_want(struct signer *signer, const struct moment *now,
    const struct message *message, struct wanted *wanted)
{
	struct msg_sign_state state;

	if (msg_sign_state_decode(message, &state) == -1)
		return -1;
	wanted->refusal = state_refusal(signer, now, &state);
	wanted->mark = state.mark;
	if (wanted->refusal == 0)
		wanted->length = state_text(wanted->text, signer, &state);
	return 0;
}

static int
request_want(struct signer *signer, const struct moment *now,
    const struct message *message, struct wanted *wanted)
{
	switch (message->type) {
	case MSG_SIGN_ENVELOPE:
	case MSG_SIGN_BATCH:
		return envelope_want(signer, now, message, wanted);
	case MSG_SIGN_STATE:
		return state_want(signer, now, message, wanted);
	default:
		return -1;
	}
}

static void
signature_count(struct signer *signer, uint16_t request)
{
	if (request == MSG_SIGN_BATCH)
		signer->batches++;
	else if (request == MSG_SIGN_STATE)
		signer->states++;
	else
		signer->envelopes++;
}

/*
 * Every signature passes here before it leaves: what was signed is written
 * down, with what else is asked for at the moment, and only then is it
 * released (request_answers() below).
 */
static void
signature_record(struct signer *signer, const struct moment *now,
    uint16_t request, const struct wanted *wanted)
{
	static const char *const kinds[] = {
	    [MSG_SIGN_ENVELOPE] = "envelope",
	    [MSG_SIGN_BATCH] = "batch",
	    [MSG_SIGN_STATE] = "state",
	};
	uint8_t hash[32];

	crypto_hash_sha256(
	    hash, (const unsigned char *)wanted->text, wanted->length);
	if (wanted->ack && wanted->mark <= signer->log.head.mark)
		siglog_ack(&signer->log, hash, now->monotonic_ms);
	else
		siglog_add(&signer->log, kinds[request], wanted->mark, hash);
}

static void
answer_refusal(struct signer *signer, struct answer *answer, uint8_t refusal)
{
	signer->refused++;
	signer->last_refusal = refusal;
	answer->type = MSG_SIGN_REFUSED;
	answer->bytes[0] = refusal;
	answer->length = 1;
}

/* 0, or -1: the request is malformed. */
static int
answer_make(struct signer *signer, const struct moment *now,
    const struct message *message, struct answer *answer)
{
	struct wanted wanted;

	memset(&wanted, 0, offsetof(struct wanted, text));
	answer->id = message->id;
	answer->peer = message->peer;
	answer->request = message->type;
	if (request_want(signer, now, message, &wanted) == -1)
		return -1;
	if (wanted.refusal == 0 && signer->log_failed)
		wanted.refusal = SIGN_REFUSED_LATER;
	if (wanted.refusal != 0) {
		answer_refusal(signer, answer, wanted.refusal);
		return 0;
	}
	crypto_sign_detached(answer->bytes, NULL,
	    (const unsigned char *)wanted.text, wanted.length,
	    signer->secret->key);
	signature_record(signer, now, message->type, &wanted);
	answer->type = MSG_SIGNATURE;
	answer->length = 64;
	return 0;
}

void
request_log(struct signer *signer, const struct moment *now)
{
	bool failed = siglog_commit(&signer->log, now->monotonic_ms) == -1;

	if (failed && !signer->log_failed)
		log_error("signatures error=\"%s\"", strerror(errno));
	else if (!failed && signer->log_failed)
		log_info("signatures written");
	signer->log_failed = failed;
}

int
request_answers(struct signer *signer, const struct moment *now,
    const struct message *(*next)(void *argument), void *argument,
    struct answer answers[SIGLOG_GROUP])
{
	const struct message *message;
	int count = 0, i;

	if (signer->log_failed)
		request_log(signer, now);
	while (count < SIGLOG_GROUP && (message = next(argument)) != NULL)
		if (answer_make(signer, now, message, &answers[count++]) == -1)
			return -1;
	if (!signer->log_failed)
		request_log(signer, now);
	for (i = 0; i < count; i++)
		if (answers[i].type == MSG_SIGNATURE && signer->log_failed)
			answer_refusal(signer, &answers[i], SIGN_REFUSED_LATER);
		else if (answers[i].type == MSG_SIGNATURE)
			signature_count(signer, answers[i].request);
	return count;
}
