/* SPDX-License-Identifier: ISC */
/*
 * Requests: the request line in origin-form, HTTP/1.1 and no other version,
 * and what a head alone is answered with.
 */
#include <string.h>

#include "proto/http.h"
#include "proto/http_head.h"

static const struct {
	const char *path;
	enum http_target target;
	enum http_method method;
	const char *allow;
} targets[] = {
    {"/federation/handshake", HTTP_TARGET_HANDSHAKE, HTTP_POST, "POST"},
    {"/federation/message", HTTP_TARGET_MESSAGE, HTTP_POST, "POST"},
    {"/federation/ping", HTTP_TARGET_PING, HTTP_GET, "GET"},
    {"/federation/info", HTTP_TARGET_INFO, HTTP_GET, "GET"},
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))

/* Visible ASCII, from the root: absolute-form, authority and * are not ours. */
static bool
target_valid(struct http_span target)
{
	size_t i;

	for (i = 0; i < target.length; i++)
		if (target.text[i] < 0x21 || target.text[i] > 0x7e)
			return false;
	return target.length > 0 && target.text[0] == '/';
}

static void
request_target(struct http_request *request, struct http_span target)
{
	size_t i;

	request->target = HTTP_TARGET_OTHER;
	for (i = 0; i < TARGETS; i++)
		if (http_span_is(target, targets[i].path))
			request->target = targets[i].target;
}

/* Cuts what comes before the first space; false when there is none. */
static bool
word_cut(struct http_span *word, struct http_span *rest)
{
	const char *space = memchr(rest->text, ' ', rest->length);

	if (space == NULL)
		return false;
	word->text = rest->text;
	word->length = (size_t)(space - rest->text);
	rest->text = space + 1;
	rest->length -= word->length + 1;
	return true;
}

/* RFC 9112 section 3: method SP request-target SP HTTP-version. */
static int
request_start(void *message, struct http_span line)
{
	struct http_request *request = message;
	struct http_span method, target, version = line;

	if (!word_cut(&method, &version) || !word_cut(&target, &version) ||
	    !http_token_valid(method) || !http_version_valid(version))
		return 400;
	if (!http_span_is(version, "HTTP/1.1"))
		return 505;
	if (!target_valid(target))
		return 400;
	request->method = http_span_is(method, "GET")	 ? HTTP_GET
			  : http_span_is(method, "POST") ? HTTP_POST
							 : HTTP_OTHER;
	request->head = http_span_is(method, "HEAD");
	request_target(request, target);
	return 0;
}

int
http_request_parse(struct http_request *request, const char *buf, size_t length,
    const char *host, int *status)
{
	struct http_head head = {.bytes_max = HTTP_HEAD_MAX,
	    .fields_max = HTTP_FIELDS_MAX,
	    .host = host,
	    .start = request_start,
	    .message = request};
	int head_length;

	memset(request, 0, sizeof(*request));
	head_length = http_head_parse(&head, buf, length, status);
	if (head_length <= 0)
		return head_length;
	if (!head.has_host || ((request->method == HTTP_GET || request->head) &&
				  head.length > 0)) {
		*status = 400;
		return -1;
	}
	request->has_length = head.has_length;
	request->length = head.length;
	request->keep_alive = !head.close;
	request->json = head.json;
	request->expect = head.expect;
	request->encoded = head.encoded;
	return head_length;
}

int
http_request_status(const struct http_request *request)
{
	size_t i;

	/* Before all others: whether the body will come is not known. */
	if (request->expect)
		return 417;
	for (i = 0; i < TARGETS; i++)
		if (targets[i].target == request->target)
			break;
	if (i == TARGETS)
		return 404;
	if (targets[i].method != request->method)
		return 405;
	if (request->method == HTTP_GET)
		return 0;
	if (!request->has_length)
		return 411;
	if (request->length > HTTP_BODY_MAX)
		return 413;
	return request->encoded || !request->json ? 415 : 0;
}

const char *
http_request_allow(enum http_target target)
{
	size_t i;

	for (i = 0; i < TARGETS; i++)
		if (targets[i].target == target)
			return targets[i].allow;
	return NULL;
}
