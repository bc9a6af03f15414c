/* SPDX-License-Identifier: ISC */
/*
 * Heads of HTTP/1.1 messages (RFC 9112), read line by line from the start each
 * time that bytes came, so that what is wrong is refused with its first wrong
 * byte and no state outlives a call. Whatever two readers could understand
 * differently is refused: bare CR or LF, folding, a space before the colon, a
 * known field twice, any transfer coding.
 */
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "proto/http.h"
#include "proto/http_head.h"

#define LENGTH_DIGITS 10    /* of a Content-Length, at most */
#define RETRY_MAX     86400 /* seconds */

#define LINE_TEXT     1 /* may stand in a line */
#define TOKEN	      2 /* tchar */

/* RFC 9110 section 5.6.2; tab and space are text alone. No obs-text. */
#define T	      LINE_TEXT
#define B	      (LINE_TEXT | TOKEN)
/* clang-format off */
static const uint8_t characters[256] = {
	['\t'] = T,
	[' '] = T, B, T, B, B, B, B, B, T, T, B, B, T, B, B, T,
	['0'] = B, B, B, B, B, B, B, B, B, B, T, T, T, T, T, T,
	['@'] = T, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
	['P'] = B, B, B, B, B, B, B, B, B, B, B, T, T, T, B, B,
	['`'] = B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
	['p'] = B, B, B, B, B, B, B, B, B, B, B, T, B, T, B
};
/* clang-format on */
#undef T
#undef B

bool
http_span_is(struct http_span span, const char *text)
{
	return span.length == strlen(text) &&
	       memcmp(span.text, text, span.length) == 0;
}

static bool
span_is_caseless(struct http_span span, const char *text)
{
	return span.length == strlen(text) &&
	       strncasecmp(span.text, text, span.length) == 0;
}

bool
http_token_valid(struct http_span span)
{
	size_t i;

	for (i = 0; i < span.length; i++)
		if (!(characters[(uint8_t)span.text[i]] & TOKEN))
			return false;
	return span.length > 0;
}

static bool
digit_is(char c)
{
	return c >= '0' && c <= '9';
}

bool
http_version_valid(struct http_span span)
{
	return span.length == 8 && memcmp(span.text, "HTTP/", 5) == 0 &&
	       digit_is(span.text[5]) && span.text[6] == '.' &&
	       digit_is(span.text[7]);
}

/* Optional white space around (RFC 9110 section 5.6.3). */
static struct http_span
span_trim(struct http_span span)
{
	while (span.length > 0 && (*span.text == ' ' || *span.text == '\t')) {
		span.text++;
		span.length--;
	}
	while (span.length > 0 && (span.text[span.length - 1] == ' ' ||
				      span.text[span.length - 1] == '\t'))
		span.length--;
	return span;
}

/* Cuts *rest at its first separator; false when nothing is left to cut. */
static bool
span_cut(struct http_span *part, struct http_span *rest, char separator)
{
	const char *end;

	if (rest->text == NULL)
		return false;
	part->text = rest->text;
	end = memchr(rest->text, separator, rest->length);
	if (end == NULL) {
		part->length = rest->length;
		rest->text = NULL;
		return true;
	}
	part->length = (size_t)(end - rest->text);
	rest->text = end + 1;
	rest->length -= part->length + 1;
	return true;
}

/* The fields that we know: each returns 0 or the refusal's status. */
static int
field_connection(struct http_head *head, struct http_span value)
{
	struct http_span option;

	while (span_cut(&option, &value, ',')) {
		option = span_trim(option);
		if (option.length == 0)
			continue; /* RFC 9110 section 5.6.1.2 */
		if (span_is_caseless(option, "close"))
			head->close = true;
		else if (!span_is_caseless(option, "keep-alive"))
			return 400; /* an upgrade, or a field to be dropped */
	}
	return 0;
}

static int
field_encoding(struct http_head *head, struct http_span value)
{
	(void)value;
	head->encoded = true;
	return 0;
}

static int
field_length(struct http_head *head, struct http_span value)
{
	uint64_t length;

	if (value.length > LENGTH_DIGITS ||
	    decimal_parse(&length, value.text, value.length, UINT64_MAX) == -1)
		return 400;
	if (length > HTTP_BODY_MAX)
		return 413;
	head->has_length = true;
	head->length = (size_t)length;
	return 0;
}

/* application/json, and no parameter but charset=utf-8. */
static int
field_type(struct http_head *head, struct http_span value)
{
	struct http_span parameter, type;

	span_cut(&type, &value, ';');
	head->json = span_is_caseless(span_trim(type), "application/json");
	if (value.text != NULL) {
		parameter = span_trim(value);
		if (!span_is_caseless(parameter, "charset=utf-8") &&
		    !span_is_caseless(parameter, "charset=\"utf-8\""))
			head->json = false;
	}
	return 0;
}

static int
field_expect(struct http_head *head, struct http_span value)
{
	(void)value;
	head->expect = true;
	return 0;
}

static int
field_host(struct http_head *head, struct http_span value)
{
	if (head->host != NULL && !http_span_is(value, head->host))
		return 400;
	head->has_host = true;
	return 0;
}

/* Seconds; a date, or what is malformed, is as good as no advice. */
static int
field_retry(struct http_head *head, struct http_span value)
{
	uint32_t seconds = 0;
	size_t i;

	for (i = 0; i < value.length; i++) {
		if (!digit_is(value.text[i]))
			return 0;
		seconds = seconds * 10 + (uint32_t)(value.text[i] - '0');
		if (seconds > RETRY_MAX)
			seconds = RETRY_MAX;
	}
	head->has_retry_after = value.length > 0;
	head->retry_after = seconds < 1 ? 1 : seconds;
	return 0;
}

static int
field_refused(struct http_head *head, struct http_span value)
{
	(void)head;
	(void)value;
	return 400;
}

static const struct {
	const char *name;
	int (*take)(struct http_head *, struct http_span value);
} known_fields[] = {
    {"connection", field_connection},
    {"content-encoding", field_encoding},
    {"content-length", field_length},
    {"content-type", field_type},
    {"expect", field_expect},
    {"host", field_host},
    {"retry-after", field_retry},
    {"transfer-encoding", field_refused},
    {"upgrade", field_refused},
};
#define KNOWN_FIELDS (sizeof(known_fields) / sizeof(known_fields[0]))

/* field-line of RFC 9112 section 5. A known field may come once. */
static int
head_field(struct http_head *head, struct http_span line)
{
	struct http_span name, value = line;
	size_t i;

	span_cut(&name, &value, ':');
	if (value.text == NULL || !http_token_valid(name))
		return 400;
	if (++head->fields > head->fields_max)
		return 431;
	for (i = 0; i < KNOWN_FIELDS; i++) {
		if (!span_is_caseless(name, known_fields[i].name))
			continue;
		if (head->seen & UINT32_C(1) << i)
			return 400;
		head->seen |= UINT32_C(1) << i;
		return known_fields[i].take(head, span_trim(value));
	}
	return 0;
}

/* The beginning of a line that is not whole: what is wrong with it already. */
static int
head_partial(struct http_span line, bool first)
{
	struct http_span name;

	if (line.length == 0)
		return 0;
	name = line;
	if (first)
		name.length = 1;
	else
		span_cut(&name, &line, ':');
	return http_token_valid(name) ? 0 : 400;
}

enum line_state { LINE_WHOLE, LINE_PARTIAL, LINE_BAD };

/* The line that begins at position, ended by CR LF before limit. */
static enum line_state
line_find(
    struct http_span *line, const char *buf, size_t position, size_t limit)
{
	size_t i;

	line->text = buf + position;
	for (i = position; i < limit; i++)
		if (!(characters[(uint8_t)buf[i]] & LINE_TEXT))
			break;
	line->length = i - position;
	if (i == limit)
		return LINE_PARTIAL;
	if (buf[i] != '\r')
		return LINE_BAD;
	if (i + 1 == limit)
		return LINE_PARTIAL;
	return buf[i + 1] == '\n' ? LINE_WHOLE : LINE_BAD;
}

static int
head_line(struct http_head *head, struct http_span line, bool first)
{
	return first ? head->start(head->message, line)
		     : head_field(head, line);
}

int
http_head_parse(
    struct http_head *head, const char *buf, size_t length, int *status)
{
	size_t limit = length < head->bytes_max ? length : head->bytes_max;
	size_t position = 0;
	struct http_span line;
	enum line_state state;

	for (*status = 0; *status == 0; position += line.length + 2) {
		state = line_find(&line, buf, position, limit);
		if (state == LINE_BAD)
			*status = 400;
		else if (state == LINE_WHOLE && position > 0 &&
			 line.length == 0)
			return (int)position + 2;
		else if (state == LINE_WHOLE)
			*status = head_line(head, line, position == 0);
		else if ((*status = head_partial(line, position == 0)) == 0) {
			if (length < head->bytes_max)
				return 0;
			*status = 431;
		}
	}
	return -1;
}
