/* SPDX-License-Identifier: ISC */
/*
 * The files of the schema, as this program was built for them and no others.
 */
#ifndef TORFED_FEDCTL_MIGRATION_H
#define TORFED_FEDCTL_MIGRATION_H

#include <stddef.h>

struct migration {
	const char *name; /* of the file, below the directory */
	char *sql;
};

/*
 * Reads the files of directory: those of version 1, schema_file_count() of
 * them, and behind them one for each later version. NULL: the installed ones,
 * else those of the source tree that the program runs in. Fails with the name
 * of a file that is not there, is not the one that the program was built with,
 * or is one that it does not know.
 */
struct migration *migration_read(const char *directory, size_t *count);
/* Another file of that directory, to be freed. Fails when it is not there. */
char *migration_file(const char *directory, const char *name);
void migration_free(struct migration *, size_t count);

#endif
