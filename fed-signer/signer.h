/* SPDX-License-Identifier: ISC */
/* fed-signer while it runs as a child of fedd: one of these in the process. */
#ifndef TORFED_FED_SIGNER_SIGNER_H
#define TORFED_FED_SIGNER_SIGNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"
#include "siglog.h"

struct identity;
struct secret;

struct signer {
	const struct secret *secret;
	const struct identity *identity;
	int64_t window_s;
	struct bucket_rate rate; /* one second's worth at once */
	struct bucket bucket;
	struct siglog log;
	bool log_failed;    /* it could not be written, last */
	uint64_t envelopes; /* signed since the start */
	uint64_t batches;
	uint64_t states; /* state events */
	uint64_t refused;
	uint8_t last_refusal; /* enum sign_refusal */
};
/* When a request is looked at. */
struct moment {
	int64_t utc_s;
	int64_t monotonic_ms;
};

#endif
