/* SPDX-License-Identifier: ISC */
/*
 * The two listening sockets. Each is made under a lock file beside it that
 * stays locked while fedd runs, so that of two instances the second gives up
 * before it touches anything. What is left of a dead one is removed only when
 * nobody answers there. Modes and group come from umask and the effective
 * group at the moment of bind(2), never from a call on the path afterwards: a
 * path can be swapped, an inode that we make cannot.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fedd.h"
#include "sockets.h"

#define ORPHAN_MS 2000

struct place {
	const char *path;
	const char *name; /* last part of the path */
	int directory;	  /* descriptor of the rest */
	mode_t mask;	  /* umask at bind(2) */
	int64_t group;	  /* -1 the process's own */
	int backlog;
};

static int
complain(const struct place *place, const char *problem)
{
	log_error("socket path=\"%s\" error=\"%s\"", place->path, problem);
	return -1;
}

/* Whoever can write to the directory can replace the socket. */
static int
place_open(struct place *place)
{
	char directory[CONF_PATH_SIZE];
	struct stat st;

	place->name = strrchr(place->path, '/') + 1;
	snprintf(directory, sizeof(directory), "%.*s",
	    (int)(place->name - place->path), place->path);
	place->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->directory == -1 || fstat(place->directory, &st) == -1)
		return complain(place, strerror(errno));
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return complain(place, "the directory belongs to neither "
				       "root nor the user who runs");
	if ((st.st_mode & 022) != 0)
		return complain(
		    place, "the directory can be written by others");
	return 0;
}

/* The descriptor is left open on purpose: it is the lock. */
static int
place_lock(const struct place *place)
{
	char name[CONF_PATH_SIZE];
	int fd;

	snprintf(name, sizeof(name), "%s.lock", place->name);
	fd = openat(place->directory, name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd == -1)
		return complain(place, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	close(fd);
	return complain(place,
	    errno == EWOULDBLOCK ? "another fedd has it" : strerror(errno));
}

static void
address_make(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	/* 107 bytes at most: the parser saw to it. */
	memcpy(address->sun_path, path, strlen(path));
}

static bool
is_answered(const struct place *place)
{
	struct sockaddr_un address;
	bool alive;
	int fd;

	address_make(&address, place->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return true; /* not known to be dead */
	alive =
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	    errno != ECONNREFUSED;
	close(fd);
	return alive;
}

/*
 * The lock is ours, so nobody should answer. But children of one that was
 * killed may: they need a moment to see that it is gone.
 */
static bool
is_alive(const struct place *place)
{
	static const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	int64_t end = clock_ms() + ORPHAN_MS;

	while (is_answered(place)) {
		if (clock_ms() >= end)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

/* Removes what a dead instance of ours left, and nothing else. */
static int
place_clear(const struct place *place)
{
	struct stat st;

	if (fstatat(place->directory, place->name, &st, AT_SYMLINK_NOFOLLOW) ==
	    -1)
		return errno == ENOENT ? 0 : complain(place, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return complain(place, "exists and is not a socket");
	if (is_alive(place))
		return complain(place, "somebody listens there already");
	if (unlinkat(place->directory, place->name, 0) == -1)
		return complain(place, strerror(errno));
	return 0;
}

/* The socket stands where we think it does, with the group that it should. */
static bool
is_in_place(const struct place *place)
{
	struct stat by_path, by_directory;

	return lstat(place->path, &by_path) == 0 &&
	       fstatat(place->directory, place->name, &by_directory,
		   AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISSOCK(by_directory.st_mode) &&
	       by_path.st_dev == by_directory.st_dev &&
	       by_path.st_ino == by_directory.st_ino &&
	       (place->group == -1 || by_path.st_gid == (gid_t)place->group);
}

static int
group_set(const struct place *place)
{
	/*
	 * Root makes it with that group. Anybody else may change the group of
	 * their own socket to one that they belong to, and does so here alone.
	 */
	if (place->group == -1 || geteuid() == 0)
		return 0;
	return fchownat(place->directory, place->name, (uid_t)-1,
	    (gid_t)place->group, AT_SYMLINK_NOFOLLOW);
}

static int
bind_with(const struct place *place, int fd)
{
	struct sockaddr_un address;
	gid_t own = getegid();
	bool switches = place->group != -1 && geteuid() == 0;
	mode_t mask;
	int result, error;

	address_make(&address, place->path);
	if (switches && setegid((gid_t)place->group) == -1)
		return -1;
	mask = umask(place->mask);
	result = bind(fd, (struct sockaddr *)&address, sizeof(address));
	error = errno;
	umask(mask);
	if (switches && setegid(own) == -1)
		fatal("setegid errno=%d", errno);
	errno = error;
	return result;
}

static int
place_listen(const struct place *place)
{
	int fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return complain(place, strerror(errno));
	if (bind_with(place, fd) == -1 || group_set(place) == -1 ||
	    listen(fd, place->backlog) == -1) {
		complain(place, strerror(errno));
		close(fd);
		return -1;
	}
	if (!is_in_place(place)) {
		complain(place, "was replaced while it was made");
		close(fd);
		return -1;
	}
	return fd;
}

static int
place_socket(struct place *place)
{
	int fd = -1;

	place->directory = -1;
	if (place_open(place) == 0 && place_lock(place) == 0 &&
	    place_clear(place) == 0)
		fd = place_listen(place);
	if (place->directory != -1)
		close(place->directory);
	return fd;
}

int
sockets_open(struct parent *parent)
{
	const struct conf *conf = &parent->conf;
	int64_t group = conf->settings.control_group;
	/* tor runs as another user: the directory says who may connect. */
	struct place place = {.path = conf->listen,
	    .mask = 0111,
	    .group = -1,
	    .backlog = SOMAXCONN};
	struct place control = {.path = conf->control,
	    .mask = group == -1 ? 0177 : 0117,
	    .group = group,
	    .backlog = 64};

	parent->listen = place_socket(&place);
	parent->control = parent->listen == -1 ? -1 : place_socket(&control);
	return parent->control == -1 ? -1 : 0;
}
