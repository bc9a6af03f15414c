/* SPDX-License-Identifier: ISC */
/*
 * Landlock by its three system calls. The constants are our own because a
 * distribution's header may be older than its kernel; every right is one that
 * the running kernel's ABI knows, so that an older kernel gives less and not
 * an error. What Landlock does not govern at all, such as connect(2) to a unix
 * socket by path, the seccomp filter does.
 */
#ifdef __linux__

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox_internal.h"

/* The same numbers on every architecture but alpha. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule	    445
#define SYS_landlock_restrict_self  446
#endif

#define RULESET_VERSION	    0x1U
#define RULE_PATH_BENEATH   1
#define ABI_MAX		    7 /* the newest that we know */

/* Rights on files, in the kernel's order. */
#define FS_EXECUTE	    (UINT64_C(1) << 0)
#define FS_WRITE_FILE	    (UINT64_C(1) << 1)
#define FS_READ_FILE	    (UINT64_C(1) << 2)
#define FS_READ_DIR	    (UINT64_C(1) << 3)
#define FS_REMOVE_DIR	    (UINT64_C(1) << 4)
#define FS_REMOVE_FILE	    (UINT64_C(1) << 5)
#define FS_MAKE_DIR	    (UINT64_C(1) << 7)
#define FS_MAKE_REG	    (UINT64_C(1) << 8)
#define FS_MAKE_SOCK	    (UINT64_C(1) << 9)
#define FS_TRUNCATE	    (UINT64_C(1) << 14)
#define FS_IOCTL_DEV	    (UINT64_C(1) << 15)

#define FS_ABI_1	    ((UINT64_C(1) << 13) - 1)
#define FS_ABI_2_REFER	    (UINT64_C(1) << 13)

#define NET_BIND_TCP	    (UINT64_C(1) << 0)
#define NET_CONNECT_TCP	    (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0)
#define SCOPE_SIGNAL	    (UINT64_C(1) << 1)

/* Grown at its end by the kernel; an older one takes the shorter size. */
struct ruleset {
	uint64_t files;	  /* ABI 1 */
	uint64_t network; /* ABI 4 */
	uint64_t scopes;  /* ABI 6 */
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static uint64_t
rights_known(int abi)
{
	uint64_t rights = FS_ABI_1;

	if (abi >= 2)
		rights |= FS_ABI_2_REFER;
	if (abi >= 3)
		rights |= FS_TRUNCATE;
	if (abi >= 5)
		rights |= FS_IOCTL_DEV;
	return rights;
}

static uint64_t
rights_of_path(const struct sandbox_path *path)
{
	uint64_t rights = 0;
	struct stat st;

	if (path->permissions & SANDBOX_PATH_READ)
		rights |= FS_READ_FILE | FS_READ_DIR;
	if (path->permissions & SANDBOX_PATH_WRITE)
		rights |= FS_WRITE_FILE | FS_TRUNCATE;
	if (path->permissions & SANDBOX_PATH_EXECUTE)
		rights |= FS_EXECUTE;
	if (path->permissions & SANDBOX_PATH_CREATE)
		rights |= FS_MAKE_REG | FS_MAKE_SOCK | FS_MAKE_DIR |
			  FS_REMOVE_FILE | FS_REMOVE_DIR;
	if (fstat(path->fd, &st) == -1)
		fatal("sandbox landlock fstat errno=%d", errno);
	if (!S_ISDIR(st.st_mode)) /* directories' rights: EINVAL */
		rights &=
		    FS_EXECUTE | FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE;
	return rights;
}

static int
ruleset_create(int abi, enum sandbox_profile profile, unsigned int flags)
{
	struct ruleset ruleset = {.files = rights_known(abi)};
	size_t size = sizeof(ruleset.files);

	if (abi >= 4) {
		ruleset.network = NET_BIND_TCP;
		if (!(flags & SANDBOX_INET))
			ruleset.network |= NET_CONNECT_TCP;
		size += sizeof(ruleset.network);
	}
	if (abi >= 6) {
		/*
		 * fedd may signal its children, who are inside its scope. Its
		 * service manager's socket may be an abstract one.
		 */
		ruleset.scopes = SCOPE_SIGNAL;
		if (profile != SANDBOX_FEDD)
			ruleset.scopes |= SCOPE_ABSTRACT_UNIX;
		size += sizeof(ruleset.scopes);
	}
	return (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
}

static void
path_add(int ruleset, int abi, const struct sandbox_path *path)
{
	struct path_beneath rule = {.parent = path->fd};

	rule.allowed = rights_of_path(path) & rights_known(abi);
	if (rule.allowed == 0)
		return;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule,
		0) == -1)
		fatal("sandbox landlock_add_rule errno=%d", errno);
}

int
sandbox_landlock(enum sandbox_profile profile, unsigned int flags,
    const struct sandbox_path *paths, size_t count)
{
	int abi, ruleset;
	size_t i;

	abi =
	    (int)syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
	if (abi < 1)
		return 0; /* not built in, or switched off at boot */
	if (abi > ABI_MAX)
		abi = ABI_MAX;
	ruleset = ruleset_create(abi, profile, flags);
	if (ruleset == -1)
		fatal("sandbox landlock_create_ruleset errno=%d", errno);
	for (i = 0; i < count; i++)
		path_add(ruleset, abi, &paths[i]);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) == -1)
		fatal("sandbox landlock_restrict_self errno=%d", errno);
	close(ruleset);
	return abi;
}

#endif
