/* SPDX-License-Identifier: ISC */
/*
 * Finding, reading and checking the files of the schema.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/schema.h"
#include "fail.h"
#include "input.h"
#include "migration.h"
#include "proto/ed.h"

#define SQL_MAX	   (1024U * 1024) /* bytes of one file */
#define MIGRATIONS "migrations/"

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
	    "no directory of the schema's files; give --directory");
}

/* Has the file the checksum that the program was built with? */
static void
file_check(
    const char *name, const char *text, size_t length, const char *checksum)
{
	uint8_t hash[ED_HASH];
	char hex[2 * sizeof(hash) + 1];

	sha256(hash, text, length);
	hex_encode(hex, hash, sizeof(hash));
	if (strcmp(hex, checksum) != 0)
		fail_text(EXIT_DATA, code_name(CODE_FILE),
		    "%s: is not the file that this program was built with",
		    name);
}

static char *
file_read(const char *directory, const char *name, size_t *length)
{
	char path[PATH_MAX + 32 + 256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fail_text(EXIT_DATA, code_name(CODE_FILE), "%s: %s", name,
		    strerror(errno));
	return input_read(fd, SQL_MAX, length);
}

/* The order is part of what version 1 is. */
static void
order_check(const char *directory)
{
	size_t length, size, i;
	char *text = file_read(directory, "order", &length), *at = text;

	for (i = 0; i < schema_file_count(); i++) {
		size = strlen(schema_file(i)->name);
		if (strncmp(at, schema_file(i)->name, size) != 0 ||
		    at[size] != '\n')
			break;
		at += size + 1;
	}
	if (i < schema_file_count() || at != text + length)
		fail_text(EXIT_DATA, code_name(CODE_FILE),
		    "order: is not the file that this program was built with");
	free(text);
}

static int
name_is_sql(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 4 && strcmp(entry->d_name + length - 4, ".sql") == 0;
}

static bool
name_is_known(const char *name)
{
	int version;

	for (version = 2; version <= schema_newest(); version++)
		if (strcmp(name, schema_version(version)->name) == 0)
			return true;
	return false;
}

/* A migration that we do not know must not seem to be applied. */
static void
unknown_refuse(const char *directory)
{
	char path[PATH_MAX + 64];
	struct dirent **entries;
	int i, count;

	snprintf(path, sizeof(path), "%s/" MIGRATIONS, directory);
	count = scandir(path, &entries, name_is_sql, alphasort);
	if (count == -1 && errno == ENOENT)
		return;
	if (count == -1)
		fail_text(EXIT_DATA, code_name(CODE_FILE), MIGRATIONS ": %s",
		    strerror(errno));
	for (i = 0; i < count; i++) {
		if (!name_is_known(entries[i]->d_name))
			fail_text(EXIT_DATA, code_name(CODE_FILE),
			    MIGRATIONS "%s: this program was built without it",
			    entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

static void
step_read(struct migration *step, const char *directory, const char *folder,
    const struct schema_file *known)
{
	char name[256];
	size_t length;

	snprintf(name, sizeof(name), "%s%s", folder, known->name);
	step->name = known->name;
	step->sql = file_read(directory, name, &length);
	file_check(name, step->sql, length, known->checksum);
}

struct migration *
migration_read(const char *directory, size_t *count)
{
	size_t i, files = schema_file_count();
	char found[PATH_MAX + 32];
	struct migration *steps;

	if (directory == NULL)
		directory = directory_find(found);
	order_check(directory);
	*count = files + (size_t)schema_newest() - 1;
	steps = calloc(*count, sizeof(*steps));
	if (steps == NULL)
		fail(CODE_INTERNAL);
	for (i = 0; i < files; i++)
		step_read(&steps[i], directory, "", schema_file(i));
	for (; i < *count; i++)
		step_read(&steps[i], directory, MIGRATIONS,
		    schema_version((int)(i - files) + 2));
	unknown_refuse(directory);
	return steps;
}

char *
migration_file(const char *directory, const char *name)
{
	char found[PATH_MAX + 32];
	size_t length;

	if (directory == NULL)
		directory = directory_find(found);
	return file_read(directory, name, &length);
}

void
migration_free(struct migration *steps, size_t count)
{
	while (count > 0)
		free(steps[--count].sql);
	free(steps);
}
