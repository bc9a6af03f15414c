/* SPDX-License-Identifier: ISC */
/*
 * The heads that we write. They say no more than must be said: no date, no
 * name of a program; and what may differ between two answers of one status and
 * length is padded, so that the lengths do not.
 */
#include <stdarg.h>
#include <stdio.h>

#include "proto/http.h"

struct writer {
	char *buf;
	size_t size;
	size_t length;
	bool failed;
};

static void writer_print(struct writer *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static void
writer_print(struct writer *writer, const char *format, ...)
{
	va_list arguments;
	int written;

	if (writer->failed)
		return;
	va_start(arguments, format);
	written = vsnprintf(writer->buf + writer->length,
	    writer->size - writer->length, format, arguments);
	va_end(arguments);
	if (written < 0 || (size_t)written >= writer->size - writer->length)
		writer->failed = true;
	else
		writer->length += (size_t)written;
}

size_t
http_request_format(char *buf, size_t size, bool post, const char *path,
    const char *host, size_t length)
{
	struct writer writer = {.buf = buf, .size = size};

	if (post || length > 0)
		writer_print(&writer,
		    "POST %s HTTP/1.1\r\nHost: %s\r\n"
		    "Content-Type: application/json\r\n"
		    "Content-Length: %zu\r\n\r\n",
		    path, host, length);
	else
		writer_print(
		    &writer, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
	return writer.failed ? 0 : writer.length;
}

size_t
http_response_format(char *buf, size_t size, int status, size_t length,
    bool json, bool keep_alive, uint32_t retry_after, const char *allow)
{
	struct writer writer = {.buf = buf, .size = size};

	writer_print(&writer,
	    "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\nConnection: %10s\r\n",
	    status, http_status_reason(status), length,
	    keep_alive ? "keep-alive" : "close");
	if (json)
		writer_print(&writer, "Content-Type: application/json\r\n");
	if (retry_after > 0)
		writer_print(&writer, "Retry-After: %5u\r\n",
		    retry_after < 86400 ? retry_after : 86400);
	if (allow != NULL)
		writer_print(&writer, "Allow: %s\r\n", allow);
	writer_print(&writer, "\r\n");
	return writer.failed ? 0 : writer.length;
}

static const struct {
	int status;
	const char *reason;
	const char *body;
} statuses[] = {
#define STATUS(status, reason)                               \
	{                                                    \
		status, reason, "{\"status\":" #status "}\n" \
	}
    STATUS(500, "Internal Server Error"), /* also for what is unknown */
    STATUS(200, "OK"),
    STATUS(400, "Bad Request"),
    STATUS(401, "Unauthorized"),
    STATUS(404, "Not Found"),
    STATUS(405, "Method Not Allowed"),
    STATUS(408, "Request Timeout"),
    STATUS(411, "Length Required"),
    STATUS(413, "Content Too Large"),
    STATUS(415, "Unsupported Media Type"),
    STATUS(417, "Expectation Failed"),
    STATUS(429, "Too Many Requests"),
    STATUS(431, "Request Header Fields Too Large"),
    STATUS(503, "Service Unavailable"),
    STATUS(505, "HTTP Version Not Supported"),
#undef STATUS
};
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static size_t
status_find(int status)
{
	size_t i;

	for (i = STATUSES - 1; i > 0; i--)
		if (statuses[i].status == status)
			break;
	return i;
}

const char *
http_status_body(int status)
{
	return statuses[status_find(status)].body;
}

const char *
http_status_reason(int status)
{
	return statuses[status_find(status)].reason;
}
