/* SPDX-License-Identifier: ISC */
/* Directories that nobody else can change. */
#ifndef TORFED_FED_SIGNER_DIRECTORY_H
#define TORFED_FED_SIGNER_DIRECTORY_H

struct directory {
	int fd;
	const char *path;
};
/*
 * Opens one that belongs to root or to the user who runs the program, and that
 * others cannot write to. DIRECTORY_OTHERS: for root it may belong to anybody.
 * DIRECTORY_MAKE: create it (0700) when it is missing.
 */
#define DIRECTORY_MAKE	 0x1U
#define DIRECTORY_OTHERS 0x2U
int directory_open(struct directory *, const char *path, unsigned int flags);
int directory_sync(const struct directory *);
void directory_close(struct directory *);

#endif
