/* SPDX-License-Identifier: ISC */
/* Files for the log of signatures; the log itself is fed-signer's. */
#ifndef TORFED_FEDD_SIGNATURES_H
#define TORFED_FEDD_SIGNATURES_H

#include <stdint.h>

struct signatures {
	int log;  /* to append to */
	int last; /* where it ended, to read */
};
/*
 * For a fed-signer that starts. directory is a path; a file that was written
 * to within file_s is gone on with, and one that was not within kept_s is
 * removed. /dev/null stands for the end of a log that is not there yet. -1
 * after saying why not; then nothing is open.
 */
int signatures_open(
    struct signatures *, const char *directory, int64_t file_s, int64_t kept_s);
/* The next file, for one that runs; -1 after saying why not. */
int signatures_next(const char *directory, int64_t kept_s);

#endif
