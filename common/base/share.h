/* SPDX-License-Identifier: ISC */
/* A fair share of what many use at once. */
#ifndef TORFED_SHARE_H
#define TORFED_SHARE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether one that has own of the used may have one more of maximum: when it
 * has less than what is free. So one alone may have half, two a third each, n
 * the n-plus-first part each, and one part is always left for the next.
 */
static inline bool
fair_share(size_t own, size_t used, size_t maximum)
{
	return used < maximum && own < maximum - used;
}

#endif
