/* SPDX-License-Identifier: ISC */
/*
 * Parameters of SQL statements: values, lengths and formats as libpq wants
 * them, and arrays in PostgreSQL's binary form (array_recv in the server):
 * dimensions, a flag, the elements' type, then length and lower bound of the
 * one dimension, then the elements, each with its length; all big-endian.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/db_internal.h"

#define ARRAY_HEADER 20		/* bytes before the first element */
#define ARRAY_FIRST  256	/* bytes, before it grows */
#define ARRAY_MAX    (1U << 30) /* bytes; the server's own limit */

void
db_parameters_init(struct db_parameters *parameters)
{
	memset(parameters, 0, sizeof(*parameters));
}

static int
parameter_next(struct db_parameters *parameters)
{
	if (parameters->count >= DB_PARAMETERS)
		fatal("database statement with too many parameters");
	return parameters->count++;
}

static void
parameter_binary(
    struct db_parameters *parameters, const void *data, size_t length)
{
	int i = parameter_next(parameters);

	if (length > ARRAY_MAX)
		fatal("database parameter too long bytes=%zu", length);
	/* An empty value is no null. */
	parameters->values[i] = length > 0 ? data : "";
	parameters->lengths[i] = (int)length;
	parameters->formats[i] = 1;
}

void
db_add_text(struct db_parameters *parameters, const char *text)
{
	parameters->values[parameter_next(parameters)] = text;
}

void
db_add_null(struct db_parameters *parameters)
{
	parameters->values[parameter_next(parameters)] = NULL;
}

void
db_add_integer(struct db_parameters *parameters, int64_t value)
{
	int i = parameter_next(parameters);

	snprintf(parameters->numbers[i], sizeof(parameters->numbers[i]), "%lld",
	    (long long)value);
	parameters->values[i] = parameters->numbers[i];
}

void
db_add_bytes(struct db_parameters *parameters, const void *data, size_t length)
{
	parameter_binary(parameters, data, length);
}

void
db_add_uuid(struct db_parameters *parameters, const uint8_t uuid[16])
{
	int i = parameters->count;

	parameter_binary(parameters, uuid, 16);
	memcpy(parameters->numbers[i], uuid, 16);
	parameters->values[i] = parameters->numbers[i];
}

void
db_add_buffer(struct db_parameters *parameters, struct db_array *buffer)
{
	int i = parameters->count;

	parameter_binary(parameters, buffer->data, buffer->length);
	parameters->arrays[i] = buffer;
}

void
db_add_array(struct db_parameters *parameters, struct db_array *array)
{
	uint32_t header[5] = {htonl(1), htonl(0), htonl(array->element_oid),
	    htonl(array->count), htonl(1)};

	/* Without elements there are no dimensions either. */
	if (array->count == 0) {
		header[0] = htonl(0);
		array->length = 12;
	}
	memcpy(array->data, header,
	    array->length < ARRAY_HEADER ? array->length : ARRAY_HEADER);
	db_add_buffer(parameters, array);
}

void
db_parameters_free(struct db_parameters *parameters)
{
	for (int i = 0; i < parameters->count; i++) {
		if (parameters->arrays[i] == NULL)
			continue;
		free(parameters->arrays[i]->data);
		free(parameters->arrays[i]);
	}
	db_parameters_init(parameters);
}

static void
array_reserve(struct db_array *array, size_t more)
{
	size_t size = array->size;

	if (more > ARRAY_MAX || array->length + more > ARRAY_MAX)
		fatal("database array too long");
	while (size < array->length + more)
		size *= 2;
	if (size == array->size)
		return;
	array->data = xpointer(realloc(array->data, size));
	array->size = size;
}

struct db_array *
db_array_new(uint32_t element_oid)
{
	struct db_array *array = xcalloc(1, sizeof(*array));

	array->size = ARRAY_FIRST;
	array->data = xmalloc(array->size);
	array->length = ARRAY_HEADER;
	array->element_oid = element_oid;
	return array;
}

uint8_t *
db_array_extend(struct db_array *array, size_t length)
{
	array_reserve(array, length);
	array->length += length;
	return array->data + array->length - length;
}

void
db_array_bytes(struct db_array *array, const void *bytes, size_t length)
{
	uint32_t prefix = htonl((uint32_t)length);

	if (length > ARRAY_MAX)
		fatal("database array too long");
	array_reserve(array, sizeof(prefix) + length);
	memcpy(array->data + array->length, &prefix, sizeof(prefix));
	array->length += sizeof(prefix);
	if (length > 0)
		memcpy(array->data + array->length, bytes, length);
	array->length += length;
	array->count++;
}

void
db_array_int4(struct db_array *array, int32_t value)
{
	uint32_t big = htonl((uint32_t)value);

	db_array_bytes(array, &big, sizeof(big));
}

void
db_array_int8(struct db_array *array, int64_t value)
{
	uint32_t big[2] = {
	    htonl((uint32_t)((uint64_t)value >> 32)), htonl((uint32_t)value)};

	db_array_bytes(array, big, sizeof(big));
}
