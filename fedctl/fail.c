/* SPDX-License-Identifier: ISC */
/*
 * One way to fail: a line on standard error, and an exit code.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fail.h"
#include "printable.h"

#define FAIL_TEXT 512 /* bytes */

void
fail_text(int status, const char *code, const char *fmt, ...)
{
	char text[FAIL_TEXT], line[4 * FAIL_TEXT];
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (length < 0)
		length = 0;
	if ((size_t)length >= sizeof(text))
		length = sizeof(text) - 1;
	printable(line, sizeof(line), text, (size_t)length);
	fprintf(stderr, "fedctl: %s: %s\n", code, line);
	exit(status);
}

static int
exit_status(enum code code)
{
	switch (code) {
	case CODE_USAGE:
		return EXIT_USAGE;
	case CODE_NO_DAEMON:
		return EXIT_DAEMON;
	case CODE_NOT_ALLOWED:
		return EXIT_ALLOWED;
	case CODE_INTERNAL:
		return EXIT_FAILURE;
	default:
		return EXIT_DATA;
	}
}

void
fail(enum code code)
{
	fail_text(exit_status(code), code_name(code), "%s", code_text(code));
}

void
fail_unless_ok(enum code code)
{
	if (code != CODE_OK)
		fail(code);
}
