/* SPDX-License-Identifier: ISC */
/* The commands about the schema's version; each fails or returns. */
#ifndef TORFED_FEDCTL_MIGRATE_H
#define TORFED_FEDCTL_MIGRATE_H

struct parsed;

void migrate_run(const struct parsed *);
void migrate_version(const struct parsed *);

#endif
