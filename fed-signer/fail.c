/* SPDX-License-Identifier: ISC */
/* Why fed-signer cannot go on; see fail.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

#include "fail.h"

int
fail(int status, const char *fmt, ...)
{
	va_list arguments;

	fprintf(stderr, "fed-signer: ");
	va_start(arguments, fmt);
	vfprintf(stderr, fmt, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	return status;
}

int
fail_status(void)
{
	return errno == EACCES || errno == EPERM ? EX_NOPERM : EX_DATAERR;
}
