/* SPDX-License-Identifier: ISC */
/* The children's programs. */
#ifndef TORFED_FEDD_PROGRAMS_H
#define TORFED_FEDD_PROGRAMS_H

struct parent;

/* Finds the four programs; -1 after naming what is missing. */
int programs_find(struct parent *, const char *directory);

#endif
