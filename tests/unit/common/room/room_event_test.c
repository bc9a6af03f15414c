/* SPDX-License-Identifier: ISC */
/* State events as text: byte for byte, and nothing else parses. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ed.h"
#include "room/room_event.h"

#define UUID "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"
#define HOME "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bqead.onion"
#define KEY_ID \
	"61488fe7500b7b24d76bdcf1a225b521f780a437ce1aebc4fe43c12b55894474"
/* base64 of SHA-256 of "{}", and of 32 zero bytes */
#define HASH   "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="
#define ZERO   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TIME   "2025-10-30T12:00:00Z"
#define ROOM   "tor-chat-federation-v1/state\n" UUID "@" HOME
#define TAIL   "\n" TIME "\n" KEY_ID "\n" HASH

#define FIRST  ROOM "\n1\n" ZERO "\ncreate" TAIL
#define SECOND ROOM "\n2\n" HASH "\ninvite" TAIL

static void
text_made(void **state)
{
	char text[SIGNTEXT_STATE_MAX];
	struct room_event event;
	size_t length;

	(void)state;
	memset(&event, 0, sizeof(event));
	room_id_parse(&event.room, UUID "@" HOME, ROOM_ID_LENGTH);
	event.number = 1;
	event.kind = ROOM_CREATE;
	time_parse(&event.timestamp, TIME, TIME_TEXT);
	hex_decode(event.key_id, 32, KEY_ID, 64);
	sha256(event.payload_hash, "{}", 2);
	length = room_event_text(text, &event);
	assert_int_equal(length, strlen(FIRST));
	assert_memory_equal(text, FIRST, length);
	/* The longest there is. */
	event.number = ROOM_NUMBER_MAX;
	event.kind = ROOM_SERVERS;
	assert_in_range(room_event_text(text, &event), 1, 400);
}

static void
text_parsed(void **state)
{
	static const char *const good[] = {FIRST, SECOND,
	    ROOM "\n9007199254740991\n" HASH "\nallowed_servers" TAIL,
	    ROOM "\n3\n" HASH "\njoin" TAIL, ROOM "\n3\n" HASH "\nleave" TAIL,
	    ROOM "\n3\n" HASH "\nremove" TAIL,
	    ROOM "\n3\n" HASH "\nrename" TAIL,
	    ROOM "\n3\n" HASH "\nfederation" TAIL,
	    ROOM "\n3\n" HASH "\nclose" TAIL};
	char text[SIGNTEXT_STATE_MAX];
	struct room_event event;
	size_t i, length;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(
		    room_event_parse(&event, good[i], strlen(good[i])),
		    CODE_OK);
		length = room_event_text(text, &event);
		assert_int_equal(length, strlen(good[i]));
		assert_memory_equal(text, good[i], length);
	}
}

static void
text_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "\n",
	    "tor-chat-federation-v1/state",
	    "tor-chat-federation-v1/stat\n" UUID "@" HOME "\n1\n" ZERO
	    "\ncreate" TAIL,
	    "tor-chat-federation-v1/envelope\n" UUID "@" HOME "\n1\n" ZERO
	    "\ncreate" TAIL,
	    FIRST "\n",
	    "\n" FIRST,
	    FIRST "\nx",
	    FIRST " ",
	    ROOM "\n1\n" ZERO "\ncreate\n" TIME "\n" KEY_ID,
	    ROOM "\n0\n" ZERO "\ncreate" TAIL,
	    ROOM "\n01\n" ZERO "\ncreate" TAIL,
	    ROOM "\n-1\n" ZERO "\ncreate" TAIL,
	    ROOM "\n+1\n" ZERO "\ncreate" TAIL,
	    ROOM "\n1 \n" ZERO "\ncreate" TAIL,
	    ROOM "\n\n" ZERO "\ncreate" TAIL,
	    ROOM "\n9007199254740992\n" HASH "\njoin" TAIL,
	    ROOM "\n18446744073709551617\n" HASH "\njoin" TAIL,
	    ROOM "\n2\n" HASH "\ncreate" TAIL, /* not the first */
	    ROOM "\n1\n" ZERO "\njoin" TAIL,   /* the first */
	    ROOM "\n1\n" HASH "\ncreate" TAIL, /* names one before */
	    ROOM "\n2\n" ZERO "\njoin" TAIL,   /* names none */
	    ROOM "\n2\n" HASH "\nCreate" TAIL,
	    ROOM "\n2\n" HASH "\n" TAIL,
	    ROOM "\n2\n" HASH "\nkick" TAIL,
	    ROOM "\n2\n" HASH "\njoin\r" TAIL,
	    ROOM "\n2\nRBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4p=\njoin" TAIL,
	    ROOM "\n2\n" HASH "\njoin\n2025-10-30T12:00:60Z\n" KEY_ID "\n" HASH,
	    ROOM "\n2\n" HASH "\njoin\n2025-02-30T12:00:00Z\n" KEY_ID "\n" HASH,
	    ROOM "\n2\n" HASH "\njoin\n" TIME "\n" KEY_ID "\n",
	    ROOM "\n2\n" HASH "\njoin\n" TIME "\n" KEY_ID "0\n" HASH,
	    ROOM "\n2\n" HASH "\njoin\n" TIME "\n\n" HASH,
	};
	struct room_event event;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (room_event_parse(&event, bad[i], strlen(bad[i])) !=
		    CODE_STATE_EVENT)
			fail_msg("row %zu", i);
	assert_int_equal(
	    room_event_parse(&event, "tor-chat-federation-v1/state\nx", 30),
	    CODE_ROOM_ID);
}

/* Cut anywhere it does not parse, and nothing beyond the end is looked at. */
static void
text_cut(void **state)
{
	struct room_event event;
	size_t length;
	char *text;

	(void)state;
	for (length = 0; length < strlen(SECOND); length++) {
		text = malloc(length + 1);
		memcpy(text, SECOND, length);
		assert_int_not_equal(
		    room_event_parse(&event, text, length), CODE_OK);
		free(text);
	}
}

static void
signature(void **state)
{
	uint8_t public[32], secret[64], seed[32] = {7}, signed_[64];
	char text[SIGNTEXT_STATE_MAX];
	struct room_event event;

	(void)state;
	crypto_sign_seed_keypair(public, secret, seed);
	room_event_parse(&event, SECOND, strlen(SECOND));
	crypto_sign_detached(signed_, NULL, (const uint8_t *)text,
	    room_event_text(text, &event), secret);
	assert_true(room_event_verify(&event, signed_, public));
	event.number++;
	assert_false(room_event_verify(&event, signed_, public));
	event.number--;
	event.payload_hash[31] ^= 1;
	assert_false(room_event_verify(&event, signed_, public));
	event.payload_hash[31] ^= 1;
	event.room.uuid[0] ^= 1;
	assert_false(room_event_verify(&event, signed_, public));
}

static void
kinds(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < ROOM_KINDS; i++) {
		const char *name = room_kind_name((enum room_kind)i);

		assert_int_equal(room_kind_find(name, strlen(name)), i);
		assert_true(signtext_type_valid(name, strlen(name)));
	}
	assert_string_equal(room_kind_name(ROOM_KINDS), "");
	assert_int_equal(room_kind_find("", 0), ROOM_KINDS);
	assert_int_equal(room_kind_find("joins", 5), ROOM_KINDS);
	assert_int_equal(room_kind_find("joins", 4), ROOM_JOIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_made),
	    cmocka_unit_test(text_parsed),
	    cmocka_unit_test(text_refused),
	    cmocka_unit_test(text_cut),
	    cmocka_unit_test(signature),
	    cmocka_unit_test(kinds),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
