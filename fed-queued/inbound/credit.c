/* SPDX-License-Identifier: ISC */
/* How many items are welcome next; see credit.h. */
#include "exchange/ack.h"
#include "inbound/credit.h"

#define ITEMS_FULL 1024 /* four transactions; with more it falls */

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* All up to half of the requests that may be; 0 when there can be no more. */
static uint64_t
credit_requests(const struct credit_load *load)
{
	size_t free = load->requests_max - load->requests;

	if (load->requests >= load->requests_max)
		return 0;
	return (uint64_t)ACK_CREDIT_MAX * free * 2 / load->requests_max;
}

uint32_t
credit_of(const struct credit_load *load)
{
	uint64_t credit = least(ACK_CREDIT_MAX, credit_requests(load));

	if (load->items > ITEMS_FULL)
		credit = least(credit,
		    (uint64_t)ACK_CREDIT_MAX * ITEMS_FULL / load->items);
	credit = least(credit, load->space);
	if (load->allowed >= 0)
		credit = least(credit, (uint64_t)load->allowed);
	return credit == 0 ? 1 : (uint32_t)credit;
}
