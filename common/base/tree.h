/* SPDX-License-Identifier: ISC */
/*
 * sys/tree.h and sys/queue.h as the BSDs have them, from libbsd. Its tree.h
 * relies on __unused, which glibc systems do not define.
 */
#ifndef TORFED_TREE_H
#define TORFED_TREE_H

#ifdef __linux__
#include <bsd/sys/cdefs.h>
#ifndef __unused
#define __unused __attribute__((__unused__))
#endif
#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#else
#include <sys/queue.h>
#include <sys/tree.h>
#endif

#endif
