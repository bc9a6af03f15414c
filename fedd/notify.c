/* SPDX-License-Identifier: ISC */
/*
 * sd_notify(3) by hand: one datagram socket, connected before the sandbox
 * closes the way.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fedd.h"
#include "notify.h"

static int notify_fd = -1;

void
notify_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	length = strlen(path);
	if (length > sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@') /* Linux's abstract name space */
		address.sun_path[0] = '\0';
	notify_fd =
	    socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (notify_fd == -1)
		return;
	if (connect(notify_fd, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) ==
	    0)
		return;
	log_warning("notify error=\"%s\"", strerror(errno));
	close(notify_fd);
	notify_fd = -1;
}

void
notify_send(const char *state)
{
	if (notify_fd == -1)
		return;
	if (send(notify_fd, state, strlen(state), MSG_NOSIGNAL) == -1)
		log_warning("notify error=\"%s\"", strerror(errno));
}
