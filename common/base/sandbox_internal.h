/* SPDX-License-Identifier: ISC */
/*
 * Between the three files of the Linux sandbox; nobody else's business.
 */
#ifndef TORFED_SANDBOX_INTERNAL_H
#define TORFED_SANDBOX_INTERNAL_H

#include <stddef.h>

#include "base/sandbox.h"

/* A path to stay visible: opened (O_PATH) when it was unveiled. */
struct sandbox_path {
	int fd;
	unsigned int permissions; /* SANDBOX_PATH_* */
};
#define SANDBOX_PATH_READ    0x1U
#define SANDBOX_PATH_WRITE   0x2U
#define SANDBOX_PATH_CREATE  0x4U
#define SANDBOX_PATH_EXECUTE 0x8U

/* Returns the Landlock ABI in force, 0 where the kernel has none. */
int sandbox_landlock(enum sandbox_profile, unsigned int flags,
    const struct sandbox_path *paths, size_t count);
/* Loads the filter; fatal when that fails. */
void sandbox_seccomp(enum sandbox_profile, unsigned int flags);

#endif
