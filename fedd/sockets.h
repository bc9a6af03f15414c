/* SPDX-License-Identifier: ISC */
/* The listening sockets. */
#ifndef TORFED_FEDD_SOCKETS_H
#define TORFED_FEDD_SOCKETS_H

struct parent;

/*
 * Makes both, as their paths' only owner: -1 when another fedd has them or the
 * place is not safe, after saying why. The locks are held until the process
 * ends.
 */
int sockets_open(struct parent *);

#endif
