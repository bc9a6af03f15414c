/* SPDX-License-Identifier: ISC */
/*
 * Giving up root.  The order matters: a chroot needs root, the groups must go
 * while there is the right to set them, the user goes last. Each step is
 * checked by asking the kernel afterwards, not by believing the call.
 */
#include <errno.h>
#include <grp.h>
#include <sys/resource.h>
#ifdef __linux__
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/privdrop.h"

static void
privdrop_chroot(const char *root)
{
	if (root[0] != '/')
		fatal("privdrop error=\"chroot is no absolute path\"");
	if (chroot(root) == -1)
		fatal("privdrop call=chroot path=%s error=\"%s\"", root,
		    strerror(errno));
	if (chdir("/") == -1)
		fatal("privdrop call=chdir error=\"%s\"", strerror(errno));
}

static void
privdrop_become(uid_t uid, gid_t gid)
{
	if (setgroups(1, &gid) == -1)
		fatal("privdrop call=setgroups error=\"%s\"", strerror(errno));
	if (setresgid(gid, gid, gid) == -1)
		fatal("privdrop call=setresgid error=\"%s\"", strerror(errno));
	if (setresuid(uid, uid, uid) == -1)
		fatal("privdrop call=setresuid error=\"%s\"", strerror(errno));
}

/* A capability that survived would be root under another name. */
static void
privdrop_check_capabilities(void)
{
#ifdef __linux__
	struct __user_cap_header_struct header = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	size_t i;

	if (syscall(SYS_capget, &header, data) == -1)
		fatal("privdrop call=capget error=\"%s\"", strerror(errno));
	for (i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (data[i].effective != 0 || data[i].permitted != 0)
			fatal("privdrop error=\"capabilities are left\"");
#endif
}

static void
privdrop_check(uid_t uid, gid_t gid)
{
	uid_t uids[3];
	gid_t gids[3], groups[2] = {(gid_t)-1, (gid_t)-1};

	if (getresuid(&uids[0], &uids[1], &uids[2]) == -1 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) == -1)
		fatal("privdrop call=getresuid error=\"%s\"", strerror(errno));
	if (uids[0] != uid || uids[1] != uid || uids[2] != uid ||
	    gids[0] != gid || gids[1] != gid || gids[2] != gid)
		fatal("privdrop error=\"user or group did not change\"");
	if (getgroups(2, groups) != 1 || groups[0] != gid)
		fatal("privdrop error=\"groups are left\"");
	if (setuid(0) != -1 || seteuid(0) != -1 || setgid(0) != -1 ||
	    setegid(0) != -1)
		fatal("privdrop error=\"root can be regained\"");
	privdrop_check_capabilities();
}

bool
privdrop(uid_t uid, gid_t gid, const char *root)
{
	if (geteuid() != 0) {
		privdrop_undumpable();
		return false;
	}
	/* -1 means "leave it alone" to the calls below. */
	if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		fatal("privdrop uid=%lu gid=%lu error=\"not a user to become\"",
		    (unsigned long)uid, (unsigned long)gid);
	if (root != NULL)
		privdrop_chroot(root);
	privdrop_become(uid, gid);
	privdrop_check(uid, gid);
	privdrop_undumpable();
	return true;
}

void
privdrop_undumpable(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) == -1)
		fatal("privdrop call=setrlimit error=\"%s\"", strerror(errno));
#ifdef __linux__
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("privdrop call=prctl error=\"%s\"", strerror(errno));
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		fatal("privdrop error=\"still dumpable\"");
#endif
}
