/* SPDX-License-Identifier: ISC */
/* The handshake's payload: both sides of every limit, to fields and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/handshake.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "proto/signtext.h"

#define HERE "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion"

static struct cert cert;
static char certificate[BASE64_LENGTH(CERT_MAX) + 1];

static int
certificate_make(void **state)
{
	char text[CERT_MAX];

	(void)state;
	if (onion_parse(cert.server, HERE, ONION_LENGTH) != CODE_OK)
		return -1;
	memcpy(cert.signing_key, cert.server, sizeof(cert.signing_key));
	cert.serial = cert.min_serial = 1761825600;
	cert.not_before = 1761825600;
	cert.not_after = 1761825600 + 86400;
	memset(cert.signature, 7, sizeof(cert.signature));
	base64_encode(certificate, (uint8_t *)text, cert_format(text, &cert));
	return 0;
}

static json_t *
object_make(void)
{
	json_t *object = json_pack("{s:s, s:[s], s:s, s:s, s:s, s:i}",
	    "certificate", certificate, "protocols", PROTOCOL_VERSION, "name",
	    "n", "description", "d", "version", "v", "unknown", 1);

	assert_non_null(object);
	return object;
}

/* The verdict with one member replaced (taken over), or removed: NULL. */
static enum code
with(const char *name, json_t *value)
{
	json_t *object = object_make();
	struct handshake handshake;
	enum code code;

	if (value == NULL)
		json_object_del(object, name);
	else
		json_object_set_new(object, name, value);
	code = handshake_reduce(&handshake, object);
	json_decref(object);
	return code;
}

static json_t *
string_of(size_t length)
{
	char text[1024];

	memset(text, 'x', sizeof(text));
	return json_stringn(text, length);
}

/* A label may have maximum bytes, and be missing or empty. */
static void
label(const char *name, size_t maximum)
{
	assert_int_equal(with(name, NULL), CODE_OK);
	assert_int_equal(with(name, string_of(0)), CODE_OK);
	assert_int_equal(with(name, string_of(maximum)), CODE_OK);
	assert_int_equal(
	    with(name, string_of(maximum + 1)), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(with(name, json_integer(1)), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(with(name, json_null()), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    with(name, json_stringn("a\0b", 3)), CODE_PAYLOAD_MALFORMED);
}

static void
labels(void **state)
{
	(void)state;
	label("name", 64);
	label("description", 256);
	label("version", 50);
}

static json_t *
protocols_of(unsigned int count, size_t length)
{
	json_t *list = json_array();

	while (count-- > 0)
		json_array_append_new(list, string_of(length));
	return list;
}

static void
protocols(void **state)
{
	json_t *list;

	(void)state;
	assert_int_equal(with("protocols", NULL), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(with("protocols", protocols_of(1, 1)), CODE_OK);
	assert_int_equal(with("protocols", protocols_of(8, 32)), CODE_OK);
	assert_int_equal(
	    with("protocols", protocols_of(0, 1)), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    with("protocols", protocols_of(9, 1)), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    with("protocols", protocols_of(1, 33)), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    with("protocols", protocols_of(1, 0)), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(with("protocols", json_string(PROTOCOL_VERSION)),
	    CODE_PAYLOAD_MALFORMED);
	list = protocols_of(1, 1);
	json_array_append_new(list, json_integer(1));
	assert_int_equal(with("protocols", list), CODE_PAYLOAD_MALFORMED);
}

static void
certificates(void **state)
{
	char changed[sizeof(certificate)];

	(void)state;
	assert_int_equal(with("certificate", NULL), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    with("certificate", json_object()), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    with("certificate", json_string("")), CODE_CERTIFICATE_MALFORMED);
	assert_int_equal(with("certificate", json_string("AAAA")),
	    CODE_CERTIFICATE_MALFORMED);
	assert_int_equal(
	    with("certificate", string_of(1000)), CODE_CERTIFICATE_MALFORMED);
	strcpy(changed, certificate);
	changed[3] ^= 1;
	assert_int_equal(with("certificate", json_string(changed)),
	    CODE_CERTIFICATE_MALFORMED);
	strcpy(changed, certificate);
	changed[strlen(changed) - 4] = '\0';
	assert_int_equal(with("certificate", json_string(changed)),
	    CODE_CERTIFICATE_MALFORMED);
}

static void
not_object(void **state)
{
	struct handshake handshake;
	json_t *list = json_array();

	(void)state;
	assert_int_equal(
	    handshake_reduce(&handshake, list), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(
	    handshake_reduce(&handshake, NULL), CODE_PAYLOAD_MALFORMED);
	json_decref(list);
}

static void
round_trip(void **state)
{
	struct handshake handshake, again;
	json_t *object = object_make();
	size_t length;
	char *text;

	(void)state;
	assert_int_equal(handshake_reduce(&handshake, object), CODE_OK);
	json_decref(object);
	assert_memory_equal(&handshake.cert, &cert, sizeof(cert));
	assert_string_equal(handshake.name, "n");
	assert_string_equal(handshake.description, "d");
	assert_string_equal(handshake.version, "v");
	assert_int_equal(handshake.protocol_count, 1);
	assert_string_equal(handshake.protocols[0], PROTOCOL_VERSION);
	assert_non_null(text = handshake_format(&handshake, &length));
	assert_true(canon_check(text, length));
	assert_int_equal(canon_parse(&object, text, length, true), CODE_OK);
	assert_int_equal(handshake_reduce(&again, object), CODE_OK);
	assert_memory_equal(&again, &handshake, sizeof(again));
	json_decref(object);
	free(text);
	/* what is empty is left out */
	handshake.name[0] = handshake.version[0] = '\0';
	assert_non_null(text = handshake_format(&handshake, &length));
	assert_null(strstr(text, "\"name\""));
	assert_null(strstr(text, "\"version\""));
	assert_non_null(strstr(text, "\"description\":\"d\""));
	free(text);
}

static void
format_refuses(void **state)
{
	struct handshake handshake = {.cert = cert, .name = "\xff"};
	size_t length;

	(void)state;
	assert_null(handshake_format(&handshake, &length));
	strcpy(handshake.name, "\xef\xbf\xbf");
	assert_null(handshake_format(&handshake, &length));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(labels),
	    cmocka_unit_test(protocols),
	    cmocka_unit_test(certificates),
	    cmocka_unit_test(not_object),
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(format_refuses),
	};

	if (ed_init() == -1)
		return 1;
	canon_init();
	return cmocka_run_group_tests(tests, certificate_make, NULL);
}
