/* SPDX-License-Identifier: ISC */
/*
 * Finding and reading the files of migrations.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "input.h"
#include "migration.h"

#define SQL_MAX	     (1024U * 1024) /* bytes of one file */
#define VERSION_LAST 9999

/* NNNN_name.sql */
static int
name_is_migration(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 9 && length < MIGRATION_NAME &&
	       strspn(entry->d_name, "0123456789") == 4 &&
	       entry->d_name[4] == '_' &&
	       strcmp(entry->d_name + length - 4, ".sql") == 0;
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * A program that was built but not installed lies in FOLDER/FOLDER or
 * build/FOLDER/FOLDER of its tree.
 */
static const char *
directory_find(char path[PATH_MAX + 32])
{
	static const char *const below[] = {"../sql", "../../sql"};
	char program[PATH_MAX];
	ssize_t length;
	char *slash;
	size_t i;

	snprintf(path, PATH_MAX + 32, "%s", TORFED_DATA "/sql");
	if (is_directory(path))
		return path;
	length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (length > 0) {
		program[length] = '\0';
		slash = strrchr(program, '/');
		for (i = 0; slash != NULL && i < 2; i++) {
			snprintf(path, PATH_MAX + 32, "%.*s/%s",
			    (int)(slash - program), program, below[i]);
			if (is_directory(path))
				return path;
		}
	}
	fail_text(EXIT_DATA, code_name(CODE_FILE),
	    "no directory of migrations; give --directory");
}

static void
step_read(struct migration *step, const char *directory, const char *name,
    int version)
{
	char path[PATH_MAX + 32 + 256];
	size_t length;

	memcpy(step->name, name, strlen(name) + 1); /* shorter, see above */
	step->version = version;
	if (atoi(name) != version)
		fail_text(EXIT_DATA, code_name(CODE_FILE),
		    "%s: expected migration %04d", step->name, version);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	step->sql = input_read(input_open(path), SQL_MAX, &length);
	if (strlen(step->sql) != length)
		fail_text(EXIT_DATA, code_name(CODE_FILE), "%s: holds a NUL",
		    step->name);
}

struct migration *
migration_read(const char *directory, size_t *count)
{
	char found[PATH_MAX + 32];
	struct dirent **entries;
	struct migration *steps;
	int i, entry_count;

	if (directory == NULL)
		directory = directory_find(found);
	entry_count =
	    scandir(directory, &entries, name_is_migration, alphasort);
	if (entry_count < 1 || entry_count > VERSION_LAST)
		fail_text(EXIT_DATA, code_name(CODE_FILE),
		    "directory of migrations: %s",
		    entry_count == -1 ? strerror(errno) : "holds none");
	steps = calloc((size_t)entry_count, sizeof(*steps));
	if (steps == NULL)
		fail(CODE_INTERNAL);
	for (i = 0; i < entry_count; i++) {
		step_read(&steps[i], directory, entries[i]->d_name, i + 1);
		free(entries[i]);
	}
	free(entries);
	*count = (size_t)entry_count;
	return steps;
}

char *
migration_file(const char *directory, const char *name)
{
	char found[PATH_MAX + 32], path[PATH_MAX + 32 + 256];
	size_t length;

	if (directory == NULL)
		directory = directory_find(found);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return input_read(input_open(path), SQL_MAX, &length);
}

void
migration_free(struct migration *steps, size_t count)
{
	while (count > 0)
		free(steps[--count].sql);
	free(steps);
}
