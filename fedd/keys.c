/* SPDX-License-Identifier: ISC */
/*
 * The key files: opened here, where there is a file system, and passed to
 * fed-signer as descriptors. fedd checks what kind of file it has opened and
 * who else could have it or change it, and never reads a byte. Everything is
 * checked on the open descriptor, so that nothing can be swapped in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fedd.h"
#include "ipc/message.h"
#include "keys.h"

#define SIGNING_KEY_LENGTH 32 /* bytes: the seed */

struct key_file {
	const char *name;
	mode_t forbidden; /* bits that others must not have */
	off_t minimum;	  /* bytes */
	off_t maximum;
};

static const struct key_file signing_file = {
    "signing.key", 077, SIGNING_KEY_LENGTH, SIGNING_KEY_LENGTH};
static const struct key_file certificate_file = {
    "certificate", 022, 1, IDENTITY_CERTIFICATE_MAX};

/* What is wrong with it, or NULL. */
static const char *
file_problem(const struct key_file *file, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_nlink != 1)
		return "has another hard link";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to neither root nor the user who runs";
	if ((st->st_mode & file->forbidden) != 0)
		return file->forbidden == 077
			   ? "can be read or written by others (chmod 600)"
			   : "can be written by others (chmod 644)";
	if (st->st_size < file->minimum || st->st_size > file->maximum)
		return "has the wrong size";
	return NULL;
}

static int
file_open(const struct key_file *file, int directory)
{
	const char *problem;
	struct stat st;
	int fd;

	/* Non-blocking, or a FIFO of that name would stop us here. */
	fd = openat(directory, file->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1) {
		log_error("key file=%s error=\"%s\"", file->name,
		    errno == ELOOP ? "is a symbolic link" : strerror(errno));
		return -1;
	}
	problem = fstat(fd, &st) == -1 ? "cannot be examined"
				       : file_problem(file, &st);
	if (problem == NULL)
		return fd;
	log_error("key file=%s error=\"%s\"", file->name, problem);
	close(fd);
	return -1;
}

static int
directory_open(const char *path)
{
	const char *problem = NULL;
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		problem = strerror(errno);
	else if (fstat(fd, &st) == -1)
		problem = strerror(errno);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		problem = "belongs to neither root nor the user who runs";
	else if ((st.st_mode & 022) != 0)
		problem = "can be written by others (chmod 700)";
	if (problem == NULL)
		return fd;
	log_error("key directory=\"%s\" error=\"%s\"", path, problem);
	if (fd != -1)
		close(fd);
	return -1;
}

int
keys_open(struct keys *keys, const char *path)
{
	int directory;

	keys->signing = keys->certificate = -1;
	if ((directory = directory_open(path)) == -1)
		return -1;
	keys->signing = file_open(&signing_file, directory);
	keys->certificate = file_open(&certificate_file, directory);
	close(directory);
	if (keys->signing != -1 && keys->certificate != -1)
		return 0;
	if (keys->signing != -1)
		close(keys->signing);
	if (keys->certificate != -1)
		close(keys->certificate);
	return -1;
}
