/* SPDX-License-Identifier: ISC */
/* Columns of a result; see row.h. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "db/row.h"

bool
row_null(PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) != 0;
}

static int64_t
integer_text(const char *value)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0')
		fatal("database sent a malformed integer");
	return number;
}

static int64_t
integer_binary(const char *value, int length)
{
	uint64_t wide;
	uint32_t narrow;

	switch (length) {
	case sizeof(narrow):
		memcpy(&narrow, value, sizeof(narrow));
		return (int32_t)ntohl(narrow);
	case sizeof(wide):
		memcpy(&wide, value, sizeof(wide));
		return (int64_t)be64toh(wide);
	default:
		fatal("database sent an integer of another size");
	}
}

int64_t
row_integer(PGresult *result, int row, int column)
{
	const char *value = PQgetvalue(result, row, column);

	if (row_null(result, row, column))
		return 0;
	return PQfformat(result, column) == 0
		   ? integer_text(value)
		   : integer_binary(value, PQgetlength(result, row, column));
}

bool
row_bool(PGresult *result, int row, int column)
{
	const char *value = PQgetvalue(result, row, column);

	if (row_null(result, row, column))
		return false;
	if (PQgetlength(result, row, column) != 1)
		fatal("database sent a boolean of another size");
	return PQfformat(result, column) == 0 ? value[0] == 't' : value[0] != 0;
}

bool
row_bytes(void *to, size_t size, PGresult *result, int row, int column)
{
	if (row_null(result, row, column))
		return false;
	if (PQgetlength(result, row, column) != (int)size)
		fatal("database sent bytes of another size");
	memcpy(to, PQgetvalue(result, row, column), size);
	return true;
}

void
row_uuid(uint8_t uuid[16], PGresult *result, int row, int column)
{
	const char *value = PQgetvalue(result, row, column);
	size_t length = (size_t)PQgetlength(result, row, column);

	if (PQfformat(result, column) == 0) {
		if (uuid_parse(uuid, value, length) != 0)
			fatal("database sent a malformed uuid");
	} else if (!row_bytes(uuid, UUID_SIZE, result, row, column)) {
		fatal("database sent no uuid");
	}
}

bool
row_text(char *to, size_t size, PGresult *result, int row, int column)
{
	size_t length = (size_t)PQgetlength(result, row, column);

	if (row_null(result, row, column))
		return false;
	if (length >= size)
		fatal("database sent a text that is too long");
	memcpy(to, PQgetvalue(result, row, column), length);
	to[length] = '\0';
	return true;
}

const char *
row_string(PGresult *result, int row, int column)
{
	return row_null(result, row, column) ? NULL
					     : PQgetvalue(result, row, column);
}

const char *
row_span(size_t *length, PGresult *result, int row, int column)
{
	*length = (size_t)PQgetlength(result, row, column);
	return row_string(result, row, column);
}
