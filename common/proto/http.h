/* SPDX-License-Identifier: ISC */
/*
 * A strict HTTP/1.1 message reader (RFC 9112) for requests and responses, and
 * the few heads that we write. Content-Length framing only; a field that we
 * know comes once. The reader looks at a head of at most HTTP_HEAD_MAX bytes
 * and HTTP_FIELDS_MAX fields; bodies are the caller's. No field's text is kept
 * but what the structures say.
 */
#ifndef TORFED_HTTP_H
#define TORFED_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX		 4096 /* bytes of a request's head */
#define HTTP_RESPONSE_HEAD_MAX	 8192 /* bytes of a response's head */
#define HTTP_FIELDS_MAX		 16
#define HTTP_RESPONSE_FIELDS_MAX 64
#define HTTP_BODY_MAX		 (256U * 1024)

enum http_method { HTTP_GET, HTTP_POST, HTTP_OTHER };
enum http_target {
	HTTP_TARGET_HANDSHAKE,
	HTTP_TARGET_MESSAGE,
	HTTP_TARGET_PING,
	HTTP_TARGET_INFO,
	HTTP_TARGET_OTHER
};

struct http_request {
	enum http_method method;
	enum http_target target; /* exact; a query is OTHER */
	bool has_length;
	size_t length;	 /* of the body, bytes */
	bool keep_alive; /* no "Connection: close" */
	bool head;	 /* method HEAD: an answer has a head and no body */
	bool json;	 /* Content-Type: application/json, perhaps
			  * with charset=utf-8 */
	bool expect;	 /* any Expect field: 417 */
	bool encoded;	 /* any Content-Encoding: 415 */
};

struct http_response {
	int status; /* 200 to 599 */
	bool has_length;
	size_t length;
	bool keep_alive;
	bool json;
	bool has_retry_after;
	uint32_t retry_after; /* seconds, clamped to 1..86400 */
};

/*
 * Looks for a whole head at the start of buf. Returns its length in bytes
 * (the body follows), 0 when more is needed, or -1 with *status set to the
 * answer's status: 400, 413 (Content-Length above HTTP_BODY_MAX), 431, 505.
 * What can be refused before the head is whole is refused at once. host is
 * the only Host that is accepted (exact, lower case).
 */
int http_request_parse(struct http_request *, const char *buf, size_t length,
    const char *host, int *status);
/*
 * The same for a response; -1: not acceptable. Neither are 1xx, 204, 205, 304
 * and any response without Content-Length, so has_length is always true after
 * success.
 */
int http_response_parse(struct http_response *, const char *buf, size_t length);

/*
 * Which answer a request's head calls for before its body is read: 0 go on,
 * or 404, 405, 411, 413, 415, 417.
 */
int http_request_status(const struct http_request *);

/* What Allow says with a 405, "GET" or "POST"; NULL for OTHER. */
const char *http_request_allow(enum http_target);

/*
 * "POST path HTTP/1.1 ..." or GET when length is 0 and post is false.
 * Returns the bytes written (terminated), 0 when size is too small.
 */
size_t http_request_format(char *buf, size_t size, bool post, const char *path,
    const char *host, size_t length);
/*
 * The head of an answer: same bytes for one status and length. Retry-After
 * when retry_after > 0; Connection: close when !keep_alive; Allow with 405.
 */
size_t http_response_format(char *buf, size_t size, int status, size_t length,
    bool json, bool keep_alive, uint32_t retry_after, const char *allow);
/* The constant body of an unsigned answer, e.g. "{\"status\":401}\n". */
const char *http_status_body(int status);
const char *http_status_reason(int status);

#endif
