/* SPDX-License-Identifier: ISC */
/*
 * The sandbox on OpenBSD: pledge(2) and unveil(2) themselves.
 */
#ifdef __OpenBSD__

#include <errno.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"

static const char *const promises[] = {
    [SANDBOX_FEDD] = "stdio rpath unix proc exec sendfd recvfd",
    [SANDBOX_LISTENER] = "stdio unix sendfd recvfd",
    [SANDBOX_SIGNER] = "stdio recvfd",
    [SANDBOX_SENDER] = "stdio recvfd",
    [SANDBOX_QUEUED] = "stdio unix sendfd recvfd",
    [SANDBOX_FEDCTL] = "stdio",
    [SANDBOX_OFFLINE] = "stdio",
};

static const char *const promises_inet[] = {
    [SANDBOX_FEDD] = "stdio rpath inet unix proc exec sendfd recvfd",
    [SANDBOX_QUEUED] = "stdio inet unix sendfd recvfd",
};

int
sandbox_unveil(const char *path, const char *permissions)
{
	if (unveil(path, permissions) == -1) {
		if (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
			return -1;
		fatal("sandbox_unveil errno=%d", errno);
	}
	return 0;
}

void
sandbox_enter(enum sandbox_profile profile, unsigned int flags)
{
	const struct rlimit none = {0, 0};
	const char *promise = promises[profile];

	if ((flags & SANDBOX_INET) &&
	    (profile == SANDBOX_FEDD || profile == SANDBOX_QUEUED))
		promise = promises_inet[profile];
	if (setrlimit(RLIMIT_CORE, &none) == -1)
		fatal("sandbox setrlimit errno=%d", errno);
	/* Without any unveil no path is visible: hide them all. */
	if (unveil("/", "") == -1 || unveil(NULL, NULL) == -1)
		fatal("sandbox unveil errno=%d", errno);
	if (pledge(promise, NULL) == -1)
		fatal("sandbox pledge errno=%d", errno);
	log_info("sandbox pledge=on unveil=on");
}

#endif
