/* SPDX-License-Identifier: ISC */
/*
 * Files that nobody else may have touched. Everything is checked on what was
 * opened, never by name before, and nothing that exists is written into.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "directory.h"
#include "fail.h"
#include "file.h"
#include "hand.h"

#define NAME_MAX_SHORT 64 /* bytes of a name with ".new" */

static int
file_fail(int status, const struct directory *directory, const char *name,
    const char *text)
{
	return fail(status, "%s/%s: %s", directory->path, name, text);
}

int
file_exists(const struct directory *directory, const char *name)
{
	struct stat st;

	return fstatat(directory->fd, name, &st, AT_SYMLINK_NOFOLLOW);
}

/* 0, or what is wrong and the status for it. */
static int
file_problem(const struct stat *st, mode_t forbidden, const char **problem)
{
	if (!S_ISREG(st->st_mode)) {
		*problem = "not a regular file";
		return EX_DATAERR;
	}
	if (st->st_nlink != 1)
		*problem = "has another name (hard link)";
	else if (st->st_uid != 0 && st->st_uid != geteuid())
		*problem = "belongs to another user";
	else if ((st->st_mode & forbidden) != 0)
		*problem = "is open to others (wrong mode)";
	else
		return 0;
	return EX_NOPERM;
}

int
file_read(const struct directory *directory, const char *name, mode_t forbidden,
    void *bytes, size_t size, size_t *length)
{
	const char *problem = NULL;
	struct stat st;
	ssize_t got;
	int fd, status;

	/* Non-blocking, or a FIFO of that name would stop us here. */
	fd = openat(directory->fd, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return file_fail(fail_status(), directory, name,
		    errno == ELOOP ? "is a symbolic link" : strerror(errno));
	if (fstat(fd, &st) == -1) {
		close(fd);
		return file_fail(EX_DATAERR, directory, name, strerror(errno));
	}
	if ((status = file_problem(&st, forbidden, &problem)) != 0) {
		close(fd);
		return file_fail(status, directory, name, problem);
	}
	got = st.st_size > (off_t)size ? (ssize_t)size + 1
				       : read(fd, bytes, size);
	if (got == -1)
		problem = strerror(errno);
	else if ((size_t)got > size)
		problem = "is too large";
	close(fd);
	if (problem != NULL)
		return file_fail(EX_DATAERR, directory, name, problem);
	*length = (size_t)got;
	return 0;
}

static int
write_all(int fd, const void *bytes, size_t length)
{
	const char *next = bytes;
	ssize_t written;

	for (; length > 0; length -= (size_t)written, next += written)
		if ((written = write(fd, next, length)) == -1) {
			if (errno != EINTR)
				return -1;
			written = 0;
		}
	return 0;
}

/* tor's files, say: root's would be of no use to tor's user. */
static int
give_away(int fd, const struct directory *directory)
{
	struct stat st;

	if (geteuid() != 0)
		return 0;
	if (fstat(directory->fd, &st) == -1)
		return -1;
	return fchown(fd, st.st_uid, st.st_gid);
}

int
file_create(const struct directory *directory, const char *name, mode_t mode,
    const void *bytes, size_t length)
{
	int fd, saved;

	fd = openat(directory->fd, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return file_fail(
		    EX_CANTCREAT, directory, name, strerror(errno));
	if (write_all(fd, bytes, length) == -1 || fchmod(fd, mode) == -1 ||
	    give_away(fd, directory) == -1 || fsync(fd) == -1) {
		saved = errno;
		close(fd);
		file_remove(directory, name);
		return file_fail(
		    EX_CANTCREAT, directory, name, strerror(saved));
	}
	if (close(fd) == -1) {
		saved = errno;
		file_remove(directory, name);
		return file_fail(
		    EX_CANTCREAT, directory, name, strerror(saved));
	}
	return 0;
}

int
file_replace(const struct directory *directory, const char *name, mode_t mode,
    const void *bytes, size_t length)
{
	char fresh[NAME_MAX_SHORT];
	int status;

	snprintf(fresh, sizeof(fresh), "%s.new", name);
	file_remove(directory, fresh); /* of a run that was cut short */
	status = file_create(directory, fresh, mode, bytes, length);
	if (status != 0)
		return status;
	if (renameat(directory->fd, fresh, directory->fd, name) == -1) {
		status =
		    file_fail(EX_CANTCREAT, directory, name, strerror(errno));
		file_remove(directory, fresh);
	}
	return status;
}

void
file_remove(const struct directory *directory, const char *name)
{
	/* Nothing depends on it: what is left is refused later by O_EXCL. */
	(void)unlinkat(directory->fd, name, 0);
}
