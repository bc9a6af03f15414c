/* SPDX-License-Identifier: ISC */
/*
 * Giving up root, in one order and in one place: chroot and chdir, then
 * groups, group and user, then a check that there is no way back.
 */
#ifndef TORFED_PRIVDROP_H
#define TORFED_PRIVDROP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Fatal on any failure. Without root nothing is changed and false is
 * returned (the parent has warned once). root may be NULL: no chroot.
 */
bool privdrop(uid_t uid, gid_t gid, const char *root);
/* No core dump, not traceable, memory of others not readable. Fatal. */
void privdrop_undumpable(void);

#endif
