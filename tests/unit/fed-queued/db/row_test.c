/* SPDX-License-Identifier: ISC */
/* Columns of results in both formats, null ones, and those that are fatal. */
#include <arpa/inet.h>
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "fed-queued/db/row.h"

#define TEXT   0
#define BINARY 1

/* One row of one column; value NULL: null. */
static PGresult *
result_make(int format, const void *value, int length)
{
	static char name[] = "column";
	PGresAttDesc column = {.name = name, .format = format};
	union {
		const void *constant;
		void *value;
	} cast = {value};
	char *bytes = cast.value;
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	assert_non_null(result);
	assert_int_equal(PQsetResultAttrs(result, 1, &column), 1);
	assert_int_equal(
	    PQsetvalue(result, 0, 0, bytes, value == NULL ? -1 : length), 1);
	return result;
}

static void
integers(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} texts[] = {{"0", 0}, {"-1", -1}, {"9223372036854775807", INT64_MAX},
	    {"-9223372036854775808", INT64_MIN}};
	uint32_t narrow = htonl((uint32_t)-7);
	uint64_t wide = htobe64((uint64_t)INT64_MIN);
	PGresult *result;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		result = result_make(
		    TEXT, texts[i].text, (int)strlen(texts[i].text));
		assert_int_equal(row_integer(result, 0, 0), texts[i].value);
		PQclear(result);
	}
	result = result_make(BINARY, &narrow, sizeof(narrow));
	assert_int_equal(row_integer(result, 0, 0), -7);
	PQclear(result);
	result = result_make(BINARY, &wide, sizeof(wide));
	assert_int_equal(row_integer(result, 0, 0), INT64_MIN);
	PQclear(result);
}

static void
booleans(void **state)
{
	static const struct {
		int format;
		char byte;
		bool value;
	} cases[] = {{TEXT, 't', true}, {TEXT, 'f', false}, {BINARY, 1, true},
	    {BINARY, 0, false}};
	PGresult *result;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		result = result_make(cases[i].format, &cases[i].byte, 1);
		assert_int_equal(row_bool(result, 0, 0), cases[i].value);
		PQclear(result);
	}
}

static void
texts(void **state)
{
	PGresult *result = result_make(TEXT, "abc", 3);
	char copy[4];
	size_t length;

	(void)state;
	assert_false(row_null(result, 0, 0));
	assert_true(row_text(copy, sizeof(copy), result, 0, 0));
	assert_string_equal(copy, "abc");
	assert_string_equal(row_string(result, 0, 0), "abc");
	assert_memory_equal(row_span(&length, result, 0, 0), "abc", 3);
	assert_int_equal(length, 3);
	PQclear(result);
	result = result_make(BINARY, "a\0c", 3);
	assert_true(row_bytes(copy, 3, result, 0, 0));
	assert_memory_equal(copy, "a\0c", 3);
	PQclear(result);
}

static void
uuids(void **state)
{
	static const char text[] = "01234567-89ab-4def-8123-456789abcdef";
	static const uint8_t bytes[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
	    0x4d, 0xef, 0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	PGresult *result = result_make(TEXT, text, (int)strlen(text));
	uint8_t uuid[16];

	(void)state;
	row_uuid(uuid, result, 0, 0);
	assert_memory_equal(uuid, bytes, sizeof(bytes));
	PQclear(result);
	memset(uuid, 0, sizeof(uuid));
	result = result_make(BINARY, bytes, sizeof(bytes));
	row_uuid(uuid, result, 0, 0);
	assert_memory_equal(uuid, bytes, sizeof(bytes));
	PQclear(result);
}

static void
nulls(void **state)
{
	int format;
	char copy[4] = "xyz";
	size_t length = 1;
	PGresult *result;

	(void)state;
	for (format = TEXT; format <= BINARY; format++) {
		result = result_make(format, NULL, 0);
		assert_true(row_null(result, 0, 0));
		assert_int_equal(row_integer(result, 0, 0), 0);
		assert_false(row_bool(result, 0, 0));
		assert_false(row_bytes(copy, sizeof(copy), result, 0, 0));
		assert_false(row_text(copy, sizeof(copy), result, 0, 0));
		assert_string_equal(copy, "xyz");
		assert_null(row_string(result, 0, 0));
		assert_null(row_span(&length, result, 0, 0));
		assert_int_equal(length, 0);
		PQclear(result);
	}
}

static void
read_integer(PGresult *result)
{
	(void)row_integer(result, 0, 0);
}

static void
read_bool(PGresult *result)
{
	(void)row_bool(result, 0, 0);
}

static void
read_three(PGresult *result)
{
	char copy[4];

	(void)row_bytes(copy, 3, result, 0, 0);
	(void)row_text(copy, sizeof(copy), result, 0, 0);
}

static void
read_uuid(PGresult *result)
{
	uint8_t uuid[16];

	row_uuid(uuid, result, 0, 0);
}

/* Read in a process of its own, which ends by it. */
static void
assert_fatal(
    void (*read)(PGresult *), int format, const void *value, int length)
{
	PGresult *result = result_make(format, value, length);
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		close(STDERR_FILENO);
		read(result);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	PQclear(result);
}

static void
malformed(void **state)
{
	(void)state;
	assert_fatal(read_integer, TEXT, "", 0);
	assert_fatal(read_integer, TEXT, "1x", 2);
	assert_fatal(read_integer, TEXT, "9223372036854775808", 19);
	assert_fatal(read_integer, BINARY, "abc", 3);
	assert_fatal(read_bool, TEXT, "true", 4);
	assert_fatal(read_three, BINARY, "ab", 2);
	assert_fatal(read_three, BINARY, "abcd", 4);
	assert_fatal(read_uuid, TEXT, "01234567", 8);
	assert_fatal(read_uuid, BINARY, "abc", 3);
	assert_fatal(read_uuid, BINARY, NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(integers),
	    cmocka_unit_test(booleans),
	    cmocka_unit_test(texts),
	    cmocka_unit_test(uuids),
	    cmocka_unit_test(nulls),
	    cmocka_unit_test(malformed),
	};

	log_init("row_test", LOG_FORM_PLAIN, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
