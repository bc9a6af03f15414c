/* SPDX-License-Identifier: ISC */
/* How many items are welcome in a server's next request. Pure. */
#ifndef TORFED_INBOUND_CREDIT_H
#define TORFED_INBOUND_CREDIT_H

#include <stddef.h>
#include <stdint.h>

struct credit_load {
	size_t requests; /* under way, of all servers */
	size_t requests_max;
	size_t items;	 /* not committed yet, of all servers */
	size_t space;	 /* in the inbox, items */
	int64_t allowed; /* items that the server's rate has left; -1 no rate */
};

/* 1 to ACK_CREDIT_MAX: the least that load, inbox and rate leave. */
uint32_t credit_of(const struct credit_load *);

#endif
