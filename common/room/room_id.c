/* SPDX-License-Identifier: ISC */
/* Room ids and users; see room_id.h. */
#include <string.h>

#include "room/room_id.h"

enum code
room_id_parse(struct room_id *id, const char *text, size_t length)
{
	memset(id, 0, sizeof(*id));
	if (length <= UUID_TEXT || text[UUID_TEXT] != '@' ||
	    uuid_parse(id->uuid, text, UUID_TEXT) == -1)
		return CODE_ROOM_ID;
	return onion_parse(
	    id->home, text + UUID_TEXT + 1, length - UUID_TEXT - 1);
}

void
room_id_format(char text[ROOM_ID_SIZE], const struct room_id *id)
{
	uuid_format(text, id->uuid);
	text[UUID_TEXT] = '@';
	onion_format(text + UUID_TEXT + 1, id->home);
}

bool
room_id_equal(const struct room_id *a, const struct room_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
room_name_valid(const char *name, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t i;

	if (length < 1 || length > ROOM_NAME_MAX)
		return false;
	for (i = 0; i < length; i++)
		if (memchr(letters, name[i], sizeof(letters) - 1) == NULL &&
		    (i == 0 || memchr("._-", name[i], 3) == NULL))
			return false;
	return true;
}

enum code
room_user_make(struct room_user *user, const uint8_t server[ONION_KEY],
    const char *name, size_t length)
{
	memset(user, 0, sizeof(*user));
	if (!room_name_valid(name, length))
		return CODE_USER_NAME;
	memcpy(user->server, server, ONION_KEY);
	memcpy(user->name, name, length);
	return CODE_OK;
}

bool
room_user_equal(const struct room_user *a, const struct room_user *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}
