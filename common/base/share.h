/* SPDX-License-Identifier: ISC */
/* A fair share of what many use at once. */
#ifndef TORFED_SHARE_H
#define TORFED_SHARE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether one that has own of the used places may have another, of maximum: it
 * may while it has fewer than are free. So one alone gets half, two get a third
 * each, n get 1/(n + 1) each, and as much is always left for the next.
 */
static inline bool
fair_share(size_t own, size_t used, size_t maximum)
{
	return used < maximum && own < maximum - used;
}

#endif
