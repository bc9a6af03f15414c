/* SPDX-License-Identifier: ISC */
/*
 * server_sync and signing texts from any bytes. The first byte says which: a
 * request, an answer, a text. What is read of a message is within its bounds,
 * and written again it is read as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "json/canon.h"
#include "json/sync_payload.h"
#include "proto/ed.h"
#include "proto/signtext_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct sync_message message, second;

static void
write_again(struct sync_writer *writer)
{
	uint32_t i;

	sync_payload_begin(writer);
	for (i = 0; i < message.ask_count; i++)
		if (!sync_payload_ask(writer, &message.asks[i]))
			abort();
	for (i = 0; i < message.document_count; i++)
		if (!sync_payload_document(writer, &message.documents[i]))
			return;
	for (i = 0; i + 1 < message.pair_count; i += 2)
		if (!sync_payload_evidence(
			writer, &message.pairs[i], &message.pairs[i + 1]))
			return;
	for (i = 0; i < message.room_count; i++)
		if (!sync_payload_head(writer, &message.rooms[i]))
			return;
}

static void
request_try(const char *text, size_t size)
{
	struct sync_writer writer;
	size_t length;
	char *again;

	if (sync_payload_parse(&message, false, text, size) != CODE_OK)
		return;
	write_again(&writer);
	again = sync_payload_end(&writer, &length);
	if (!canon_check(again, length) ||
	    sync_payload_parse(&second, false, again, length) != CODE_OK ||
	    second.ask_count != message.ask_count)
		abort();
	free(again);
	sync_payload_free(&message);
	sync_payload_free(&second);
}

static void
text_try(const char *text, size_t size)
{
	static struct signtext parsed;
	uint8_t hash[32] = {0}, id[16], digest[32];

	if (signtext_parse(&parsed, text, size) == CODE_OK)
		(void)signtext_names(&parsed, "message", hash, id, digest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (ed_init() == -1)
		abort();
	canon_init();
	if (size == 0)
		return 0;
	if (data[0] % 3 == 2) {
		text_try(text, size - 1);
		return 0;
	}
	/* Only canonical text comes this far. */
	if (!canon_check(text, size - 1))
		return 0;
	if (data[0] % 3 == 0)
		request_try(text, size - 1);
	else if (sync_payload_parse(&message, true, text, size - 1) == CODE_OK)
		sync_payload_free(&message);
	return 0;
}
