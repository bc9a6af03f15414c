/* SPDX-License-Identifier: ISC */
/*
 * What the heads of requests and responses have in common: lines, limits and
 * fields. Internal to http_request.c and http_response.c.
 */
#ifndef TORFED_HTTP_HEAD_H
#define TORFED_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text inside the caller's buffer. */
struct http_span {
	const char *text;
	size_t length;
};

struct http_head {
	/* Set by the caller. */
	size_t bytes_max;
	unsigned int fields_max;
	const char *host; /* the only one that is accepted; NULL any */
	/* Judges the start line: 0, or the status of the refusal. */
	int (*start)(void *message, struct http_span line);
	void *message;

	/* What the fields said. */
	uint32_t seen; /* bits: which of the known fields came */
	unsigned int fields;
	bool has_host;
	bool has_length;
	size_t length;
	bool close;
	bool json;
	bool expect;
	bool encoded;
	bool has_retry_after;
	uint32_t retry_after; /* seconds, clamped */
};

/*
 * The length of the head, once whole; 0 when more is needed; -1 and *status
 * (400, 413, 431, or what start said).
 */
int http_head_parse(
    struct http_head *, const char *buf, size_t length, int *status);

/* Whether span is text, byte by byte. */
bool http_span_is(struct http_span, const char *text);
/* tchar of RFC 9110 section 5.6.2, at least one. */
bool http_token_valid(struct http_span);
/* "HTTP/" digit "." digit. */
bool http_version_valid(struct http_span);

#endif
