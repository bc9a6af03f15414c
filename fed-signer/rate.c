/* SPDX-License-Identifier: ISC */
/* How many signatures a second: a token bucket in whole numbers. */
#include "signer.h"

#define PER_SECOND_MAX SIGNER_NS /* keeps products within 63 bits */

void
rate_init(struct rate *rate, int64_t per_second, int64_t now_ns)
{
	if (per_second < 0)
		per_second = 0;
	if (per_second > PER_SECOND_MAX)
		per_second = PER_SECOND_MAX;
	rate->per_second = per_second;
	rate->tokens = per_second * SIGNER_NS;
	rate->filled_ns = now_ns;
}

int
rate_take(struct rate *rate, int64_t now_ns)
{
	int64_t elapsed = now_ns - rate->filled_ns;

	if (rate->per_second == 0)
		return 0;
	if (elapsed < 0)
		elapsed = 0;
	if (elapsed > SIGNER_NS)
		elapsed = SIGNER_NS;
	rate->filled_ns = now_ns;
	rate->tokens += elapsed * rate->per_second;
	if (rate->tokens > rate->per_second * SIGNER_NS)
		rate->tokens = rate->per_second * SIGNER_NS;
	if (rate->tokens < SIGNER_NS)
		return -1;
	rate->tokens -= SIGNER_NS;
	return 0;
}
