/* SPDX-License-Identifier: ISC */
/*
 * Bounded reading of files and standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "fail.h"
#include "input.h"

int
input_open(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return STDIN_FILENO;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fail_text(EXIT_DATA, code_name(CODE_FILE), "%s: %s",
		    code_text(CODE_FILE), strerror(errno));
	return fd;
}

char *
input_read(int fd, size_t maximum, size_t *length)
{
	char *text = malloc(maximum + 1);
	ssize_t got;

	if (text == NULL)
		fail(CODE_INTERNAL);
	for (*length = 0; *length <= maximum; *length += (size_t)got) {
		got = read(fd, text + *length, maximum + 1 - *length);
		if (got == -1 && errno == EINTR) {
			got = 0;
			continue;
		}
		if (got == -1)
			fail(CODE_FILE);
		if (got == 0)
			break;
	}
	if (*length > maximum)
		fail(CODE_TOO_LARGE);
	close(fd);
	text[*length] = '\0';
	return text;
}

int64_t
input_time(const char *at)
{
	int64_t seconds;

	if (at != NULL) {
		if (time_parse(&seconds, at, strlen(at)) == -1)
			fail(CODE_TIME);
		return seconds;
	}
	return clock_now();
}
