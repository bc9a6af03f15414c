/* SPDX-License-Identifier: ISC */
/*
 * Giving up root, in one order and in one place: chroot and chdir, then
 * groups, group and user, then a check that there is no way back.
 */
#ifndef TORFED_PRIVDROP_H
#define TORFED_PRIVDROP_H

#include <sys/types.h>
#include <stdbool.h>

/*
 * All of it, privdrop_undumpable() too, in the one order that is right; fatal
 * on any failure. Without root neither chroot nor user change, and false is
 * returned (the parent has warned once). root may be NULL: no chroot. uid and
 * gid must not be 0.
 */
bool privdrop(uid_t uid, gid_t gid, const char *root);
/* No core dump, not traceable, memory of others not readable. Fatal. */
void privdrop_undumpable(void);

#endif
