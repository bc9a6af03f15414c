/* SPDX-License-Identifier: ISC */
/*
 * Payloads that carry state events, from any bytes. The first byte says which;
 * what was read is written, and comes back the same.
 */
#include <stdlib.h>
#include <string.h>

#include "json/canon.h"
#include "json/event_payload.h"
#include "proto/ed.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const uint8_t origin[ONION_KEY];

static void
same(char *first, size_t first_length, char *second, size_t second_length)
{
	if (first == NULL || second == NULL || first_length != second_length ||
	    memcmp(first, second, first_length) != 0 ||
	    !canon_check(first, first_length))
		abort();
	free(first);
	free(second);
}

static void
state_try(const char *payload, size_t size)
{
	struct event_payload_state state, again;
	size_t length, again_length;
	char *text, *written;

	if (event_payload_state_read(&state, payload, size) != CODE_OK)
		return;
	text = event_payload_state_write(&state, &length);
	if (text == NULL ||
	    event_payload_state_read(&again, text, length) != CODE_OK ||
	    again.event_count != state.event_count)
		abort();
	written = event_payload_state_write(&again, &again_length);
	same(text, length, written, again_length);
	event_payload_state_free(&again);
	event_payload_state_free(&state);
}

static void
invite_try(const char *payload, size_t size)
{
	struct event_payload_invite invite, again;
	size_t length, again_length;
	char *text, *written;

	if (event_payload_invite_read(&invite, payload, size) != CODE_OK)
		return;
	if (!event_payload_invite_shown(payload, size) ||
	    invite.event.event.kind != ROOM_INVITE)
		abort();
	text = event_payload_invite_write(&invite, &length);
	if (text == NULL ||
	    event_payload_invite_read(&again, text, length) != CODE_OK)
		abort();
	written = event_payload_invite_write(&again, &again_length);
	same(strndup(text, length), length, written, again_length);
	free(text);
	event_payload_invite_free(&again);
	event_payload_invite_free(&invite);
}

static void
ask_try(const char *payload, size_t size)
{
	struct event_payload_ask ask, again;
	size_t length, again_length;
	char *text, *written;

	if (event_payload_ask_read(&ask, origin, payload, size) != CODE_OK)
		return;
	text = event_payload_ask_write(&ask, &length);
	if (text == NULL ||
	    event_payload_ask_read(&again, origin, text, length) != CODE_OK)
		abort();
	written = event_payload_ask_write(&again, &again_length);
	same(text, length, written, again_length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const char *, size_t) = {
	    state_try, invite_try, ask_try};
	const char *text = (const char *)data + 1;

	if (ed_init() == -1)
		abort();
	canon_init();
	/* Only canonical text comes this far. */
	if (size == 0 || !canon_check(text, size - 1))
		return 0;
	tries[data[0] % 3](text, size - 1);
	return 0;
}
