/* SPDX-License-Identifier: ISC */
/*
 * HTTP heads: a verdict never changes when more bytes come, whatever the
 * pieces; what we write from what we read reads the same.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/http.h"

#define HOST   "a"
#define PIECES 16 /* lengths at which a head is tried, and its last bytes */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

/* One reader for both kinds: a refused response has status 400. */
static int
head_parse(bool is_request, const char *buf, size_t length, int *status)
{
	struct http_response response;
	struct http_request request;
	int head;

	if (is_request) {
		head = http_request_parse(&request, buf, length, HOST, status);
		if (head > 0)
			http_request_status(&request);
		return head;
	}
	*status = 400;
	return http_response_parse(&response, buf, length);
}

/* shorter bytes led to a verdict; all of them must lead to the same. */
static void
check_piece(bool is_request, const char *buf, size_t shorter, size_t length)
{
	int first, first_status, second, second_status;

	first = head_parse(is_request, buf, shorter, &first_status);
	second = head_parse(is_request, buf, length, &second_status);
	if (first == 0)
		return;
	require(first == second);
	if (first == -1)
		require(first_status == second_status);
}

static void
check_head(bool is_request, const char *buf, size_t length)
{
	size_t i, maximum;
	int head, status;

	maximum = is_request ? HTTP_HEAD_MAX : HTTP_RESPONSE_HEAD_MAX;
	head = head_parse(is_request, buf, length, &status);
	require(head >= -1 && (head <= 0 || (size_t)head <= length));
	require(head <= (int)maximum && (head != 0 || length < maximum));
	if (head == -1)
		require(status == 400 || status == 413 || status == 431 ||
			status == 505);
	if (head > 0)
		require(memcmp(buf + head - 4, "\r\n\r\n", 4) == 0);
	for (i = 0; i < PIECES; i++)
		check_piece(is_request, buf, length * i / PIECES, length);
	for (i = 0; i < length && i < PIECES; i++)
		check_piece(is_request, buf, length - i, length);
}

static void
check_written(const char *buf, size_t length)
{
	struct http_response again, response;
	char text[512];
	size_t written;

	if (http_response_parse(&response, buf, length) <= 0)
		return;
	written = http_response_format(text, sizeof(text), response.status,
	    response.length, response.json, response.keep_alive,
	    response.retry_after, NULL);
	require(written > 0);
	require(http_response_parse(&again, text, written) == (int)written);
	require(again.status == response.status &&
		again.length == response.length &&
		again.json == response.json &&
		again.keep_alive == response.keep_alive &&
		again.retry_after == response.retry_after);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *buf = (const char *)data;

	check_head(true, buf, size);
	check_head(false, buf, size);
	check_written(buf, size);
	return 0;
}
