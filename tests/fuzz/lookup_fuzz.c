/* SPDX-License-Identifier: ISC */
/*
 * Look-ups: any bytes as the request's payload and as the acknowledgement's.
 * What is taken has its form, and is read again from what is written of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/canon.h"
#include "json/lookup.h"
#include "proto/ed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_request(const char *text, size_t size)
{
	char handle[LOOKUP_HANDLE_MAX + 1], again[LOOKUP_HANDLE_MAX + 1];
	size_t length;
	char *payload;

	if (lookup_request_parse(handle, text, size) != CODE_OK)
		return;
	payload = lookup_request_format(handle, &length);
	if (payload == NULL || !canon_check(payload, length) ||
	    lookup_request_parse(again, payload, length) != CODE_OK ||
	    strcmp(again, handle) != 0)
		abort();
	free(payload);
}

static void
try_answer(const char *text, size_t size)
{
	static struct lookup_user user, again;
	char *answer, *payload;
	size_t length;
	bool found;
	int written;

	if (lookup_answer_parse(&user, &found, "a", text, size) != CODE_OK ||
	    !found)
		return;
	answer = lookup_answer_format(&user, &length);
	if (answer == NULL || !canon_check(answer, length))
		abort();
	written = asprintf(&payload, "{\"answer\":%s}", answer);
	if (written == -1)
		abort();
	if (lookup_answer_parse(
		&again, &found, "a", payload, (size_t)written) != CODE_OK ||
	    !found || memcmp(&user, &again, sizeof(user)) != 0)
		abort();
	free(payload);
	free(answer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	if (!ready) {
		if (ed_init() != 0)
			abort();
		canon_init();
		ready = true;
	}
	try_request((const char *)data, size);
	try_answer((const char *)data, size);
	return 0;
}
