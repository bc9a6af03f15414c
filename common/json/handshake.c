/* SPDX-License-Identifier: ISC */
/*
 * The handshake's payload to and from typed fields. Everything in it but the
 * certificate is a label that nobody vouches for.
 */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/handshake.h"
#include "proto/signtext.h"

/* Copies a string of at most size - 1 bytes. Text never holds NUL here. */
static int
string_copy(char *to, size_t size, const json_t *string)
{
	size_t length;

	if (!json_is_string(string))
		return -1;
	length = json_string_length(string);
	if (length >= size || memchr(json_string_value(string), 0, length))
		return -1;
	memcpy(to, json_string_value(string), length);
	to[length] = '\0';
	return 0;
}

static int
optional_copy(char *to, size_t size, const json_t *object, const char *name)
{
	const json_t *value;

	if ((value = json_object_get(object, name)) == NULL)
		return 0;
	return string_copy(to, size, value);
}

static int
protocols_reduce(struct handshake *handshake, const json_t *list)
{
	size_t i, count = json_array_size(list); /* 0 when it is no array */
	char *protocol;

	if (count < 1 || count > HANDSHAKE_PROTOCOLS_MAX)
		return -1;
	for (i = 0; i < count; i++) {
		protocol = handshake->protocols[i];
		if (string_copy(protocol, HANDSHAKE_PROTOCOL_MAX + 1,
			json_array_get(list, i)) == -1 ||
		    protocol[0] == '\0')
			return -1;
	}
	handshake->protocol_count = (uint32_t)count;
	return 0;
}

static enum code
certificate_reduce(struct cert *cert, const json_t *string)
{
	uint8_t text[CERT_MAX];
	size_t length;

	if (!json_is_string(string))
		return CODE_PAYLOAD_MALFORMED;
	if (base64_decode(text, sizeof(text), &length,
		json_string_value(string), json_string_length(string)) == -1)
		return CODE_CERTIFICATE_MALFORMED;
	return cert_parse(cert, text, length);
}

enum code
handshake_reduce(struct handshake *handshake, const json_t *object)
{
	memset(handshake, 0, sizeof(*handshake));
	if (!json_is_object(object) ||
	    protocols_reduce(handshake, json_object_get(object, "protocols")) ==
		-1 ||
	    optional_copy(handshake->name, sizeof(handshake->name), object,
		"name") == -1 ||
	    optional_copy(handshake->description,
		sizeof(handshake->description), object, "description") == -1 ||
	    optional_copy(handshake->version, sizeof(handshake->version),
		object, "version") == -1)
		return CODE_PAYLOAD_MALFORMED;
	return certificate_reduce(
	    &handshake->cert, json_object_get(object, "certificate"));
}

/* json_object_set_new() takes over value, and fails when it is NULL. */
static int
optional_set(json_t *object, const char *name, const char *text)
{
	if (text[0] == '\0')
		return 0;
	return json_object_set_new(object, name, json_string(text));
}

static int
protocols_set(json_t *object, const struct handshake *handshake)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < handshake->protocol_count; i++)
		if (json_array_append_new(
			list, json_string(handshake->protocols[i])) == -1) {
			json_decref(list);
			return -1;
		}
	return json_object_set_new(object, "protocols", list);
}

static int
certificate_set(json_t *object, const struct cert *cert)
{
	char base64[BASE64_LENGTH(CERT_MAX) + 1], text[CERT_MAX];

	base64_encode(base64, (const uint8_t *)text, cert_format(text, cert));
	return json_object_set_new(object, "certificate", json_string(base64));
}

char *
handshake_format(const struct handshake *handshake, size_t *length)
{
	json_t *object = json_object();
	char *text = NULL;

	*length = 0;
	if (certificate_set(object, &handshake->cert) == 0 &&
	    protocols_set(object, handshake) == 0 &&
	    optional_set(object, "name", handshake->name) == 0 &&
	    optional_set(object, "description", handshake->description) == 0 &&
	    optional_set(object, "version", handshake->version) == 0)
		text = canon_write(object, length);
	json_decref(object);
	return text;
}

bool
handshake_speaks(const struct handshake *handshake)
{
	uint32_t i;

	for (i = 0; i < handshake->protocol_count; i++)
		if (strcmp(handshake->protocols[i], PROTOCOL_VERSION) == 0)
			return true;
	return false;
}
