/* SPDX-License-Identifier: ISC */
#ifndef TORFED_FEDCTL_MIGRATION_H
#define TORFED_FEDCTL_MIGRATION_H

#include <stddef.h>

#define MIGRATION_NAME 64 /* bytes of a file's name, with NUL */

struct migration {
	int version;
	char name[MIGRATION_NAME];
	char *sql;
};

/*
 * Reads directory's NNNN_name.sql files in order; they must count from 1
 * without a gap. NULL: the installed ones, else those of the source tree that
 * the program runs in. Fails when there are none.
 */
struct migration *migration_read(const char *directory, size_t *count);
/* Another file of that directory, to be freed. Fails when it is not there. */
char *migration_file(const char *directory, const char *name);
void migration_free(struct migration *, size_t count);

#endif
