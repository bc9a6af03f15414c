/* SPDX-License-Identifier: ISC */
/*
 * What servers sign, byte for byte as it travels, so that a database can be
 * given it: keys, certificates, payloads. Signatures alone are played: what is
 * in the ledger was signed.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/ed.h"
#include "world.h"

/* Certificates of a server: the first, and that which revokes it. */
#define CERTIFICATES 2

static struct {
	uint8_t key[ONION_KEY]; /* identity, the address */
	struct cert cert[CERTIFICATES];
	uint8_t key_id[CERTIFICATES][ROOM_HASH];
} signers[SERVERS];

static void
certificate_make(
    int identity, int which, const uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
	struct cert *cert = &signers[identity].cert[which];
	char text[CERT_MAX];
	size_t length;

	memcpy(cert->server, signers[identity].key, ONION_KEY);
	memcpy(cert->signing_key, signers[identity].key, ONION_KEY);
	cert->serial = cert->min_serial = (uint64_t)which + 1;
	cert->not_before = WORLD_START;
	cert->not_after = WORLD_START + CERT_DAYS_MAX * 24 * 3600;
	length = cert_text(text, cert);
	crypto_sign_detached(
	    cert->signature, NULL, (const unsigned char *)text, length, secret);
	cert_key_id(signers[identity].key_id[which], cert);
}

static void
signer_make(int identity)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	int i;

	memset(seed, identity + 1, sizeof(seed));
	crypto_sign_seed_keypair(signers[identity].key, secret, seed);
	for (i = 0; i < CERTIFICATES; i++)
		certificate_make(identity, i, secret);
}

void
ledger_begin(void)
{
	int i;

	for (i = 0; i < SERVERS; i++)
		signer_make(i);
}

const uint8_t *
ledger_key(int identity)
{
	return signers[identity].key;
}

const struct cert *
ledger_cert(int identity, uint64_t serial)
{
	return &signers[identity].cert[serial - 1];
}

const uint8_t *
ledger_key_id(int identity, uint64_t serial)
{
	return signers[identity].key_id[serial - 1];
}

const struct cert *
ledger_cert_find(int identity, const uint8_t key_id[ROOM_HASH])
{
	int i;

	for (i = 0; i < CERTIFICATES; i++)
		if (memcmp(signers[identity].key_id[i], key_id, ROOM_HASH) == 0)
			return &signers[identity].cert[i];
	return NULL;
}

const uint8_t *
ledger_key_now(int identity)
{
	return ledger_key_id(identity, world.serial[identity]);
}

static void
hex_print(const uint8_t *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		printf("%02x", bytes[i]);
}

void
ledger_print(void)
{
	char address[ONION_SIZE], text[CERT_MAX];
	uint8_t id[UUID_SIZE];
	uint64_t serial;
	size_t length;
	int i;

	for (i = 0; i < SERVERS; i++) {
		ledger_uuid(id, 's', i, 0);
		onion_format(address, ledger_key(i));
		printf("%d ", i);
		hex_print(id, sizeof(id));
		printf(" %s", address);
		for (serial = 1; serial <= CERTIFICATES; serial++) {
			printf(" ");
			hex_print(ledger_key_id(i, serial), ROOM_HASH);
			printf(" ");
			length = cert_format(text, ledger_cert(i, serial));
			hex_print((const uint8_t *)text, length);
		}
		printf("\n");
	}
}

void
ledger_servers(struct room_payload_servers *servers, unsigned int list)
{
	int i;

	servers->count = 0;
	for (i = 0; i < SERVERS; i++)
		if ((list >> i & 1) != 0)
			memcpy(servers->key[servers->count++], ledger_key(i),
			    ONION_KEY);
}

/* Of a rename: what is encrypted decides nothing. */
static const uint8_t metadata[] = "name";

void
ledger_metadata(const uint8_t **bytes, size_t *length)
{
	*bytes = metadata;
	*length = sizeof(metadata);
}

static char *
event_payload(const struct room_event *event, unsigned int list, size_t *length)
{
	struct room_payload_content from = {
	    event->kind, event->content, {0}, NULL, 0};

	ledger_metadata(&from.metadata, &from.metadata_length);
	ledger_servers(&from.servers, list);
	return xpointer(room_payload_content_format(&from, length));
}

/* Of what somebody has filled in, that which the kind's payload says. */
static void
content_clear(struct room_event *event)
{
	struct room_content from = event->content, *to = &event->content;
	enum room_kind kind = event->kind;

	memset(to, 0, sizeof(*to));
	if (kind == ROOM_CREATE || kind == ROOM_INVITE || kind == ROOM_JOIN ||
	    kind == ROOM_LEAVE || kind == ROOM_REMOVE)
		to->user = from.user;
	if (kind == ROOM_INVITE) {
		to->inviter = from.inviter;
		to->expires = from.expires;
	}
	if (kind == ROOM_INVITE || (kind == ROOM_JOIN && from.has_nonce))
		memcpy(to->nonce, from.nonce, ROOM_NONCE);
	to->has_nonce = kind == ROOM_JOIN && from.has_nonce;
	if (kind == ROOM_CREATE)
		to->require_invite = from.require_invite;
	if (kind == ROOM_CREATE || kind == ROOM_FEDERATION)
		to->federated = from.federated;
	if (kind == ROOM_CREATE || kind == ROOM_SERVERS)
		to->restricted = from.restricted;
}

void
ledger_content(struct room_event *event, unsigned int list)
{
	size_t length;
	char *payload;

	content_clear(event);
	payload = event_payload(event, list, &length);
	sha256(event->payload_hash, payload, length);
	free(payload);
}

void
ledger_event(struct signed_event *to, int number)
{
	const struct event *event = &world.events[number];

	memset(to, 0, sizeof(*to));
	to->event = event->event;
	ledger_servers(&to->servers, event->list);
	to->text_length = room_event_text(to->text, &event->event);
	to->payload =
	    event_payload(&event->event, event->list, &to->payload_length);
	memset(to->signature, 1, sizeof(to->signature));
	memcpy(to->signature, event->hash, ROOM_HASH);
}

static int
event_add(int room, int signer, const struct room_event *made,
    unsigned int list, uint64_t serial)
{
	struct event *event = &world.events[world.event_count];
	int i;

	if (world.event_count == EVENTS || made->number > NUMBERS)
		return NONE;
	memset(event, 0, sizeof(*event));
	event->event = *made;
	memcpy(
	    event->event.key_id, signers[signer].key_id[serial - 1], ROOM_HASH);
	event->room = room;
	event->signer = signer;
	event->list = list;
	event->serial = serial;
	ledger_content(&event->event, list);
	room_event_hash(event->hash, &event->event);
	/* The same text again is the same event. */
	for (i = 0; i < world.event_count; i++)
		if (world.events[i].signer == signer &&
		    memcmp(world.events[i].hash, event->hash, ROOM_HASH) == 0)
			return i;
	return world.event_count++;
}

int
ledger_event_add(
    int room, int signer, const struct room_event *made, unsigned int list)
{
	int event = event_add(room, signer, made, list, world.serial[signer]);

	if (event != NONE) /* a thief may have thought of the same before */
		world.events[event].stolen = false;
	return event;
}

int
ledger_event_steal(int room, int signer, const struct room_event *made)
{
	int count = world.event_count;
	int event = event_add(room, signer, made, 0, 1);

	if (event == count)
		world.events[event].stolen = true;
	return event;
}

void
ledger_uuid(uint8_t uuid[UUID_SIZE], char kind, int origin, uint32_t id)
{
	memset(uuid, 0, UUID_SIZE);
	uuid[0] = (uint8_t)kind;
	uuid[1] = (uint8_t)origin;
	uuid[6] = 0x40;
	uuid[8] = 0x80;
	memcpy(uuid + 12, &id, sizeof(id));
}

/* Like what an application writes: some bytes that only members can read. */
const char ledger_said[] = "said";

char *
ledger_item_payload(const struct item *item, size_t *length)
{
	char content[BASE64_LENGTH(sizeof(ledger_said)) + 1];
	struct room_payload_message message;

	memset(&message, 0, sizeof(message));
	message.message = item->message;
	base64_encode(
	    content, (const uint8_t *)ledger_said, sizeof(ledger_said));
	message.content = content;
	message.content_length = strlen(content);
	memcpy(message.type, "text", sizeof("text"));
	return xpointer(room_payload_message_format(&message, length));
}

void
ledger_item_digest(struct item *item)
{
	uint8_t hash[ROOM_HASH], id[UUID_SIZE];
	size_t length;
	char *payload = ledger_item_payload(item, &length);

	sha256(hash, payload, length);
	ledger_uuid(id, 'm', item->origin, item->id);
	signtext_item_digest(item->message.place.digest, "message", id, hash);
	free(payload);
}
