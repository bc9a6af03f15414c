/* SPDX-License-Identifier: ISC */
/*
 * Payloads of rooms: those of the protocol's page, and each member missing, of
 * a wrong type, too large, twice, or in contradiction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/canon.h"
#include "json/envelope.h"
#include "json/room_payload.h"
#include "proto/ed.h"

#define HOME   "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bqead.onion"
#define OTHER  "fgwlvykbxtfpbmrodkkngtily43b4utnbp7bfsexss6jgiuwnxluewad.onion"
#define ROOM   "f81d4fae-7dec-41d0-a765-00a0c91e6bf6@" HOME
#define NONCE  "AAECAwQFBgcICQoLDA0ODw=="
#define ZERO   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define MEMBER "\"member\":\"bob@" OTHER "\""
#define INVITE(expires, invitee, inviter, nonce)        \
	"{\"expires\":" expires ",\"invitee\":" invitee \
	",\"inviter\":" inviter ",\"nonce\":" nonce "}"
#define ONES "//////////////////////////////////////////8="
#define LONG "abcdefghijklmnopqrstuvwxyz_abcde"
#define NAME "abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz-0123456789"
#define WHEN "\"2026-01-01T00:00:00Z\""
#define BOB  "\"bob@" OTHER "\""
#define ANN  "\"ann@" HOME "\""
#define MESSAGE(                                                             \
    content, epoch, room, lane, more, previous, sender, number, state)       \
	"{\"encryptedContent\":" content ",\"epoch\":" epoch                 \
	",\"globalRoomId\":" room ",\"lane\":" lane ",\"messageType\":" more \
	",\"previous\":" previous ",\"senderId\":" sender                    \
	",\"sequence\":" number ",\"stateNumber\":" state "}"
#define GOOD                                                      \
	MESSAGE("\"AAAA\"", "1", "\"" ROOM "\"", "2", "\"text\"", \
	    "\"" ZERO "\"", "\"bob\"", "1", "4")

static struct room_content content;
static struct room_payload_servers servers;
static uint8_t origin[32];

static enum code
take(enum room_kind kind, const char *payload)
{
	return room_payload_content(
	    &content, &servers, kind, payload, strlen(payload));
}

static void
contents(void **state)
{
	int64_t expires;

	(void)state;
	assert_int_equal(
	    take(ROOM_CREATE, "{\"allowedServers\":[\"" OTHER
			      "\"],\"creator\":" ANN ",\"federation\":true,"
			      "\"requireInviteForJoin\":false}"),
	    CODE_OK);
	assert_true(content.federated && content.restricted);
	assert_false(content.require_invite);
	assert_string_equal(content.user.name, "ann");
	assert_int_equal(servers.count, 1);
	assert_memory_equal(servers.key[0], origin, 32);
	assert_int_equal(
	    take(ROOM_INVITE, INVITE(WHEN, BOB, ANN, "\"" NONCE "\"")),
	    CODE_OK);
	assert_string_equal(content.user.name, "bob");
	assert_memory_equal(content.user.server, origin, 32);
	assert_string_equal(content.inviter.name, "ann");
	time_parse(&expires, "2026-01-01T00:00:00Z", TIME_TEXT);
	assert_int_equal(content.expires, expires);
	assert_int_equal(content.nonce[15], 15);
	assert_int_equal(
	    take(ROOM_JOIN, "{" MEMBER ",\"nonce\":null}"), CODE_OK);
	assert_false(content.has_nonce);
	assert_int_equal(
	    take(ROOM_JOIN, "{" MEMBER ",\"nonce\":\"" NONCE "\"}"), CODE_OK);
	assert_true(content.has_nonce);
	assert_int_equal(take(ROOM_LEAVE, "{" MEMBER "}"), CODE_OK);
	assert_int_equal(take(ROOM_REMOVE, "{" MEMBER ",\"why\":1}"), CODE_OK);
	assert_int_equal(
	    take(ROOM_SERVERS, "{\"allowedServers\":null}"), CODE_OK);
	assert_false(content.restricted);
	assert_int_equal(
	    take(ROOM_SERVERS, "{\"allowedServers\":[]}"), CODE_OK);
	assert_true(content.restricted);
	assert_int_equal(servers.count, 0);
	assert_int_equal(take(ROOM_RENAME, "{\"metadata\":\"AAAA\"}"), CODE_OK);
	assert_int_equal(take(ROOM_FEDERATION, "{\"enabled\":true}"), CODE_OK);
	assert_true(content.federated);
	assert_int_equal(take(ROOM_CLOSE, "{}"), CODE_OK);
	assert_int_equal(take(ROOM_KEY, "{}"), CODE_OK);
}

/* What is read, written again: byte for byte the same. */
static void
written(enum room_kind kind, const char *payload)
{
	static const uint8_t name[] = {0, 1, 2, 255};
	struct room_payload_content from;
	size_t length;
	char *text;

	assert_int_equal(take(kind, payload), CODE_OK);
	memset(&from, 0, sizeof(from));
	from.kind = kind;
	from.content = content;
	from.servers = servers;
	from.metadata = name;
	from.metadata_length = kind == ROOM_RENAME ? sizeof(name) : 0;
	text = room_payload_content_format(&from, &length);
	assert_non_null(text);
	assert_int_equal(length, strlen(payload));
	assert_memory_equal(text, payload, length);
	assert_true(canon_check(text, length));
	free(text);
}

static void
contents_written(void **state)
{
	(void)state;
	written(ROOM_CREATE,
	    "{\"allowedServers\":null,\"creator\":" ANN
	    ",\"federation\":true,\"requireInviteForJoin\":false}");
	written(ROOM_CREATE,
	    "{\"allowedServers\":[\"" HOME "\",\"" OTHER "\"],\"creator\":" ANN
	    ",\"federation\":false,\"requireInviteForJoin\":true}");
	written(ROOM_INVITE, INVITE(WHEN, BOB, ANN, "\"" NONCE "\""));
	written(ROOM_JOIN, "{" MEMBER ",\"nonce\":\"" NONCE "\"}");
	written(ROOM_JOIN, "{" MEMBER ",\"nonce\":null}");
	written(ROOM_LEAVE, "{" MEMBER "}");
	written(ROOM_REMOVE, "{" MEMBER "}");
	written(ROOM_SERVERS, "{\"allowedServers\":[]}");
	written(ROOM_SERVERS, "{\"allowedServers\":null}");
	written(ROOM_RENAME, "{\"metadata\":\"AAEC/w==\"}");
	written(ROOM_FEDERATION, "{\"enabled\":true}");
	written(ROOM_FEDERATION, "{\"enabled\":false}");
	written(ROOM_CLOSE, "{}");
	written(ROOM_KEY, "{}");
}

/* As long as it can be: its memory is enough. */
static void
contents_longest(void **state)
{
	static uint8_t name[ROOM_PAYLOAD_METADATA_MAX];
	static struct room_payload_content from;
	size_t length;
	char *text;
	int i;

	(void)state;
	memset(from.content.user.name, 'a', ROOM_NAME_MAX);
	from.content.restricted = true;
	from.servers.count = ROOM_SERVERS_MAX;
	for (i = 0; i < ROOM_KINDS; i++) {
		from.kind = (enum room_kind)i;
		from.metadata = name;
		from.metadata_length = i == ROOM_RENAME ? sizeof(name) : 0;
		text = room_payload_content_format(&from, &length);
		assert_non_null(text);
		assert_true(canon_check(text, length));
		assert_int_equal(text[length - 1], '}');
		free(text);
	}
}

static void
contents_refused(void **state)
{
	static const struct {
		enum room_kind kind;
		const char *payload;
	} bad[] = {
	    {ROOM_CLOSE, ""},
	    {ROOM_CLOSE, "[]"},
	    {ROOM_KEY, "[]"},
	    {ROOM_CLOSE, "{}x"},
	    {ROOM_KINDS, "{}"},
	    {ROOM_CREATE, "{}"},
	    {ROOM_CREATE, "{\"allowedServers\":null,\"creator\":\"ann\","
			  "\"federation\":true,"
			  "\"requireInviteForJoin\":true}"},
	    {ROOM_CREATE, "{\"allowedServers\":null,\"creator\":" ANN
			  ",\"federation\":1,\"requireInviteForJoin\":true}"},
	    {ROOM_CREATE, "{\"allowedServers\":null,\"creator\":" ANN
			  ",\"federation\":true}"},
	    {ROOM_CREATE, "{\"creator\":" ANN ",\"federation\":true,"
			  "\"requireInviteForJoin\":true}"},
	    {ROOM_INVITE, INVITE(WHEN, BOB, ANN, "null")},
	    {ROOM_INVITE, INVITE(WHEN, BOB, ANN, "\"AAAA\"")},
	    {ROOM_INVITE, INVITE(WHEN, BOB, "\"ann\"", "\"" NONCE "\"")},
	    {ROOM_INVITE, INVITE(WHEN, "\"@" OTHER "\"", ANN, "\"" NONCE "\"")},
	    {ROOM_INVITE,
		INVITE(WHEN, "\"Bob@" OTHER "\"", ANN, "\"" NONCE "\"")},
	    {ROOM_INVITE,
		INVITE(WHEN, "\"b@b@" OTHER "\"", ANN, "\"" NONCE "\"")},
	    {ROOM_INVITE, INVITE("\"2026-01-01\"", BOB, ANN, "\"" NONCE "\"")},
	    {ROOM_INVITE, INVITE("1767225600", BOB, ANN, "\"" NONCE "\"")},
	    {ROOM_JOIN, "{" MEMBER "}"},
	    {ROOM_JOIN, "{" MEMBER ",\"nonce\":false}"},
	    {ROOM_JOIN, "{" MEMBER ",\"nonce\":\"\"}"},
	    {ROOM_JOIN, "{" MEMBER "," MEMBER ",\"nonce\":null}"},
	    {ROOM_JOIN, "{\"nonce\":null}"},
	    {ROOM_LEAVE, "{\"member\":{}}"},
	    {ROOM_LEAVE, "{\"member\":\"bob@\"}"},
	    {ROOM_REMOVE, "{\"member\":\"bob@www." OTHER "\"}"},
	    {ROOM_SERVERS, "{}"},
	    {ROOM_SERVERS, "{\"allowedServers\":{}}"},
	    {ROOM_SERVERS, "{\"allowedServers\":[1]}"},
	    {ROOM_SERVERS,
		"{\"allowedServers\":[\"" OTHER "\",\"" OTHER "\"]}"},
	    {ROOM_RENAME, "{\"metadata\":\"AAA\"}"},
	    {ROOM_RENAME, "{\"metadata\":null}"},
	    {ROOM_FEDERATION, "{\"enabled\":null}"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (take(bad[i].kind, bad[i].payload) != CODE_PAYLOAD_MALFORMED)
			fail_msg("row %zu", i);
}

static enum code
message_take(const char *payload)
{
	struct room_payload_message message;

	return room_payload_message(&message, origin, payload, strlen(payload));
}

static void
messages(void **state)
{
	struct room_payload_message message;

	(void)state;
	assert_int_equal(
	    room_payload_message(&message, origin, GOOD, strlen(GOOD)),
	    CODE_OK);
	assert_int_equal(message.message.state_number, 4);
	assert_int_equal(message.message.lane, 2);
	assert_int_equal(message.message.place.sequence, 1);
	assert_string_equal(message.message.sender.name, "bob");
	assert_memory_equal(message.message.sender.server, origin, 32);
	assert_int_equal(message.content_length, 4);
	assert_memory_equal(message.content, "AAAA", 4);
	assert_string_equal(message.type, "text");
	assert_null(message.metadata);
	assert_int_equal(
	    message_take(MESSAGE("\"AA==\"", "1", "\"" ROOM "\"", "3",
		"\"text\",\"metadata\":{\"a\":1}", "\"" ZERO "\"", "\"bob\"",
		"9007199254740991", "1")),
	    CODE_OK);
}

static void
messages_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "{}",
	    "[]",
	    GOOD "x",
#define BAD(content, epoch, room, lane, type, previous, sender, number, st) \
	MESSAGE(content, epoch, room, lane, type, previous, sender, number, st)
#define R "\"" ROOM "\""
#define Z "\"" ZERO "\""
#define A "\"AAAA\""
#define T "\"text\""
#define B "\"bob\""
	    BAD("null", "1", R, "2", T, Z, B, "1", "4"),
	    BAD("\"\"", "1", R, "2", T, Z, B, "1", "4"),
	    BAD("\"AAA\"", "1", R, "2", T, Z, B, "1", "4"),
	    BAD("\"AA=A\"", "1", R, "2", T, Z, B, "1", "4"),
	    BAD("\"A===\"", "1", R, "2", T, Z, B, "1", "4"),
	    BAD("\"AA-_\"", "1", R, "2", T, Z, B, "1", "4"),
	    BAD(A, "0", R, "2", T, Z, B, "1", "4"),
	    BAD(A, "-1", R, "2", T, Z, B, "1", "4"),
	    BAD(A, "\"1\"", R, "2", T, Z, B, "1", "4"),
	    BAD(A, "9007199254740992", R, "2", T, Z, B, "1", "4"),
	    BAD(A, "1", "\"" HOME "\"", "2", T, Z, B, "1", "4"),
	    BAD(A, "1", "null", "2", T, Z, B, "1", "4"),
	    BAD(A, "1", R, "0", T, Z, B, "1", "4"),
	    BAD(A, "1", R, "4", T, Z, B, "1", "4"),
	    BAD(A, "1", R, "2", "\"Text\"", Z, B, "1", "4"),
	    BAD(A, "1", R, "2", "\"\"", Z, B, "1", "4"),
	    BAD(A, "1", R, "2", "\"text\",\"metadata\":[]", Z, B, "1", "4"),
	    BAD(A, "1", R, "2", "\"text\",\"lane\":1", Z, B, "1", "4"),
	    BAD(A, "1", R, "2", T, "\"AAAA\"", B, "1", "4"),
	    BAD(A, "1", R, "2", T, "null", B, "1", "4"),
	    BAD(A, "1", R, "2", T, Z, "\"bob@" OTHER "\"", "1", "4"),
	    BAD(A, "1", R, "2", T, Z, "\"\"", "1", "4"),
	    BAD(A, "1", R, "2", T, Z, "\"\\u202ebob\"", "1", "4"),
	    BAD(A, "1", R, "2", T, Z, "7", "1", "4"),
	    BAD(A, "1", R, "2", T, Z, B, "0", "4"),
	    BAD(A, "1", R, "2", T, Z, B, "true", "4"),
	    BAD(A, "1", R, "2", T, Z, B, "1", "0"),
	    BAD(A, "1", R, "2", T, Z, B, "1", "null"),
	};
	char *large;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (message_take(bad[i]) != CODE_PAYLOAD_MALFORMED)
			fail_msg("row %zu", i);
	large = malloc(ITEM_MAX + 2);
	memset(large, ' ', ITEM_MAX + 1);
	memcpy(large, GOOD, strlen(GOOD));
	large[ITEM_MAX + 1] = '\0';
	assert_int_equal(message_take(large), CODE_PAYLOAD_MALFORMED);
	free(large);
}

/* What is written from what was read is the same bytes, at every size. */
static void
messages_written(void **state)
{
	static const char *const good[] = {
	    GOOD,
	    BAD("\"AA==\"", "9007199254740991", R, "3",
		"\"" LONG "\",\"metadata\":{\"a\":{\"b\":\"\\n\"}}",
		"\"" ONES "\"", "\"" NAME "\"", "9007199254740991",
		"9007199254740991"),
	    BAD(A, "1", R, "1", "\"a\",\"metadata\":{}", Z, "\"b\"", "1", "1"),
	};
	struct room_payload_message message;
	size_t i, length;
	char *text;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(room_payload_message(&message, origin, good[i],
				     strlen(good[i])),
		    CODE_OK);
		text = room_payload_message_format(&message, &length);
		assert_non_null(text);
		assert_int_equal(length, strlen(good[i]));
		assert_memory_equal(text, good[i], length);
		assert_true(canon_check(text, length));
		free(text);
	}
}

static enum code
request_take(
    bool join, const char *payload, struct room_payload_request *request)
{
	return room_payload_request(
	    request, join, origin, payload, strlen(payload));
}

static void
requests(void **state)
{
	struct room_payload_request request;

	(void)state;
	assert_int_equal(request_take(true,
			     "{\"globalRoomId\":" R ",\"nonce\":\"" NONCE
			     "\",\"userId\":\"bob\"}",
			     &request),
	    CODE_OK);
	assert_true(request.has_nonce);
	assert_memory_equal(request.user.server, origin, 32);
	assert_int_equal(request_take(true,
			     "{\"globalRoomId\":" R ",\"nonce\":null,"
			     "\"userId\":\"bob\"}",
			     &request),
	    CODE_OK);
	assert_false(request.has_nonce);
	assert_int_equal(
	    request_take(
		true, "{\"globalRoomId\":" R ",\"userId\":\"bob\"}", &request),
	    CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    request_take(
		false, "{\"globalRoomId\":" R ",\"userId\":\"bob\"}", &request),
	    CODE_OK);
	assert_int_equal(request_take(false, "{\"userId\":\"bob\"}", &request),
	    CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    request_take(false, "{\"globalRoomId\":" R "}", &request),
	    CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    request_take(false,
		"{\"globalRoomId\":" R ",\"userId\":\"bob@" OTHER "\"}",
		&request),
	    CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    request_take(false, "[]", &request), CODE_PAYLOAD_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(contents),
	    cmocka_unit_test(contents_written),
	    cmocka_unit_test(contents_longest),
	    cmocka_unit_test(contents_refused),
	    cmocka_unit_test(messages),
	    cmocka_unit_test(messages_refused),
	    cmocka_unit_test(messages_written),
	    cmocka_unit_test(requests),
	};

	if (ed_init() == -1)
		return 1;
	canon_init();
	if (onion_parse(origin, OTHER, ONION_LENGTH) != CODE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
