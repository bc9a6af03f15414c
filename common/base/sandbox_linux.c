/* SPDX-License-Identifier: ISC */
/*
 * The Linux sandbox: resource limits, then Landlock, then seccomp. Landlock
 * comes before the filter because the filter forbids its system calls.
 */
#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox_internal.h"

#define PATHS_MAX 32
#define MEBIBYTE  (1024UL * 1024)

static struct sandbox_path paths[PATHS_MAX];
static size_t path_count;

static unsigned int
permissions_parse(const char *text)
{
	static const char letters[] = "rwcx";
	unsigned int permissions = 0;
	const char *found;

	for (; *text != '\0'; text++) {
		found = strchr(letters, *text);
		if (found == NULL)
			fatal("sandbox_unveil permissions=unknown");
		permissions |= 1U << (found - letters);
	}
	return permissions;
}

int
sandbox_unveil(const char *path, const char *permissions)
{
	struct sandbox_path *new;

	if (path_count == PATHS_MAX)
		fatal("sandbox_unveil paths=too-many");
	new = &paths[path_count];
	new->permissions = permissions_parse(permissions);
	new->fd = open(path, O_PATH | O_CLOEXEC);
	if (new->fd == -1) {
		/* What cannot be reached need not be hidden. */
		if (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
			return -1;
		fatal("sandbox_unveil errno=%d", errno);
	}
	path_count++;
	return 0;
}

static void
limit_set(int resource, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == -1)
		fatal("sandbox getrlimit errno=%d", errno);
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < value)
		value = limit.rlim_max;
	limit.rlim_cur = limit.rlim_max = value;
	if (setrlimit(resource, &limit) == -1)
		fatal("sandbox setrlimit errno=%d", errno);
}

/*
 * Bytes of address space. A process that needs more than this for bounded
 * messages and a bounded number of connections has been taken over, or leaks.
 */
#ifndef TORFED_SANITIZER
static rlim_t
address_space(enum sandbox_profile profile)
{
	return (profile == SANDBOX_SIGNER ? 256 : 2048) * MEBIBYTE;
}
#endif

static bool
is_regular_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static void
resources_limit(enum sandbox_profile profile)
{
	limit_set(RLIMIT_CORE, 0);
	if (profile == SANDBOX_FEDD)
		return;
	limit_set(RLIMIT_NPROC, 0);
#ifndef TORFED_SANITIZER
	limit_set(RLIMIT_AS, address_space(profile));
#endif
	/*
	 * fed-signer alone writes files, its log of signatures; but a log, or
	 * fedctl's output, may have been redirected to one.
	 */
	if (profile != SANDBOX_SIGNER && !is_regular_file(STDERR_FILENO) &&
	    !is_regular_file(STDOUT_FILENO))
		limit_set(RLIMIT_FSIZE, 0);
}

void
sandbox_enter(enum sandbox_profile profile, unsigned int flags)
{
	int abi;

	tzset();
	resources_limit(profile);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("sandbox no_new_privs errno=%d", errno);
#ifdef TORFED_SANITIZER
	/* A report reads the process's own maps and binary. */
	sandbox_unveil("/", "r");
#endif
	abi = sandbox_landlock(profile, flags, paths, path_count);
	while (path_count > 0)
		close(paths[--path_count].fd);
	sandbox_seccomp(profile, flags);
	log_info("sandbox seccomp=on landlock=%d", abi);
}

#endif
