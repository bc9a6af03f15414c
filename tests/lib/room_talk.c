/* SPDX-License-Identifier: ISC */
/*
 * room_talk CONNINFO ADDRESS
 *
 * fed-queued's messages in rooms beside a database, without the rest of it:
 * as the server of that address, does what standard input says, a command
 * after the other:
 *
 *	take VIA ORIGIN ROOM COUNT	then COUNT lines, ID PAYLOAD
 *	judge ROOM
 *	doorbell
 *
 * Prints a line for each verdict (outcome, code, flags, seconds, from, to), or
 * "failed", for each server that heads are to be exchanged with ("sync", its
 * address or "home"), and "done N" when nothing is under way any more; N: how
 * often something went into the inbox.
 */
#include <err.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "fed-queued/db/statements.h"
#include "fed-queued/db/types.h"
#include "fed-queued/env.h"
#include "fed-queued/exchange/signing.h"
#include "fed-queued/inbound/inbox.h"
#include "fed-queued/rooms/messages/judge.h"
#include "fed-queued/rooms/messages/look.h"
#include "fed-queued/rooms/messages/take.h"
#include "fed-queued/rooms/resync.h"
#include "fed-queued/rooms/state/requests.h"
#include "fed-queued/servers/peer_table.h"
#include "json/batch.h"
#include "json/canon.h"
#include "proto/ed.h"
#include "proto/onion.h"

struct queued env;
static unsigned int stored;
static bool up;
static uint32_t asked;

/* What fed-queued's other files do. */

const char *
log_address(char buf[LOG_ADDRESS_SIZE], const uint8_t key[32])
{
	onion_format(buf, key);
	return buf;
}

void
signing_mark(int64_t mark)
{
	(void)mark;
}

void
inbox_stored(void)
{
	stored++;
}

/* Nothing of the home's is decided here. */
void
requests_soon(const struct room_id *room)
{
	(void)room;
}

/* Nobody here has revoked anything. */
struct peer *
peer_table_find(const uint8_t key[32])
{
	(void)key;
	return NULL;
}

void
resync_prove(
    const struct room_id *room, const uint8_t peer[ONION_KEY], int64_t number)
{
	(void)room;
	(void)peer;
	(void)number;
}

void
resync_soon(const struct room_id *room, const uint8_t *peer)
{
	char address[ONION_SIZE] = "home";

	(void)room;
	if (peer != NULL)
		onion_format(address, peer);
	printf("sync %s\n", address);
}

static void
on_up(void *argument)
{
	(void)argument;
	up = true;
}

static void
on_down(void *argument)
{
	(void)argument;
	errx(1, "database: %s", db_reason(env.db));
}

static void
on_notify(const char *channel, void *argument)
{
	(void)channel;
	(void)argument;
}

static void
taken(const struct room_verdict *verdicts, bool ok, void *argument)
{
	static const char *const names[] = {
	    "taken", "known", "held", "refused", "wait", "conflict"};
	uint32_t i;

	(void)argument;
	if (!ok)
		printf("failed\n");
	for (i = 0; ok && i < asked; i++)
		printf("%s %s %u %u %lld %lld\n", names[verdicts[i].outcome],
		    code_name(verdicts[i].code), verdicts[i].flags,
		    verdicts[i].seconds, (long long)verdicts[i].from,
		    (long long)verdicts[i].to);
}

/* The next line, without its end; NULL at the end of all. */
static char *
line_read(void)
{
	static char *line;
	static size_t size;
	ssize_t length = getline(&line, &size, stdin);

	if (length <= 0)
		return NULL;
	line[length - 1] = '\0';
	return line;
}

static void
key_read(uint8_t key[ONION_KEY], const char *text)
{
	if (onion_parse(key, text, strlen(text)) != CODE_OK)
		errx(1, "no address: %s", text);
}

static struct room_id
room_read(const char *text)
{
	struct room_id room;

	if (room_id_parse(&room, text, strlen(text)) != CODE_OK)
		errx(1, "no room: %s", text);
	return room;
}

static void
message_read(struct signed_message *message)
{
	char *line = line_read(), *payload;
	uint8_t hash[32];

	if (line == NULL || strlen(line) <= UUID_TEXT ||
	    uuid_parse(message->message_id, line, UUID_TEXT) != 0)
		errx(1, "no message");
	payload = strdup(line + UUID_TEXT + 1);
	if (payload == NULL)
		errx(1, "out of memory");
	message->payload = payload;
	message->payload_length = strlen(payload);
	sha256(hash, payload, message->payload_length);
	signtext_item_digest(
	    message->digest, "message", message->message_id, hash);
}

static void
take(char *line)
{
	static const char text[] = "what the origin signed";
	char via[ONION_SIZE], origin[ONION_SIZE], id[ROOM_ID_SIZE];
	struct signed_message messages[BATCH_ITEMS];
	struct signed_text proof = {.text = text, .text_length = sizeof(text)};
	uint8_t by[ONION_KEY];
	struct room_id room;
	union {
		const char *constant;
		char *owned;
	} payload;
	uint32_t i;

	if (sscanf(line, "take %62s %62s %99s %u", via, origin, id, &asked) !=
		4 ||
	    asked > BATCH_ITEMS)
		errx(1, "not understood: %s", line);
	room = room_read(id);
	key_read(by, via);
	key_read(proof.origin, origin);
	memset(proof.signature, 7, sizeof(proof.signature));
	for (i = 0; i < asked; i++)
		message_read(&messages[i]);
	messages_take(&room, messages, asked, &proof, by, taken, NULL);
	/* All was copied. */
	for (i = 0; i < asked; i++) {
		payload.constant = messages[i].payload;
		memset(payload.owned, 'x', messages[i].payload_length);
		free(payload.owned);
	}
}

static void
command_run(char *line)
{
	struct room_id room;

	if (strncmp(line, "take ", 5) == 0) {
		take(line);
	} else if (strncmp(line, "judge ", 6) == 0) {
		room = room_read(line + 6);
		messages_judge(&room);
	} else if (strcmp(line, "doorbell") == 0) {
		messages_look();
	} else
		errx(1, "not understood: %s", line);
	while (db_pending(env.db) > 0)
		event_base_loop(env.base, EVLOOP_ONCE);
	printf("done %u\n", stored);
	fflush(stdout);
	stored = 0;
}

int
main(int argc, char *argv[])
{
	static const struct db_handlers handlers = {on_up, on_down, on_notify};
	static const char *const channels[] = {NULL};
	char *line;

	if (argc != 3)
		errx(64, "usage: room_talk CONNINFO ADDRESS");
	log_init("room_talk", LOG_FORM_PLAIN, LOG_LEVEL_DEBUG);
	if (ed_init() == -1)
		errx(1, "libsodium cannot be used");
	canon_init();
	key_read(env.identity.server, argv[2]);
	env.base = event_base_new();
	if (env.base == NULL)
		errx(1, "out of memory");
	env.db = db_new(env.base, argv[1], statements, SQL_COUNT, channels,
	    true, &handlers, NULL);
	db_types_use(env.db, row_types, TYPE_COUNT);
	while (!up)
		event_base_loop(env.base, EVLOOP_ONCE);
	while ((line = line_read()) != NULL)
		command_run(line);
	db_free(env.db);
	event_base_free(env.base);
	return 0;
}
