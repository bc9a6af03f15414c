/* SPDX-License-Identifier: ISC */
/* Bounded reading of files and standard input. */
#ifndef TORFED_FEDCTL_INPUT_H
#define TORFED_FEDCTL_INPUT_H

#include <stddef.h>
#include <stdint.h>

int input_open(const char *path); /* "-" is standard input */
/*
 * All of a file (a descriptor, closed afterwards) of at most maximum bytes,
 * TOO_LARGE beyond; a terminator follows that does not count. What cannot be
 * read is FILE. To be freed.
 */
char *input_read(int fd, size_t maximum, size_t *length);
/* --at TIME, or now. */
int64_t input_time(const char *at);

#endif
