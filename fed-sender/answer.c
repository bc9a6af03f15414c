/* SPDX-License-Identifier: ISC */
/*
 * Answers: read as strictly as fed-listener reads requests, and reduced by the
 * same code. The head may have 8 KiB and the body 256 KiB, whatever the peer
 * announces.
 */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/alloc.h"
#include "base/log.h"
#include "link.h"
#include "sender.h"

#define INPUT_MAX (HTTP_RESPONSE_HEAD_MAX + HTTP_BODY_MAX + SENDER_SCRATCH)

/* Keeps what came until it is enough. */
static void
input_keep(struct link *link, const char *bytes, size_t length)
{
	size_t size = link->input_size > 0 ? link->input_size : 1024;

	if (link->input_length > INPUT_MAX - length)
		fatal("answer longer than it can be"); /* a fault of ours */
	while (size < link->input_length + length)
		size *= 2;
	if (size != link->input_size) {
		link->input = xpointer(realloc(link->input, size));
		link->input_size = size;
	}
	memcpy(link->input + link->input_length, bytes, length);
	link->input_length += length;
}

static void
answer_fail(struct link *link, enum code code)
{
	struct job *job = link->job;

	link->job = NULL;
	sender_fail(link->sender, job, code);
}

/* A whole HTTP answer is all that a probe looks for. */
static void
answer_probe(struct link *link)
{
	struct wire_send_result sent = {
	    .code = CODE_OK, .status = (uint16_t)link->response.status};
	struct job *job = link->job;

	link->job = NULL;
	sender_finish(link->sender, job, &sent);
}

/* The answer is whole. */
static void
answer_finish(struct link *link, const char *body)
{
	const struct http_response *response = &link->response;
	struct wire_send_result sent = {.code = CODE_ANSWER_UNSIGNED};
	struct envelope parsed;
	struct job *job = link->job;

	sent.status = (uint16_t)response->status;
	sent.retry_after =
	    response->has_retry_after ? response->retry_after : 0;
	if (response->status == 200)
		sent.code = CODE_ANSWER_JSON;
	if (response->status == 200 && response->json &&
	    wire_reduce(&sent.envelope, &parsed, body, response->length) ==
		CODE_OK)
		sent.code = CODE_OK;
	link->job = NULL;
	sender_finish(link->sender, job, &sent);
	if (sent.code == CODE_OK)
		envelope_free(&parsed);
}

enum answer_result
answer_take(struct link *link, const char *bytes, size_t length)
{
	size_t whole;
	int used;

	link->answered = true;
	if (link->input_length > 0) {
		input_keep(link, bytes, length);
		bytes = link->input;
		length = link->input_length;
	}
	if (link->head_length == 0) {
		used = http_response_parse(&link->response, bytes, length);
		if (used == -1 || (used > 0 && !link->response.has_length)) {
			answer_fail(link, CODE_ANSWER_HTTP);
			return ANSWER_END;
		}
		link->head_length = (size_t)used;
	}
	whole = link->head_length + link->response.length;
	if (link->head_length == 0 || length < whole) {
		if (link->input_length == 0)
			input_keep(link, bytes, length);
		return ANSWER_MORE;
	}
	if (link->job->probe) {
		answer_probe(link);
		return ANSWER_END;
	}
	answer_finish(link, bytes + link->head_length);
	/* A byte too many, or an answer to half a request: never again. */
	if (length > whole || link->state != LINK_ANSWER ||
	    !link->response.keep_alive)
		return ANSWER_END;
	return ANSWER_KEEP;
}
