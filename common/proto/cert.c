/* SPDX-License-Identifier: ISC */
/*
 * Certificates.  The parser is strict by construction: it reads nine lines and
 * a signature, writes them again, and takes the text only when both are the
 * same bytes.
 */
#include <string.h>

#include "base/encode.h"
#include "proto/cert.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "proto/signtext.h"

#define DOMAIN	   PROTOCOL_VERSION "/certificate"
#define LIFETIME_S (CERT_DAYS_MAX * INT64_C(86400))
#define LINES	   10 /* signature included */

/* What lines hold, in order. */
enum {
	LINE_DOMAIN,
	LINE_SERVER,
	LINE_SERIAL,
	LINE_MIN_SERIAL,
	LINE_NOT_BEFORE,
	LINE_NOT_AFTER,
	LINE_SIGNING_KEY,
	LINE_DOOR,
	LINE_CLIENT_AUTH,
	LINE_SIGNATURE
};

struct cert_line {
	const char *text;
	size_t length;
};

static char *
put(char *text, const char *field)
{
	size_t length = strlen(field);

	*text++ = '\n';
	memcpy(text, field, length);
	return text + length;
}

static char *
put_decimal(char *text, uint64_t value)
{
	char digits[21], *first = digits + sizeof(digits) - 1;

	*first = '\0';
	do
		*--first = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	return put(text, first);
}

static char *
put_time(char *text, int64_t seconds)
{
	char field[TIME_TEXT + 1];

	time_format(field, seconds);
	return put(text, field);
}

static char *
put_onion(char *text, bool present, const uint8_t key[32])
{
	char field[ONION_SIZE];

	if (!present)
		return put(text, "-");
	onion_format(field, key);
	return put(text, field);
}

static char *
put_base64(char *text, bool present, const uint8_t *bytes, size_t length)
{
	char field[BASE64_SIGNATURE + 1];

	if (!present)
		return put(text, "-");
	base64_encode(field, bytes, length);
	return put(text, field);
}

size_t
cert_text(char *text, const struct cert *cert)
{
	char *end;

	memcpy(text, DOMAIN, sizeof(DOMAIN) - 1);
	end = text + sizeof(DOMAIN) - 1;
	end = put_onion(end, true, cert->server);
	end = put_decimal(end, cert->serial);
	end = put_decimal(end, cert->min_serial);
	end = put_time(end, cert->not_before);
	end = put_time(end, cert->not_after);
	end = put_base64(end, true, cert->signing_key, 32);
	end = put_onion(end, cert->has_door, cert->door);
	end = put_base64(end, cert->has_client_auth, cert->client_auth, 32);
	return (size_t)(end - text);
}

size_t
cert_format(char *text, const struct cert *cert)
{
	char *end;

	end = text + cert_text(text, cert);
	end = put_base64(end, true, cert->signature, 64);
	*end++ = '\n';
	return (size_t)(end - text);
}

/* Exactly LINES lines, each ended by LF, and nothing behind them. */
static int
lines_split(struct cert_line lines[LINES], const char *text, size_t length)
{
	const char *lf;
	size_t i;

	for (i = 0; i < LINES; i++) {
		if ((lf = memchr(text, '\n', length)) == NULL)
			return -1;
		lines[i].text = text;
		lines[i].length = (size_t)(lf - text);
		length -= lines[i].length + 1;
		text = lf + 1;
	}
	return length == 0 ? 0 : -1;
}

static int
parse_onion(uint8_t key[32], const struct cert_line *line)
{
	/* Whether the key is a good one is cert_verify()'s to say. */
	return onion_decode(key, line->text, line->length) == CODE_OK ? 0 : -1;
}

static int
parse_serial(uint64_t *serial, const struct cert_line *line)
{
	return decimal_parse(serial, line->text, line->length, CERT_NUMBER_MAX);
}

static int
parse_time(int64_t *seconds, const struct cert_line *line)
{
	return time_parse(seconds, line->text, line->length);
}

static int
parse_base64(uint8_t *bytes, size_t length, const struct cert_line *line)
{
	return base64_decode_exact(bytes, length, line->text, line->length);
}

static bool
line_absent(const struct cert_line *line)
{
	return line->length == 1 && line->text[0] == '-';
}

static int
parse_optional(struct cert *cert, const struct cert_line *lines)
{
	cert->has_door = !line_absent(&lines[LINE_DOOR]);
	if (cert->has_door && parse_onion(cert->door, &lines[LINE_DOOR]) == -1)
		return -1;
	cert->has_client_auth = !line_absent(&lines[LINE_CLIENT_AUTH]);
	if (cert->has_client_auth &&
	    parse_base64(cert->client_auth, 32, &lines[LINE_CLIENT_AUTH]) == -1)
		return -1;
	return 0;
}

static int
parse_lines(struct cert *cert, const struct cert_line *lines)
{
	if (parse_onion(cert->server, &lines[LINE_SERVER]) == -1 ||
	    parse_serial(&cert->serial, &lines[LINE_SERIAL]) == -1 ||
	    parse_serial(&cert->min_serial, &lines[LINE_MIN_SERIAL]) == -1 ||
	    parse_time(&cert->not_before, &lines[LINE_NOT_BEFORE]) == -1 ||
	    parse_time(&cert->not_after, &lines[LINE_NOT_AFTER]) == -1 ||
	    parse_base64(cert->signing_key, 32, &lines[LINE_SIGNING_KEY]) == -1)
		return -1;
	if (parse_optional(cert, lines) == -1)
		return -1;
	return parse_base64(cert->signature, 64, &lines[LINE_SIGNATURE]);
}

enum code
cert_parse(struct cert *cert, const void *text, size_t length)
{
	char again[CERT_MAX];
	struct cert parsed;
	struct cert_line lines[LINES];

	if (length == 0 || length > CERT_MAX)
		return CODE_CERTIFICATE_MALFORMED;
	memset(&parsed, 0, sizeof(parsed));
	if (lines_split(lines, text, length) == -1 ||
	    parse_lines(&parsed, lines) == -1)
		return CODE_CERTIFICATE_MALFORMED;
	if (cert_format(again, &parsed) != length ||
	    memcmp(again, text, length) != 0)
		return CODE_CERTIFICATE_MALFORMED;
	*cert = parsed;
	return CODE_OK;
}

void
cert_key_id(uint8_t key_id[32], const struct cert *cert)
{
	char text[CERT_MAX];

	sha256(key_id, text, cert_text(text, cert));
}

enum code
cert_verify_time(const struct cert *cert, int64_t now)
{
	if (now < cert->not_before - CERT_GRACE_S)
		return CODE_CERTIFICATE_NOT_YET;
	if (now > cert->not_after + CERT_GRACE_S)
		return CODE_CERTIFICATE_EXPIRED;
	if (now + CERT_GRACE_S < 0 ||
	    cert->serial > (uint64_t)(now + CERT_GRACE_S))
		return CODE_CERTIFICATE_SERIAL;
	return CODE_OK;
}

static enum code
verify_fields(const struct cert *cert)
{
	if (!ed_key_valid(cert->server) || !ed_key_valid(cert->signing_key) ||
	    (cert->has_door && !ed_key_valid(cert->door)))
		return CODE_KEY_INVALID;
	if (cert->not_after <= cert->not_before ||
	    cert->not_after - cert->not_before > LIFETIME_S)
		return CODE_CERTIFICATE_LIFETIME;
	if (cert->min_serial > cert->serial)
		return CODE_CERTIFICATE_SERIAL;
	return CODE_OK;
}

enum code
cert_verify(const struct cert *cert, int64_t now)
{
	char text[CERT_MAX];
	enum code code;
	size_t length;

	if ((code = verify_fields(cert)) != CODE_OK)
		return code;
	/* Before the clock: "expired" is said of genuine ones alone. */
	length = cert_text(text, cert);
	if (!ed_verify(cert->signature, text, length, cert->server))
		return CODE_SIGNATURE;
	return cert_verify_time(cert, now);
}
