/* SPDX-License-Identifier: ISC */
/*
 * Connects to tor's SOCKS port on fed-sender's behalf. The request has no
 * content: where to is the configuration's business alone. The connection is
 * made without waiting, and a rate keeps a broken fed-sender from using up
 * descriptors here and in tor.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/log.h"
#include "broker.h"
#include "ipc/channel.h"
#include "ipc/limit_names.h"
#include "ipc/message.h"

static union {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} address;
static socklen_t address_length;
static struct bucket bucket;
static const struct bucket_rate rate = {
    .count = BROKER_RATE, .interval_ms = 1000, .burst = BROKER_BURST};

void
broker_init(const struct conf *conf, int64_t now_ms)
{
	memset(&address, 0, sizeof(address));
	bucket_fill(&bucket, &rate, now_ms);
	if (conf->socks_port == 0) {
		address.local.sun_family = AF_UNIX;
		memcpy(
		    address.local.sun_path, conf->socks, strlen(conf->socks));
		address_length = sizeof(address.local);
	} else if (inet_pton(AF_INET, conf->socks_address,
		       &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons(conf->socks_port);
		address_length = sizeof(address.v4);
	} else if (inet_pton(AF_INET6, conf->socks_address,
		       &address.v6.sin6_addr) == 1) {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons(conf->socks_port);
		address_length = sizeof(address.v6);
	}
}

/* A descriptor, or -1 and errno. */
static int
socks_connect(void)
{
	int error, fd;

	fd = socket(address.any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, &address.any, address_length) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
failure_send(struct chanev *chanev, uint32_t id, int error)
{
	uint8_t memory[4];
	struct pack pack;

	pack_init(&pack, memory, sizeof(memory));
	pack_u32(&pack, (uint32_t)error);
	return chanev_send(
	    chanev, MSG_SOCKS_FAILED, id, 0, -1, memory, sizeof(memory));
}

/* Logged at most once a second; what is held back, with the next. */
static void
refused_log(int64_t now_ms)
{
	static unsigned int refused;
	static int64_t logged_ms;

	refused++;
	if (logged_ms != 0 && now_ms - logged_ms < 1000)
		return;
	log_warning(
	    "limit name=%s refused=%u", limit_name(LIMIT_SOCKS), refused);
	refused = 0;
	logged_ms = now_ms;
}

int
broker_answer(struct chanev *chanev, uint32_t id, int64_t now_ms)
{
	int fd;

	if (channel_queued(chanev_channel(chanev)) > BROKER_QUEUE)
		return -1;
	if (!bucket_take(&bucket, &rate, 1, now_ms)) {
		refused_log(now_ms);
		return failure_send(chanev, id, EAGAIN);
	}
	if ((fd = socks_connect()) == -1)
		return failure_send(chanev, id, errno);
	return chanev_send(chanev, MSG_SOCKS, id, 0, fd, NULL, 0);
}
