/* SPDX-License-Identifier: ISC */
/*
 * Leaving the terminal: into the background with the log going to syslog, or
 * staying in the foreground for a person or a service manager.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "background.h"
#include "fedd.h"

#ifndef SYSLOG_SOCKET
#define SYSLOG_SOCKET "/dev/log"
#endif

/* Connected, or -1 after saying why not. */
static int
syslog_connect(void)
{
	struct sockaddr_un address = {
	    .sun_family = AF_UNIX, .sun_path = SYSLOG_SOCKET};
	int fd;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd != -1 &&
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	log_error(
	    "syslog path=%s error=\"%s\"", SYSLOG_SOCKET, strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

int
background_enter(int null)
{
	enum log_level level = log_level_get();
	int fd;

	if ((fd = syslog_connect()) == -1)
		return -1;
	switch (fork()) {
	case -1:
		log_error("fork error=\"%s\"", strerror(errno));
		return -1;
	case 0:
		break;
	default:
		_exit(0);
	}
	if (setsid() == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 || dup2(fd, STDERR_FILENO) == -1) {
		log_error("background error=\"%s\"", strerror(errno));
		return -1;
	}
	close(fd);
	log_init("fedd", LOG_FORM_SYSLOG, level);
	return 0;
}
