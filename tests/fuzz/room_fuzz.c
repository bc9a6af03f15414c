/* SPDX-License-Identifier: ISC */
/*
 * Room ids, names and state events: what parses is byte for byte what would be
 * written, and a user that is put together is one that compares.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/ed.h"
#include "room/room_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
event_try(const char *text, size_t size)
{
	char again[SIGNTEXT_STATE_MAX];
	struct room_event event;

	if (room_event_parse(&event, text, size) != CODE_OK)
		return;
	if (room_event_text(again, &event) != size ||
	    memcmp(again, text, size) != 0)
		abort();
	if ((event.number == 1) != (event.kind == ROOM_CREATE))
		abort();
}

static void
id_try(const char *text, size_t size)
{
	char again[ROOM_ID_SIZE];
	struct room_id id;

	if (room_id_parse(&id, text, size) != CODE_OK)
		return;
	room_id_format(again, &id);
	if (size != ROOM_ID_LENGTH || memcmp(again, text, size) != 0)
		abort();
}

static void
name_try(const char *text, size_t size)
{
	static const uint8_t server[ONION_KEY];
	struct room_user user, again;

	if (room_user_make(&user, server, text, size) != CODE_OK)
		return;
	if (size < 1 || size > ROOM_NAME_MAX || strlen(user.name) != size ||
	    memchr(text, '@', size) != NULL)
		abort();
	if (room_user_make(&again, server, user.name, size) != CODE_OK ||
	    !room_user_equal(&user, &again))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	if (ed_init() == -1)
		abort();
	event_try(text, size);
	id_try(text, size);
	name_try(text, size);
	return 0;
}
