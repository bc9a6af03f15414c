/* SPDX-License-Identifier: ISC */
/*
 * State events of rooms whose home we are: which are signed, and over which
 * text. Home and key id are ours and are in no request, so that no event can
 * be signed in the name of another home.
 */
#include <string.h>

#include "base/bucket.h"
#include "identity.h"
#include "proto/signtext.h"
#include "signer.h"
#include "state.h"

/* An event is decided and committed first; a crash, or the recovery after a
 * restored backup, may come between that and its signature. */
#define STATE_AGE_S   (24 * 3600)
/* Times of a room never go back: after a clock that was ahead its events have
 * the last one's time, which others take so far ahead and no further. */
#define STATE_AHEAD_S (24 * 3600)

/* The only kinds that are ever signed: federation(7), ROOMS. */
static const char *const kinds[] = {"create", "invite", "join", "leave",
    "remove", "allowed_servers", "rename", "federation", "close", "key"};

static int
kind_permitted(const char *kind)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], kind) == 0)
			return 1;
	return 0;
}

uint8_t
state_refusal(struct signer *signer, const struct moment *now,
    const struct msg_sign_state *state)
{
	const struct cert *cert = &signer->identity->cert;

	if (!kind_permitted(state->kind))
		return SIGN_REFUSED_TYPE;
	if (state->timestamp < now->utc_s - STATE_AGE_S ||
	    state->timestamp > now->utc_s + STATE_AHEAD_S)
		return SIGN_REFUSED_TIME;
	if (cert_verify_time(cert, state->timestamp) != CODE_OK ||
	    cert_verify_time(cert, now->utc_s) != CODE_OK)
		return SIGN_REFUSED_CERTIFICATE;
	if (!bucket_take(&signer->bucket, &signer->rate, 1, now->monotonic_ms))
		return SIGN_REFUSED_RATE;
	return 0;
}

size_t
state_text(
    char *text, const struct signer *signer, const struct msg_sign_state *state)
{
	struct state_header header;

	memset(&header, 0, sizeof(header));
	memcpy(header.room, state->room, sizeof(header.room));
	memcpy(
	    header.home, signer->identity->message.server, sizeof(header.home));
	header.number = state->number;
	memcpy(header.previous, state->previous, sizeof(header.previous));
	memcpy(header.kind, state->kind, sizeof(header.kind));
	header.timestamp = state->timestamp;
	memcpy(header.key_id, signer->identity->message.key_id,
	    sizeof(header.key_id));
	return signtext_state(text, &header, state->payload_hash);
}
