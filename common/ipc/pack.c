/* SPDX-License-Identifier: ISC */
/*
 * Packing and unpacking.  Both sides latch the first failure and do nothing
 * from then on, so that a codec reads as a list of fields, with one check at
 * its end, and cannot forget one in the middle.
 */
#include <string.h>

#include "ipc/pack.h"

void
pack_init(struct pack *pack, void *memory, size_t size)
{
	pack->data = memory;
	pack->size = size;
	pack->length = 0;
	pack->failed = false;
}

/* Room for length more bytes; NULL, and failed, when there is none. */
static uint8_t *
pack_room(struct pack *pack, size_t length)
{
	uint8_t *room;

	if (pack->failed || length > pack->size - pack->length) {
		pack->failed = true;
		return NULL;
	}
	room = pack->data + pack->length;
	pack->length += length;
	return room;
}

static void
pack_integer(struct pack *pack, uint64_t value, size_t width)
{
	uint8_t *room = pack_room(pack, width);
	size_t i;

	if (room == NULL)
		return;
	for (i = 0; i < width; i++)
		room[i] = (uint8_t)(value >> (8 * i));
}

void
pack_u8(struct pack *pack, uint8_t value)
{
	pack_integer(pack, value, 1);
}

void
pack_u16(struct pack *pack, uint16_t value)
{
	pack_integer(pack, value, 2);
}

void
pack_u32(struct pack *pack, uint32_t value)
{
	pack_integer(pack, value, 4);
}

void
pack_u64(struct pack *pack, uint64_t value)
{
	pack_integer(pack, value, 8);
}

void
pack_i64(struct pack *pack, int64_t value)
{
	pack_integer(pack, (uint64_t)value, 8);
}

void
pack_bytes(struct pack *pack, const void *bytes, size_t length)
{
	uint8_t *room = pack_room(pack, length);

	if (room != NULL && length > 0)
		memcpy(room, bytes, length);
}

void
pack_blob(struct pack *pack, const void *bytes, size_t length)
{
	if (length > UINT32_MAX) {
		pack->failed = true;
		return;
	}
	pack_u32(pack, (uint32_t)length);
	pack_bytes(pack, bytes, length);
}

void
pack_string(struct pack *pack, const char *string)
{
	pack_blob(pack, string, strlen(string));
}

bool
pack_ok(const struct pack *pack)
{
	return !pack->failed;
}

void
unpack_init(struct unpack *unpack, const void *memory, size_t length)
{
	/* An empty message may have no memory; NULL + 0 is undefined. */
	static const uint8_t nothing[1];

	unpack->data = memory != NULL ? memory : nothing;
	unpack->length = memory != NULL ? length : 0;
	unpack->position = 0;
	unpack->failed = false;
}

/* The next length bytes; NULL, and failed, when there are fewer. */
static const uint8_t *
unpack_take(struct unpack *unpack, size_t length)
{
	const uint8_t *bytes;

	if (unpack->failed || length > unpack->length - unpack->position) {
		unpack->failed = true;
		return NULL;
	}
	bytes = unpack->data + unpack->position;
	unpack->position += length;
	return bytes;
}

static uint64_t
unpack_integer(struct unpack *unpack, size_t width)
{
	const uint8_t *bytes = unpack_take(unpack, width);
	uint64_t value = 0;
	size_t i;

	if (bytes == NULL)
		return 0;
	for (i = 0; i < width; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

uint8_t
unpack_u8(struct unpack *unpack)
{
	return (uint8_t)unpack_integer(unpack, 1);
}

bool
unpack_bool(struct unpack *unpack)
{
	uint8_t value = unpack_u8(unpack);

	if (value > 1)
		unpack->failed = true;
	return value == 1;
}

uint16_t
unpack_u16(struct unpack *unpack)
{
	return (uint16_t)unpack_integer(unpack, 2);
}

uint32_t
unpack_u32(struct unpack *unpack)
{
	return (uint32_t)unpack_integer(unpack, 4);
}

uint64_t
unpack_u64(struct unpack *unpack)
{
	return unpack_integer(unpack, 8);
}

int64_t
unpack_i64(struct unpack *unpack)
{
	return (int64_t)unpack_integer(unpack, 8);
}

void
unpack_bytes(struct unpack *unpack, void *bytes, size_t length)
{
	const uint8_t *source = unpack_take(unpack, length);

	if (length == 0)
		return;
	if (source != NULL)
		memcpy(bytes, source, length);
	else
		memset(bytes, 0, length);
}

const uint8_t *
unpack_blob(struct unpack *unpack, size_t *length, size_t max)
{
	uint32_t announced = unpack_u32(unpack);
	const uint8_t *bytes;

	*length = 0;
	if (announced > max)
		unpack->failed = true;
	bytes = unpack_take(unpack, announced);
	if (bytes != NULL)
		*length = announced;
	return bytes;
}

void
unpack_string(struct unpack *unpack, char *string, size_t size)
{
	const uint8_t *bytes;
	size_t length;

	if (size == 0) {
		unpack->failed = true;
		return;
	}
	string[0] = '\0';
	bytes = unpack_blob(unpack, &length, size - 1);
	if (bytes == NULL)
		return;
	if (memchr(bytes, '\0', length) != NULL) {
		unpack->failed = true;
		return;
	}
	memcpy(string, bytes, length);
	string[length] = '\0';
}

int
unpack_done(const struct unpack *unpack)
{
	if (unpack->failed || unpack->position != unpack->length)
		return -1;
	return 0;
}
