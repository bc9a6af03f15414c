/* SPDX-License-Identifier: ISC */
/*
 * The files of fed-signer's log of signatures: numbered, a day of it in each,
 * kept for a month. They are made and removed here, where there is a file
 * system, and passed as descriptors; not a byte of them is read. A file whose
 * last line is not whole, as after a full disk, is not gone on with.
 *
 * One fed-signer writes at a time: fedd has the directory locked while it
 * lives, and the file is locked for as long as anybody has it open, such as a
 * fed-signer whose fedd was killed and who has not noticed yet.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fedd.h"
#include "ipc/siglog_line.h"
#include "signatures.h"

#define NUMBER_DIGITS 10
#define NUMBER_MAX    9999999999ULL
#define LOCK_MS	      2000 /* for a fed-signer that is about to end */
#define LOCK_STEP_MS  10
#define NAME_SIZE     (20 + sizeof(".log"))

static int
directory_open(const char *path)
{
	const char *problem = NULL;
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		problem = strerror(errno);
	else if (st.st_uid != geteuid())
		problem = "does not belong to the user who runs";
	else if ((st.st_mode & 077) != 0)
		problem = "is open to others (chmod 700)";
	if (problem == NULL)
		return fd;
	log_error("signatures directory=\"%s\" error=\"%s\"", path, problem);
	if (fd != -1)
		close(fd);
	return -1;
}

/* Once, and until we end; 0 or -1. */
static int
directory_lock(const char *path)
{
	static int locked = -1;

	if (locked != -1)
		return 0;
	if ((locked = directory_open(path)) == -1)
		return -1;
	if (flock(locked, LOCK_EX | LOCK_NB) == 0)
		return 0;
	log_error("signatures directory=\"%s\" error=\"%s\"", path,
	    errno == EWOULDBLOCK ? "is used by another fedd" : strerror(errno));
	close(locked);
	locked = -1;
	return -1;
}

static int
file_lock(int fd)
{
	static const struct timespec step = {0, LOCK_STEP_MS * 1000000};
	int waited;

	for (waited = 0; flock(fd, LOCK_EX | LOCK_NB) == -1;
	     waited += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK || waited >= LOCK_MS) {
			log_error("signatures error=\"%s\"",
			    errno == EWOULDBLOCK
				? "are used by another fed-signer"
				: strerror(errno));
			return -1;
		}
		nanosleep(&step, NULL);
	}
	return 0;
}

/* 0: not the name of one. */
static unsigned long long
name_number(const char *name)
{
	if (strspn(name, "0123456789") != NUMBER_DIGITS ||
	    strcmp(name + NUMBER_DIGITS, ".log") != 0)
		return 0;
	return strtoull(name, NULL, 10);
}

static void
name_make(char name[NAME_SIZE], unsigned long long number)
{
	snprintf(name, NAME_SIZE, "%0*llu.log", NUMBER_DIGITS, number);
}

/* The highest number below, of a file with a whole line if that is asked for;
 * 0 none, -1 on an error. */
static long long
number_find(int directory, unsigned long long below, bool whole)
{
	unsigned long long number, found = 0;
	const struct dirent *entry;
	struct stat st;
	DIR *entries;
	int fd;

	fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (entries = fdopendir(fd)) == NULL) {
		log_error("signatures error=\"%s\"", strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((entry = readdir(entries)) != NULL) {
		number = name_number(entry->d_name);
		if (number <= found || number >= below ||
		    (whole && (fstatat(directory, entry->d_name, &st,
				   AT_SYMLINK_NOFOLLOW) == -1 ||
				  st.st_size < SIGLOG_LINE)))
			continue;
		found = number;
	}
	closedir(entries);
	return (long long)found;
}

/* One that is there, or -1. */
static int
file_open(int directory, unsigned long long number, int flags, struct stat *st)
{
	char name[NAME_SIZE];
	int fd;

	name_make(name, number);
	fd = openat(directory, name,
	    flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd != -1 && fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	    st->st_nlink == 1 && st->st_uid == geteuid() &&
	    (st->st_mode & 077) == 0)
		return fd;
	log_error("signatures file=%s error=\"%s\"", name,
	    fd == -1 ? strerror(errno) : "is not a file of ours alone");
	if (fd != -1)
		close(fd);
	return -1;
}

/* Removes files that were not written to for so long, but for the newest. */
static void
files_prune(int directory, unsigned long long newest, int64_t kept_s)
{
	unsigned long long number = newest;
	char name[NAME_SIZE];
	struct stat st;
	long long found;

	while ((found = number_find(directory, number, false)) > 0) {
		number = (unsigned long long)found;
		name_make(name, number);
		if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    clock_now() - st.st_mtime < kept_s)
			continue;
		if (unlinkat(directory, name, 0) == -1)
			log_warning("signatures file=%s error=\"%s\"", name,
			    strerror(errno));
	}
}

static int
file_new(int directory, unsigned long long number)
{
	char name[NAME_SIZE];
	int fd;

	if (number > NUMBER_MAX) {
		log_error("signatures error=\"no number is left\"");
		return -1;
	}
	name_make(name, number);
	fd = openat(directory, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_DSYNC | O_CLOEXEC, 0600);
	/* Its name, too, has to be there after a power cut. */
	if (fd != -1 && (fsync(directory) == -1 || file_lock(fd) == -1)) {
		close(fd);
		fd = -1;
	}
	if (fd == -1)
		log_error(
		    "signatures file=%s error=\"%s\"", name, strerror(errno));
	return fd;
}

/* At the last two whole lines of that file, or at its beginning. */
static int
last_open(int directory, unsigned long long number)
{
	struct stat st;
	off_t lines;
	int fd;

	if ((fd = file_open(directory, number, O_RDONLY, &st)) == -1)
		return -1;
	lines = st.st_size / SIGLOG_LINE;
	if (lseek(fd, (lines > 2 ? lines - 2 : 0) * SIGLOG_LINE, SEEK_SET) !=
	    -1)
		return fd;
	log_error("signatures error=\"%s\"", strerror(errno));
	close(fd);
	return -1;
}

/* The file to go on with: the newest, while it is whole and not too old. */
static int
log_open(int directory, unsigned long long newest, int64_t file_s)
{
	struct stat st;
	int fd = -1;

	if (newest > 0) {
		fd = file_open(
		    directory, newest, O_WRONLY | O_APPEND | O_DSYNC, &st);
		if (fd == -1)
			return -1;
		if (file_lock(fd) == -1 || fstat(fd, &st) == -1) {
			close(fd);
			return -1;
		}
		if (st.st_size % SIGLOG_LINE == 0 &&
		    (st.st_size == 0 || clock_now() - st.st_mtime < file_s))
			return fd;
		close(fd);
	}
	return file_new(directory, newest + 1);
}

int
signatures_open(struct signatures *signatures, const char *path, int64_t file_s,
    int64_t kept_s)
{
	long long newest, last;
	int directory;

	signatures->log = signatures->last = -1;
	if (directory_lock(path) == -1 ||
	    (directory = directory_open(path)) == -1)
		return -1;
	newest = number_find(directory, NUMBER_MAX + 1, false);
	if (newest != -1)
		signatures->log =
		    log_open(directory, (unsigned long long)newest, file_s);
	/* Nobody writes any more: that is the end. */
	last = number_find(directory, NUMBER_MAX + 1, true);
	if (signatures->log != -1 && last != -1)
		signatures->last =
		    last > 0 ? last_open(directory, (unsigned long long)last)
			     : open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (signatures->log != -1 && signatures->last != -1)
		files_prune(directory, (unsigned long long)last, kept_s);
	close(directory);
	if (signatures->log != -1 && signatures->last != -1)
		return 0;
	if (signatures->log != -1)
		close(signatures->log);
	if (signatures->last != -1)
		close(signatures->last);
	return -1;
}

int
signatures_next(const char *path, int64_t kept_s)
{
	int directory, fd = -1;
	long long newest;

	if ((directory = directory_open(path)) == -1)
		return -1;
	newest = number_find(directory, NUMBER_MAX + 1, false);
	if (newest != -1)
		fd = file_new(directory, (unsigned long long)newest + 1);
	if (fd != -1)
		files_prune(directory, (unsigned long long)newest, kept_s);
	close(directory);
	return fd;
}
