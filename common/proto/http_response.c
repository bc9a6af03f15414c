/* SPDX-License-Identifier: ISC */
/*
 * Responses: what a peer of ours would send, and nothing whose end depends on
 * more than its Content-Length.
 */
#include <string.h>

#include "proto/http.h"
#include "proto/http_head.h"

/* Statuses of responses that have no body, whatever their fields say. */
static bool
status_bodiless(int status)
{
	return status == 204 || status == 205 || status == 304;
}

/* RFC 9112 section 4: HTTP-version SP status-code SP [ reason-phrase ]. */
static int
response_start(void *message, struct http_span line)
{
	static const char version[] = "HTTP/1.1 ";
	struct http_response *response = message;
	const char *digits = line.text + sizeof(version) - 1;
	int i;

	if (line.length < sizeof(version) - 1 + 4 ||
	    memcmp(line.text, version, sizeof(version) - 1) != 0 ||
	    digits[3] != ' ')
		return 400;
	for (i = 0; i < 3; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return 400;
		response->status = response->status * 10 + (digits[i] - '0');
	}
	if (response->status < 200 || response->status > 599 ||
	    status_bodiless(response->status))
		return 400;
	return 0;
}

int
http_response_parse(
    struct http_response *response, const char *buf, size_t length)
{
	struct http_head head = {.bytes_max = HTTP_RESPONSE_HEAD_MAX,
	    .fields_max = HTTP_RESPONSE_FIELDS_MAX,
	    .start = response_start,
	    .message = response};
	int head_length, status;

	memset(response, 0, sizeof(*response));
	head_length = http_head_parse(&head, buf, length, &status);
	if (head_length <= 0)
		return head_length;
	if (!head.has_length)
		return -1;
	response->has_length = true;
	response->length = head.length;
	response->keep_alive = !head.close;
	response->json = head.json && !head.encoded;
	response->has_retry_after = head.has_retry_after;
	response->retry_after = head.retry_after;
	return head_length;
}
