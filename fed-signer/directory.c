/* SPDX-License-Identifier: ISC */
/*
 * Directories that nobody else can change: checked on what was opened, never by
 * name before.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "hand.h"

static const char *
directory_problem(const struct stat *st, unsigned int flags)
{
	uid_t user = geteuid();

	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others can write to it";
	if (user == 0 && (flags & DIRECTORY_OTHERS) != 0)
		return NULL;
	if (st->st_uid != 0 && st->st_uid != user)
		return "belongs to another user";
	return NULL;
}

int
directory_open(
    struct directory *directory, const char *path, unsigned int flags)
{
	const char *problem;
	struct stat st;

	directory->path = path;
	if ((flags & DIRECTORY_MAKE) != 0 && mkdir(path, 0700) == -1 &&
	    errno != EEXIST)
		return fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory->fd == -1)
		return fail(fail_status(), "%s: %s", path, strerror(errno));
	if (fstat(directory->fd, &st) == -1)
		problem = strerror(errno);
	else
		problem = directory_problem(&st, flags);
	if (problem == NULL)
		return 0;
	directory_close(directory);
	return fail(EX_NOPERM, "%s: %s", path, problem);
}

void
directory_close(struct directory *directory)
{
	close(directory->fd);
	directory->fd = -1;
}

int
directory_sync(const struct directory *directory)
{
	if (fsync(directory->fd) == -1)
		return fail(
		    EX_CANTCREAT, "%s: %s", directory->path, strerror(errno));
	return 0;
}
