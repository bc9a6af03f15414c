/* SPDX-License-Identifier: ISC */
/*
 * tor's PROXY line: the one form that is taken, every byte of it needed, and
 * what is wrong refused with its first wrong byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fed-listener/proxy.h"

#define PREFIX "PROXY TCP6 fc00:dead:beef:4dad:"

static int
parse(uint64_t *circuit, const char *line)
{
	return proxy_parse(circuit, line, strlen(line));
}

static void
good_lines(void **state)
{
	static const struct {
		const char *line;
		uint64_t circuit;
	} lines[] = {
	    {PREFIX ":0:25 ::1 37 80\r\n", 0x25},
	    {PREFIX ":0:0 ::1 0 0\r\n", 0},
	    {PREFIX ":ffff:ffff ::1 65535 65535\r\n", 0xffffffff},
	    {PREFIX ":1:0 ::1 0 80\r\n", 0x10000},
	    {PREFIX ":00ab:0001 ::1 1 80\r\n", 0xab0001},
	};
	uint64_t circuit;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		circuit = UINT64_MAX;
		assert_int_equal(
		    parse(&circuit, lines[i].line), strlen(lines[i].line));
		assert_true(circuit == lines[i].circuit);
	}
}

/* What follows the line is left alone. */
static void
rest_is_left(void **state)
{
	static const char text[] = PREFIX ":0:7 ::1 7 80\r\nGET / HTTP/1.1\r\n";
	uint64_t circuit;

	(void)state;
	assert_int_equal(
	    parse(&circuit, text), strlen(PREFIX ":0:7 ::1 7 80\r\n"));
	assert_true(circuit == 7);
}

static void
every_prefix_waits(void **state)
{
	static const char line[] = PREFIX ":12ab:cdef ::1 52719 80\r\n";
	uint64_t circuit;
	size_t length;

	(void)state;
	for (length = 0; length < sizeof(line) - 1; length++)
		assert_int_equal(proxy_parse(&circuit, line, length), 0);
	assert_int_equal(
	    proxy_parse(&circuit, line, sizeof(line) - 1), sizeof(line) - 1);
}

/*
 * Each byte replaced by each other: never taken for more than one line, and
 * refused unless the line is of the same form with other digits.
 */
static void
every_byte_counts(void **state)
{
	static const char line[] = PREFIX ":12ab:cdef ::1 52719 80\r\n";
	char other[sizeof(line)];
	uint64_t circuit;
	int byte, used, taken = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(line) - 1; i++)
		for (byte = 0; byte < 256; byte++) {
			memcpy(other, line, sizeof(line));
			other[i] = (char)byte;
			used = proxy_parse(&circuit, other, sizeof(line) - 1);
			assert_in_range(used + 1, 0, sizeof(line));
			if (used > 0)
				taken++;
		}
	/*
	 * Itself once for each byte; 15 others for each of 8 hexadecimal
	 * digits; of 52719 the first digit may be 0 to 6, as it stays within
	 * 16 bits, and the others as those of 80 any.
	 */
	assert_int_equal(taken, sizeof(line) - 1 + 8 * 15 + 6 + 6 * 9);
}

static void
bad_lines(void **state)
{
	static const char *const lines[] = {
	    "GET / HTTP/1.1\r\n", "\r\n", "PROXY UNKNOWN\r\n",
	    "PROXY TCP4 127.0.0.1 127.0.0.1 1 80\r\n",
	    "PROXY TCP6 fc00:dead:beef:4dae::0:25 ::1 37 80\r\n",
	    "proxy TCP6 fc00:dead:beef:4dad::0:25 ::1 37 80\r\n",
	    PREFIX ":0:25 ::1 37 80\n", PREFIX ":0:25 ::1 37 80 \r\n",
	    PREFIX ":0:25  ::1 37 80\r\n", PREFIX ":0:25 ::2 37 80\r\n",
	    PREFIX ":0:25 ::1 65536 80\r\n", PREFIX ":0:25 ::1 37 100000\r\n",
	    PREFIX ":0:25 ::1 37 000080\r\n", PREFIX ":0:25 ::1 -1 80\r\n",
	    PREFIX ":0:25 ::1 37 \r\n", PREFIX ":10000:25 ::1 37 80\r\n",
	    PREFIX ":00000:25 ::1 37 80\r\n", PREFIX ":0:AB ::1 37 80\r\n",
	    PREFIX ":0:0x1 ::1 37 80\r\n", PREFIX ":0: ::1 37 80\r\n",
	    PREFIX "::25 ::1 37 80\r\n", PREFIX ":0:1:25 ::1 37 80\r\n",
	    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x54", /* version 2, cut at NUL */
	};
	uint64_t circuit;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(parse(&circuit, lines[i]), -1);
}

/* Wrong at once, not when the line is over. */
static void
first_wrong_byte(void **state)
{
	uint64_t circuit;

	(void)state;
	assert_int_equal(parse(&circuit, "P"), 0);
	assert_int_equal(parse(&circuit, "PO"), -1);
	assert_int_equal(parse(&circuit, PREFIX ":0:2"), 0);
	assert_int_equal(parse(&circuit, PREFIX ":0:2g"), -1);
	assert_int_equal(parse(&circuit, PREFIX ":0:25 ::1 6553"), 0);
	assert_int_equal(parse(&circuit, PREFIX ":0:25 ::1 65536"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_lines),
	    cmocka_unit_test(rest_is_left),
	    cmocka_unit_test(every_prefix_waits),
	    cmocka_unit_test(every_byte_counts),
	    cmocka_unit_test(bad_lines),
	    cmocka_unit_test(first_wrong_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
